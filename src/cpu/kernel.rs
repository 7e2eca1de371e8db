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

    /// The codes of a hidden layer's row, to `output`, `[word, stride]`. `acc` has room for
    /// [`ACCUMULATORS`].
    fn hidden(&self, layer: &Packed, row: &Row, acc: &mut [i32], output: &mut [u32]);

    /// The residuals of the last layer's row for 8-bit samples, `[channel, stride]`.
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
                for words in output.chunks_exact_mut(row.stride) {
                    words[row.column..][..row.width].fill(0);
                }
                each_strip(*self, layer, row, acc, |channel, acc, x| {
                    let (word, code) = (channel / L::CODES, channel % L::CODES);
                    let words = &mut output[word * row.stride + row.column + x..][..acc.len()];
                    requantize::codes(acc, &layer.layer, channel, code * (32 / L::CODES), words);
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

fn last<L: Lanes, S: Sample>(lanes: L, layer: &Packed, row: &Row, acc: &mut [i32], output: &mut [i32]) {
    lanes.run(
        #[inline(always)]
        || {
            each_strip(lanes, layer, row, acc, |channel, acc, x| {
                let residuals = &mut output[channel * row.stride + row.column + x..][..acc.len()];
                requantize::residuals::<S>(acc, &layer.layer, channel, residuals);
            });
        },
    );
}

/// Most pixels of a strip: few enough that the codes of its windows and what is made of them stay in the first cache,
/// and enough that what comes once a strip and channel doesn't count.
const STRIP: usize = 128;

/// Accumulators that a kernel works on: of a strip and the most channels of a block.
pub(super) const ACCUMULATORS: usize = STRIP * 8;

/// Convolves a row strip by strip, and has `finish` take each channel's accumulators of a strip, with the channel and the
/// first pixel's place in the row.
#[inline(always)]
fn each_strip<L: Lanes>(
    lanes: L,
    layer: &Packed,
    row: &Row,
    acc: &mut [i32],
    mut finish: impl FnMut(usize, &[i32], usize),
) {
    let size = L::VECTORS * L::LANES;
    let strip = STRIP / size * size;
    for x in (0..row.width).step_by(strip) {
        let pixels = strip.min(row.width - x);
        for block in &layer.blocks {
            for start in (0..pixels).step_by(size) {
                let vectors = size.min(pixels - start).div_ceil(L::LANES);
                convolve(lanes, block, row, row.column + x + start, vectors, &mut acc[start..], strip);
            }
            for (&channel, acc) in block.channels.iter().zip(acc.chunks_exact(strip)) {
                finish(channel, &acc[..pixels], x);
            }
        }
    }
}
