// Nearest interpolation: each pixel becomes {{ scale }}x{{ scale }}. One thread repeats one word.

@group(0) @binding(1) var<storage, read> input: array<Word>;
@group(0) @binding(3) var<storage, read_write> output: array<Word>;

@compute @workgroup_size(16, 4, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x;
    let y = id.y;
    if (x >= maps.input.width || y >= maps.input.height) {
        return;
    }
    let word = input[at(maps.input, id.z, x, y)];
    let corner = at(maps.output, id.z, x * {{ scale }}u, y * {{ scale }}u);
{%- for dy in range(scale) %}{% for dx in range(scale) %}
    output[corner + {{ dy }}u * maps.output.stride + {{ dx }}u] = word;
{%- endfor %}{% endfor %}
}
