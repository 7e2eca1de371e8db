//! Anchor, residual, pixel shuffle and clip, with the residuals of a channel side by side.

use crate::image::Sample;

/// The `scale` output rows of one input row.
///
/// `residuals` is `[channel, stride]`; `anchor` the input pixels, `[width, 3]`; `rows` the output, of which each row of
/// `row_len` samples gets `scale*width` pixels from sample `start` on.
pub(super) fn rows<S: Sample>(
    residuals: &[i32],
    stride: usize,
    anchor: &[S],
    scale: usize,
    rows: &mut [S],
    row_len: usize,
    start: usize,
) {
    for (dy, row) in rows.chunks_exact_mut(row_len).enumerate() {
        let residuals = &residuals[dy * 3 * scale * stride..];
        let row = &mut row[start..][..anchor.len() * scale];
        match scale {
            2 => self::row::<S, 6>(residuals, stride, anchor, row),
            3 => self::row::<S, 9>(residuals, stride, anchor, row),
            _ => self::row::<S, 12>(residuals, stride, anchor, row),
        }
    }
}

/// One output row; `BLOCK` is `3*scale`, its samples for one input pixel.
#[inline(always)]
fn row<S: Sample, const BLOCK: usize>(residuals: &[i32], stride: usize, anchor: &[S], row: &mut [S]) {
    let width = anchor.len() / 3;
    let channels: [&[i32]; BLOCK] = std::array::from_fn(|channel| &residuals[channel * stride..][..width]);
    for (x, (block, anchor)) in row.chunks_exact_mut(BLOCK).zip(anchor.chunks_exact(3)).enumerate() {
        for (i, sample) in block.iter_mut().enumerate() {
            *sample = S::saturating_from(anchor[i % 3].to_i32() + channels[i][x]);
        }
    }
}
