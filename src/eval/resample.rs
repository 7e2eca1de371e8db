//! Bicubic resampling in the bytes of MATLAB's `imresize`, by which the field makes its small pictures.
//!
//! The kernel is Keys' with a = -1/2 (R. Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE
//! Trans. ASSP 29, 1981), widened by the factor when reducing. The vertical pass comes first; each pass rounds half up
//! to the sample type; outside the picture lies its mirror image, the edge pixel repeated. All of it is exact: with a
//! whole scale, positions are multiples of 1/(2 scale), and the kernel's values integers over a common denominator.

use std::ops::RangeInclusive;

use rayon::prelude::*;

use super::refuse_alpha;
use crate::image::{Image, Sample, Samples};
use crate::net::border::mirrored;
use crate::reduction::keys;
use crate::{Error, Result};

/// Scales at which the sums fit an i64 with room to spare.
pub const SCALES: RangeInclusive<usize> = 1..=255;

/// Cuts the right and bottom edges off, so that both sides become multiples of `scale`.
///
/// # Errors
/// [`Error::Eval`] if a side is shorter than `scale`, or `scale` is none of [`SCALES`].
pub fn crop(image: &Image, scale: usize) -> Result<Image> {
    let scale = check_scale(scale)?;
    let (width, height) = (image.width() / scale * scale, image.height() / scale * scale);
    if width == 0 || height == 0 {
        let (width, height) = (image.width(), image.height());
        return Err(Error::Eval(format!("{width}x{height} pixels can't be reduced {scale} times")));
    }
    let channels = image.layout().channels();
    let (from, to) = (image.width() as usize * channels, width as usize * channels);
    let samples = match image.samples() {
        Samples::U8(samples) => Samples::U8(cut(samples, from, to, height)),
        Samples::U16(samples) => Samples::U16(cut(samples, from, to, height)),
    };
    Image::new(width, height, image.layout(), samples)
}

/// The first `to` samples of the first `rows` rows of `from` samples each.
fn cut<S: Copy>(samples: &[S], from: usize, to: usize, rows: u32) -> Vec<S> {
    samples.chunks_exact(from).take(rows as usize).flat_map(|row| &row[..to]).copied().collect()
}

/// Reduces a picture `scale` times, `[height, width, channels]` to `[height/scale, width/scale, channels]`, with
/// antialiasing. What does not fill a whole pixel at the right and bottom edges is cut off before.
///
/// The result has the picture's depth. The field's small pictures are 8-bit ones, made from 8-bit pictures.
///
/// # Errors
/// [`Error::Eval`] as for [`crop`], and for a picture with alpha.
pub fn degrade(image: &Image, scale: usize) -> Result<Image> {
    refuse_alpha(image)?;
    let image = crop(image, scale)?;
    let scale = check_scale(scale)?;
    resize(&image, Direction::Reduce, scale, image.width() / scale, image.height() / scale)
}

/// Enlarges a picture `scale` times, `[height, width, channels]` to `[scale*height, scale*width, channels]`.
///
/// # Errors
/// [`Error::Eval`] for a picture with alpha, or a `scale` that is none of [`SCALES`]; [`Error::ImageSize`] if a side would
/// exceed 2^32 - 1 pixels.
pub fn bicubic(image: &Image, scale: usize) -> Result<Image> {
    refuse_alpha(image)?;
    let factor = check_scale(scale)?;
    let (width, height) = (image.width(), image.height());
    match (width.checked_mul(factor), height.checked_mul(factor)) {
        (Some(width), Some(height)) => resize(image, Direction::Enlarge, factor, width, height),
        _ => Err(Error::ImageSize { width, height, scale, reason: "a side would exceed 2^32 - 1 pixels" }),
    }
}

fn check_scale(scale: usize) -> Result<u32> {
    match u32::try_from(scale) {
        Ok(factor) if SCALES.contains(&scale) => Ok(factor),
        _ => Err(Error::Eval(format!("the scale is {scale}, not {} to {}", SCALES.start(), SCALES.end()))),
    }
}

#[derive(Clone, Copy)]
enum Direction {
    Reduce,
    Enlarge,
}

fn resize(image: &Image, direction: Direction, scale: u32, width: u32, height: u32) -> Result<Image> {
    let channels = image.layout().channels();
    let columns = Axis::new(direction, scale, image.width(), width);
    let rows = Axis::new(direction, scale, image.height(), height);
    let samples = match image.samples() {
        Samples::U8(samples) => Samples::U8(columns.horizontal(&rows.vertical(samples), channels)),
        Samples::U16(samples) => Samples::U16(columns.horizontal(&rows.vertical(samples), channels)),
    };
    Image::new(width, height, image.layout(), samples)
}

/// How the samples along one axis become others.
struct Axis {
    input_len: usize,
    /// For each output sample the input samples that make it, with their weights in units of 1/`denominator`.
    outputs: Vec<Vec<(usize, i64)>>,
    /// The sum of each output's weights.
    denominator: i64,
}

impl Axis {
    fn new(direction: Direction, scale: u32, input_len: u32, output_len: u32) -> Self {
        let scale = i64::from(scale);
        // The kernel's unit of length and the distance of two input samples, in steps that make all positions whole.
        let unit = 2 * scale;
        let step = match direction {
            Direction::Reduce => 2,
            Direction::Enlarge => unit,
        };
        let place = |input: i64| mirrored(isize::try_from(input).expect("near the picture"), input_len as usize);
        let weight = |distance: i64| {
            i64::try_from(keys(distance.into(), unit.into())).expect("at most 4 * unit^3, of a small scale")
        };
        let outputs = (0..i64::from(output_len))
            .map(|output| {
                // Where the output sample's middle lies; the middle of input sample 0 is the origin.
                let centre = match direction {
                    Direction::Reduce => (2 * output + 1) * scale - 1,
                    Direction::Enlarge => 2 * output + 1 - scale,
                };
                let first = (centre - 2 * unit).div_euclid(step) + 1;
                let last = (centre + 2 * unit - 1).div_euclid(step);
                (first..=last).map(|input| (place(input), weight(centre - step * input))).collect()
            })
            .collect();
        // Keys' kernel at unit distances sums to 1, whatever the offset.
        Self { input_len: input_len as usize, outputs, denominator: unit / step * 2 * unit.pow(3) }
    }

    /// `[input_len, ..]` to `[output_len, ..]`.
    fn vertical<S: Sample>(&self, samples: &[S]) -> Vec<S> {
        let row_len = samples.len() / self.input_len;
        let mut out = vec![S::default(); self.outputs.len() * row_len];
        out.par_chunks_exact_mut(row_len).zip(&self.outputs).for_each_init(
            || vec![0; row_len],
            |sums, (row, taps)| {
                sums.fill(0);
                for &(input, weight) in taps {
                    for (sum, sample) in sums.iter_mut().zip(&samples[input * row_len..][..row_len]) {
                        *sum += weight * i64::from(sample.to_i32());
                    }
                }
                for (sample, &sum) in row.iter_mut().zip(sums.iter()) {
                    *sample = self.rounded(sum);
                }
            },
        );
        out
    }

    /// `[.., input_len, channels]` to `[.., output_len, channels]`.
    fn horizontal<S: Sample>(&self, samples: &[S], channels: usize) -> Vec<S> {
        let (input_len, output_len) = (self.input_len * channels, self.outputs.len() * channels);
        let mut out = vec![S::default(); samples.len() / input_len * output_len];
        out.par_chunks_exact_mut(output_len).zip(samples.par_chunks_exact(input_len)).for_each(|(out, row)| {
            for (pixel, taps) in out.chunks_exact_mut(channels).zip(&self.outputs) {
                for (channel, sample) in pixel.iter_mut().enumerate() {
                    let terms =
                        taps.iter().map(|&(x, weight)| weight * i64::from(row[x * channels + channel].to_i32()));
                    *sample = self.rounded(terms.sum());
                }
            }
        });
        out
    }

    /// A weighted sum over the sum of weights, rounded half up.
    fn rounded<S: Sample>(&self, sum: i64) -> S {
        let value = (2 * sum + self.denominator).div_euclid(2 * self.denominator);
        // The weights' absolute values sum to less than twice the denominator.
        #[expect(clippy::cast_possible_truncation, reason = "at most twice the range of a sample")]
        S::saturating_from(value as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::Layout;

    fn grey(width: u32, height: u32, samples: Vec<u8>) -> Image {
        Image::new(width, height, Layout::Grey, Samples::U8(samples)).unwrap()
    }

    #[test]
    fn weights_sum_to_the_denominator() {
        for direction in [Direction::Reduce, Direction::Enlarge] {
            for scale in 1..9 {
                let axis = Axis::new(direction, scale, 40, 20);
                for taps in &axis.outputs {
                    assert_eq!(taps.iter().map(|&(_, weight)| weight).sum::<i64>(), axis.denominator);
                }
            }
        }
    }

    #[test]
    fn the_border_is_a_mirror_that_repeats_the_edge() {
        let around: Vec<usize> = (-4..7).map(|index| mirrored(index, 3)).collect();
        assert_eq!(around, [2, 2, 1, 0, 0, 1, 2, 2, 1, 0, 0]);
        assert_eq!(mirrored(-9, 1), 0);
    }

    #[test]
    fn flat_pictures_stay_flat_and_scale_one_changes_nothing() {
        let flat = grey(7, 6, vec![93; 42]);
        assert_eq!(degrade(&flat, 3).unwrap(), grey(2, 2, vec![93; 4]));
        assert_eq!(bicubic(&flat, 3).unwrap(), grey(21, 18, vec![93; 42 * 9]));
        let ramp = grey(3, 2, vec![1, 50, 255, 0, 3, 7]);
        assert_eq!(degrade(&ramp, 1).unwrap(), ramp);
        assert_eq!(bicubic(&ramp, 1).unwrap(), ramp);
    }

    #[test]
    fn an_edge_overshoots_as_the_kernel_says() {
        // Half way between samples the kernel's weights are -1/16, 9/16, 9/16, -1/16; scale 2 looks at 1/4 and 3/4.
        let edge = grey(6, 1, vec![100, 100, 100, 200, 200, 200]);
        let result = bicubic(&edge, 2).unwrap();
        // At 1/4: 111 + 29 = 140 of 128ths for the near pair, -9 and -3 for the far one.
        let Samples::U8(samples) = result.samples() else { panic!("8 bits stay 8 bits") };
        assert_eq!(samples[..12], [100, 100, 100, 98, 93, 120, 180, 207, 202, 200, 200, 200]);
    }

    #[test]
    fn channels_and_depths_do_not_mix() {
        let rgb = Image::from_rgb8(3, 3, [10, 20, 30].repeat(9)).unwrap();
        assert_eq!(degrade(&rgb, 3).unwrap(), Image::from_rgb8(1, 1, vec![10, 20, 30]).unwrap());
        let deep = Image::new(2, 1, Layout::Grey, Samples::U16(vec![65535, 65535])).unwrap();
        assert_eq!(bicubic(&deep, 2).unwrap().samples(), &Samples::U16(vec![65535; 8]));
    }

    #[test]
    fn what_cannot_be_resampled_is_refused() {
        let picture = grey(2, 9, vec![0; 18]);
        assert_eq!(degrade(&picture, 3).unwrap_err().to_string(), "2x9 pixels can't be reduced 3 times");
        assert_eq!(crop(&picture, 0).unwrap_err().to_string(), "the scale is 0, not 1 to 255");
        assert!(matches!(bicubic(&picture, 256), Err(Error::Eval(_))));
        let alpha = Image::new(1, 1, Layout::GreyAlpha, Samples::U8(vec![0; 2])).unwrap();
        assert!(matches!(degrade(&alpha, 1), Err(Error::Eval(_))));
        assert!(matches!(bicubic(&alpha, 1), Err(Error::Eval(_))));
    }

    #[test]
    fn a_crop_keeps_the_top_left_corner() {
        let picture = grey(4, 3, (0..12).collect());
        assert_eq!(crop(&picture, 2).unwrap(), grey(4, 2, (0..8).collect()));
        assert_eq!(crop(&picture, 3).unwrap(), grey(3, 3, vec![0, 1, 2, 4, 5, 6, 8, 9, 10]));
    }
}
