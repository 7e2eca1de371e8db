// Packed int8 dot products: four input channels of one pixel with their weights for four output channels.

fn dot4(codes: u32, weights: vec4<u32>) -> vec4<i32> {
    return vec4<i32>(
        dot4I8Packed(codes, weights.x),
        dot4I8Packed(codes, weights.y),
        dot4I8Packed(codes, weights.z),
        dot4I8Packed(codes, weights.w),
    );
}
