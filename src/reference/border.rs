//! What a net sees outside the picture, as pixels.

use crate::frame::Rgb;
use crate::image::Sample;
use crate::net::border::mirrored;

/// `rgb` with `margin` pixels more on each side, mirrored: `[height + 2*margin, width + 2*margin, 3]`.
pub(super) fn extended<S: Sample>(rgb: Rgb<S>, margin: usize) -> Vec<S> {
    let place = |at: usize, length: usize| mirrored(at.cast_signed() - margin.cast_signed(), length);
    let row = |y: usize| (0..rgb.width + 2 * margin).flat_map(move |x| rgb.row(place(x, rgb.width), y, 1));
    (0..rgb.height + 2 * margin).flat_map(|y| row(place(y, rgb.height))).copied().collect()
}

/// The inside of a picture of `width` pixels, `margin` pixels less on each side.
pub(super) fn cropped<S: Sample>(samples: &[S], width: usize, margin: usize) -> Vec<S> {
    let rows = samples.chunks_exact(width * 3);
    let inside = margin..rows.len() - margin;
    rows.enumerate()
        .filter(|(y, _)| inside.contains(y))
        .flat_map(|(_, row)| &row[margin * 3..(width - margin) * 3])
        .copied()
        .collect()
}
