// The ceiling of packed int8 arithmetic: dot products that feed on one another in registers. Each of the four chains waits
// for another one's last link, never for its own, so that there is always something to do.

const ROUNDS = 128u;

@group(0) @binding(0) var<storage, read_write> output: array<vec4<i32>>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    let weights = vec4<u32>(0x017f8103u, 0x7e0205fdu, 0x10f00733u, 0xc93b1d02u);
    var a = vec4<i32>(i32(id.x));
    var b = a + vec4<i32>(1);
    var c = a + vec4<i32>(2);
    var d = a + vec4<i32>(3);
    for (var round = 0u; round < ROUNDS; round++) {
        a += dot4(u32(b.x), weights);
        b += dot4(u32(c.y), weights);
        c += dot4(u32(d.z), weights);
        d += dot4(u32(a.w), weights);
    }
    output[id.x] = a + b + c + d;
}
