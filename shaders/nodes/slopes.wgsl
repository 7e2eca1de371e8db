// The slope of each channel below zero.

@group(0) @binding(4) var<storage, read> parameters: array<Sum>;
