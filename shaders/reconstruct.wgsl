// The last layer: 3x3 convolution, residual, anchor, pixel shuffle, clip. One thread makes the {{ scale }}x{{ scale }}
// finished pixels of each of {{ pixels }} input pixels; channel (dy * {{ scale }} + dx) * 3 + colour is the one at row dy,
// column dx.

// Both limits hold: the lower one is taken off before the multiplication, and `addend` takes it back.
fn scale_signed(acc: vec4<i32>, channels: Channels) -> vec4<i32> {
    return vec4<i32>(scale(vec4<u32>(max(acc >> channels.pre, channels.low) - channels.low), channels));
}

@compute @workgroup_size({{ workgroup_size[0] }}, {{ workgroup_size[1] }}, 1)
fn main({% include "invocation.wgsl" %}) {
{% include "accumulate.wgsl" %}
{%- for word in range(words) %}{% for pixel in range(pixels) %}
    let residual_{{ word }}_{{ pixel }} = residual(acc_{{ word }}_{{ pixel }}, layer.channels[{{ word }}u]);
{%- endfor %}{% endfor %}
    let out_stride = window.width * {{ scale }}u;
    let out = y * {{ scale }}u * out_stride + x * {{ scale }}u;
{%- for pixel in range(pixels) %}
    if (x + {{ pixel }}u < window.width) {
        let anchor_{{ pixel }} = load_anchor(origin + window.stride + 1u + {{ pixel }}u);
{%- for dy in range(scale) %}{% for dx in range(scale) %}
{%- set k = (dy * scale + dx) * 3 %}
        store_pixel(out + {{ dy }}u * out_stride + {{ pixel * scale + dx }}u, anchor_{{ pixel }} + vec3<i32>(
{%- for k in range(k, k + 3) %}residual_{{ k // 4 }}_{{ pixel }}[{{ k % 4 }}]{% if not loop.last %}, {% endif %}{% endfor %}));
{%- endfor %}{% endfor %}
    }
{%- endfor %}
}
