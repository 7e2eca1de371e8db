// 8-bit pictures as the host has them, RGB, to the words that the stages read: RGBA8, a pixel a word, with a padding of zeros.
// One thread makes one group: three words are four pixels. A row begins with a group of its own.

@group(0) @binding(1) var<storage, read> bytes: array<u32>;
@group(0) @binding(2) var<storage, read_write> image: array<u32>;

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
    image[pixel] = a & 0xffffffu;
    // What follows the last pixel of a row is the padding.
    if (x + 1u < window.width) {
        image[pixel + 1u] = (a >> 24u) | ((b & 0xffffu) << 8u);
    }
    if (x + 2u < window.width) {
        image[pixel + 2u] = (b >> 16u) | ((c & 0xffu) << 16u);
    }
    if (x + 3u < window.width) {
        image[pixel + 3u] = c >> 8u;
    }
}
