//! Weights and pixels as a kernel reads them.

use super::lanes::Lanes;
use crate::image::Sample;
use crate::net::{Layer, TAPS};

/// A layer with its weights in the order in which a kernel reads them.
pub(super) struct Packed {
    pub layer: Layer,
    /// Words of codes an input pixel.
    pub words: usize,
    /// Blocks of output channels.
    pub blocks: Vec<Block>,
}

/// Output channels that are computed at once.
pub(super) struct Block {
    /// The first of them.
    pub channel: usize,
    /// Where each accumulator starts.
    pub bias: Vec<i32>,
    /// `[word, tap, channel]`, a word of weights each.
    pub weights: Vec<u32>,
}

impl Packed {
    pub fn new<L: Lanes>(layer: &Layer) -> Self {
        let words = layer.in_channels.div_ceil(L::CODES);
        let blocks = (0..layer.out_channels).step_by(L::CHANNELS).map(|first| {
            let channels = first..layer.out_channels.min(first + L::CHANNELS);
            let mut weights = Vec::with_capacity(words * TAPS * channels.len());
            for word in 0..words {
                for tap in 0..TAPS {
                    weights.extend(channels.clone().map(|out| self::weights::<L>(layer, out, word, tap)));
                }
            }
            Block { channel: first, bias: channels.map(|out| bias::<L>(layer, out)).collect(), weights }
        });
        Self { words, blocks: blocks.collect(), layer: layer.clone() }
    }
}

/// A word of weights; 0 for the codes of a last word that has fewer.
fn weights<L: Lanes>(layer: &Layer, out: usize, word: usize, tap: usize) -> u32 {
    let inputs = word * L::CODES..layer.in_channels.min((word + 1) * L::CODES);
    let bits = 32 / L::CODES;
    let weight = |input| i32::from(layer.weight(out, input, tap)).cast_unsigned() & (u32::MAX >> (32 - bits));
    inputs.enumerate().fold(0, |packed, (i, input)| packed | weight(input) << (i * bits))
}

/// The bias, and what the zero point's products lack. The sum is the accumulator of a picture whose codes are all the
/// zero point, and so fits.
fn bias<L: Lanes>(layer: &Layer, out: usize) -> i32 {
    let weights = (0..layer.in_channels).flat_map(|input| (0..TAPS).map(move |tap| layer.weight(out, input, tap)));
    layer.bias[out] + L::ZERO_POINT * weights.map(i32::from).sum::<i32>()
}

/// Pixels of one row, `[width, 3]`, as words of `codes` codes, `[word, stride]` from `column` on.
pub(super) fn pack_pixels<S: Sample>(pixels: &[S], codes: usize, row: &mut [u32], stride: usize, column: usize) {
    let bits = 32 / codes;
    for (x, pixel) in pixels.chunks_exact(3).enumerate() {
        let code = |i: usize| u32::from(pixel[i].to_u8());
        if codes == 4 {
            row[column + x] = code(0) | code(1) << bits | code(2) << (2 * bits);
        } else {
            row[column + x] = code(0) | code(1) << bits;
            row[stride + column + x] = code(2);
        }
    }
}
