// Channels to pixels{% if anchor %}, plus the anchor, clipped{% endif %}. One thread makes the {{ scale }}x{{ scale }} pixels of one pixel.

@group(0) @binding(1) var<storage, read> input: array<Word>;
{%- if anchor %}
@group(0) @binding(2) var<storage, read> input_b: array<Word>;
{%- endif %}
@group(0) @binding(3) var<storage, read_write> output: array<Word>;

@compute @workgroup_size(16, 4, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let column = id.x;
    let y = id.y;
    if (column >= maps.input.width || y >= maps.input.height) {
        return;
    }
    let first = at(maps.input, 0u, column, y);
{%- for word in range(words) %}
    let block_{{ word }} = input[first + {{ word }}u * maps.input.plane];
{%- endfor %}
{% include "block.wgsl" %}
}
