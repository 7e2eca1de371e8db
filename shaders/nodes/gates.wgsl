// Channel attention, second step: from sums to one gate a channel, by two 1x1 convolutions on a map of one pixel. One
// workgroup does it all.

@group(0) @binding(1) var<storage, read> sums: array<Word>;
@group(0) @binding(2) var<storage, read_write> gates: array<Word>;

// Weights of one squeezed channel: `down` towards it, `up` away from it.
struct Squeezed {
    bias: vec4<f32>,
    down: array<vec4<f32>, IN_WORDS>,
    up: array<vec4<f32>, IN_WORDS>,
}

struct Attention {
    bias: array<vec4<f32>, IN_WORDS>,
    squeezed: array<Squeezed, SQUEEZED>,
}

@group(0) @binding(4) var<storage, read> parameters: Attention;

var<workgroup> means: array<Word, IN_WORDS>;
var<workgroup> squeezed: array<f32, SQUEEZED>;

@compute @workgroup_size(64, 1, 1)
fn main(@builtin(local_invocation_index) lane: u32) {
    if (lane < IN_WORDS) {
        var sum = Word(0.0);
        for (var block = 0u; block < BLOCKS; block++) {
            sum += sums[lane * BLOCKS + block];
        }
        means[lane] = sum / f32(maps.input.width * maps.input.height);
    }
    workgroupBarrier();
    if (lane < SQUEEZED) {
        var sum = parameters.squeezed[lane].bias.x;
        for (var word = 0u; word < IN_WORDS; word++) {
            sum += dot(parameters.squeezed[lane].down[word], means[word]);
        }
        squeezed[lane] = max(sum, 0.0);
    }
    workgroupBarrier();
    if (lane < IN_WORDS) {
        var sum = parameters.bias[lane];
        for (var k = 0u; k < SQUEEZED; k++) {
            sum += parameters.squeezed[k].up[lane] * squeezed[k];
        }
        gates[lane] = sigmoid(sum);
    }
}
