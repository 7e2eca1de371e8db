//! Image files to [`Picture`]s and back.
//!
//! | format  | read as                                              | written as                                  |
//! |---------|------------------------------------------------------|---------------------------------------------|
//! | PNG     | every kind; palettes become RGB or RGBA              | every layout, 8 and 16 bits                 |
//! | JPEG    | grey, colour, CMYK; 8 bits                           | grey, RGB; 8 bits                           |
//! | WebP    | lossy, lossless; RGB, RGBA                           | lossless; RGB, RGBA; 8 bits                 |
//! | TIFF    | grey, palette, RGB, YCbCr, CMYK, alpha; any depth    | grey, RGB, RGBA, 8 and 16 bits, uncompressed|
//! | GIF     | the first frame; RGB, RGBA                           | not at all                                  |
//! | JPEG XL | the first frame; every layout, 8 and 16 bits         | not at all                                  |
//! | PNM     | P1 to P7, any maximum                                | P5, P6, with alpha P7; 8 and 16 bits        |
//! | QOI     | RGB, RGBA                                            | RGB, RGBA; 8 bits                           |
//! | BMP     | RGB, RGBA, palettes                                  | not at all                                  |
//!
//! What a format can't hold is converted where that is harmless ([`Note`] tells the caller) and refused where it is
//! not. Colours are carried as they are, with their description, but CMYK, which becomes sRGB: there is no other colour
//! management. [`Metadata`] is what PNG, JPEG, WebP, TIFF and JPEG XL files say beside the pixels; each part goes to
//! every format that has a place for it, and a note says where it doesn't. docs/files.md has the tables, and what is
//! refused.

mod alpha;
mod bmp;
mod byte_order;
mod cmyk;
mod decode;
pub(crate) mod directory;
mod encode;
mod fit;
mod foreign;
mod format;
mod gif;
pub(crate) mod jpeg;
mod jxl;
mod metadata;
mod note;
mod orientation;
mod png;
mod pnm;
pub(crate) mod riff;
pub(crate) mod tiff;
mod webp;

pub use decode::{DEFAULT_MAX_PIXELS, Options, decode, decode_with, max_file_len, read, read_with};
pub use encode::{DEFAULT_QUALITY, encode};
pub use fit::check;
pub use format::Format;
pub use metadata::{Colours, Metadata, Resolution, ResolutionUnit, Text};
pub use note::{Note, Part};

use crate::Image;

/// An image with what a file says about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The pixels, upright: an orientation in the file has been applied.
    pub image: Image,
    /// What else the file says.
    pub metadata: Metadata,
}
