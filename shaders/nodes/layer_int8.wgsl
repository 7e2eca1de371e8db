// A convolution's parameters, in the order in which the kernel reads them, and its requantisation.

// Four output channels.
struct Channels {
    bias: vec4<i32>,
    limit: vec4<i32>,
    pre: vec4<u32>,
    mul: vec4<i32>,
    post: vec4<u32>,
}

struct Layer {
    channels: array<Channels, OUT_WORDS>,
    // [group of words, input word, tap, word of the group]
    weights: array<Weight, WEIGHTS>,
}

@group(0) @binding(4) var<{{ space }}> parameters: Layer;

fn begin(word: u32) -> Sum {
    return parameters.channels[word].bias;
}

fn finish(sum: Sum, word: u32) -> Word {
    let channels = parameters.channels[word];
    let scaled = (clamp(sum, -channels.limit, channels.limit) >> channels.pre) * channels.mul;
    return pack4xI8Clamp((scaled + (vec4<i32>(1) << (channels.post - 1u))) >> channels.post);
}
