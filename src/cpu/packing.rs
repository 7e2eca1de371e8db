//! Weights and pixels as a kernel reads them.

use std::ops::Range;

use super::groups::{Group, Step, groups};
use super::lanes::{Lanes, Sums, Tiles};
use super::winograd::{self, Transformed};
use crate::image::Sample;
use crate::net::{Layer, TAPS};

/// A layer with its weights in the order in which a kernel reads them.
pub(super) struct PackedLayer {
    pub layer: Layer,
    /// Words of codes an input pixel.
    pub words: usize,
    pub weights: Weights,
    /// Instructions that the convolution takes a pixel, about.
    pub instructions: f64,
}

/// The weights of a layer, and so how it is computed.
pub(super) enum Weights {
    /// Row by row with the products of the definition, in blocks of output channels: `convolve.rs`.
    Direct(Vec<Block>),
    /// Four rows at a time in Winograd's way: `winograd.rs`.
    Winograd(Transformed),
}

/// Output channels that are computed at once, 1 to [`Lanes::CHANNELS`].
pub(super) struct Block {
    /// Which they are.
    pub channels: Vec<usize>,
    /// Where each accumulator starts.
    pub bias: Vec<i32>,
    /// What is added to them.
    pub steps: Steps,
}

impl PackedLayer {
    /// For `convolve.rs`.
    pub fn direct<L: Lanes>(layer: &Layer) -> Self {
        let words = layer.in_channels.div_ceil(L::CODES);
        // Of about one size: a block of few channels takes nearly as long as a full one.
        let count = layer.out_channels.div_ceil(L::CHANNELS);
        let first = |block: usize| block * layer.out_channels / count;
        let channels = order::<L>(layer);
        let blocks = (0..count).map(|block| {
            let channels = &channels[first(block)..first(block + 1)];
            assert!((1..=L::CHANNELS).contains(&channels.len()), "convolve.rs has a shape for each block");
            let steps = (0..).take(words * TAPS).map(|position| Step {
                position,
                weights: channels.iter().map(|&out| weights::<L>(layer, out, position)).collect(),
            });
            let groups = groups::<L>(steps.collect(), channels.len());
            let bias = |(i, &out)| {
                let starts = groups.iter().flat_map(|group| group.start[i]).map(i32::from).sum();
                bias::<L>(layer, out).wrapping_sub(starts)
            };
            Block {
                channels: channels.to_vec(),
                bias: channels.iter().enumerate().map(bias).collect(),
                steps: Steps::new::<L>(&groups),
            }
        });
        let blocks: Vec<Block> = blocks.collect();
        let instructions = blocks.iter().map(Block::instructions::<L>).sum();
        Self { words, weights: Weights::Direct(blocks), instructions, layer: layer.clone() }
    }

    /// For `winograd.rs`, if that can compute it.
    pub fn winograd<L: Tiles>(layer: &Layer) -> Option<Self> {
        Some(Self {
            words: layer.in_channels.div_ceil(L::CODES),
            weights: Weights::Winograd(Transformed::new::<L>(layer)?),
            instructions: winograd::instructions::<L>(layer),
            layer: layer.clone(),
        })
    }

    /// Rows that are computed at once.
    pub fn rows(&self) -> usize {
        match self.weights {
            Weights::Direct(_) => 1,
            Weights::Winograd(_) => winograd::SIDE,
        }
    }
}

impl Block {
    /// Instructions that it takes a pixel, about.
    #[expect(clippy::cast_precision_loss, reason = "thousands")]
    fn instructions<L: Lanes>(&self) -> f64 {
        // Codes are loaded once for all channels, weights once for all vectors. A group's sums are widened, added and stored.
        let loads = 1.0 / self.bias.len() as f64 + 1.0 / L::VECTORS as f64;
        let steps = self.steps.positions.len() as f64 * (L::INSTRUCTIONS as f64 + loads);
        let groups = (self.steps.lens.len() * 3) as f64;
        self.bias.len() as f64 * (steps + groups) / L::LANES as f64
    }
}

/// Steps in the form in which they are read.
pub(super) struct Steps {
    lens: Vec<usize>,
    starts: Vec<[i16; 4]>,
    positions: Vec<u16>,
    end: usize,
    weights: Vec<u32>,
}

impl Steps {
    fn new<L: Lanes>(groups: &[Group]) -> Self {
        let steps = || groups.iter().flat_map(|group| &group.steps);
        let positions: Vec<u16> = steps().map(|step| step.position).collect();
        Self {
            lens: groups.iter().map(|group| group.steps.len()).collect(),
            starts: groups.iter().flat_map(|group| group.start.iter().copied()).collect(),
            end: positions.iter().map(|&position| usize::from(position) + 1).max().unwrap_or(0),
            positions,
            weights: steps().flat_map(|step| &step.weights).map(|&weights| word::<L>(weights)).collect(),
        }
    }

    /// How many steps each group has, and what its sums start with, `[group, channel]`.
    #[inline(always)]
    pub fn groups(&self) -> (&[usize], &[[i16; 4]]) {
        (&self.lens, &self.starts)
    }

    /// A number that all positions are below.
    pub fn end(&self) -> usize {
        self.end
    }

    /// Of these steps, which words they multiply, as `word*TAPS + tap`, and the words of weights, `[step, channel]`.
    #[inline(always)]
    pub fn group(&self, steps: Range<usize>, channels: usize) -> (&[u16], &[u32]) {
        (&self.positions[steps.clone()], &self.weights[steps.start * channels..steps.end * channels])
    }
}

/// The output channels in the order in which they are computed.
fn order<L: Lanes>(layer: &Layer) -> Vec<usize> {
    let mut channels: Vec<usize> = (0..layer.out_channels).collect();
    if L::SUMS != Sums::Exact {
        // Groups of a block end together, so its channels had better be of one size.
        let weight = |out, i| u32::from(layer.weight(out, i / TAPS, i % TAPS).unsigned_abs());
        channels.sort_by_key(|&out| (0..layer.in_channels * TAPS).map(|i| weight(out, i)).sum::<u32>());
    }
    channels
}

/// A word of weights; 0 for the codes of a last word that has fewer.
fn word<L: Lanes>(weights: [i8; 4]) -> u32 {
    let bits = 32 / L::CODES;
    let weight = |i: usize| i32::from(weights[i]).cast_unsigned() & (u32::MAX >> (32 - bits));
    (0..L::CODES).fold(0, |word, i| word | weight(i) << (i * bits))
}

/// The weights of one channel at `word*TAPS + tap`, in the first [`Lanes::CODES`] elements.
fn weights<L: Lanes>(layer: &Layer, out: usize, position: u16) -> [i8; 4] {
    let (word, tap) = (usize::from(position) / TAPS, usize::from(position) % TAPS);
    let mut weights = [0; 4];
    for (weight, input) in weights.iter_mut().zip(word * L::CODES..layer.in_channels.min((word + 1) * L::CODES)) {
        *weight = layer.weight(out, input, tap);
    }
    weights
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
