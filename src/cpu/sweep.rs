//! A sweep: rows go through all layers one after the other, top to bottom.
//!
//! When a row of the picture comes in, the first layer can compute the row above it, the second layer the row above that,
//! and so on to finished pixels; a layer of which a kernel computes four rows at once waits until it can do so. So each layer
//! needs only a few rows of the one before, which stay in the cache.

use std::ops::Range;
use std::sync::Arc;

use super::packing::{PackedLayer, pack_pixels};
use super::reconstruct::{self, FinishedRows, Reconstruction};
use super::row_kernel::{OutputRows, RowKernel, Rows, Scratch};
use super::watch::Watch;
use super::winograd;
use crate::frame::{RowBuffer, Sink, Source};
use crate::image::Sample;

/// Most rows that a kernel computes at once.
const MOST_ROWS: usize = winograd::SIDE;

/// A net, ready to run on a kernel.
pub(super) struct PackedNet {
    pub kernel: Arc<dyn RowKernel>,
    pub layers: Vec<PackedLayer>,
    pub scale: usize,
}

impl PackedNet {
    /// Rows that are kept of a layer's input. Those that the layer is to compute next depend on as many and 2; the last of
    /// these was still to come when the layer before computed rows for the last time.
    fn kept(&self, layer: usize) -> usize {
        let made_at_once = layer.checked_sub(1).map_or(1, |before| self.layers[before].rows());
        self.layers[layer].rows() + 1 + made_at_once
    }

    /// A word of a layer's input outside the picture.
    fn zero_word(&self, layer: usize) -> u32 {
        let zero_point = layer.checked_sub(1).map_or(0, |before| self.layers[before].layer.zero_point());
        let twice = u32::from(zero_point) * 0x0001_0001;
        if self.kernel.codes() == 2 { twice } else { twice * 0x0101 }
    }
}

/// The part of a picture that a sweep finishes, in input pixels.
#[derive(Clone, Debug)]
pub(super) struct Area {
    pub columns: Range<usize>,
    pub rows: Range<usize>,
    /// How far the source goes beyond the picture, on each side.
    pub margin: usize,
}

impl Area {
    /// This and `reach` pixels round it, as columns and rows of the source, as far as that goes.
    fn grown(&self, reach: usize, source: &dyn Source) -> (Range<usize>, Range<usize>) {
        let grown = |range: &Range<usize>, len: usize| {
            (range.start + self.margin).saturating_sub(reach)..len.min(range.end + self.margin + reach)
        };
        (grown(&self.columns, source.width()), grown(&self.rows, source.height()))
    }
}

/// Where a sweep's words lie in a row.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowGeometry {
    /// The picture's column that comes after the one to the left of all, which is outside the picture or never needed.
    pub origin: usize,
    /// Words from one plane to the next.
    pub stride: usize,
}

impl RowGeometry {
    /// Room for `columns` with one column on each side, and for what a kernel reads beyond it.
    fn new(columns: &Range<usize>, kernel: &dyn RowKernel) -> Self {
        // An odd number of cache lines of 16 words: planes that lie a power of 2 apart would compete for one place in the
        // cache.
        let lines = (columns.len() + 2 + kernel.beyond()).div_ceil(16);
        Self { origin: columns.start, stride: (lines | 1) * 16 }
    }
}

/// The buffers of a sweep, to be used again.
#[derive(Default)]
pub(super) struct SweepBuffers {
    /// The last rows of each layer's input, `[kept + 1, word, stride]`; row `y` is at `y % kept`, and after them is a row
    /// outside the picture.
    inputs: Vec<Vec<u32>>,
    /// For each layer the row that it computes next.
    next: Vec<usize>,
    scratch: Scratch,
    /// `[row, channel, stride]`.
    residuals: Vec<i32>,
    /// A row of the source, and the finished rows of one of them.
    row: RowBuffer,
    finished: RowBuffer,
}

impl SweepBuffers {
    /// Makes all of it zero points, as what is outside the picture has to be; kernels write only inside.
    fn clear(&mut self, net: &PackedNet, stride: usize) {
        fn fill<T: Copy>(buffer: &mut Vec<T>, len: usize, with: T) {
            buffer.clear();
            buffer.resize(len, with);
        }
        let layers = &net.layers;
        self.inputs.resize_with(layers.len(), Vec::new);
        for (index, (input, layer)) in self.inputs.iter_mut().zip(layers).enumerate() {
            fill(input, (net.kept(index) + 1) * layer.words * stride, net.zero_word(index));
        }
        let channels = |layer: &PackedLayer| layer.rows() * layer.layer.out_channels;
        fill(&mut self.residuals, layers.last().map_or(0, channels) * stride + reconstruct::STRIP, 0);
    }
}

/// Computes the pixels of `area`, and gives them to `sink`, samples of the source's format.
pub(super) fn sweep<S: Sample>(
    net: &PackedNet,
    source: &dyn Source,
    area: &Area,
    buffers: &mut SweepBuffers,
    sink: &mut dyn Sink,
    watch: &mut impl Watch,
) {
    let PackedNet { kernel, layers, scale } = net;
    let halo = layers.len();
    // What each layer has to make of the source's columns and rows.
    let needed_columns = |index: usize| area.grown(halo - 1 - index, source).0;
    let needed_rows = |index: usize| area.grown(halo - 1 - index, source).1;
    let (window_columns, window_rows) = area.grown(halo, source);
    let geometry = RowGeometry::new(&window_columns, &**kernel);
    let RowGeometry { origin, stride } = geometry;
    buffers.clear(net, stride);
    let SweepBuffers { inputs, next, scratch, residuals, row, finished } = buffers;
    next.clear();
    next.extend((0..halo).map(|index| needed_rows(index).start));
    for incoming in window_rows {
        let pixels: &[S] = bytemuck::cast_slice(source.row(origin, incoming, window_columns.len(), row));
        let words = layers[0].words * stride;
        pack_pixels(pixels, kernel.codes(), &mut inputs[0][incoming % net.kept(0) * words..][..words], stride, 1);
        let next_of = |index: usize, next: &[usize]| {
            let (y, end) = (next[index], needed_rows(index).end);
            // The first row that it isn't given yet, and the first that it does not need now.
            let given = index.checked_sub(1).map_or(incoming + 1, |before| next[before]);
            let wanted = layers[index].rows().min(end - y);
            let below = (y + wanted + 1).min(source.height());
            (wanted > 0 && below <= given).then_some((index, y, wanted, below))
        };
        // The last layer that can: so each has used what it is given before it is given more.
        while let Some((index, y, wanted, below)) = (0..halo).rev().find_map(|index| next_of(index, next)) {
            next[index] += wanted;
            let layer = &layers[index];
            let columns = needed_columns(index);
            let (column, width) = (columns.start - origin + 1, columns.len());
            let (before, after) = inputs.split_at_mut(index + 1);
            let kept = net.kept(index);
            let starts: [usize; MOST_ROWS + 2] = std::array::from_fn(|row| {
                let slot = (y + row).checked_sub(1).filter(|&row| row < below).map_or(kept, |row| row % kept);
                slot * layer.words * stride
            });
            let rows = Rows { input: &before[index], starts: &starts[..layer.rows() + 2], stride, column, width };
            if let Some((to, after)) = after.first_mut().zip(layers.get(index + 1)) {
                let start = |y: usize| y % net.kept(index + 1) * after.words * stride;
                let starts: [usize; MOST_ROWS] = std::array::from_fn(|row| start(y + row));
                kernel.hidden(layer, &rows, scratch, OutputRows { buffer: to, starts: &starts[..wanted] });
                for y in y..y + wanted {
                    watch.row(index, y, &to[start(y)..][..after.words * stride], geometry);
                }
            } else {
                let a_row = layer.layer.out_channels * stride;
                let starts: [usize; MOST_ROWS] = std::array::from_fn(|row| row * a_row);
                let last = if S::BITS == 8 { RowKernel::last8 } else { RowKernel::last16 };
                last(&**kernel, layer, &rows, scratch, OutputRows { buffer: residuals, starts: &starts[..wanted] });
                for (y, of_row) in (y..y + wanted).zip(starts) {
                    let anchor = bytemuck::cast_slice(source.row(columns.start, y, width, row));
                    let residuals = &residuals[of_row + column..];
                    let work = Reconstruction { residuals, stride, anchor, scale: *scale };
                    finish::<S>(&**kernel, work, area.columns.start, y - area.margin, sink, finished);
                    watch.row(index, y, &[], geometry);
                }
            }
        }
    }
}

/// Finishes the pixels of input row `y` from column `x` on, in the sink's own memory if it has some for them.
fn finish<S: Sample>(
    kernel: &dyn RowKernel,
    work: Reconstruction<S>,
    x: usize,
    y: usize,
    sink: &mut dyn Sink,
    buffer: &mut RowBuffer,
) {
    let scale = work.scale;
    let block = 3 * scale;
    if let Some(memory) = sink.memory(y * scale, scale) {
        let rows: &mut [S] = bytemuck::cast_slice_mut(memory);
        let row_len = rows.len() / scale;
        work.write(kernel, FinishedRows { rows, row_len, start: x * block });
        return;
    }
    let row_len = work.anchor.len() * scale;
    let rows = buffer.samples::<S>(scale * row_len);
    work.write(kernel, FinishedRows { rows: &mut *rows, row_len, start: 0 });
    for (dy, row) in rows.chunks_exact(row_len).enumerate() {
        sink.row(x * scale, y * scale + dy, bytemuck::cast_slice(row));
    }
}
