// One map into two. One thread copies one pack.

@group(0) @binding(1) var<storage, read> input: array<Pack>;
@group(0) @binding(2) var<storage, read_write> output: array<Pack>;
@group(0) @binding(3) var<storage, read_write> output_b: array<Pack>;

@compute @workgroup_size(32, 2, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x * PACK_PIXELS;
    if (x >= maps.input.width || id.y >= maps.input.height) {
        return;
    }
    let word = id.z;
    let pack = input[at(maps.input, word, x, id.y) / PACK_PIXELS];
    if (word < FIRST_WORDS) {
        output[at(maps.output, word, x, id.y) / PACK_PIXELS] = pack;
    } else {
        output_b[at(maps.output, word - FIRST_WORDS, x, id.y) / PACK_PIXELS] = pack;
    }
}
