// Finished 8-bit pixels, RGBA8, a pixel a word, to RGB as the host wants them. One thread makes one group: three words are
// four pixels. A row begins with a group of its own; what is left of its last one is never read.

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
    let p = pixels[row + x];
    let q = pixels[row + min(x + 1u, width - 1u)];
    let r = pixels[row + min(x + 2u, width - 1u)];
    let s = pixels[row + min(x + 3u, width - 1u)];
    let group = 3u * (y * groups(width) + id.x);
    bytes[group] = (p & 0xffffffu) | (q << 24u);
    bytes[group + 1u] = ((q >> 8u) & 0xffffu) | (r << 16u);
    bytes[group + 2u] = ((r >> 16u) & 0xffu) | (s << 8u);
}
