// Four input channels with their weights for four output channels: a word of weights an output channel.

alias Weight = vec4<u32>;

fn products(word: Word, weight: Weight) -> Sum {
    return Sum(
        dot4I8Packed(word, weight.x),
        dot4I8Packed(word, weight.y),
        dot4I8Packed(word, weight.z),
        dot4I8Packed(word, weight.w),
    );
}
