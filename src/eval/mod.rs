//! Measuring a net as the literature does: reduce a picture, upscale it again, compare.
//!
//! The rules are those of single-image super-resolution papers, which differ in details that move the numbers:
//!
//! - [`degrade`] makes the small picture as MATLAB's `imresize(picture, 1/scale, "bicubic")` does, antialiased, 8 bits.
//! - [`bicubic`] is the baseline every paper gives, `imresize(picture, scale, "bicubic")`.
//! - [`compare`] gives PSNR over red, green and blue together, and PSNR and SSIM of the luma, without a border.
//!
//! What papers leave out: [`jpeg`] compresses the small picture as most programs do, [`psnr_b_db`] sees the blocks that are
//! left of it, and [`ring_psnr_db`] the border alone.
//!
//! ```
//! # fn main() -> abpn::Result<()> {
//! use abpn::{Image, eval};
//!
//! let scale = 3;
//! let photo = Image::from_rgb8(50, 40, (0..6000u32).map(|i| (i % 251) as u8).collect())?;
//! let reference = eval::crop(&photo, scale)?;
//! let small = eval::degrade(&photo, scale)?;
//! let scores = eval::compare(&reference, &eval::bicubic(&small, scale)?, scale)?;
//! assert!(scores.psnr_rgb_db < scores.psnr_y_db);
//! # Ok(())
//! # }
//! ```

mod blocks;
mod jpeg;
mod metrics;
mod resample;

pub use blocks::psnr_b_db;
pub use jpeg::jpeg;
pub use metrics::{Scores, compare, ring_psnr_db};
pub use resample::{SCALES, bicubic, crop, degrade};

use crate::image::{Image, Layout, Sample, Samples};
use crate::{Error, Result};

/// The picture as the metrics want it, `[height, width, 3]` in 8 bits: grey becomes r = g = b, 16 bits are rounded.
///
/// # Errors
/// [`Error::Eval`] if it has alpha: how much a colour counts under alpha is no part of any metric here.
pub fn to_rgb8(image: &Image) -> Result<Image> {
    refuse_alpha(image)?;
    let eight = match image.samples() {
        Samples::U8(samples) => samples.clone(),
        Samples::U16(samples) => samples.iter().map(|sample| sample.to_u8()).collect(),
    };
    let rgb = if image.layout() == Layout::Grey { eight.iter().flat_map(|&grey| [grey; 3]).collect() } else { eight };
    Image::from_rgb8(image.width(), image.height(), rgb)
}

fn refuse_alpha(image: &Image) -> Result<()> {
    if image.layout().has_alpha() {
        return Err(Error::Eval("it has an alpha channel, which can't be measured: flatten it first".to_owned()));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grey_and_sixteen_bits_become_rgb_of_eight() {
        let grey = Image::new(2, 1, Layout::Grey, Samples::U16(vec![65535, 128])).unwrap();
        assert_eq!(to_rgb8(&grey).unwrap(), Image::from_rgb8(2, 1, vec![255, 255, 255, 0, 0, 0]).unwrap());
        let rgba = Image::new(1, 1, Layout::Rgba, Samples::U8(vec![0; 4])).unwrap();
        assert!(to_rgb8(&rgba).unwrap_err().to_string().contains("alpha"));
    }
}
