// Multiply-adds in f32: four input channels of one pixel with their weights for four output channels. The sums are integers
// below 2^24, which f32 holds exactly, in whatever order and with whatever rounding they are added up.

// Four codes as they are multiplied, four output channels' sums, and the weights between them: for each input channel four
// f16, which a word holds two of.
alias Codes = vec4<f32>;
alias Sums = vec4<f32>;
struct Weights {
    inputs01: vec4<u32>,
    inputs23: vec4<u32>,
}
alias Factors = mat4x4<f32>;

fn codes_of(word: u32) -> Codes {
    return vec4<f32>(unpack4xI8(word));
}

fn factors(weights: Weights) -> Factors {
    return mat4x4<f32>(
        vec4<f32>(unpack2x16float(weights.inputs01.x), unpack2x16float(weights.inputs01.y)),
        vec4<f32>(unpack2x16float(weights.inputs01.z), unpack2x16float(weights.inputs01.w)),
        vec4<f32>(unpack2x16float(weights.inputs23.x), unpack2x16float(weights.inputs23.y)),
        vec4<f32>(unpack2x16float(weights.inputs23.z), unpack2x16float(weights.inputs23.w)),
    );
}

fn add_products(sums: Sums, codes: Codes, weights: Factors) -> Sums {
    // One after the other onto the sums, so that each is one multiply-add.
    let sums_0 = weights[0] * codes.x + sums;
    let sums_01 = weights[1] * codes.y + sums_0;
    let sums_012 = weights[2] * codes.z + sums_01;
    return weights[3] * codes.w + sums_012;
}

// What the sums begin with, and what they are in the end.
fn begin(bias: vec4<i32>) -> Sums {
    return vec4<f32>(0.0);
}

fn end(sums: Sums, bias: vec4<i32>) -> vec4<i32> {
    return vec4<i32>(sums) + bias;
}
