// Channel attention, first step: sums over a map. One workgroup adds up every BLOCKS-th row of one plane.

@group(0) @binding(1) var<storage, read> input: array<Word>;
// [word, block]
@group(0) @binding(2) var<storage, read_write> sums: array<Word>;

const LANES = 64u;
var<workgroup> lanes: array<Word, LANES>;

@compute @workgroup_size(LANES, 1, 1)
fn main(@builtin(workgroup_id) id: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
    var sum = Word(0.0);
    for (var y = id.x; y < maps.input.height; y += BLOCKS) {
        let row = at(maps.input, id.z, 0u, y);
        for (var x = lane; x < maps.input.width; x += LANES) {
            sum += input[row + x];
        }
    }
    lanes[lane] = sum;
    workgroupBarrier();
    for (var half = LANES / 2u; half > 0u; half >>= 1u) {
        if (lane < half) {
            lanes[lane] += lanes[lane + half];
        }
        workgroupBarrier();
    }
    if (lane == 0u) {
        sums[id.z * BLOCKS + id.x] = lanes[0];
    }
}
