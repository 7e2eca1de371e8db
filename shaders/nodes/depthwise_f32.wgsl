// Four channels, each with its own weight.

alias Weight = vec4<f32>;

fn products(word: Word, weight: Weight) -> Sum {
    return word * weight;
}
