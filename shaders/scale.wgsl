// The multiplication of requantisation.

// Saturates, multiplies and rounds; `post` is still to come.
fn scale(a: vec4<u32>, channels: Channels) -> vec4<u32> {
    // A range is below 2^17 and a multiplier below 2^16; a compiler that sees it saves the slow 32-bit multiplication.
    let bits24 = vec4<u32>(0xffffffu);
    return min(a, channels.range & bits24) * (channels.mul & bits24) + channels.addend;
}
