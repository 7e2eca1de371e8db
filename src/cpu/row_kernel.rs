//! A kernel: what computes some rows of a layer, for one instruction set.

use super::convolve::{Offsets, Row, convolve};
use super::lanes::{Lanes, Tiles};
use super::packing::{PackedLayer, Weights};
use super::reconstruct::{FinishedRows, Reconstruction, reconstruct};
use super::{requantise, winograd};
use crate::image::Sample;
use crate::net::{Layer, TAPS};

/// Some rows of a layer, on one instruction set.
pub(super) trait RowKernel: Send + Sync {
    /// The value of `ABPN_CPU` that asks for it.
    fn name(&self) -> &'static str;

    /// Codes of a word, 2 or 4.
    fn codes(&self) -> usize;

    /// So many words beyond a row's end may be read.
    fn beyond(&self) -> usize;

    /// A layer's weights as this kernel reads them.
    fn pack(&self, layer: &Layer) -> PackedLayer;

    /// The codes of a hidden layer's rows, `[word, stride]` each.
    fn hidden(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<u32>);

    /// The residuals of the last layer's rows for 8-bit samples, `[channel, stride]` each.
    fn last8(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<i32>);

    /// The same for 16-bit samples.
    fn last16(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<i32>);

    /// Finished pixels of 8-bit samples.
    fn reconstruct8(&self, work: Reconstruction<u8>, to: FinishedRows<u8>);

    /// The same of 16-bit samples.
    fn reconstruct16(&self, work: Reconstruction<u16>, to: FinishedRows<u16>);
}

/// Rows of pixels to compute, and what their convolution reads.
pub(super) struct Rows<'a> {
    /// Words of codes.
    pub input: &'a [u32],
    /// Where in `input` the rows are that are read, `[word, stride]` each: as many as [`PackedLayer::rows`], one above and one
    /// below. Those that no wanted row depends on may be any.
    pub starts: &'a [usize],
    /// Words from one plane to the next.
    pub stride: usize,
    /// Column of the first pixel; the left column of its window is the one before.
    pub column: usize,
    /// How many pixels a row.
    pub width: usize,
}

/// Where what is computed goes.
pub(super) struct OutputRows<'a, T> {
    pub buffer: &'a mut [T],
    /// Where in `buffer` the rows are, of those that are computed as many as are wanted.
    pub starts: &'a [usize],
}

/// What kernels work with, to be used again.
#[derive(Default)]
pub(super) struct Scratch {
    offsets: Offsets,
    acc: Vec<i32>,
    winograd: winograd::Scratch,
}

/// Every layer by the products of the definition.
impl<L: Lanes> RowKernel for L {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn codes(&self) -> usize {
        L::CODES
    }

    fn beyond(&self) -> usize {
        L::VECTORS * L::LANES
    }

    fn pack(&self, layer: &Layer) -> PackedLayer {
        PackedLayer::direct::<L>(layer)
    }

    fn hidden(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<u32>) {
        let output = &mut output.buffer[output.starts[0]..];
        self.run(
            #[inline(always)]
            || {
                each_strip(*self, layer, rows, scratch, |channel, acc, x| {
                    let (word, code) = (channel / L::CODES, channel % L::CODES);
                    let words = &mut output[word * rows.stride + rows.column + x..][..acc.len()];
                    requantise::codes(acc, &layer.layer, channel, L::CODES, code, words);
                });
            },
        );
    }

    fn last8(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<i32>) {
        last::<L, u8>(*self, layer, rows, scratch, output);
    }

    fn last16(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<i32>) {
        last::<L, u16>(*self, layer, rows, scratch, output);
    }

    fn reconstruct8(&self, work: Reconstruction<u8>, to: FinishedRows<u8>) {
        self.run(
            #[inline(always)]
            || reconstruct(&work, to),
        );
    }

    fn reconstruct16(&self, work: Reconstruction<u16>, to: FinishedRows<u16>) {
        self.run(
            #[inline(always)]
            || reconstruct(&work, to),
        );
    }
}

fn last<L: Lanes, S: Sample>(
    lanes: L,
    layer: &PackedLayer,
    rows: &Rows,
    scratch: &mut Scratch,
    output: OutputRows<i32>,
) {
    let output = &mut output.buffer[output.starts[0]..];
    lanes.run(
        #[inline(always)]
        || {
            each_strip(lanes, layer, rows, scratch, |channel, acc, x| {
                let residuals = &mut output[channel * rows.stride + rows.column + x..][..acc.len()];
                requantise::residuals::<S>(acc, 0, &layer.layer, channel, residuals);
            });
        },
    );
}

/// Each layer in one of two ways.
pub(super) struct Mixed<L> {
    lanes: L,
    /// Whether Winograd's way is the better one, of a layer packed for both.
    winograd_is_better: fn(&PackedLayer, &PackedLayer) -> bool,
}

impl<L: Tiles> Mixed<L> {
    /// The way that takes fewer instructions.
    pub fn new(lanes: L) -> Self {
        Self { lanes, winograd_is_better: |direct, winograd| winograd.instructions < direct.instructions }
    }

    /// Winograd's way wherever it can be gone.
    #[cfg(test)]
    pub fn winograd(lanes: L) -> Self {
        Self { lanes, winograd_is_better: |_, _| true }
    }
}

impl<L: Tiles> RowKernel for Mixed<L> {
    fn name(&self) -> &'static str {
        L::NAME
    }

    fn codes(&self) -> usize {
        L::CODES
    }

    fn beyond(&self) -> usize {
        self.lanes.beyond().max(winograd::beyond::<L>())
    }

    fn pack(&self, layer: &Layer) -> PackedLayer {
        let direct = self.lanes.pack(layer);
        match PackedLayer::winograd::<L>(layer) {
            Some(winograd) if (self.winograd_is_better)(&direct, &winograd) => winograd,
            _ => direct,
        }
    }

    fn hidden(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<u32>) {
        match &layer.weights {
            Weights::Direct(_) => self.lanes.hidden(layer, rows, scratch, output),
            Weights::Winograd(weights) => winograd::hidden(self.lanes, weights, rows, &mut scratch.winograd, output),
        }
    }

    fn last8(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<i32>) {
        match &layer.weights {
            Weights::Direct(_) => self.lanes.last8(layer, rows, scratch, output),
            Weights::Winograd(weights) => {
                winograd::last::<L, u8>(self.lanes, &layer.layer, weights, rows, &mut scratch.winograd, output)
            }
        }
    }

    fn last16(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<i32>) {
        match &layer.weights {
            Weights::Direct(_) => self.lanes.last16(layer, rows, scratch, output),
            Weights::Winograd(weights) => {
                winograd::last::<L, u16>(self.lanes, &layer.layer, weights, rows, &mut scratch.winograd, output)
            }
        }
    }

    fn reconstruct8(&self, work: Reconstruction<u8>, to: FinishedRows<u8>) {
        self.lanes.reconstruct8(work, to);
    }

    fn reconstruct16(&self, work: Reconstruction<u16>, to: FinishedRows<u16>) {
        self.lanes.reconstruct16(work, to);
    }
}

/// Most pixels of a strip: few enough that the codes of its windows and what is made of them stay in the first cache,
/// and enough that what comes once a strip and channel doesn't count.
const STRIP: usize = 128;

/// Accumulators that a kernel works on: of a strip and the most channels of a block.
const ACCUMULATORS: usize = STRIP * 8;

/// Convolves a row strip by strip, and has `finish` take each channel's accumulators of a strip, with the channel and the
/// first pixel's place in the row.
#[inline(always)]
fn each_strip<L: Lanes>(
    lanes: L,
    layer: &PackedLayer,
    rows: &Rows,
    scratch: &mut Scratch,
    mut finish: impl FnMut(usize, &[i32], usize),
) {
    let Weights::Direct(blocks) = &layer.weights else { unreachable!("a layer that was packed for another kernel") };
    let Scratch { offsets, acc, .. } = scratch;
    acc.resize(ACCUMULATORS, 0);
    offsets.set((0..layer.words * TAPS).map(|i| {
        let (word, tap) = (i / TAPS, i % TAPS);
        rows.starts[tap / 3] + word * rows.stride + tap % 3
    }));
    let row = Row { input: rows.input, offsets };
    let size = L::VECTORS * L::LANES;
    let strip = STRIP / size * size;
    for x in (0..rows.width).step_by(strip) {
        let pixels = strip.min(rows.width - x);
        for block in blocks {
            for start in (0..pixels).step_by(size) {
                let vectors = size.min(pixels - start).div_ceil(L::LANES);
                convolve(lanes, block, &row, rows.column + x + start, vectors, &mut acc[start..], strip);
            }
            for (&channel, acc) in block.channels.iter().zip(acc.chunks_exact(strip)) {
                finish(channel, &acc[..pixels], x);
            }
        }
    }
}
