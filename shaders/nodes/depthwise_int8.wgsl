// Four channels, each with its own weight: no dot product, as nothing is summed over channels.

alias Weight = u32;

fn products(word: Word, weight: Weight) -> Sum {
    return unpack4xI8(word) * unpack4xI8(weight);
}
