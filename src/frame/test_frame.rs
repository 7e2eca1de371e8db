//! A picture to measure with.

use crate::image::reserved;
use crate::{Error, Image, Result};

/// A picture with structure at every scale, 8-bit RGB.
///
/// # Errors
/// [`Error::ImageSize`] if it has no pixels, [`Error::Memory`] if there is no room for them.
pub fn test_frame(width: u32, height: u32) -> Result<Image> {
    let sample = |x: u32, y: u32, colour: u32| {
        let (vertical, horizontal) = (x.wrapping_mul(y / 16 + 1) / 7, y.wrapping_mul(x / 32 + 2) / 5);
        (vertical ^ horizontal).wrapping_add(colour * 40).to_le_bytes()[0]
    };
    let len = usize::try_from(u128::from(width) * u128::from(height) * 3);
    let mut samples = reserved(len.map_err(|_| Error::Memory { bytes: usize::MAX })?)?;
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    samples.extend(pixels.flat_map(|(x, y)| [0, 1, 2].map(|colour| sample(x, y, colour))));
    Image::from_rgb8(width, height, samples)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_without_pixels_or_without_room_is_an_error() {
        assert_eq!(test_frame(5, 3).unwrap().samples().len(), 45);
        assert!(matches!(test_frame(0, 3), Err(Error::ImageSize { .. })));
        for side in [u32::MAX, 1 << 28] {
            assert!(matches!(test_frame(side, side), Err(Error::Memory { .. })));
        }
    }
}
