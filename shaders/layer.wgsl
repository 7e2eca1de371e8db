// A layer's parameters, in the order in which the kernels read them.

struct Layer {
    channels: array<Channels, OUT_WORDS>,
    // [group, input word, tap, word of the group]; for matrices as they say.
    weights: array<Weights, WEIGHTS>,
}

@group(0) @binding(1) var<{{ space }}> layer: Layer;
