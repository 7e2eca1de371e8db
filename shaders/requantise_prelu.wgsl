// Accumulators of four channels to one word of stored codes: PReLU, scaling, zero point and saturation.

// Four output channels: one word of a feature map.
struct Channels {
    // 128 * sum(weights) is folded in, because codes are stored minus 128.
    bias: vec4<i32>,
    pre: vec4<u32>,
    // Multipliers, of what is below 0 and of the rest.
    mul: vec4<i32>,
    mul_negative: vec4<i32>,
    // The zero point times 2^post, and half of 2^post, which rounds.
    addend: vec4<i32>,
    post: vec4<u32>,
}

fn requantise(acc: vec4<i32>, channels: Channels) -> u32 {
    let a = clamp(acc >> channels.pre, vec4<i32>(-0x8000), vec4<i32>(0x7fff));
    let mul = select(channels.mul, channels.mul_negative, a < vec4<i32>(0));
    let code = vec4<u32>(clamp((a * mul + channels.addend) >> channels.post, vec4<i32>(0), vec4<i32>(0xff)));
    return (code.x | (code.y << 8u) | (code.z << 16u) | (code.w << 24u)) ^ ZERO_POINT;
}
