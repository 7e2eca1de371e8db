// Accumulators of four channels to one word of stored codes: ReLU, scaling and saturation.

fn requantise(acc: vec4<i32>, channels: Channels) -> u32 {
    let code = scale(vec4<u32>(max(acc, vec4<i32>(0))) >> channels.pre, channels) >> channels.post;
    return (code.x | (code.y << 8u) | (code.z << 16u) | (code.w << 24u)) ^ ZERO_POINT;
}
