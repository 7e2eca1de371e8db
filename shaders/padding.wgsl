// The padding, where a kernel writes it: in nets with PReLU, whose zero points differ from layer to layer. The threads at the
// window's border each write the part next to their pixels.

// The zero point: the code of an accumulator 0.
fn padding_word() -> u32 {
    return requantise(vec4<i32>(0), layer.channels[0]);
}

// Left of the window and right of it, in a row of a thread's pixels, `end` of which are in the window.
fn pad_sides(at: u32, x: u32, end: u32, word: u32) {
    if (x == 0u) {
        output[at - 1u] = word;
    }
    if (x + end == window.width) {
        output[at + end] = word;
    }
}

// Above the window or below it.
fn pad_row(at: u32, x: u32, end: u32, word: u32) {
{%- for pixel in range(pixels) %}
    if ({{ pixel }}u < end) {
        output[at + {{ pixel }}u] = word;
    }
{%- endfor %}
    pad_sides(at, x, end, word);
}

// Next to a thread's pixels, which begin at `at` in their plane.
fn pad(at: u32, x: u32, y: u32, end: u32, word: u32) {
    pad_sides(at, x, end, word);
    if (y == 0u) {
        pad_row(at - window.stride, x, end, word);
    }
    if (y + 1u == window.height) {
        pad_row(at + window.stride, x, end, word);
    }
}
