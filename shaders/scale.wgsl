// The multiplication of requantisation, with ReLU or none.

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

// Saturates, multiplies and rounds; `post` is still to come.
fn scale(a: vec4<u32>, channels: Channels) -> vec4<u32> {
    // A range is below 2^17 and a multiplier below 2^16; a compiler that sees it saves the slow 32-bit multiplication.
    let bits24 = vec4<u32>(0xffffffu);
    return min(a, channels.range & bits24) * (channels.mul & bits24) + channels.addend;
}
