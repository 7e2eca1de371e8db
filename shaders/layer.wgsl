// A layer's parameters, in the order in which the kernels read them.

// Four output channels: one word of a feature map.
struct Channels {
    // 128 * sum(weights) is folded in, because codes are stored minus 128.
    bias: vec4<i32>,
    limit: vec4<i32>,
    pre: vec4<u32>,
    mul: vec4<u32>,
    post: vec4<u32>,
}

struct Layer {
    channels: array<Channels, OUT_WORDS>,
    // [group, input word, tap, word of the group]: four output channels, for each the bytes of four input channels.
    weights: array<vec4<u32>, IN_WORDS * TAPS * OUT_WORDS>,
}

@group(0) @binding(1) var<storage, read> layer: Layer;
