// A hidden layer: 3x3 convolution, ReLU, requantisation. One thread makes {{ pixels }} pixels of one group of words.

@group(0) @binding(3) var<storage, read_write> output: array<u32>;

@compute @workgroup_size({{ workgroup[0] }}, {{ workgroup[1] }}, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let x = id.x * {{ pixels }}u;
    let y = id.y;
    let group = id.z;
    if (x >= window.width || y >= window.height) {
        return;
    }
    let origin = y * window.stride + x;
{% include "accumulate.wgsl" %}
{%- for word in range(words) %}{% for pixel in range(pixels) %}
    let code_{{ word }}_{{ pixel }} =
        requantize(acc_{{ word }}_{{ pixel }}, layer.channels[group * GROUP_WORDS + {{ word }}u]);
{%- endfor %}{% endfor %}
    let first = origin + window.stride + 1u + group * GROUP_WORDS * window.plane;
{%- for pixel in range(pixels) %}
    if (x + {{ pixel }}u < window.width) {
{%- for word in range(words) %}
        output[first + {{ word }}u * window.plane + {{ pixel }}u] = code_{{ word }}_{{ pixel }};
{%- endfor %}
    }
{%- endfor %}
}
