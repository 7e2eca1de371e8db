//! Making an image fit what a format can hold.

use std::borrow::Cow;

use super::{Format, Note};
use crate::image::Sample;
use crate::{Error, Image, Layout, Result, Samples};

/// The image as `format` can hold it: fewer bits, grey as colours, without an alpha that is opaque everywhere.
///
/// # Errors
/// [`Error::Encode`] if it is too large, or has transparent pixels and the format has no alpha.
pub(super) fn fit<'a>(image: &'a Image, format: Format, notes: &mut Vec<Note>) -> Result<Cow<'a, Image>> {
    let layout = format.layout_for(image.layout());
    let samples = match image.samples() {
        Samples::U16(samples) if !format.holds_16_bits() => {
            notes.push(Note::RoundedTo8Bits);
            let rounded: Vec<u8> = samples.iter().map(|sample| sample.to_u8()).collect();
            Samples::U8(relayout(&rounded, image.layout(), layout, format)?)
        }
        _ if layout == image.layout() => return check_image(image, format).map(|()| Cow::Borrowed(image)),
        Samples::U8(samples) => Samples::U8(relayout(samples, image.layout(), layout, format)?),
        Samples::U16(samples) => Samples::U16(relayout(samples, image.layout(), layout, format)?),
    };
    let fitted = Image::new(image.width(), image.height(), layout, samples)?;
    check_image(&fitted, format)?;
    Ok(Cow::Owned(fitted))
}

/// That `format` will hold `image` once it is `scale` times larger, as far as that is known before.
///
/// # Errors
/// [`Error::Encode`] as [`encode`](super::encode) would: the format is not written, the result is too large, or `image`
/// has transparent pixels and the format has no alpha.
pub fn check(image: &Image, scale: usize, format: Format) -> Result<()> {
    if !format.is_written() {
        return Err(not_written(format));
    }
    let layout = format.layout_for(image.layout());
    let side = |side: u32| u64::from(side).saturating_mul(scale as u64);
    let bytes_per_sample = match image.samples() {
        Samples::U16(_) if format.holds_16_bits() => 2,
        _ => 1,
    };
    check_size((side(image.width()), side(image.height())), layout.channels() as u64 * bytes_per_sample, format)?;
    if image.layout().has_alpha() && !layout.has_alpha() {
        let channels = image.layout().channels();
        let is_opaque = match image.samples() {
            Samples::U8(samples) => samples.chunks_exact(channels).all(|pixel| pixel[channels - 1] == u8::MAX),
            Samples::U16(samples) => samples.chunks_exact(channels).all(|pixel| pixel[channels - 1] == u16::MAX),
        };
        if !is_opaque {
            return Err(transparent(format));
        }
    }
    Ok(())
}

/// The error for a format that is only read.
pub(super) fn not_written(format: Format) -> Error {
    Error::Encode { format, reason: "abpn only reads it; use PNG".to_owned() }
}

fn transparent(format: Format) -> Error {
    let reason = "the picture has transparent pixels, and this format has no transparency; use PNG or WebP";
    Error::Encode { format, reason: reason.to_owned() }
}

fn check_size((width, height): (u64, u64), bytes_per_pixel: u64, format: Format) -> Result<()> {
    let error = |reason| Err(Error::Encode { format, reason });
    if width.max(height) > format.max_side().into() {
        return error(format!("{width}x{height} pixels, but a side has at most {}; use PNG", format.max_side()));
    }
    if width.saturating_mul(height).saturating_mul(bytes_per_pixel) > format.max_sample_bytes() {
        return error(format!("{width}x{height} pixels are more than such a file can hold; use PNG"));
    }
    Ok(())
}

/// As [`check_size`], for an image as it will be written.
fn check_image(image: &Image, format: Format) -> Result<()> {
    let bytes_per_sample = match image.samples() {
        Samples::U8(_) => 1,
        Samples::U16(_) => 2,
    };
    let bytes_per_pixel = image.layout().channels() as u64 * bytes_per_sample;
    check_size((image.width().into(), image.height().into()), bytes_per_pixel, format)
}

/// Carries pixels from one layout to another that has the same colours or more, and alpha or not.
fn relayout<S: Sample>(samples: &[S], from: Layout, to: Layout, format: Format) -> Result<Vec<S>> {
    let opaque = S::saturating_from(i32::MAX);
    let mut pixels = Vec::with_capacity(samples.len() / from.channels() * to.channels());
    for pixel in samples.chunks_exact(from.channels()) {
        let (colours, alpha) = match from.has_alpha() {
            true => (&pixel[..pixel.len() - 1], pixel[pixel.len() - 1]),
            false => (pixel, opaque),
        };
        if !to.has_alpha() && alpha != opaque {
            return Err(transparent(format));
        }
        let wanted = to.channels() - usize::from(to.has_alpha());
        pixels.extend(colours.iter().cycle().take(wanted));
        pixels.extend(to.has_alpha().then_some(alpha));
    }
    Ok(pixels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit_new(
        width: u32,
        height: u32,
        layout: Layout,
        samples: Samples,
        format: Format,
    ) -> Result<(Image, Vec<Note>)> {
        let mut notes = Vec::new();
        let image = Image::new(width, height, layout, samples)?;
        let fitted = fit(&image, format, &mut notes)?.into_owned();
        Ok((fitted, notes))
    }

    #[test]
    fn what_a_format_holds_is_left_alone() {
        let image = Image::new(1, 1, Layout::GreyAlpha, Samples::U16(vec![1, 2])).unwrap();
        for format in [Format::Png, Format::Pnm] {
            assert!(matches!(fit(&image, format, &mut vec![]).unwrap(), Cow::Borrowed(_)));
        }
    }

    #[test]
    fn sixteen_bits_round_and_grey_spreads() {
        let (image, notes) =
            fit_new(1, 1, Layout::GreyAlpha, Samples::U16(vec![128, 65535 - 129]), Format::WebP).unwrap();
        assert_eq!((image.layout(), image.samples()), (Layout::Rgba, &Samples::U8(vec![0, 0, 0, 254])));
        assert_eq!(notes, [Note::RoundedTo8Bits]);
    }

    #[test]
    fn only_an_opaque_alpha_may_go() {
        let (image, notes) =
            fit_new(2, 1, Layout::Rgba, Samples::U8(vec![1, 2, 3, 255, 4, 5, 6, 255]), Format::Jpeg).unwrap();
        assert_eq!((image.layout(), image.samples()), (Layout::Rgb, &Samples::U8(vec![1, 2, 3, 4, 5, 6])));
        assert_eq!(notes, []);
        let error = fit_new(1, 1, Layout::GreyAlpha, Samples::U8(vec![1, 254]), Format::Jpeg).unwrap_err();
        assert!(error.to_string().contains("transparent"), "{error}");
    }

    #[test]
    fn too_large_a_picture_is_refused() {
        for (format, side) in [(Format::Jpeg, 65536), (Format::WebP, 16384)] {
            let error = fit_new(side, 1, Layout::Grey, Samples::U8(vec![0; side as usize]), format).unwrap_err();
            assert!(error.to_string().contains(&(side - 1).to_string()), "{error}");
            assert!(fit_new(1, side - 1, Layout::Grey, Samples::U8(vec![0; side as usize - 1]), format).is_ok());
        }
    }

    #[test]
    fn what_will_not_fit_is_known_before() {
        let new = |width, height, layout: Layout, sample: u8| {
            Image::new(width, height, layout, Samples::U8(vec![sample; (width * height) as usize * layout.channels()]))
                .unwrap()
        };
        for (scale, fits) in [(3, true), (4, false)] {
            assert_eq!(check(&new(5461, 1, Layout::Grey, 0), scale, Format::WebP).is_ok(), fits);
            assert_eq!(check(&new(1, 21845, Layout::Rgb, 0), scale, Format::Jpeg).is_ok(), fits);
        }
        for (alpha, fits) in [(255, true), (254, false)] {
            for layout in [Layout::GreyAlpha, Layout::Rgba] {
                let image = new(2, 2, layout, alpha);
                assert_eq!(check(&image, 3, Format::Jpeg).is_ok(), fits);
                assert!(check(&image, 3, Format::Png).is_ok());
                // The same words as from writing.
                let error = |result: Result<()>| result.err().map(|error| error.to_string());
                let written = fit(&image, Format::Jpeg, &mut vec![]).map(drop);
                assert_eq!(error(check(&image, 3, Format::Jpeg)), error(written));
            }
        }
        assert!(check(&new(1, 1, Layout::Rgb, 0), 2, Format::Bmp).is_err());
    }
}
