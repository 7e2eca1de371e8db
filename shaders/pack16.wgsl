// 16-bit pictures as the host has them, RGB, to the words that the stages read, with a padding of zeros: RGBA8, rounded, for the
// net, and RGBA16, two words a pixel, for the anchor. One thread makes one group: three words are two pixels. A row begins
// with a group of its own.

@group(0) @binding(1) var<storage, read> bytes: array<u32>;
@group(0) @binding(2) var<storage, read_write> image: array<u32>;
@group(0) @binding(3) var<storage, read_write> anchor: array<u32>;

// The nearest of the 8-bit values: v / 257, rounded, as a product.
fn nearest8(v: vec3<u32>) -> vec3<u32> {
    return (v * 255u + 32895u) >> vec3<u32>(16u);
}

fn store(pixel: u32, rg: u32, b: u32) {
    let c = nearest8(vec3<u32>(rg & 0xffffu, rg >> 16u, b));
    image[pixel] = c.x | (c.y << 8u) | (c.z << 16u);
    anchor[2u * pixel] = rg;
    anchor[2u * pixel + 1u] = b;
}

@compute @workgroup_size(16, 4, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x * GROUP_PIXELS;
    let y = id.y;
    if (x >= window.width || y >= window.height) {
        return;
    }
    let group = 3u * (y * groups(window.width) + id.x);
    let a = bytes[group];
    let b = bytes[group + 1u];
    let c = bytes[group + 2u];
    let pixel = (y + 1u) * window.stride + x + 1u;
    store(pixel, a, b & 0xffffu);
    // What follows the last pixel of a row is the padding.
    if (x + 1u < window.width) {
        store(pixel + 1u, (b >> 16u) | (c << 16u), c >> 16u);
    }
}
