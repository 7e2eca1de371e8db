// The ceiling of packed int8 arithmetic: dot products that feed on one another in registers. As in a convolution one word
// of codes meets many weights. The weights come from a buffer, since a compiler would make something else of constants.

@group(0) @binding(0) var<storage, read> input: array<vec4<u32>, 4>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<i32>>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(global_invocation_id) id: vec3<u32>) {
    var a = vec4<i32>(i32(id.x));
    var b = a + vec4<i32>(1);
    var c = a + vec4<i32>(2);
    var d = a + vec4<i32>(3);
    for (var round = 0u; round < ROUNDS; round++) {
        let codes = u32(a.x);
        a += dot4(codes, input[0]);
        b += dot4(codes, input[1]);
        c += dot4(codes, input[2]);
        d += dot4(codes, input[3]);
    }
    output[id.x] = a ^ b ^ c ^ d;
}
