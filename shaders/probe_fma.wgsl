// The ceiling of f32 arithmetic: multiply-adds in registers, in chains that don't wait for one another. All values are
// small integers, so the result is exact whether or not the two operations are fused. The factor, -1, and the addend come
// from a buffer, since a compiler would make something else of constants.

@group(0) @binding(0) var<storage, read> input: array<vec4<f32>, 2>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var a = vec4<f32>(f32(id.x % 1024u));
    var b = a + vec4<f32>(1.0);
    var c = a + vec4<f32>(2.0);
    var d = a + vec4<f32>(3.0);
    for (var round = 0u; round < ROUNDS; round++) {
        a = fma(a, input[0], input[1]);
        b = fma(b, input[0], input[1]);
        c = fma(c, input[0], input[1]);
        d = fma(d, input[0], input[1]);
    }
    output[id.x] = a + 2.0 * b + 4.0 * c + 8.0 * d;
}
