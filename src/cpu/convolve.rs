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

/// The accumulators of `vectors` vectors of pixels, of which the first is at `column`:
/// `[channel, VECTORS * LANES]`.
#[inline(always)]
pub(super) fn convolve<L: Lanes>(lanes: L, block: &Block, row: &Row, column: usize, vectors: usize, acc: &mut [i32]) {
    macro_rules! shapes {
        ($($channels:literal)*) => {
            match block.bias.len() {
                $($channels if $channels <= L::CHANNELS => {
                    shapes!(@vectors $channels 1 2 3 4 5 6)
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

/// The same for numbers of channels and vectors that are known to the compiler, so that the sums stay in registers.
#[inline(always)]
fn shape<L: Lanes, const CHANNELS: usize, const VECTORS: usize>(
    lanes: L,
    block: &Block,
    row: &Row,
    column: usize,
    to: &mut [i32],
) {
    let Row { input, offsets, .. } = *row;
    let (mut positions, mut weights) = (&block.positions[..], &block.weights[..]);
    for (group, &len) in block.groups.iter().enumerate() {
        let (steps, step_weights);
        (steps, positions) = positions.split_at(len);
        (step_weights, weights) = weights.split_at(len * CHANNELS);
        let mut sums: [[L::Sums; VECTORS]; CHANNELS] = [[lanes.zero(); VECTORS]; CHANNELS];
        // One loop with few lines in it: where a compiler unrolls it, it reorders the additions until they need more
        // registers than there are.
        for (&position, weights) in steps.iter().zip(step_weights.chunks_exact(CHANNELS)) {
            let words = &input[offsets[position] + column - 1..][..VECTORS * L::LANES];
            let codes: [L::Codes; VECTORS] = array::from_fn(|vector| lanes.load(&words[vector * L::LANES..]));
            for channel in 0..CHANNELS {
                let weights = lanes.weights(weights[channel]);
                for vector in 0..VECTORS {
                    sums[channel][vector] = lanes.add_products(sums[channel][vector], codes[vector], weights);
                }
            }
        }
        for ((sums, &bias), to) in sums.iter().zip(&block.bias).zip(to.chunks_exact_mut(L::VECTORS * L::LANES)) {
            for (&sums, to) in sums.iter().zip(to.chunks_exact_mut(L::LANES)) {
                let acc = if group == 0 { lanes.acc(bias) } else { lanes.load_acc(to) };
                lanes.store(lanes.add_sums(acc, sums), to);
            }
        }
    }
}
