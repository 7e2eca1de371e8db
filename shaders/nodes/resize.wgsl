// Separable interpolation, borders repeated. One thread makes the {{ scale }}x{{ scale }} pixels of one word from the
// {{ taps }}x{{ taps }} words around it: along x for each row as it is loaded, then along y.

@group(0) @binding(1) var<storage, read> input: array<Word>;
@group(0) @binding(3) var<storage, read_write> output: array<Word>;

// The position `tap` - {{ taps // 2 }} away from `position`, kept inside.
fn near(position: u32, tap: u32, size: u32) -> u32 {
    return min(max(position + tap, {{ taps // 2 }}u) - {{ taps // 2 }}u, size - 1u);
}

@compute @workgroup_size(16, 4, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x;
    let y = id.y;
    if (x >= maps.input.width || y >= maps.input.height) {
        return;
    }
{%- for tap in range(taps) %}
    let column_{{ tap }} = near(x, {{ tap }}u, maps.input.width);
{%- endfor %}
{%- for dy in range(scale) %}{% for dx in range(scale) %}
    var sum_{{ dy }}_{{ dx }} = Sum(0);
{%- endfor %}{% endfor %}
{%- for row in range(taps) %}
    {
        let row = at(maps.input, id.z, 0u, near(y, {{ row }}u, maps.input.height));
{%- for tap in range(taps) %}
        let word_{{ tap }} = widen(input[row + column_{{ tap }}]);
{%- endfor %}
{%- for dx in range(scale) %}
        let along_{{ dx }} = {% for weight in weights[dx] %}{% if weight.used %}{% if weight.follows %} + {% endif %}word_{{ loop.index0 }} * {{ weight.text }}{% endif %}{% endfor %};
{%- for dy in range(scale) %}{% if weights[dy][row].used %}
        sum_{{ dy }}_{{ dx }} += along_{{ dx }} * {{ weights[dy][row].text }};
{%- endif %}{% endfor %}{% endfor %}
    }
{%- endfor %}
    let corner = at(maps.output, id.z, x * {{ scale }}u, y * {{ scale }}u);
{%- for dy in range(scale) %}{% for dx in range(scale) %}
    output[corner + {{ dy }}u * maps.output.stride + {{ dx }}u] = narrow(sum_{{ dy }}_{{ dx }});
{%- endfor %}{% endfor %}
}
