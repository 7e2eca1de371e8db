// A layer's parameters, in the order in which the kernels read them.

// Four output channels: one word of a feature map.
struct Channels {
    // 128 * sum(weights) is folded in, because codes are stored minus 128.
    bias: vec4<i32>,
    pre: vec4<u32>,
    // The least that is left of an accumulator after that shift, 0 in hidden layers, and how far it goes from there.
    low: vec4<i32>,
    range: vec4<u32>,
    mul: vec4<u32>,
    // low * mul, and half of 2^post, which rounds.
    addend: vec4<u32>,
    post: vec4<u32>,
}

struct Layer {
    channels: array<Channels, OUT_WORDS>,
    // [group, input word, tap, word of the group]; for matrices as they say.
    weights: array<Weights, WEIGHTS>,
}

@group(0) @binding(1) var<{{ space }}> layer: Layer;
