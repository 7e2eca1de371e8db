// The sigmoid of each of the 256 codes: a look-up is cheaper than the function, and exact.

@group(0) @binding(4) var<storage, read> parameters: array<u32>;

fn sigmoid(a: Word) -> Word {
    return parameters[a & 0xffu]
        | (parameters[(a >> 8u) & 0xffu] << 8u)
        | (parameters[(a >> 16u) & 0xffu] << 16u)
        | (parameters[a >> 24u] << 24u);
}
