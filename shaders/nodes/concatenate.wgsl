// Two maps after each other in one. One thread copies one pack.

@group(0) @binding(1) var<storage, read> input: array<Pack>;
@group(0) @binding(2) var<storage, read> input_b: array<Pack>;
@group(0) @binding(3) var<storage, read_write> output: array<Pack>;

@compute @workgroup_size(32, 2, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x * PACK_PIXELS;
    if (x >= maps.input.width || id.y >= maps.input.height) {
        return;
    }
    let word = id.z;
    let target_index = at(maps.output, word, x, id.y) / PACK_PIXELS;
    if (word < FIRST_WORDS) {
        output[target_index] = input[at(maps.input, word, x, id.y) / PACK_PIXELS];
    } else {
        output[target_index] = input_b[at(maps.input, word - FIRST_WORDS, x, id.y) / PACK_PIXELS];
    }
}
