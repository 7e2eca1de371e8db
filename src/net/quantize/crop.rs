//! Pieces of pictures to calibrate on.

use crate::codec::{self, DEFAULT_MAX_PIXELS};
use crate::eval::to_rgb8;
use crate::frame::Rgb;
use crate::image::{FINE_STEPS, Image, Layout, Samples};
use crate::reference::border;
use crate::{Error, Result};

/// Side of a crop in pixels: wide enough that most of it is out of the zero padding's reach.
const SIDE: usize = 96;

/// A sheet of pieces of that size.
const BUILT_IN: &[u8] = include_bytes!("../../../weights/calibration.webp");

/// Where the columns of successive crops lie: steps of the golden ratio spread any number of them evenly.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// A piece of a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crop {
    width: usize,
    height: usize,
    /// `[height, width, 3]`.
    samples: Vec<u8>,
}

impl Crop {
    /// `count` crops of an 8-bit RGB picture, spread evenly over it: 96x96, or the picture's sides where they are less.
    ///
    /// The same picture always gives the same crops.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the picture is not 8-bit RGB.
    pub fn choose(image: &Image, count: usize) -> Result<Vec<Self>> {
        let (Samples::U8(samples), Layout::Rgb) = (image.samples(), image.layout()) else {
            return Err(Error::Unsupported("nets are calibrated on 8-bit RGB images only".to_owned()));
        };
        let rgb = Rgb { width: image.width() as usize, height: image.height() as usize, samples };
        let (width, height) = (rgb.width.min(SIDE), rgb.height.min(SIDE));
        let crops = (0..count).map(|index| {
            let x = part((0.5 + index as f64 * GOLDEN).fract(), rgb.width - width);
            let y = part((index as f64 + 0.5) / count as f64, rgb.height - height);
            let samples = (y..y + height).flat_map(|y| rgb.row(x, y, width)).copied().collect();
            Self { width, height, samples }
        });
        Ok(crops.collect())
    }

    /// Those that ship with abpn, for nets whose pictures aren't at hand: pieces of seven photos and two frames of film.
    ///
    /// # Errors
    /// None, unless abpn was built with a damaged picture.
    pub fn built_in() -> Result<Vec<Self>> {
        let (picture, _) = codec::decode(BUILT_IN, DEFAULT_MAX_PIXELS)?;
        let sheet = to_rgb8(&picture.image)?;
        let (Samples::U8(samples), width, height) = (sheet.samples(), sheet.width() as usize, sheet.height() as usize)
        else {
            return Err(Error::Unsupported("the built-in pictures are not of 8 bits".to_owned()));
        };
        let rgb = Rgb { width, height, samples };
        let piece = |x: usize, y: usize| {
            let samples = (y..y + SIDE).flat_map(|y| rgb.row(x, y, SIDE)).copied().collect();
            Self { width: SIDE, height: SIDE, samples }
        };
        let rows = (0..height / SIDE).flat_map(|row| (0..width / SIDE).map(move |column| (column * SIDE, row * SIDE)));
        Ok(rows.map(|(x, y)| piece(x, y)).collect())
    }

    /// The crop with `by` mirrored pixels around it, as a net with [`Border::Mirror`](crate::net::Border) sees it.
    pub(super) fn extended(&self, by: usize) -> Self {
        let rgb = Rgb { width: self.width, height: self.height, samples: &self.samples };
        Self { samples: border::extended(rgb, by), width: self.width + 2 * by, height: self.height + 2 * by }
    }

    /// Number of pixels.
    pub(super) fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// The crop in 16 bits: what the net sees is the same, and its result is finer.
    pub(super) fn wide_samples(&self) -> Vec<u16> {
        self.samples.iter().map(|&sample| u16::from(sample) * FINE_STEPS).collect()
    }

    /// `samples`, as from [`Crop::wide_samples`], as a picture.
    pub(super) fn picture<'a>(&self, samples: &'a [u16]) -> Rgb<'a, u16> {
        Rgb { width: self.width, height: self.height, samples }
    }
}

/// A fraction, 0..=1, of `whole`, rounded.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=whole")]
fn part(fraction: f64, whole: usize) -> usize {
    (fraction * whole as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Red is the column, green the row.
    fn image(width: u32, height: u32) -> Image {
        let pixels = (0..height).flat_map(|y| (0..width).flat_map(move |x| [x, y, 7]));
        Image::from_rgb8(width, height, pixels.map(|value| u8::try_from(value).unwrap()).collect()).unwrap()
    }

    #[test]
    fn crops_are_pieces_from_all_over_the_picture() {
        let crops = Crop::choose(&image(256, 200), 9).unwrap();
        let mut corners: Vec<_> = crops.iter().map(|crop| (crop.samples[0], crop.samples[1])).collect();
        for (crop, &(x, y)) in crops.iter().zip(&corners) {
            assert_eq!((crop.width, crop.height, crop.samples.len()), (SIDE, SIDE, SIDE * SIDE * 3));
            assert_eq!(crop.samples[crop.samples.len() - 3..], [x + 95, y + 95, 7]);
        }
        assert!(corners.windows(2).all(|pair| pair[0].1 < pair[1].1));
        corners.sort_unstable();
        // 160 columns to choose from.
        assert!(corners.windows(2).all(|pair| (5..40).contains(&(pair[1].0 - pair[0].0))), "{corners:?}");
        assert!(corners[0].0 < 40 && corners[8].0 > 120, "{corners:?}");
    }

    #[test]
    fn a_crop_is_extended_by_its_mirror_image() {
        let crop = &Crop::choose(&image(3, 2), 1).unwrap()[0];
        assert_eq!(crop.extended(0), *crop);
        let extended = crop.extended(2);
        assert_eq!((extended.width, extended.height), (7, 6));
        let pixels: Vec<_> = extended.samples.chunks_exact(3).map(|pixel| (pixel[0], pixel[1])).collect();
        let columns = [1, 0, 0, 1, 2, 2, 1];
        let rows = [1, 0, 0, 1, 1, 0];
        assert_eq!(pixels, rows.into_iter().flat_map(|y| columns.map(|x| (x, y))).collect::<Vec<_>>());
    }

    #[test]
    fn the_built_in_pictures_are_all_different_and_none_is_flat() {
        let crops = Crop::built_in().unwrap();
        assert_eq!(crops.len(), 9);
        for (index, crop) in crops.iter().enumerate() {
            assert_eq!((crop.width, crop.height), (SIDE, SIDE));
            assert!(!crops[..index].contains(crop));
            let (least, most) = (crop.samples.iter().min().unwrap(), crop.samples.iter().max().unwrap());
            assert!(most - least > 100, "{index}: {least} to {most}");
        }
    }

    #[test]
    fn a_small_picture_is_its_own_crop() {
        let crops = Crop::choose(&image(20, 100), 1).unwrap();
        assert_eq!((crops[0].width, crops[0].height), (20, SIDE));
        assert_eq!(crops[0].samples[..3], [0, 2, 7]);
        let grey = Image::new(1, 1, Layout::Grey, Samples::U8(vec![0])).unwrap();
        assert!(Crop::choose(&grey, 1).unwrap_err().to_string().contains("RGB"));
    }
}
