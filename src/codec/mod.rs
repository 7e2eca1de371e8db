//! Image files to [`Picture`]s and back.
//!
//! | format | read as                                  | written as                                  | ICC | EXIF |
//! |--------|------------------------------------------|---------------------------------------------|-----|------|
//! | PNG    | every kind; palettes become RGB or RGBA  | every layout, 8 and 16 bits                 | yes | yes  |
//! | JPEG   | grey, colour; 8 bits                     | grey, RGB; 8 bits                           | yes | yes  |
//! | WebP   | lossy, lossless; RGB, RGBA               | lossless; RGB, RGBA; 8 bits                 | yes | yes  |
//! | TIFF   | grey, RGB, with or without alpha         | grey, RGB, RGBA, 8 and 16 bits, uncompressed| yes | no   |
//! | PNM    | P1 to P7, any maximum                    | P5, P6, with alpha P7; 8 and 16 bits        | no  | no   |
//! | QOI    | RGB, RGBA                                | RGB, RGBA; 8 bits                           | no  | no   |
//! | BMP    | RGB, RGBA, palettes                      | not at all                                  | no  | no   |
//!
//! What a format can't hold is converted where that is harmless ([`Note`] tells the caller) and refused where it is
//! not. Colours are carried as they are, with their ICC profile: there is no colour management. Not carried are XMP,
//! IPTC, comments, resolutions, and the colour chunks of PNG other than ICC (gAMA, cHRM, cICP).
//!
//! Not read, because the result would be wrong rather than merely poorer: CMYK, floating point, more than 16 bits.

mod cmyk;
mod decode;
mod encode;
mod fit;
mod format;
mod jpeg;
mod metadata;
mod note;
mod orientation;
mod pnm;
mod tiff;

pub use decode::{DEFAULT_MAX_PIXELS, Options, decode, decode_with, max_file_len, read, read_with};
pub use encode::{DEFAULT_QUALITY, encode};
pub use format::Format;
pub use metadata::Metadata;
pub use note::Note;

use crate::Image;

/// An image with what a file says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The pixels, upright: an orientation in the file has been applied.
    pub image: Image,
    /// What else the file says.
    pub metadata: Metadata,
}
