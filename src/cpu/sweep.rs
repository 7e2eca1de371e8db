//! A sweep: rows go through all layers one after the other, top to bottom.
//!
//! When a row of the picture comes in, the first layer can compute the row above it, the second layer the row above that,
//! and so on to finished pixels. So each layer needs only three rows of the one before, which stay in the cache.

use std::ops::Range;
use std::sync::Arc;

use super::convolve::{Offsets, Row};
use super::kernel::{ACCUMULATORS, Kernel};
use super::packing::{Packed, pack_pixels};
use super::reconstruct;
use crate::image::{Rgb, Sample};
use crate::net::TAPS;

/// Rows that a convolution reads, and so all that are kept of a layer.
const KEPT: usize = 3;

/// A net, ready to run on a kernel.
pub(super) struct Program {
    pub kernel: Arc<dyn Kernel>,
    pub layers: Vec<Packed>,
    pub scale: usize,
}

/// The part of a picture that a sweep finishes, in input pixels.
#[derive(Clone, Debug)]
pub(super) struct Area {
    pub columns: Range<usize>,
    pub rows: Range<usize>,
}

impl Area {
    /// This and `reach` pixels round it, as far as the picture goes.
    fn grown(&self, reach: usize, width: usize, height: usize) -> Self {
        let grown = |range: &Range<usize>, len: usize| range.start.saturating_sub(reach)..len.min(range.end + reach);
        Self { columns: grown(&self.columns, width), rows: grown(&self.rows, height) }
    }
}

/// Hears of each row that a layer has finished.
pub(super) trait Watch {
    /// Row `y` of layer `layer`; of a hidden one with its words, `[word, stride]`, of the area's columns and some round
    /// them: the picture's column `x` is at `x - origin + 1`.
    fn row(&mut self, layer: usize, y: usize, words: &[u32], geometry: Geometry);
}

/// Hears nothing.
impl Watch for () {
    fn row(&mut self, _: usize, _: usize, _: &[u32], _: Geometry) {}
}

/// Where a sweep's words lie in a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Geometry {
    /// The picture's column that comes after the one to the left of all, which is outside the picture or never needed.
    pub origin: usize,
    /// Words from one plane to the next.
    pub stride: usize,
}

impl Geometry {
    /// Room for `columns` with one column on each side, and for what a kernel reads beyond it.
    fn new(columns: &Range<usize>, kernel: &dyn Kernel) -> Self {
        // An odd number of cache lines of 16 words: planes that lie a power of 2 apart would compete for one place in the
        // cache.
        let lines = (columns.len() + 2 + kernel.pixels()).div_ceil(16);
        Self { origin: columns.start, stride: (lines | 1) * 16 }
    }
}

/// The buffers of a sweep, to be used again.
#[derive(Default)]
pub(super) struct Workspace {
    /// The last rows of each layer's input, `[KEPT + 1, word, stride]`; row `y` is at `y % KEPT`, and after them is a row
    /// outside the picture.
    inputs: Vec<Vec<u32>>,
    /// Where one layer's row is to be read.
    offsets: Offsets,
    acc: Vec<i32>,
    /// `[channel, stride]`.
    residuals: Vec<i32>,
}

impl Workspace {
    /// Makes all of it 0, as what is outside the picture has to be; kernels write only inside.
    fn clear(&mut self, program: &Program, stride: usize) {
        fn zeros<T: Copy + Default>(buffer: &mut Vec<T>, len: usize) {
            buffer.clear();
            buffer.resize(len, T::default());
        }
        let layers = &program.layers;
        self.inputs.resize_with(layers.len(), Vec::new);
        for (input, layer) in self.inputs.iter_mut().zip(layers) {
            zeros(input, (KEPT + 1) * layer.words * stride);
        }
        let channels = |layer: &Packed| layer.layer.out_channels;
        zeros(&mut self.acc, ACCUMULATORS);
        zeros(&mut self.residuals, layers.last().map_or(0, channels) * stride);
    }
}

/// Computes the pixels of `area`, and writes them to `output`: the picture's rows that come from `area.rows`.
pub(super) fn sweep<S: Sample>(
    program: &Program,
    rgb: Rgb<S>,
    area: &Area,
    workspace: &mut Workspace,
    output: &mut [S],
    watch: &mut impl Watch,
) {
    let Program { kernel, layers, scale } = program;
    let halo = layers.len();
    let needed = |reach: usize| area.grown(reach, rgb.width, rgb.height);
    let window = needed(halo);
    let geometry = Geometry::new(&window.columns, &**kernel);
    let Geometry { origin, stride } = geometry;
    workspace.clear(program, stride);
    let Workspace { inputs, offsets, acc, residuals } = workspace;
    let row_len = rgb.width * scale * 3;
    for incoming in window.rows.start..area.rows.end + halo {
        if window.rows.contains(&incoming) {
            let pixels = rgb.row(origin, incoming, window.columns.len());
            let words = layers[0].words * stride;
            pack_pixels(pixels, kernel.codes(), &mut inputs[0][incoming % KEPT * words..][..words], stride, 1);
        }
        for (index, layer) in layers.iter().enumerate() {
            let Some(y) = incoming.checked_sub(index + 1) else { break };
            let needed = needed(halo - 1 - index);
            if !needed.rows.contains(&y) {
                continue;
            }
            let (before, after) = inputs.split_at_mut(index + 1);
            let slots = [
                y.checked_sub(1).map_or(KEPT, |above| above % KEPT),
                y % KEPT,
                if y + 1 < rgb.height { (y + 1) % KEPT } else { KEPT },
            ];
            offsets.set((0..layer.words * TAPS).map(|i| {
                let (word, tap) = (i / TAPS, i % TAPS);
                (slots[tap / 3] * layer.words + word) * stride + tap % 3
            }));
            let (column, width) = (needed.columns.start - origin + 1, needed.columns.len());
            let row = Row { input: &before[index], offsets, stride, column, width };
            if let Some((to, next)) = after.first_mut().zip(layers.get(index + 1)) {
                let words = next.words * stride;
                let to = &mut to[y % KEPT * words..][..words];
                kernel.hidden(layer, &row, acc, to);
                watch.row(index, y, to, geometry);
            } else {
                let last = if S::BITS == 8 { Kernel::last8 } else { Kernel::last16 };
                last(&**kernel, layer, &row, acc, residuals);
                let rows = &mut output[(y - area.rows.start) * scale * row_len..][..scale * row_len];
                let anchor = rgb.row(area.columns.start, y, width);
                reconstruct::rows(
                    &residuals[column..],
                    stride,
                    anchor,
                    *scale,
                    rows,
                    row_len,
                    area.columns.start * scale * 3,
                );
                watch.row(index, y, &[], geometry);
            }
        }
    }
}
