//! What an ICC profile says of itself, and profiles that say what PNG's colour chunks do.

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile, DataColorSpace, LocalizableString,
    MatrixCoefficients, ProfileText, ToneReprCurve, TransferCharacteristics, XyY,
};

use super::{Colours, D65, ROUNDING};

/// Whether a profile describes grey, by the colour space in its header.
pub(in crate::codec) fn is_for_grey(icc: &[u8]) -> bool {
    icc.get(16..20) == Some(b"GRAY")
}

/// The name of the HDR transfer function that a profile's `cicp` tag gives.
pub(super) fn hdr(icc: &[u8]) -> Option<&'static str> {
    const HEADER_LEN: usize = 128;
    let number = |at: usize| Some(u32::from_be_bytes(*icc.get(at..)?.first_chunk()?) as usize);
    let tags = number(HEADER_LEN)?.min(icc.len() / 12);
    let at = (0..tags).map(|index| HEADER_LEN + 4 + 12 * index).find(|&at| icc.get(at..at + 4) == Some(b"cicp"))?;
    // `cicp`, four bytes reserved, then primaries, transfer function, matrix, range.
    let transfer = icc.get(number(at + 4)?.checked_add(9)?)?;
    super::transfer_name(*transfer)
}

/// A profile that gives colours the same meaning; none if there is no exact one.
pub(super) fn equivalent(colours: &Colours, is_grey: bool) -> Option<Vec<u8>> {
    let mut profile = match colours.cicp {
        Some(numbers) => of_numbers(numbers)?,
        None => of_chunks(colours)?,
    };
    profile.cicp = None;
    profile.media_white_point = Some(profile.white_point);
    let text = |text: &str| {
        Some(ProfileText::Localizable(vec![LocalizableString::new("en".to_owned(), "US".to_owned(), text.to_owned())]))
    };
    profile.description = text("The colours of a PNG file");
    profile.copyright = text("No copyright, use freely");
    if is_grey {
        profile.color_space = DataColorSpace::Gray;
        profile.gray_trc = profile.red_trc.take();
        (profile.green_trc, profile.blue_trc) = (None, None);
        (profile.red_colorant, profile.green_colorant, profile.blue_colorant) = Default::default();
    }
    let mut bytes = profile.encode().ok()?;
    // The crate dates it by the clock; the same picture is to give the same file.
    bytes.get_mut(24..36)?.copy_from_slice(&[0x07, 0xd0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0]);
    Some(bytes)
}

fn of_numbers([primaries, transfer, matrix, range]: [u8; 4]) -> Option<ColorProfile> {
    // Linear and sRGB: those whose curves are exact in a profile, and beyond dispute.
    if !matches!(transfer, 8 | 13) || (matrix, range) != (0, 1) {
        return None;
    }
    let profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(primaries).ok()?,
        transfer_characteristics: TransferCharacteristics::try_from(transfer).ok()?,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    // Without a curve it didn't know the primaries.
    profile.red_trc.is_some().then_some(profile)
}

/// Colours by gAMA and cHRM; what is missing of the two is sRGB's.
fn of_chunks(colours: &Colours) -> Option<ColorProfile> {
    const UNIT: f32 = 100_000.0;
    /// Exponents that a profile holds with some precision.
    const GAMMAS: std::ops::RangeInclusive<f32> = 0.1..=10.0;
    let mut profile = ColorProfile::new_srgb();
    if let Some([white_x, white_y, rest @ ..]) = colours.chromaticities {
        // The only white that the crate can adapt from.
        if white_x.abs_diff(D65[0]) > ROUNDING || white_y.abs_diff(D65[1]) > ROUNDING {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "real ones are below 2^24, and others need no precision")]
        let [red, green, blue] =
            [0, 2, 4].map(|at| Chromaticity::new(rest[at] as f32 / UNIT, rest[at + 1] as f32 / UNIT));
        let white = XyY { x: f64::from(white_x) / 1e5, y: f64::from(white_y) / 1e5, yb: 1.0 };
        profile.update_rgb_colorimetry(white, ColorPrimaries { red, green, blue });
        let colorants = [profile.red_colorant, profile.green_colorant, profile.blue_colorant];
        // Primaries on a line have no colours between them.
        colorants.iter().all(|xyz| [xyz.x, xyz.y, xyz.z].iter().all(|part| part.abs() < 10.0)).then_some(())?;
    }
    if let Some(gamma) = colours.gamma {
        #[expect(clippy::cast_precision_loss, reason = "as above")]
        let exponent = UNIT / gamma as f32;
        let curve = GAMMAS.contains(&exponent).then(|| ToneReprCurve::Parametric(vec![exponent]))?;
        (profile.red_trc, profile.green_trc) = (Some(curve.clone()), Some(curve.clone()));
        profile.blue_trc = Some(curve);
    }
    Some(profile)
}
