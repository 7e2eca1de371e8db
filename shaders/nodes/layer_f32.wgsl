// A convolution's parameters, in the order in which the kernel reads them.

struct Layer {
    bias: array<vec4<f32>, OUT_WORDS>,
    // [group of words, input word, tap, word of the group]
    weights: array<Weight, WEIGHTS>,
}

@group(0) @binding(4) var<{{ space }}> parameters: Layer;

fn begin(word: u32) -> Sum {
    return parameters.bias[word];
}

fn finish(sum: Sum, word: u32) -> Word {
    return sum;
}
