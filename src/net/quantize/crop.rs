//! Pieces of pictures to calibrate on.

use crate::image::{Image, Rgb, Sample, Samples};

/// Side of a crop in pixels: wide enough that most of it is out of the zero padding's reach.
const SIDE: usize = 96;

/// Where the columns of successive crops lie: steps of the golden ratio spread any number of them evenly.
const GOLDEN: f64 = 0.618_033_988_749_894_9;

/// A piece of a picture, 8-bit RGB.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Crop {
    width: usize,
    height: usize,
    /// `[height, width, 3]`.
    rgb: Vec<u8>,
}

impl Crop {
    /// `count` crops of a picture, spread evenly over it: at most 96x96, smaller if the picture is.
    ///
    /// Grey becomes RGB, 16 bits become 8, alpha is left out. The same picture always gives the same crops.
    pub fn choose(image: &Image, count: usize) -> Vec<Self> {
        let (image_width, image_height) = (image.width() as usize, image.height() as usize);
        let (width, height) = (image_width.min(SIDE), image_height.min(SIDE));
        let at = |fraction: f64, space: usize| {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0..=space")]
            let offset = (fraction * space as f64).round() as usize;
            offset
        };
        (0..count)
            .map(|index| {
                let x = at((0.5 + index as f64 * GOLDEN).fract(), image_width - width);
                let y = at((index as f64 + 0.5) / count as f64, image_height - height);
                let rows = y..y + height;
                let rgb = match image.samples() {
                    Samples::U8(samples) => window(samples, image, x, width, rows),
                    Samples::U16(samples) => window(samples, image, x, width, rows),
                };
                Self { width, height, rgb }
            })
            .collect()
    }

    /// Number of pixels.
    pub(super) fn pixels(&self) -> usize {
        self.width * self.height
    }

    /// The crop in 16 bits: what the net sees is the same, and its result is 257 times finer.
    pub(super) fn samples(&self) -> Vec<u16> {
        self.rgb.iter().map(|&sample| u16::from(sample) * 257).collect()
    }

    /// `samples`, as from [`Crop::samples`], as a picture.
    pub(super) fn picture<'a>(&self, samples: &'a [u16]) -> Rgb<'a, u16> {
        Rgb { width: self.width, height: self.height, samples }
    }
}

/// A window of an image of any layout as 8-bit RGB.
fn window<S: Sample>(samples: &[S], image: &Image, x: usize, width: usize, rows: std::ops::Range<usize>) -> Vec<u8> {
    let channels = image.layout().channels();
    let colours = if channels < 3 { [0, 0, 0] } else { [0, 1, 2] };
    rows.flat_map(|y| samples[(y * image.width() as usize + x) * channels..][..width * channels].chunks_exact(channels))
        .flat_map(|pixel| colours.map(|colour| pixel[colour].to_u8()))
        .collect()
}
