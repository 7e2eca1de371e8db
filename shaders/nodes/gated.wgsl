// What the second step of channel attention made.

@group(0) @binding(2) var<storage, read> gates: array<Word>;
