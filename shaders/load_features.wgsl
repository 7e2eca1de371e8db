// Input of every layer but the first: the codes of the layer before, so many words at once.

@group(0) @binding(2) var<storage, read> input: array<Loaded>;

fn load(index: u32) -> Loaded {
    return input[index];
}
