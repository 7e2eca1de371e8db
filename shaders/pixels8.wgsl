// 8-bit pictures: RGBA8, one word a pixel.

@group(0) @binding(3) var<storage, read_write> output: array<u32>;
@group(0) @binding(4) var<storage, read> anchor: array<u32>;

// Residual in levels of 8 bits.
fn residual(acc: vec4<i32>, channels: Channels) -> vec4<i32> {
    return scale_signed(acc, channels) >> channels.post;
}

// Alpha, always opaque, goes with blue through the sum and the clip.
const OPAQUE = 0xff00u;

fn load_anchor(index: u32) -> vec3<i32> {
    let rgba = anchor[index];
    return vec3<i32>((vec3<u32>(rgba, rgba >> 8u, rgba >> 16u) & vec3<u32>(0xffu)) | vec3<u32>(0u, 0u, OPAQUE));
}

fn store_pixel(index: u32, rgb: vec3<i32>) {
    let black = vec3<i32>(0, 0, i32(OPAQUE));
    let c = vec3<u32>(clamp(rgb, black, black + 0xff));
    output[index] = (((c.z << 8u) | c.y) << 8u) | c.x;
}
