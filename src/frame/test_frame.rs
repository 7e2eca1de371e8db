//! A picture to measure with.

use crate::{Image, Result};

/// A picture with structure at every scale, 8-bit RGB.
///
/// # Errors
/// [`Error::ImageSize`](crate::Error::ImageSize) if it has no pixels.
pub fn test_frame(width: u32, height: u32) -> Result<Image> {
    let sample = |x: u32, y: u32, colour: u32| {
        let (vertical, horizontal) = (x.wrapping_mul(y / 16 + 1) / 7, y.wrapping_mul(x / 32 + 2) / 5);
        (vertical ^ horizontal).wrapping_add(colour * 40).to_le_bytes()[0]
    };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    Image::from_rgb8(width, height, pixels.flat_map(|(x, y)| [0, 1, 2].map(|colour| sample(x, y, colour))).collect())
}
