//! What a net sees outside the picture, as pixels.

use crate::frame::Rgb;
use crate::image::Sample;
use crate::net::border::mirrored;

/// `rgb` with `margin` pixels more on each side, mirrored: `[height + 2*margin, width + 2*margin, 3]`.
pub(crate) fn extended<S: Sample>(rgb: Rgb<S>, margin: usize) -> Vec<S> {
    let place = |at: usize, length: usize| mirrored(at.cast_signed() - margin.cast_signed(), length);
    let row = |y: usize| (0..rgb.width + 2 * margin).flat_map(move |x| rgb.row(place(x, rgb.width), y, 1));
    (0..rgb.height + 2 * margin).flat_map(|y| row(place(y, rgb.height))).copied().collect()
}

/// The rows of `values`, `row_len` long, but for the first and last `rows`, each without its first and last `columns`.
pub(crate) fn inner<T>(values: &[T], row_len: usize, rows: usize, columns: usize) -> impl Iterator<Item = &[T]> {
    let height = values.len() / row_len;
    values.chunks_exact(row_len).take(height - rows).skip(rows).map(move |row| &row[columns..row_len - columns])
}
