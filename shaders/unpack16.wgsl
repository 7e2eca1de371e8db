// Finished 16-bit pixels, RGBA16, two words a pixel, to RGB as the host wants them. One thread makes one group: three words
// are two pixels. A row begins with a group of its own; what is left of its last one is never read.

@group(0) @binding(1) var<storage, read> pixels: array<u32>;
@group(0) @binding(2) var<storage, read_write> bytes: array<u32>;

@compute @workgroup_size(16, 4, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let width = window.width * SCALE;
    let x = id.x * GROUP_PIXELS;
    let y = id.y;
    if (x >= width || y >= window.height * SCALE) {
        return;
    }
    let row = y * width;
    let p = 2u * (row + x);
    let q = 2u * (row + min(x + 1u, width - 1u));
    let group = 3u * (y * groups(width) + id.x);
    bytes[group] = pixels[p];
    bytes[group + 1u] = (pixels[p + 1u] & 0xffffu) | (pixels[q] << 16u);
    bytes[group + 2u] = (pixels[q] >> 16u) | (pixels[q + 1u] << 16u);
}
