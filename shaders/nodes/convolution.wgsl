// A {{ side }}x{{ side }} convolution, padded with zeros. One thread makes {{ pixels }} neighbouring pixels of one group of
// {{ words }} output words; the loop over input words stays a loop, its body is straight text: compilers then keep every
// sum in a register.

@group(0) @binding(1) var<storage, read> input: array<Word>;
@group(0) @binding(3) var<storage, read_write> output: array<Word>;

@compute @workgroup_size(16, 4, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x * {{ pixels }}u;
    let y = id.y;
    let group = id.z;
    if (x >= maps.input.width || y >= maps.input.height) {
        return;
    }
    // The window's top left word in the first plane that this group reads.
    let origin = at(maps.input, group * {{ planes_a_group }}u, x, y) - {{ side // 2 }}u * (maps.input.stride + 1u);
{%- for word in range(words) %}{% for pixel in range(pixels) %}
    var sum_{{ word }}_{{ pixel }} = begin(group * {{ words }}u + {{ word }}u);
{%- endfor %}{% endfor %}
    for (var word = 0u; word < IN_WORDS; word++) {
        let weights = (group * IN_WORDS + word) * {{ side * side * words }}u;
        let row_0 = origin + word * maps.input.plane;
{%- for row in range(1, side) %}
        let row_{{ row }} = row_{{ row - 1 }} + maps.input.stride;
{%- endfor %}
{%- for row in range(side) %}{% for column in range(pixels + side - 1) %}
        let word_{{ row }}_{{ column }} = input[row_{{ row }} + {{ column }}u];
{%- endfor %}{% endfor %}
{%- for row in range(side) %}{% for column in range(side) %}{% for word in range(words) %}
        let weight_{{ row }}_{{ column }}_{{ word }} = parameters.weights[weights + {{ (row * side + column) * words + word }}u];
{%- for pixel in range(pixels) %}
        sum_{{ word }}_{{ pixel }} += products(word_{{ row }}_{{ column + pixel }}, weight_{{ row }}_{{ column }}_{{ word }});
{%- endfor %}{% endfor %}{% endfor %}{% endfor %}
    }
{%- if scale > 1 %}
{%- for pixel in range(pixels) %}
{%- if pixel > 0 %}
    if (x + {{ pixel }}u >= maps.input.width) {
        return;
    }
{%- endif %}
    {
        let column = x + {{ pixel }}u;
{%- for word in range(words) %}
        let block_{{ word }} = finish(sum_{{ word }}_{{ pixel }}, {{ word }}u);
{%- endfor %}
{% include "block.wgsl" %}
    }
{%- endfor %}
{%- else %}
    let first = at(maps.output, group * {{ words }}u, x, y);
{%- for pixel in range(pixels) %}
{%- if pixel > 0 %}
    if (x + {{ pixel }}u >= maps.input.width) {
        return;
    }
{%- endif %}
{%- for word in range(words) %}
    output[first + {{ word }}u * maps.output.plane + {{ pixel }}u] = finish(sum_{{ word }}_{{ pixel }}, group * {{ words }}u + {{ word }}u);
{%- endfor %}{% endfor %}
{%- endif %}
}
