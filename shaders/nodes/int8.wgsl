// Signed codes with zero point 0: a word is four channels of one pixel, lowest in the low byte; a pack four pixels.

alias Word = u32;
alias Pack = vec4<u32>;
alias Sum = vec4<i32>;

// The first so many pixels of a pack: what lies beyond a row is margin and stays zero.
fn inside(pack: Pack, pixels: u32) -> Pack {
    return select(Pack(0u), pack, Pack(0u, 1u, 2u, 3u) < Pack(pixels));
}

// Two maps have two scales: each code is brought to that of the sum.
fn add(a: Word, b: Word) -> Word {
    let sum = unpack4xI8(a) * ADD_SCALE_A + unpack4xI8(b) * ADD_SCALE_B;
    return pack4xI8Clamp((sum + (1 << (ADD_SHIFT - 1u))) >> vec4<u32>(ADD_SHIFT));
}

fn multiply(a: Word, b: Word) -> Word {
    return pack4xI8Clamp((unpack4xI8(a) * unpack4xI8(b) + 64) >> vec4<u32>(7u));
}

// The sign bit of each byte becomes a mask of that byte.
fn relu(a: Word) -> Word {
    return a & ~(((a >> 7u) & 0x01010101u) * 0xffu);
}

fn leaky_relu(a: Word) -> Word {
    return prelu(a, vec4<i32>(LEAKY_SLOPE));
}

// Slopes are in 1/128.
fn prelu(a: Word, slope: vec4<i32>) -> Word {
    let codes = unpack4xI8(a);
    return pack4xI8Clamp(select((codes * slope + 64) >> vec4<u32>(7u), codes, codes > vec4<i32>(0)));
}

fn average(a: Word, b: Word, c: Word, d: Word) -> Word {
    let sum = (unpack4xI8(a) + unpack4xI8(b)) + (unpack4xI8(c) + unpack4xI8(d));
    return pack4xI8Clamp((sum + 2) >> vec4<u32>(2u));
}

fn maximum(a: Word, b: Word, c: Word, d: Word) -> Word {
    return pack4xI8Clamp(max(max(unpack4xI8(a), unpack4xI8(b)), max(unpack4xI8(c), unpack4xI8(d))));
}

// Finished pixels are stored minus 128, so that the type's limits are the picture's.
fn plus_anchor(a: Word, anchor: Word) -> Word {
    return pack4xI8Clamp(unpack4xI8(a) + unpack4xI8(anchor));
}

fn widen(a: Word) -> Sum {
    return unpack4xI8(a);
}

// Weights of an axis are in 1/128, so those of both in 2^-14.
fn narrow(sum: Sum) -> Word {
    return pack4xI8Clamp((sum + (1 << 13u)) >> vec4<u32>(14u));
}
