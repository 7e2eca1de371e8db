//! Ink to light.

use moxcms::{ColorProfile, DataColorSpace, RenderingIntent, TransformOptions};

use super::Note;
use crate::Samples;
use crate::image::Sample;

/// CMYK samples, 0 for no ink, as sRGB of the same depth: through their ICC profile, or by the plain formula without one.
pub(super) fn to_rgb(cmyk: &Samples, icc: Option<&[u8]>) -> (Samples, Note) {
    match icc.and_then(|icc| by_profile(cmyk, icc)) {
        Some(rgb) => (rgb, Note::CmykByProfile),
        None => {
            let rgb = match cmyk {
                Samples::U8(cmyk) => Samples::U8(by_formula(cmyk)),
                Samples::U16(cmyk) => Samples::U16(by_formula(cmyk)),
            };
            (rgb, Note::CmykByFormula)
        }
    }
}

/// None if the profile can't be used.
fn by_profile(cmyk: &Samples, icc: &[u8]) -> Option<Samples> {
    let profile =
        ColorProfile::new_from_slice(icc).ok().filter(|profile| profile.color_space == DataColorSpace::Cmyk)?;
    let options = TransformOptions { rendering_intent: RenderingIntent::RelativeColorimetric, ..Default::default() };
    let srgb = ColorProfile::new_srgb();
    // The crate's name for four channels, whatever they are.
    let (from, to) = (moxcms::Layout::Rgba, moxcms::Layout::Rgb);
    let len = cmyk.len() / 4 * 3;
    match cmyk {
        Samples::U8(cmyk) => {
            let mut rgb = vec![0; len];
            profile.create_transform_8bit(from, &srgb, to, options).ok()?.transform(cmyk, &mut rgb).ok()?;
            Some(Samples::U8(rgb))
        }
        Samples::U16(cmyk) => {
            let mut rgb = vec![0; len];
            profile.create_transform_16bit(from, &srgb, to, options).ok()?.transform(cmyk, &mut rgb).ok()?;
            Some(Samples::U16(rgb))
        }
    }
}

/// Each colour is what its ink and the black leave of white.
fn by_formula<S: Sample>(cmyk: &[S]) -> Vec<S> {
    let full = i64::from(S::saturating_from(i32::MAX).to_i32());
    let left = |ink: S, black: S| {
        let product = (full - i64::from(ink.to_i32())) * (full - i64::from(black.to_i32()));
        S::saturating_from(i32::try_from((product + full / 2) / full).unwrap_or(i32::MAX))
    };
    cmyk.chunks_exact(4).flat_map(|ink| [0, 1, 2].map(|colour| left(ink[colour], ink[3]))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ink_and_black_leave_light() {
        let (rgb, note) = to_rgb(&Samples::U8(vec![0, 0, 0, 0, 255, 0, 0, 0, 10, 20, 30, 255, 0, 128, 255, 51]), None);
        assert_eq!(rgb, Samples::U8(vec![255, 255, 255, 0, 255, 255, 0, 0, 0, 204, 102, 0]));
        assert_eq!(note, Note::CmykByFormula);
        assert_eq!(to_rgb(&Samples::U8(vec![0; 4]), Some(b"no profile")).1, Note::CmykByFormula);
    }
}
