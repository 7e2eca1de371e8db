// Element by element: {{ call }}. One thread makes one pack.

@group(0) @binding(1) var<storage, read> input: array<Pack>;
{%- if binary %}
@group(0) @binding(2) var<storage, read> input_b: array<Pack>;
{%- endif %}
@group(0) @binding(3) var<storage, read_write> output: array<Pack>;

@compute @workgroup_size(32, 2, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x * PACK_PIXELS;
    if (x >= maps.input.width || id.y >= maps.input.height) {
        return;
    }
    let word = id.z;
    let index = at(maps.input, word, x, id.y) / PACK_PIXELS;
    let pack_a = input[index];
{%- if binary %}
    let pack_b = input_b[index];
{%- endif %}
{%- for lane in lanes %}
    var result_{{ loop.index0 }}: Word;
    {
        let a = pack_a{{ lane }};
{%- if binary %}
        let b = pack_b{{ lane }};
{%- endif %}
        result_{{ loop.index0 }} = {{ call }};
    }
{%- endfor %}
    output[index] = inside(Pack({% for lane in lanes %}result_{{ loop.index0 }}{% if not loop.last %}, {% endif %}{% endfor %}), maps.input.width - x);
}
