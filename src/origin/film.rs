//! What a film's codec and its bits a pixel say of its losses.

use super::Choice;
use crate::net::Degradation;

/// H.264 of fewer bits a pixel gets the net for strong compression.
const STRONG_BELOW: f64 = 0.03;

/// Codecs without losses, by ffmpeg's names, or the beginnings of these.
const LOSSLESS: [&str; 22] = [
    "alac",
    "apng",
    "bmp",
    "ffv1",
    "ffvhuff",
    "flashsv",
    "flic",
    "fraps",
    "gif",
    "huffyuv",
    "lagarith",
    "magicyuv",
    "png",
    "qtrle",
    "rawvideo",
    "targa",
    "tiff",
    "utvideo",
    "v210",
    "v410",
    "wrapped_avframe",
    "zmbv",
];

/// Codecs that need other numbers of bits than H.264 for about the same losses: rough figures from their makers' and others'
/// comparisons.
const BITS: [(&str, f64); 12] = [
    ("hevc", 0.65),
    ("vp9", 0.65),
    ("av1", 0.5),
    ("vvc", 0.4),
    ("vp8", 1.2),
    ("mpeg4", 1.7),
    ("msmpeg4", 1.7),
    ("wmv", 1.5),
    ("vc1", 1.3),
    ("mpeg2video", 2.2),
    ("mpeg1video", 2.5),
    ("mjpeg", 6.0),
];

/// The built-in net for a film that is coded by `codec`, as ffmpeg names it, with so many bits a pixel, where that is known. An
/// empty name is of frames of which nothing is known; they are taken for decoded film.
///
/// ```
/// use abpn::net::Degradation;
/// use abpn::origin::choose_for_film;
///
/// assert_eq!(choose_for_film("ffv1", None).degradation, Degradation::Clean);
/// assert_eq!(choose_for_film("h264", Some(0.1)).degradation, Degradation::Light);
/// assert_eq!(choose_for_film("h264", Some(0.01)).degradation, Degradation::Strong);
/// ```
pub fn choose_for_film(codec: &str, bits_per_pixel: Option<f64>) -> Choice {
    let of = |degradation, reason: String| Choice { degradation, reason };
    if codec.is_empty() {
        return of(Degradation::Light, "frames that don't say how they were compressed".to_owned());
    }
    if LOSSLESS.contains(&codec) {
        return of(Degradation::Clean, format!("{codec}, which loses nothing"));
    }
    let factor = BITS.iter().find(|(name, _)| codec.starts_with(name)).map_or(1.0, |&(_, factor)| factor);
    match bits_per_pixel {
        Some(bits) if bits < STRONG_BELOW * factor => {
            of(Degradation::Strong, format!("{codec} of {bits:.3} bits a pixel"))
        }
        Some(bits) => of(Degradation::Light, format!("{codec} of {bits:.3} bits a pixel")),
        None => of(Degradation::Light, format!("{codec} of an unknown number of bits")),
    }
}
