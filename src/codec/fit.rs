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
        _ if layout == image.layout() => return check_size(image, format).map(|()| Cow::Borrowed(image)),
        Samples::U8(samples) => Samples::U8(relayout(samples, image.layout(), layout, format)?),
        Samples::U16(samples) => Samples::U16(relayout(samples, image.layout(), layout, format)?),
    };
    let fitted = Image::new(image.width(), image.height(), layout, samples)?;
    check_size(&fitted, format)?;
    Ok(Cow::Owned(fitted))
}

fn check_size(image: &Image, format: Format) -> Result<()> {
    let (width, height) = (image.width(), image.height());
    let error = |reason| Err(Error::Encode { format, reason });
    if width.max(height) > format.max_side() {
        return error(format!("{width}x{height} pixels, but a side has at most {}; use PNG", format.max_side()));
    }
    let bytes_per_sample = match image.samples() {
        Samples::U8(_) => 1,
        Samples::U16(_) => 2,
    };
    if image.samples().len() as u64 * bytes_per_sample > format.max_sample_bytes() {
        return error(format!("{width}x{height} pixels are more than such a file can hold; use PNG"));
    }
    Ok(())
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
            let reason = "the picture has transparent pixels, and this format has no transparency; use PNG or WebP";
            return Err(Error::Encode { format, reason: reason.to_owned() });
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
}
