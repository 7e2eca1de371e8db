//! Turning pixels upright.

use image::metadata::Orientation;

use crate::image::Sample;

/// Applies `orientation` to `samples`, `[height, width, channels]`; returns the new samples, width and height.
pub(super) fn apply<S: Sample>(
    samples: Vec<S>,
    (width, height): (usize, usize),
    channels: usize,
    orientation: Orientation,
) -> (Vec<S>, (usize, usize)) {
    if orientation == Orientation::NoTransforms {
        return (samples, (width, height));
    }
    let (right, bottom) = (width - 1, height - 1);
    let (upright_width, upright_height) = match orientation.to_exif() {
        5.. => (height, width),
        _ => (width, height),
    };
    let mut upright = Vec::with_capacity(samples.len());
    for y in 0..upright_height {
        for x in 0..upright_width {
            let (stored_x, stored_y) = match orientation {
                Orientation::NoTransforms => (x, y),
                Orientation::FlipHorizontal => (right - x, y),
                Orientation::Rotate180 => (right - x, bottom - y),
                Orientation::FlipVertical => (x, bottom - y),
                Orientation::Rotate90FlipH => (y, x),
                Orientation::Rotate90 => (y, bottom - x),
                Orientation::Rotate270FlipH => (right - y, bottom - x),
                Orientation::Rotate270 => (right - y, x),
            };
            upright.extend_from_slice(&samples[(stored_y * width + stored_x) * channels..][..channels]);
        }
    }
    (upright, (upright_width, upright_height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_orientation_puts_the_pixels_upright() {
        // Stored 3 wide, 2 high:  1 2 3 / 4 5 6; the expected pictures are those of the EXIF standard's table.
        let expected: [(&[u8], usize); 8] = [
            (&[1, 2, 3, 4, 5, 6], 3),
            (&[3, 2, 1, 6, 5, 4], 3),
            (&[6, 5, 4, 3, 2, 1], 3),
            (&[4, 5, 6, 1, 2, 3], 3),
            (&[1, 4, 2, 5, 3, 6], 2),
            (&[4, 1, 5, 2, 6, 3], 2),
            (&[6, 3, 5, 2, 4, 1], 2),
            (&[3, 6, 2, 5, 1, 4], 2),
        ];
        for (exif, (pixels, width)) in (1..).zip(expected) {
            let orientation = Orientation::from_exif(exif).unwrap();
            let stored: Vec<u8> = (1..=6).flat_map(|grey| [grey, 100 + grey]).collect();
            let (upright, size) = apply(stored, (3, 2), 2, orientation);
            let expected: Vec<u8> = pixels.iter().flat_map(|&grey| [grey, 100 + grey]).collect();
            assert_eq!((upright, size), (expected, (width, 6 / width)), "orientation {exif}");
        }
    }
}
