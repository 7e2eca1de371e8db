// Four input channels with their weights for four output channels: a column an input channel.

alias Weight = mat4x4<f32>;

fn products(word: Word, weight: Weight) -> Sum {
    return weight * word;
}
