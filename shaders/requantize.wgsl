// Accumulators of four channels to one word of stored codes: ReLU, scaling and saturation.

fn requantize(acc: vec4<i32>, channels: Channels) -> u32 {
    let a = vec4<u32>(clamp(acc, vec4<i32>(0), channels.limit)) >> channels.pre;
    let code = (a * channels.mul + (vec4<u32>(1u) << (channels.post - 1u))) >> channels.post;
    return (code.x | (code.y << 8u) | (code.z << 16u) | (code.w << 24u)) ^ ZERO_POINT;
}
