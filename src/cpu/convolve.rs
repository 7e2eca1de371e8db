//! The 3x3 convolution of a few pixels of a row: every kernel's hot loop.

use std::array;

use super::lanes::Lanes;
use super::packing::Block;

/// A row of pixels to compute, and what its convolution reads.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    /// Words of codes.
    pub input: &'a [u32],
    /// Where in `input` the words of a row are, for each word of a pixel and each tap of the window; `[word, tap]`.
    pub offsets: &'a [usize],
    /// Words from one plane to the next.
    pub stride: usize,
    /// Column of the first pixel; the left column of its window is the one before.
    pub column: usize,
    /// How many pixels.
    pub width: usize,
}

/// The accumulators of `vectors` vectors of pixels, of which the first has its window's left column at `column`:
/// `[channel, VECTORS * LANES]`.
#[inline(always)]
pub(super) fn convolve<L: Lanes>(lanes: L, block: &Block, row: &Row, column: usize, vectors: usize, acc: &mut [i32]) {
    macro_rules! shapes {
        ($($channels:literal)*) => {
            match block.bias.len() {
                $($channels if $channels <= L::CHANNELS => {
                    shapes!(@vectors $channels 1 2 3 4)
                })*
                channels => unreachable!("a block of {channels} channels"),
            }
        };
        (@vectors $channels:literal $($vectors:literal)*) => {
            match vectors {
                $($vectors if $vectors <= L::VECTORS => {
                    shape::<L, $channels, $vectors>(lanes, block, row, column, acc);
                })*
                vectors => unreachable!("a block of {vectors} vectors"),
            }
        };
    }
    shapes!(1 2 3 4 5 6 7 8);
}

/// The same for numbers of channels and vectors that are known to the compiler, so that the accumulators stay in registers.
#[inline(always)]
fn shape<L: Lanes, const CHANNELS: usize, const VECTORS: usize>(
    lanes: L,
    block: &Block,
    row: &Row,
    column: usize,
    to: &mut [i32],
) {
    let mut acc: [[L::Acc; VECTORS]; CHANNELS] = array::from_fn(|channel| [lanes.acc(block.bias[channel]); VECTORS]);
    let Row { input, offsets, .. } = *row;
    // One loop with few lines in it: where a compiler unrolls it, it reorders the additions until they need more registers
    // than there are.
    for (&offset, weights) in offsets.iter().zip(block.weights.chunks_exact(CHANNELS)) {
        let words = &input[offset + column - 1..][..VECTORS * L::LANES];
        let codes: [L::Codes; VECTORS] = array::from_fn(|vector| lanes.load(&words[vector * L::LANES..]));
        for channel in 0..CHANNELS {
            let weights = lanes.weights(weights[channel]);
            for vector in 0..VECTORS {
                acc[channel][vector] = lanes.add_products(acc[channel][vector], codes[vector], weights);
            }
        }
    }
    for (acc, to) in acc.iter().zip(to.chunks_exact_mut(L::VECTORS * L::LANES)) {
        for (&acc, to) in acc.iter().zip(to.chunks_exact_mut(L::LANES)) {
            lanes.store(acc, to);
        }
    }
}
