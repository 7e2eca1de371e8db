// Input of the first layer: RGBA8 pixels, each its own code; the weights of the fourth channel are 0.

@group(0) @binding(2) var<storage, read> input: array<u32>;

fn load(index: u32) -> u32 {
    return input[index] ^ ZERO_POINT;
}
