//! What JPEG does to a picture.

use libjpeg_turbo_rs::{PixelFormat, Subsampling, compress};

use crate::image::{Image, Layout, Samples};
use crate::{Error, Result};

/// An 8-bit RGB picture as a JPEG file, the bytes that libjpeg-turbo gives, and with it most programs: the standard tables
/// scaled for `quality`, 1 to 100, and half as many rows and columns of chroma (4:2:0).
///
/// # Errors
/// [`Error::Eval`] if the picture is not 8-bit RGB ([`to_rgb8`](super::to_rgb8) makes it so), or a side exceeds 65535 pixels.
pub fn jpeg(image: &Image, quality: u8) -> Result<Vec<u8>> {
    let (Layout::Rgb, Samples::U8(samples)) = (image.layout(), image.samples()) else {
        return Err(Error::Eval("only 8-bit RGB can be compressed".to_owned()));
    };
    let (width, height) = (image.width() as usize, image.height() as usize);
    compress(samples, width, height, PixelFormat::Rgb, quality.clamp(1, 100), Subsampling::S420)
        .map_err(|cause| Error::Eval(format!("it can't be compressed as JPEG: {cause}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::compare;
    use crate::origin::Coding;

    #[test]
    fn the_file_has_the_quality_that_was_asked_for() {
        let samples = (0..40 * 30 * 3u32).map(|i| u8::try_from(i * 7 % 251).unwrap()).collect();
        let image = Image::from_rgb8(40, 30, samples).unwrap();
        let mut last = 0.0;
        for quality in [10, 30, 50, 75, 95, 100] {
            let file = jpeg(&image, quality).unwrap();
            assert_eq!(Coding::of_file(&file), Coding::Jpeg { quality });
            let (picture, _) = crate::codec::decode(&file, 1 << 20).unwrap();
            let psnr = compare(&image, &picture.image, 0).unwrap().psnr_rgb_db;
            assert!(psnr > last, "{quality}: {psnr}");
            last = psnr;
        }
        let grey = Image::new(1, 1, Layout::Grey, Samples::U8(vec![0])).unwrap();
        assert!(jpeg(&grey, 50).unwrap_err().to_string().contains("RGB"));
    }
}
