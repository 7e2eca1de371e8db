//! What a picture has been through before it is upscaled, and which built-in net is for it.
//!
//! [`Coding::of_file`] reads what a file says of its compression, [`jpeg_quality_of_pixels`] looks for traces of an earlier
//! one in the pixels, and [`choose`] takes the net. Nothing of it depends on a device, so the same file always gets the same
//! net.
//!
//! ```
//! use abpn::net::Degradation;
//! use abpn::origin::{Coding, choose};
//!
//! assert_eq!(choose(Coding::Jpeg { quality: 30 }, None).degradation, Degradation::Strong);
//! assert_eq!(choose(Coding::Unstated, None).degradation, Degradation::Clean);
//! ```
//!
//! Qualities are those of the IJG's encoder (libjpeg, 1 to 100), or for other encoders the one that loses about as much.

mod film;
mod grid;
mod jpeg;
mod tiff;
mod vp8;

pub use film::choose_for_film;
pub use grid::jpeg_quality_of_pixels;

use std::fmt;

use crate::codec::Format;
use crate::net::Degradation;

/// Pictures of a lower quality get the net for strong compression.
const STRONG_BELOW: u8 = 77;
/// Pictures of a lower quality, and no lower than the other, get the net for light compression.
const LIGHT_BELOW: u8 = 98;

/// Side of JPEG's blocks in pixels.
pub const JPEG_BLOCK_SIDE: usize = 8;

/// What a file says of how its samples are coded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Coding {
    /// JPEG, in a file of its own or in a TIFF file, of this IJG quality or one that loses about as much, 1 to 100.
    Jpeg {
        /// From the quantisation table of the luma, whatever program chose it.
        quality: u8,
    },
    /// Lossy WebP.
    WebP {
        /// The IJG quality that loses about as much, 1 to 100.
        quality: u8,
    },
    /// The format keeps the samples that it is given, and says nothing of what they went through before.
    Unstated,
}

impl Coding {
    /// What the bytes of an image file say. A file that is damaged says nothing; decoding it tells what is wrong.
    pub fn of_file(bytes: &[u8]) -> Self {
        let jpeg = |bytes: &[u8]| jpeg::luma_table(bytes).map(|table| Self::Jpeg { quality: jpeg::quality(&table) });
        let coding = match Format::guess(bytes) {
            Some(Format::Jpeg) => jpeg(bytes),
            Some(Format::Tiff) => tiff::jpeg(bytes).and_then(|stream| jpeg(&stream)),
            Some(Format::WebP) => vp8::quantiser(bytes).map(|index| Self::WebP { quality: vp8::quality(index) }),
            _ => None,
        };
        coding.unwrap_or(Self::Unstated)
    }
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Jpeg { quality } => write!(f, "JPEG, quality about {quality}"),
            Self::WebP { quality } => write!(f, "lossy WebP, like JPEG of quality about {quality}"),
            Self::Unstated => f.write_str("no sign of compression in the file or its pixels"),
        }
    }
}

/// The net for a picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What the net is for.
    pub degradation: Degradation,
    /// Why, for people.
    pub reason: String,
}

/// The net for a picture of which its file says `coding` and its pixels `traces`, as [`jpeg_quality_of_pixels`] gives it.
///
/// The worse of the two decides: a JPEG of quality 30 that was saved again at 95 is still one of quality 30.
pub fn choose(coding: Coding, traces: Option<u8>) -> Choice {
    let (stated, reason) = match coding {
        Coding::Jpeg { quality } | Coding::WebP { quality } => (Some(quality), coding.to_string()),
        Coding::Unstated => (None, coding.to_string()),
    };
    let hidden = traces.filter(|&quality| degradation(Some(quality)) > degradation(stated));
    let reason = hidden.map_or(reason, |quality| format!("pixels that were a JPEG of quality about {quality}"));
    Choice { degradation: degradation(hidden.or(stated)), reason }
}

/// What pictures of this quality have been through.
fn degradation(quality: Option<u8>) -> Degradation {
    match quality {
        Some(..STRONG_BELOW) => Degradation::Strong,
        Some(..LIGHT_BELOW) => Degradation::Light,
        _ => Degradation::Clean,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worse_of_file_and_pixels_decides() {
        use Degradation::{Clean, Light, Strong};
        let jpeg = |quality| Coding::Jpeg { quality };
        let cases = [
            (Coding::Unstated, None, Clean),
            (Coding::Unstated, Some(LIGHT_BELOW), Clean),
            (Coding::Unstated, Some(LIGHT_BELOW - 1), Light),
            (Coding::Unstated, Some(STRONG_BELOW - 1), Strong),
            (jpeg(100), None, Clean),
            (jpeg(LIGHT_BELOW), None, Clean),
            (jpeg(LIGHT_BELOW - 1), None, Light),
            (jpeg(STRONG_BELOW), None, Light),
            (jpeg(STRONG_BELOW - 1), None, Strong),
            (jpeg(1), Some(99), Strong),
            (jpeg(95), Some(30), Strong),
            (Coding::WebP { quality: 20 }, None, Strong),
        ];
        for (coding, traces, expected) in cases {
            assert_eq!(choose(coding, traces).degradation, expected, "{coding:?} {traces:?}");
        }
        assert_eq!(choose(jpeg(50), Some(52)).reason, "JPEG, quality about 50");
        assert_eq!(choose(jpeg(95), Some(30)).reason, "pixels that were a JPEG of quality about 30");
    }

    #[test]
    fn files_that_are_cut_or_damaged_say_something_or_nothing() {
        let files: [&[u8]; 3] = [jpeg::tests::JPEG, &tiff::tests::file(true, false), &vp8::tests::file(40, None)];
        for file in files {
            assert_ne!(Coding::of_file(file), Coding::Unstated);
            for length in 0..file.len() {
                Coding::of_file(&file[..length]);
                for pattern in [0x01, 0x80, 0xff] {
                    let mut damaged = file.to_vec();
                    damaged[length] ^= pattern;
                    Coding::of_file(&damaged);
                }
            }
        }
        assert_eq!(Coding::of_file(b"\x89PNG\r\n\x1a\n"), Coding::Unstated);
        assert_eq!(Coding::of_file(b""), Coding::Unstated);
    }
}
