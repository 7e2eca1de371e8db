// The anchor: the three colours of a pixel, {{ copies }} times. One thread makes one pack of every word; three kinds of
// word follow each other, because four channels a word and three colours a copy meet again after twelve.

@group(0) @binding(1) var<storage, read> input: array<Pack>;
@group(0) @binding(3) var<storage, read_write> output: array<Pack>;

@compute @workgroup_size(32, 2, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x * PACK_PIXELS;
    if (x >= maps.input.width || id.y >= maps.input.height) {
        return;
    }
    let rgb = input[at(maps.input, 0u, x, id.y) / PACK_PIXELS];
    let first = at(maps.output, 0u, x, id.y) / PACK_PIXELS;
    let plane = maps.output.plane / PACK_PIXELS;
    let kind_0 = repeated_0(rgb);
    let kind_1 = repeated_1(rgb);
    let kind_2 = repeated_2(rgb);
{%- for word in range(words - 1) %}
    output[first + {{ word }}u * plane] = kind_{{ word % 3 }};
{%- endfor %}
    output[first + {{ words - 1 }}u * plane] = last(kind_{{ (words - 1) % 3 }});
}
