// 2x2 pooling; an odd last row or column is left out. One thread makes one pack from two rows.

@group(0) @binding(1) var<storage, read> input: array<Pack>;
@group(0) @binding(3) var<storage, read_write> output: array<Pack>;

@compute @workgroup_size(32, 2, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x * PACK_PIXELS;
    if (x >= maps.output.width || id.y >= maps.output.height) {
        return;
    }
    let top = at(maps.input, id.z, 2u * x, 2u * id.y) / PACK_PIXELS;
    let bottom = top + maps.input.stride / PACK_PIXELS;
    let top_0 = input[top];
    let top_1 = input[top + 1u];
    let bottom_0 = input[bottom];
    let bottom_1 = input[bottom + 1u];
{%- if packed %}
    let pack = Pack(
        {{ call }}(top_0.x, top_0.y, bottom_0.x, bottom_0.y),
        {{ call }}(top_0.z, top_0.w, bottom_0.z, bottom_0.w),
        {{ call }}(top_1.x, top_1.y, bottom_1.x, bottom_1.y),
        {{ call }}(top_1.z, top_1.w, bottom_1.z, bottom_1.w),
    );
{%- else %}
    let pack = {{ call }}(top_0, top_1, bottom_0, bottom_1);
{%- endif %}
    output[at(maps.output, id.z, x, id.y) / PACK_PIXELS] = inside(pack, maps.output.width - x);
}
