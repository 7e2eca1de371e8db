//! Anchor, residual, pixel shuffle and clip, with the residuals of a channel side by side.

use super::row_kernel::RowKernel;
use crate::image::Sample;

/// Pixels that are taken at once: what is known of them stays in the first cache.
pub(super) const STRIP: usize = 64;

/// One input row's finished residuals, and the pixels that they are added to.
pub(super) struct Reconstruction<'a, S> {
    /// `[channel, stride]`, and [`STRIP`] more, whatever they are.
    pub residuals: &'a [i32],
    pub stride: usize,
    /// The input pixels, `[width, 3]`.
    pub anchor: &'a [S],
    pub scale: usize,
}

/// Where the pixels of one input row go.
pub(super) struct FinishedRows<'a, S> {
    /// The `scale` rows of output, of `row_len` samples each.
    pub rows: &'a mut [S],
    pub row_len: usize,
    /// The sample of each row at which the first of `scale*width` pixels goes.
    pub start: usize,
}

impl<S: Sample> Reconstruction<'_, S> {
    /// Done by code that was compiled for a kernel's instruction set.
    pub fn write(self, kernel: &dyn RowKernel, to: FinishedRows<S>) {
        let Self { residuals, stride, anchor, scale } = self;
        let FinishedRows { rows, row_len, start } = to;
        if S::BITS == 8 {
            let (anchor, rows) = (bytemuck::cast_slice(anchor), bytemuck::cast_slice_mut(rows));
            let work = Reconstruction { residuals, stride, anchor, scale };
            kernel.reconstruct8(work, FinishedRows { rows, row_len, start });
        } else {
            let (anchor, rows) = (bytemuck::cast_slice(anchor), bytemuck::cast_slice_mut(rows));
            let work = Reconstruction { residuals, stride, anchor, scale };
            kernel.reconstruct16(work, FinishedRows { rows, row_len, start });
        }
    }
}

/// Writes the pixels of an input row; a kernel compiles it for its instructions.
#[inline(always)]
pub(super) fn reconstruct<S: Sample>(work: &Reconstruction<S>, to: FinishedRows<S>) {
    match work.scale {
        1 => scaled::<S, 3>(work, to),
        2 => scaled::<S, 6>(work, to),
        3 => scaled::<S, 9>(work, to),
        _ => scaled::<S, 12>(work, to),
    }
}

/// `BLOCK` is `3*scale`, a row's samples for one input pixel.
#[inline(always)]
fn scaled<S: Sample, const BLOCK: usize>(work: &Reconstruction<S>, to: FinishedRows<S>) {
    for (strip, anchor) in work.anchor.chunks(3 * STRIP).enumerate() {
        let mut colours = [[0; STRIP]; 3];
        for (x, pixel) in anchor.chunks_exact(3).enumerate() {
            for (colour, sample) in colours.iter_mut().zip(pixel) {
                colour[x] = sample.to_i32();
            }
        }
        let pixels = anchor.len() / 3;
        for (dy, row) in to.rows.chunks_exact_mut(to.row_len).enumerate() {
            let residuals = &work.residuals[dy * BLOCK * work.stride + strip * STRIP..];
            let row = &mut row[to.start + strip * STRIP * BLOCK..][..pixels * BLOCK];
            block_row::<S, BLOCK>(residuals, work.stride, &colours, row);
        }
    }
}

/// A strip of one output row. Neighbouring samples of an input pixel are first put together as words, many pixels at once, as
/// compilers vectorise that; then written as words, of which there are fewer than samples.
#[inline(always)]
fn block_row<S: Sample, const BLOCK: usize>(
    residuals: &[i32],
    stride: usize,
    colours: &[[i32; STRIP]; 3],
    row: &mut [S],
) {
    let of_word = size_of::<u32>() / size_of::<S>();
    for first in (0..BLOCK).step_by(of_word) {
        let sample = |k: usize| {
            let residuals = &residuals[(first + k) * stride..][..STRIP];
            (residuals, &colours[(first + k) % 3])
        };
        match of_word.min(BLOCK - first) {
            1 => write::<S, BLOCK, 1>([sample(0)], first, row),
            2 => write::<S, BLOCK, 2>([sample(0), sample(1)], first, row),
            3 => write::<S, BLOCK, 3>([sample(0), sample(1), sample(2)], first, row),
            _ => write::<S, BLOCK, 4>([sample(0), sample(1), sample(2), sample(3)], first, row),
        }
    }
}

/// `N` samples of each input pixel, from `first` of its `BLOCK` on: sums of a residual and a colour of the anchor, clipped.
#[inline(always)]
fn write<S: Sample, const BLOCK: usize, const N: usize>(
    samples: [(&[i32], &[i32; STRIP]); N],
    first: usize,
    row: &mut [S],
) {
    let of_word = size_of::<u32>() / size_of::<S>();
    let most = (1 << S::BITS) - 1;
    let mut words = [0; STRIP];
    for (k, (residuals, anchor)) in samples.into_iter().enumerate() {
        let place = if cfg!(target_endian = "little") { k } else { of_word - 1 - k };
        for x in 0..STRIP {
            let sample = (anchor[x] + residuals[x]).clamp(0, most).cast_unsigned();
            words[x] |= sample << (place * S::BITS as usize);
        }
    }
    let row = bytemuck::cast_slice_mut::<S, u8>(row).chunks_exact_mut(BLOCK * size_of::<S>());
    for (block, word) in row.zip(words) {
        block[first * size_of::<S>()..][..N * size_of::<S>()]
            .copy_from_slice(&word.to_ne_bytes()[..N * size_of::<S>()]);
    }
}
