//! Maps and parameters as the words that the shaders read: `shaders/nodes/maps.wgsl`.

use super::number::{Number, Precision, Requantisation};
use super::operands::{Attention, Filter};
use super::operator::WORD_CHANNELS;
use super::tensor::{Shape, Tensor};
use crate::gpu::to_u32;

/// Words of the margin at each end of a row, in pixels: the reach of a 5x5 window from the last of two pixels that a
/// thread makes, or of a 3x3 window from the last of four, rounded up to a pack.
pub(super) const MARGIN_X: usize = 4;
/// Rows of the margin above and below: the reach of a 5x5 window.
pub(super) const MARGIN_Y: usize = 2;

/// Where the words of a map lie, as `struct Map`; a word is four channels of a pixel.
#[derive(Clone, Copy)]
pub(super) struct Planes(pub Shape);

impl Planes {
    fn stride_words(self) -> usize {
        (self.0.width + 2 * MARGIN_X).next_multiple_of(WORD_CHANNELS)
    }

    fn plane_words(self) -> usize {
        self.stride_words() * (self.0.height + 2 * MARGIN_Y)
    }

    /// Words of all planes.
    pub fn len_words(self) -> usize {
        self.plane_words() * self.0.words()
    }

    /// The uniform.
    pub fn words(self) -> [u32; 4] {
        [self.0.width, self.0.height, self.stride_words(), self.plane_words()].map(to_u32)
    }

    fn at(self, word: usize, x: usize, y: usize) -> usize {
        word * self.plane_words() + (y + MARGIN_Y) * self.stride_words() + x + MARGIN_X
    }

    /// A map as 32-bit words.
    pub fn pack<N: Number>(self, tensor: &Tensor<N>) -> Vec<u32> {
        let size = lanes(N::PRECISION);
        let mut map = vec![0; self.len_words() * size];
        let mut packed = Vec::with_capacity(size);
        for y in 0..self.0.height {
            for x in 0..self.0.width {
                for (word, channels) in tensor.pixel(x, y).chunks(WORD_CHANNELS).enumerate() {
                    packed.clear();
                    N::pack(four(channels), &mut packed);
                    map[self.at(word, x, y) * size..][..size].copy_from_slice(&packed);
                }
            }
        }
        map
    }

    /// The map in 32-bit words, and whether its margin and its padding channels are still zero.
    pub fn unpack<N: Number>(self, map: &[u32]) -> (Tensor<N>, bool) {
        let size = lanes(N::PRECISION);
        let mut tensor = Tensor::zeros(self.0);
        let mut rest = map.to_vec();
        for (pixel, values) in tensor.values.chunks_mut(self.0.channels).enumerate() {
            let (x, y) = (pixel % self.0.width, pixel / self.0.width);
            for (word, values) in values.chunks_mut(WORD_CHANNELS).enumerate() {
                let words = &mut rest[self.at(word, x, y) * size..][..size];
                let channels = N::unpack(words);
                words.fill(0);
                let padding_is_zero = channels[values.len()..].iter().all(|&value| value == N::default());
                // A padding channel that is not zero counts as a written margin.
                words[0] = u32::from(!padding_is_zero);
                values.copy_from_slice(&channels[..values.len()]);
            }
        }
        (tensor, rest.iter().all(|&word| word == 0))
    }
}

/// 32-bit words of four channels.
fn lanes(precision: Precision) -> usize {
    match precision {
        Precision::F32 => 4,
        Precision::Int8 => 1,
    }
}

/// Up to four channels, zeros after them.
fn four<N: Number>(channels: &[N]) -> [N; 4] {
    let mut four = [N::default(); 4];
    four[..channels.len()].copy_from_slice(channels);
    four
}

/// Slopes, as four floats or four integers a word of channels.
pub(super) fn slope_words<N: Number>(slopes: &[N]) -> Vec<u32> {
    slopes.chunks(WORD_CHANNELS).flat_map(|slopes| four(slopes).map(N::widened)).collect()
}

/// A table of the sigmoid of all codes, by their byte.
pub(super) fn sigmoid_words() -> Vec<u32> {
    (0..=u8::MAX).map(|byte| Number::sigmoid(byte.cast_signed()).cast_unsigned().into()).collect()
}

/// A filter as `struct Layer`; `group_words` output words share the words that they read.
pub(super) fn filter_words<N: Number>(filter: &Filter<N>, group_words: usize) -> Vec<u32> {
    let out_words = filter.channels.len().div_ceil(WORD_CHANNELS).next_multiple_of(group_words);
    let mut words = Vec::new();
    for word in 0..out_words {
        let start = (word * WORD_CHANNELS).min(filter.channels.len());
        let end = (start + WORD_CHANNELS).min(filter.channels.len());
        N::pack_channels(&filter.channels[start..end], &mut words);
    }
    let is_depthwise = filter.inputs_a_tap == 1 && filter.group == 1;
    for group in 0..out_words / group_words {
        for in_word in 0..filter.inputs_a_tap.div_ceil(WORD_CHANNELS) {
            for tap in 0..filter.side * filter.side {
                for word in 0..group_words {
                    let out = (group * group_words + word) * WORD_CHANNELS;
                    let weight = |out: usize, input: usize| {
                        let exists = out < filter.channels.len() && input < filter.inputs_a_tap;
                        if exists { filter.weight(out, tap, input) } else { N::default() }
                    };
                    if is_depthwise {
                        N::pack([0, 1, 2, 3].map(|i| weight(out + i, 0)), &mut words);
                    } else {
                        let input = in_word * WORD_CHANNELS;
                        let rows = [0, 1, 2, 3].map(|o| [0, 1, 2, 3].map(|i| weight(out + o, input + i)));
                        N::pack_matrix(rows, &mut words);
                    }
                }
            }
        }
    }
    // The size of a struct with vectors in it is a multiple of theirs.
    words.resize(words.len().next_multiple_of(4), 0);
    words
}

/// Channel attention's weights as `struct Attention`.
pub(super) fn attention_words(attention: &Attention) -> Vec<u32> {
    let channels = attention.up_bias.len();
    let mut words = Vec::new();
    let mut push = |values: &[f32]| values.chunks(WORD_CHANNELS).for_each(|chunk| f32::pack(four(chunk), &mut words));
    push(&attention.up_bias);
    for (index, &bias) in attention.down_bias.iter().enumerate() {
        push(&[bias]);
        push(&attention.down[index * channels..][..channels]);
        push(&attention.up[index * channels..][..channels]);
    }
    words
}

/// The requantisation of four channels, as `struct Channels`; channels that are not there give code 0.
pub(super) fn requantisation_words(channels: &[Requantisation], words: &mut Vec<u32>) {
    let mut four = [Requantisation { bias: 0, limit: 0, pre: 0, mul: 0, post: 1 }; 4];
    four[..channels.len()].copy_from_slice(channels);
    words.extend(four.map(|channel| channel.bias.cast_unsigned()));
    words.extend(four.map(|channel| channel.limit.cast_unsigned()));
    words.extend(four.map(|channel| channel.pre));
    words.extend(four.map(|channel| channel.mul.cast_unsigned()));
    words.extend(four.map(|channel| channel.post));
}
