// The ceiling of packed int8 arithmetic: dot products in registers. As in a convolution one word of codes meets many
// weights.
//
// A compiler may reorder sums of integers: from c * w + d * w it makes (c + d) * w, and a kernel that repeats its weights
// is soon almost free of multiplications, with the right result all the same. So the codes of each turn are mixed from all
// accumulators, and no product has a factor in common with another one of the same sum. The weights come from a buffer,
// since a compiler would make something else of constants.

@group(0) @binding(0) var<storage, read> input: array<vec4<u32>, 4>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<i32>>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
{%- for word in range(4) %}
    let weights_{{ word }} = input[{{ word }}];
{%- endfor %}
{%- for sum in range(4) %}
    var sum_{{ sum }} = vec4<i32>(i32(id.x)) + vec4<i32>({{ sum }}, {{ sum + 1 }}, {{ sum + 2 }}, {{ sum + 3 }});
{%- endfor %}
    for (var round = 0u; round < ROUNDS; round++) {
{%- for turn in range(turns) %}
        let codes_{{ turn }} = vec4<u32>(sum_0 ^ sum_1.yzwx ^ sum_2.zwxy ^ sum_3.wxyz);
{%- for sum in range(4) %}{% for word in range(4) %}
        sum_{{ sum }} = add_products(sum_{{ sum }}, codes_{{ turn }}[{{ (sum + word) % 4 }}], weights_{{ word }});
{%- endfor %}{% endfor %}{% endfor %}
    }
    output[id.x] = sum_0 ^ sum_1 ^ sum_2 ^ sum_3;
}
