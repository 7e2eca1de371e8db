//! PSNR that counts the blocks which compression leaves.

use super::metrics::{PEAK, Shaved, check_sizes, squared_error};
use crate::Result;
use crate::image::Image;

/// PSNR-B in dB of the luma, of Yim and Bovik, "Quality Assessment of Deblocked Images", IEEE Trans. Image Processing 20,
/// 2011: as PSNR, but the mean squared error is raised by how much more neighbours differ across the borders of blocks than
/// elsewhere. `block` is the blocks' side in pixels, which is 8 times the scale in an enlarged JPEG; the first begins at the
/// corner. Infinite if the pictures are equal and without blocks.
///
/// # Errors
/// [`Error::Eval`](crate::Error::Eval) if a picture is not 8-bit RGB, or their sizes differ.
pub fn psnr_b_db(reference: &Image, image: &Image, block: usize) -> Result<f64> {
    check_sizes(reference, image)?;
    let (reference, image) = (Shaved::new(reference, 0)?, Shaved::new(image, 0)?);
    let luma = image.luma();
    let mean_square = squared_error(&reference.luma(), &luma) / luma.len() as f64;
    let effect = blocking_effect(&luma, image.width, block);
    Ok(10.0 * (PEAK * PEAK / (mean_square + effect)).log10())
}

/// The blocking effect factor of a picture, `[height, width]`.
fn blocking_effect(luma: &[f64], width: usize, block: usize) -> f64 {
    let height = luma.len() / width;
    // Squared differences of neighbours, and how many, across the borders of blocks and elsewhere.
    let mut sums = [(0.0, 0usize); 2];
    let mut add = |a: usize, b: usize, at: usize| {
        let (sum, count) = &mut sums[usize::from(!at.is_multiple_of(block))];
        *sum += (luma[a] - luma[b]).powi(2);
        *count += 1;
    };
    for y in 0..height {
        for x in 1..width {
            add(y * width + x - 1, y * width + x, x);
        }
    }
    for y in 1..height {
        for x in 0..width {
            add((y - 1) * width + x, y * width + x, y);
        }
    }
    let [across, elsewhere] = sums.map(|(sum, count)| if count == 0 { 0.0 } else { sum / count as f64 });
    let shorter = width.min(height) as f64;
    if across <= elsewhere || shorter < 2.0 {
        return 0.0;
    }
    (block as f64).log2() / shorter.log2() * (across - elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of 32x32 pixels whose luma rises by one step every `period` columns.
    fn steps(period: u32) -> Image {
        let columns = (0..32 * 32).map(|pixel| 50 + pixel % 32 / period * 10);
        Image::from_rgb8(32, 32, columns.flat_map(|level| [u8::try_from(level).unwrap(); 3]).collect()).unwrap()
    }

    #[test]
    fn steps_at_the_borders_of_blocks_count() {
        let (blocks, other) = (steps(8), steps(7));
        assert!(psnr_b_db(&blocks, &blocks, 8).unwrap().is_finite());
        assert_eq!(psnr_b_db(&other, &other, 8).unwrap(), f64::INFINITY);
        // Half of the pairs across borders, those from column to column, differ by ten levels.
        let step: f64 = 10.0 * 219.0 / 255.0;
        let effect = 3.0 / 5.0 * (step * step / 2.0);
        assert!((psnr_b_db(&blocks, &blocks, 8).unwrap() - 10.0 * (255.0f64 * 255.0 / effect).log10()).abs() < 1e-9);
    }

    #[test]
    fn pictures_of_different_sizes_are_refused() {
        let small = Image::from_rgb8(1, 1, vec![0; 3]).unwrap();
        assert!(psnr_b_db(&small, &steps(8), 8).is_err());
        assert_eq!(psnr_b_db(&small, &small, 8).unwrap(), f64::INFINITY);
    }
}
