// 16-bit pictures: RGBA16, two words a pixel. The net sees them rounded to 8 bits; the anchor keeps their precision.

@group(0) @binding(3) var<storage, read_write> output: array<u32>;
@group(0) @binding(4) var<storage, read> anchor: array<u32>;

// Residual in steps of 1/257 of an 8-bit level: 257 p / 2^post, rounded.
fn residual(acc: vec4<i32>, channels: Channels) -> vec4<i32> {
    let p = scale_signed(acc, channels) - (vec4<i32>(1) << (channels.post - 1u));
    return (p + (p >> vec4<u32>(8u)) + (vec4<i32>(1) << (channels.post - 9u))) >> (channels.post - 8u);
}

fn load_anchor(index: u32) -> vec3<i32> {
    let rg = anchor[2u * index];
    let ba = anchor[2u * index + 1u];
    return vec3<i32>(vec3<u32>(rg, rg >> 16u, ba) & vec3<u32>(0xffffu));
}

fn store_pixel(index: u32, rgb: vec3<i32>) {
    let c = vec3<u32>(clamp(rgb, vec3<i32>(0), vec3<i32>(0xffff)));
    output[2u * index] = c.x | (c.y << 16u);
    output[2u * index + 1u] = c.z | 0xffff0000u;
}
