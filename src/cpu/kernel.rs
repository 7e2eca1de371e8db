//! A kernel: what computes one row of a layer, for one instruction set.

use super::convolve::{Row, convolve};
use super::lanes::Lanes;
use super::packing::Packed;
use super::requantize;
use crate::image::Sample;
use crate::net::Layer;

/// One row of a layer, on one instruction set.
pub(super) trait Kernel: Send + Sync {
    /// The value of `ABPN_CPU` that asks for it.
    fn name(&self) -> &'static str;

    /// Codes of a word, 2 or 4.
    fn codes(&self) -> usize;

    /// Pixels computed at once: so many words beyond a row's end are read.
    fn pixels(&self) -> usize;

    /// A layer's weights as this kernel reads them.
    fn pack(&self, layer: &Layer) -> Packed;

    /// The codes of `width` pixels of a hidden layer's row. `from` is the column of the first one's window in `input`, to
    /// the left of the pixel itself; it is `from + 1` in `output`, `[word, stride]` too. `acc` has room for
    /// `[channel, pixels]`.
    fn hidden(&self, layer: &Packed, row: &Row, acc: &mut [i32], output: &mut [u32]);

    /// The residuals of `width` pixels of the last layer's row for 8-bit samples, `[channel, stride]`.
    fn last8(&self, layer: &Packed, row: &Row, acc: &mut [i32], output: &mut [i32]);

    /// The same for 16-bit samples.
    fn last16(&self, layer: &Packed, row: &Row, acc: &mut [i32], output: &mut [i32]);
}

impl<L: Lanes> Kernel for L {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn codes(&self) -> usize {
        L::CODES
    }

    fn pixels(&self) -> usize {
        L::VECTORS * L::LANES
    }

    fn pack(&self, layer: &Layer) -> Packed {
        Packed::new::<L>(layer)
    }

    fn hidden(&self, layer: &Packed, row: &Row, acc: &mut [i32], output: &mut [u32]) {
        self.run(
            #[inline(always)]
            || {
                each_block(*self, layer, row, acc, |acc, x, pixels| {
                    let outputs = output.chunks_exact_mut(row.stride).enumerate();
                    for (word, output) in outputs.take(layer.layer.out_channels.div_ceil(L::CODES)) {
                        let mut words = [0; MAX_PIXELS];
                        let words = &mut words[..L::VECTORS * L::LANES];
                        let first = word * L::CODES;
                        for channel in first..layer.layer.out_channels.min(first + L::CODES) {
                            let acc = &acc[channel * words.len()..][..words.len()];
                            requantize::codes(acc, &layer.layer, channel, (channel - first) * (32 / L::CODES), words);
                        }
                        output[row.column + x..][..pixels].copy_from_slice(&words[..pixels]);
                    }
                });
            },
        );
    }

    fn last8(&self, layer: &Packed, row: &Row, acc: &mut [i32], output: &mut [i32]) {
        last::<L, u8>(*self, layer, row, acc, output);
    }

    fn last16(&self, layer: &Packed, row: &Row, acc: &mut [i32], output: &mut [i32]) {
        last::<L, u16>(*self, layer, row, acc, output);
    }
}

const MAX_PIXELS: usize = 64;

fn last<L: Lanes, S: Sample>(lanes: L, layer: &Packed, row: &Row, acc: &mut [i32], output: &mut [i32]) {
    lanes.run(
        #[inline(always)]
        || {
            each_block(lanes, layer, row, acc, |acc, x, pixels| {
                for channel in 0..layer.layer.out_channels {
                    let size = L::VECTORS * L::LANES;
                    let mut residuals = [0; MAX_PIXELS];
                    let residuals = &mut residuals[..size];
                    requantize::residuals::<S>(&acc[channel * size..][..size], &layer.layer, channel, residuals);
                    output[channel * row.stride + row.column + x..][..pixels].copy_from_slice(&residuals[..pixels]);
                }
            });
        },
    );
}

/// Convolves a row, and has `finish` take each few pixels' accumulators, `[channel, pixels]`, with the first pixel's place
/// in the row and how many pixels there are.
#[inline(always)]
fn each_block<L: Lanes>(
    lanes: L,
    layer: &Packed,
    row: &Row,
    acc: &mut [i32],
    mut finish: impl FnMut(&[i32], usize, usize),
) {
    let size = L::VECTORS * L::LANES;
    let mut x = 0;
    while x < row.width {
        let pixels = size.min(row.width - x);
        for block in &layer.blocks {
            let acc = &mut acc[block.channel * size..];
            convolve(lanes, block, row, row.column + x, pixels.div_ceil(L::LANES), acc);
        }
        finish(acc, x, pixels);
        x += size;
    }
}
