//! How close an upscaled picture comes to the original, by the two measures that papers give.

use std::iter;

use rayon::prelude::*;

use crate::image::{Image, Layout, Samples};
use crate::{Error, Result};

/// The largest sample.
pub(super) const PEAK: f64 = 255.0;

/// Side of SSIM's window in pixels.
const WINDOW: usize = 11;
/// Standard deviation of SSIM's window in pixels.
const WINDOW_SIGMA: f64 = 1.5;
/// What keeps SSIM's quotients defined where the picture is black, and where it is flat.
/// The paper's C1 and C2, from K1 = 0.01 and K2 = 0.03.
const STABILISERS: [f64; 2] = [(0.01 * PEAK) * (0.01 * PEAK), (0.03 * PEAK) * (0.03 * PEAK)];

/// How close two pictures are. Higher is closer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    /// Peak signal-to-noise ratio in dB over red, green and blue together; infinite if they are equal.
    pub psnr_rgb_db: f64,
    /// Peak signal-to-noise ratio in dB of the luma; infinite if it is equal.
    pub psnr_y_db: f64,
    /// Structural similarity of the luma, -1 to 1; 1 if it is equal.
    pub ssim_y: f64,
}

impl Scores {
    /// The mean of each score; none of no scores.
    pub fn mean(scores: &[Self]) -> Option<Self> {
        let mean = |score: fn(&Self) -> f64| scores.iter().map(score).sum::<f64>() / scores.len() as f64;
        (!scores.is_empty()).then(|| Self {
            psnr_rgb_db: mean(|scores| scores.psnr_rgb_db),
            psnr_y_db: mean(|scores| scores.psnr_y_db),
            ssim_y: mean(|scores| scores.ssim_y),
        })
    }
}

/// Compares two 8-bit RGB pictures of one size without the outermost `shave` pixels on each side.
///
/// Papers shave as many pixels as the scale. Luma is ITU-R BT.601's in limited range, 16 to 235, as MATLAB's `rgb2ycbcr`
/// gives it, but not rounded. SSIM is that of Wang et al., "Image Quality Assessment: From Error Visibility to
/// Structural Similarity", IEEE Trans. Image Processing 13, 2004, with the paper's Gaussian window and constants, at
/// every place where the window fits into the picture.
///
/// # Errors
/// [`Error::Eval`] if a picture is not 8-bit RGB ([`to_rgb8`](super::to_rgb8) makes it so), if their sizes differ, or
/// if less than SSIM's window is left of them.
pub fn compare(reference: &Image, image: &Image, shave: usize) -> Result<Scores> {
    let (width, height) = (reference.width() as usize, reference.height() as usize);
    check_sizes(reference, image)?;
    let shortest = shave.saturating_mul(2).saturating_add(WINDOW);
    if width < shortest || height < shortest {
        return Err(Error::Eval(format!(
            "{width}x{height} pixels are too few to measure: {shortest}x{shortest} are needed"
        )));
    }
    let (reference, image) = (Shaved::new(reference, shave)?, Shaved::new(image, shave)?);
    let (reference_y, image_y) = (reference.luma(), image.luma());
    Ok(Scores {
        psnr_rgb_db: psnr_db(&reference.rgb, &image.rgb),
        psnr_y_db: psnr_db(&reference_y, &image_y),
        ssim_y: ssim(&reference_y, &image_y, reference.width),
    })
}

/// PSNR in dB over red, green and blue of the outermost `width` pixels on each side alone; infinite if they are equal.
///
/// # Errors
/// [`Error::Eval`] if a picture is not 8-bit RGB, if their sizes differ, or if `width` is 0 or the ring has no inside.
pub fn ring_psnr_db(reference: &Image, image: &Image, width: usize) -> Result<f64> {
    check_sizes(reference, image)?;
    let sides = [reference.width(), reference.height()].map(|side| side as usize);
    if width == 0 || sides.iter().any(|&side| side <= width.saturating_mul(2)) {
        let [across, down] = sides;
        return Err(Error::Eval(format!("a picture of {across}x{down} pixels has no ring of {width} pixels")));
    }
    let squares = |shave| -> Result<(f64, usize)> {
        let (reference, image) = (Shaved::new(reference, shave)?.rgb, Shaved::new(image, shave)?.rgb);
        Ok((squared_error(&reference, &image), reference.len()))
    };
    let ((all, all_samples), (inside, inside_samples)) = (squares(0)?, squares(width)?);
    Ok(10.0 * (PEAK * PEAK * (all_samples - inside_samples) as f64 / (all - inside)).log10())
}

pub(super) fn check_sizes(reference: &Image, image: &Image) -> Result<()> {
    let sizes = [image, reference].map(|image| (image.width(), image.height()));
    if sizes[0] == sizes[1] {
        return Ok(());
    }
    let [other, size] = sizes.map(|(width, height)| format!("{width}x{height}"));
    Err(Error::Eval(format!("{other} pixels compared with {size}")))
}

/// What is left of a picture without its border.
pub(super) struct Shaved {
    pub width: usize,
    /// `[height, width, 3]`, 0 to 255.
    rgb: Vec<f64>,
}

impl Shaved {
    pub fn new(image: &Image, shave: usize) -> Result<Self> {
        let (Layout::Rgb, Samples::U8(samples)) = (image.layout(), image.samples()) else {
            return Err(Error::Eval("only 8-bit RGB can be compared".to_owned()));
        };
        let (width, height) = (image.width() as usize - 2 * shave, image.height() as usize - 2 * shave);
        let rows = samples.chunks_exact(image.width() as usize * 3).skip(shave).take(height);
        let rgb = rows.flat_map(|row| &row[shave * 3..][..width * 3]).map(|&sample| f64::from(sample)).collect();
        Ok(Self { width, rgb })
    }

    /// `[height, width]`, 16 to 235.
    pub fn luma(&self) -> Vec<f64> {
        let luma = |rgb: &[f64]| 16.0 + (65.481 * rgb[0] + 128.553 * rgb[1] + 24.966 * rgb[2]) / PEAK;
        self.rgb.par_chunks_exact(3).map(luma).collect()
    }
}

fn psnr_db(a: &[f64], b: &[f64]) -> f64 {
    10.0 * (PEAK * PEAK * a.len() as f64 / squared_error(a, b)).log10()
}

/// The sum of the squared differences.
pub(super) fn squared_error(a: &[f64], b: &[f64]) -> f64 {
    iter::zip(a, b).map(|(a, b)| (a - b) * (a - b)).sum()
}

/// The mean over all windows of two pictures, `[height, width]`.
fn ssim(a: &[f64], b: &[f64], width: usize) -> f64 {
    let window = window();
    let height = a.len() / width;
    let (columns, rows) = (width - WINDOW + 1, height - WINDOW + 1);
    let row_sums: Vec<f64> = (0..rows)
        .into_par_iter()
        .map(|y| {
            // The window is separable: first down each column, then along the row of what came out.
            let mut down = vec![[0.0; 5]; width];
            for (dy, weight) in window.iter().enumerate() {
                let start = (y + dy) * width;
                for (sums, (a, b)) in down.iter_mut().zip(iter::zip(&a[start..][..width], &b[start..][..width])) {
                    add(sums, *weight, [*a, *b, a * a, b * b, a * b]);
                }
            }
            let windows = down.windows(WINDOW).map(|down| {
                let mut moments = [0.0; 5];
                for (weight, column) in iter::zip(window, down) {
                    add(&mut moments, weight, *column);
                }
                similarity(moments)
            });
            windows.sum()
        })
        .collect();
    row_sums.iter().sum::<f64>() / (columns * rows) as f64
}

/// SSIM of one window, from the weighted means of a, b, aa, bb and ab.
fn similarity([a, b, aa, bb, ab]: [f64; 5]) -> f64 {
    let (variances, covariance) = (aa - a * a + bb - b * b, ab - a * b);
    let [c1, c2] = STABILISERS;
    (2.0 * a * b + c1) * (2.0 * covariance + c2) / ((a * a + b * b + c1) * (variances + c2))
}

fn add(sums: &mut [f64; 5], weight: f64, values: [f64; 5]) {
    for (sum, value) in iter::zip(sums, values) {
        *sum += weight * value;
    }
}

/// A Gaussian whose values sum to 1.
fn window() -> [f64; WINDOW] {
    let mut window = [0.0; WINDOW];
    for (i, weight) in window.iter_mut().enumerate() {
        let distance = i as f64 - (WINDOW / 2) as f64;
        *weight = (-distance * distance / (2.0 * WINDOW_SIGMA * WINDOW_SIGMA)).exp();
    }
    let sum: f64 = window.iter().sum();
    window.map(|weight| weight / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: u32 = 20;

    /// A picture with structure, `[SIDE, SIDE, 3]`.
    fn picture() -> Vec<u8> {
        (0..SIDE * SIDE * 3).map(|i| u8::try_from(i * 7919 % 200).unwrap()).collect()
    }

    fn compared(a: Vec<u8>, b: Vec<u8>, shave: usize) -> Scores {
        let image = |rgb| Image::from_rgb8(SIDE, SIDE, rgb).unwrap();
        compare(&image(a), &image(b), shave).unwrap()
    }

    fn close(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn equal_pictures_are_infinitely_close_and_one_level_is_seen() {
        let scores = compared(picture(), picture(), 3);
        assert_eq!((scores.psnr_rgb_db, scores.psnr_y_db), (f64::INFINITY, f64::INFINITY));
        assert!(close(scores.ssim_y, 1.0));
        let mut other = picture();
        other[(10 * SIDE as usize + 10) * 3] += 1;
        let scores = compared(picture(), other, 3);
        let samples = 14.0 * 14.0 * 3.0;
        assert!(close(scores.psnr_rgb_db, 10.0 * (255.0f64 * 255.0 * samples).log10()));
        assert!(scores.psnr_y_db.is_finite());
        assert!(scores.ssim_y < 1.0);
    }

    #[test]
    fn means_are_score_by_score() {
        let scores = |value| Scores { psnr_rgb_db: value, psnr_y_db: value + 10.0, ssim_y: value / 100.0 };
        assert_eq!(Scores::mean(&[scores(10.0), scores(30.0)]), Some(scores(20.0)));
        assert_eq!(Scores::mean(&[]), None);
    }

    #[test]
    fn psnr_is_joint_over_the_channels() {
        // Red is off by 10: a third of the samples, squared 100.
        let other = picture().into_iter().enumerate().map(|(i, sample)| if i % 3 == 0 { sample + 10 } else { sample });
        let scores = compared(picture(), other.collect(), 0);
        assert!(close(scores.psnr_rgb_db, 10.0 * (255.0f64 * 255.0 * 3.0 / 100.0).log10()));
        // The luma is off by 10 * 65.481 / 255.
        assert!(close(scores.psnr_y_db, 20.0 * (255.0f64 * 255.0 / 654.81).log10()));
    }

    #[test]
    fn luma_is_in_limited_range() {
        let image = Image::from_rgb8(2, 1, vec![0, 0, 0, 255, 255, 255]).unwrap();
        let luma = Shaved::new(&image, 0).unwrap().luma();
        assert!(close(luma[0], 16.0) && close(luma[1], 235.0));
    }

    #[test]
    fn the_shaved_border_does_not_count() {
        let mut other = picture();
        other[2 * 3] += 50;
        other[(2 * SIDE as usize + 5) * 3] += 50;
        assert_eq!(compared(picture(), other.clone(), 3).psnr_rgb_db, f64::INFINITY);
        assert!(compared(picture(), other, 2).psnr_rgb_db.is_finite());
    }

    #[test]
    fn the_ring_is_the_border_alone() {
        let image = |rgb| Image::from_rgb8(SIDE, SIDE, rgb).unwrap();
        let ring = |a: &[u8], width| ring_psnr_db(&image(picture()), &image(a.to_vec()), width).unwrap();
        let (mut inside, mut border) = (picture(), picture());
        inside[(10 * SIDE as usize + 10) * 3] += 50;
        assert_eq!(ring(&inside, 9), f64::INFINITY);
        border[2 * 3] += 50;
        let samples = f64::from((20 * 20 - 14 * 14) * 3);
        assert!(close(ring(&border, 3), 10.0 * (255.0f64 * 255.0 * samples / 2500.0).log10()));
        let picture = image(picture());
        for width in [0, 10, usize::MAX] {
            assert!(ring_psnr_db(&picture, &picture, width).is_err(), "{width}");
        }
    }

    #[test]
    fn ssim_of_flat_pictures_is_the_formula_of_their_means() {
        let scores = compared(vec![100; picture().len()], vec![110; picture().len()], 0);
        let (a, b) = (16.0 + 219.0 * 100.0 / 255.0, 16.0 + 219.0 * 110.0 / 255.0);
        let c1 = STABILISERS[0];
        assert!((scores.ssim_y - (2.0 * a * b + c1) / (a * a + b * b + c1)).abs() < 1e-6);
    }

    #[test]
    fn ssim_sees_lost_structure_that_psnr_does_not() {
        // Both errors have the same size: an offset of all, and noise of alternating sign.
        let offset = picture().iter().map(|sample| sample + 9).collect();
        let noise = picture().iter().enumerate().map(|(i, s)| if i / 3 % 2 == 0 { s + 18 } else { *s }).collect();
        assert!(compared(picture(), offset, 0).ssim_y > compared(picture(), noise, 0).ssim_y);
    }

    #[test]
    fn what_cannot_be_compared_is_refused() {
        let image = |width| Image::from_rgb8(width, 16, vec![0; width as usize * 48]).unwrap();
        let reason = |a: &Image, b: &Image, shave| compare(a, b, shave).unwrap_err().to_string();
        assert_eq!(reason(&image(20), &image(21), 0), "21x16 pixels compared with 20x16");
        assert_eq!(reason(&image(20), &image(20), 3), "20x16 pixels are too few to measure: 17x17 are needed");
        assert!(compare(&image(20), &image(20), usize::MAX).is_err());
        let grey = Image::new(20, 20, Layout::Grey, Samples::U8(vec![0; 400])).unwrap();
        assert_eq!(reason(&grey, &grey, 0), "only 8-bit RGB can be compared");
    }
}
