// The ceiling of f32 arithmetic: multiply-adds that feed on one another in registers, as in probe_dot4.wgsl. All values
// are small integers, so the result is exact whether or not the two operations are fused.

const ROUNDS = 128u;

@group(0) @binding(0) var<storage, read_write> output: array<vec4<f32>>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let sign = vec4<f32>(-1.0);
    var a = vec4<f32>(f32(id.x % 16u));
    var b = a + vec4<f32>(1.0, 2.0, 3.0, 4.0);
    var c = b + vec4<f32>(1.0);
    var d = c + vec4<f32>(1.0);
    for (var round = 0u; round < ROUNDS; round++) {
        a = fma(a, sign, b);
        b = fma(b, sign, c);
        c = fma(c, sign, d);
        d = fma(d, sign, vec4<f32>(1.0));
    }
    output[id.x] = a + b + c + d;
}
