// Single precision: a word is four channels of one pixel, and so is a pack.

alias Word = vec4<f32>;
alias Pack = vec4<f32>;
alias Sum = vec4<f32>;

fn inside(pack: Pack, pixels: u32) -> Pack {
    return pack;
}

fn add(a: Word, b: Word) -> Word {
    return a + b;
}

fn multiply(a: Word, b: Word) -> Word {
    return a * b;
}

fn relu(a: Word) -> Word {
    return max(a, Word(0.0));
}

fn leaky_relu(a: Word) -> Word {
    return max(a, a * LEAKY_SLOPE);
}

fn prelu(a: Word, slope: Word) -> Word {
    return select(a * slope, a, a > Word(0.0));
}

fn sigmoid(a: Word) -> Word {
    return 1.0 / (1.0 + exp(-a));
}

fn average(a: Word, b: Word, c: Word, d: Word) -> Word {
    return ((a + b) + (c + d)) * 0.25;
}

fn maximum(a: Word, b: Word, c: Word, d: Word) -> Word {
    return max(max(a, b), max(c, d));
}

// Finished pixels are in 0..1.
fn plus_anchor(a: Word, anchor: Word) -> Word {
    return clamp(a + anchor, Word(0.0), Word(1.0));
}

fn widen(a: Word) -> Sum {
    return a;
}

fn narrow(sum: Sum) -> Word {
    return sum;
}
