// Input of the first layer: RGBA8 pixels, each its own code, so many at once; the weights of the fourth channel are 0.

@group(0) @binding(2) var<storage, read> input: array<Loaded>;

fn load(index: u32) -> Loaded {
    return input[index] ^ Loaded(ZERO_POINT);
}
