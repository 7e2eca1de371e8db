//! What a conversion lost.

use std::fmt;

/// Something about a picture that did not survive, and that its owner may want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The file holds several pictures, frames or pages; only the first was read.
    FirstOnly,
    /// 16-bit samples were rounded to 8 bits.
    RoundedTo8Bits,
    /// The ICC profile was left out: the format can't hold it, or it is one for grey and the format has only colours.
    IccDropped,
    /// The EXIF block was left out: the format can't hold it.
    ExifDropped,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::FirstOnly => "the file holds several pictures; only the first is used",
            Self::RoundedTo8Bits => "16-bit samples are rounded to 8 bits, as the output format holds no more",
            Self::IccDropped => "the ICC colour profile is left out, as the output format can't hold it",
            Self::ExifDropped => "the EXIF data is left out, as the output format can't hold it",
        })
    }
}
