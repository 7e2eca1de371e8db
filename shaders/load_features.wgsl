// Input of every layer but the first: the codes of the layer before.

@group(0) @binding(2) var<storage, read> input: array<u32>;

fn load(index: u32) -> u32 {
    return input[index];
}
