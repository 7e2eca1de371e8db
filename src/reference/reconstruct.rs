//! Anchor, residual, pixel shuffle and clip: residuals to finished pixels.

use crate::image::Sample;

/// The `scale` output rows of one input row.
///
/// `residuals` is `[width, scale*scale*3]`, channel `(dy*scale + dx)*3 + colour`; `anchor` the input pixels,
/// `[width, 3]`; `rows` the output, `[scale, scale*width, 3]`.
pub(crate) fn rows<S: Sample>(residuals: &[i32], anchor: &[S], scale: usize, rows: &mut [S]) {
    let row_len = rows.len() / scale;
    for (dy, row) in rows.chunks_exact_mut(row_len).enumerate() {
        for (x, block) in row.chunks_exact_mut(scale * 3).enumerate() {
            let residuals = &residuals[(x * scale * scale + dy * scale) * 3..][..scale * 3];
            for (i, (sample, residual)) in block.iter_mut().zip(residuals).enumerate() {
                *sample = S::saturating_from(anchor[x * 3 + i % 3].to_i32() + residual);
            }
        }
    }
}
