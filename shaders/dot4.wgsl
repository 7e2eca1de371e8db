// Packed int8 dot products: four input channels of one pixel with their weights for four output channels.

// Four codes as they are multiplied, four output channels' sums, and the weights between them: a word an output channel.
alias Codes = u32;
alias Sums = vec4<i32>;
alias Weights = vec4<u32>;
alias Factors = vec4<u32>;

fn codes_of(word: u32) -> Codes {
    return word;
}

fn factors(weights: Weights) -> Factors {
    return weights;
}

fn add_products(sums: Sums, codes: Codes, weights: Factors) -> Sums {
    return sums + vec4<i32>(
        dot4I8Packed(codes, weights.x),
        dot4I8Packed(codes, weights.y),
        dot4I8Packed(codes, weights.z),
        dot4I8Packed(codes, weights.w),
    );
}

// What the sums begin with, and what they are in the end.
fn begin(bias: vec4<i32>) -> Sums {
    return bias;
}

fn end(sums: Sums, bias: vec4<i32>) -> vec4<i32> {
    return sums;
}
