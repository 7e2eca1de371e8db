// A hidden layer: 3x3 convolution, ReLU or PReLU, requantisation. One thread makes {{ pixels }} pixels of one group of words.

@group(0) @binding(3) var<storage, read_write> output: array<u32>;

@compute @workgroup_size({{ workgroup_size[0] }}, {{ workgroup_size[1] }}, 1)
fn main({% include "invocation.wgsl" %}) {
{% include "accumulate.wgsl" %}
{%- for word in range(words) %}{% for pixel in range(pixels) %}
    let code_{{ word }}_{{ pixel }} =
        requantise(acc_{{ word }}_{{ pixel }}, layer.channels[group * GROUP_WORDS + {{ word }}u]);
{%- endfor %}{% endfor %}
    let first = origin + window.stride + 1u + group * GROUP_WORDS * window.plane;
{%- for pixel in range(pixels) %}
    if (x + {{ pixel }}u < window.width) {
{%- for word in range(words) %}
        output[first + {{ word }}u * window.plane + {{ pixel }}u] = code_{{ word }}_{{ pixel }};
{%- endfor %}
    }
{%- endfor %}
{%- if pads %}
    let end = min(window.width - x, {{ pixels }}u);
    if (x == 0u || x + end == window.width || y == 0u || y + 1u == window.height) {
        let padding = padding_word();
{%- for word in range(words) %}
        pad(first + {{ word }}u * window.plane, x, y, end, padding);
{%- endfor %}
    }
{%- endif %}
}
