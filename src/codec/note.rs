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
    /// Bytes that belong to nothing lay between a JPEG's segments.
    StrayBytes,
    /// A JPEG's end marker is missing; all pixels are there.
    EndMissing,
    /// The file is damaged or cut short, and what is missing of the picture was filled up, as the caller allowed.
    Partial,
    /// CMYK became sRGB through the file's ICC profile.
    CmykByProfile,
    /// CMYK became RGB by formula, without a usable ICC profile.
    CmykByFormula,
    /// Channels beyond colours and alpha were left out.
    ExtraChannels,
    /// Floating-point samples became 16 bits.
    FloatTo16Bits,
    /// Samples of more than 16 bits were rounded to 16.
    RoundedTo16Bits,
    /// An alpha channel of zeros, which a BMP's writer didn't mean, was taken as opaque.
    AlphaOfZeros,
    /// A part of the file that is no pixels is damaged or missing, and was left out.
    DamagedExtras,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::FirstOnly => "the file holds several pictures; only the first is used",
            Self::RoundedTo8Bits => "16-bit samples are rounded to 8 bits, as the output format holds no more",
            Self::IccDropped => "the ICC colour profile is left out, as the output format can't hold it",
            Self::ExifDropped => "the EXIF data is left out, as the output format can't hold it",
            Self::StrayBytes => "stray bytes between its segments are passed over",
            Self::EndMissing => "its end marker is missing, but all pixels are there",
            Self::Partial => "it is damaged or cut short; what is missing of it is grey, black or transparent",
            Self::CmykByProfile => "CMYK is converted to sRGB through the ICC profile in the file",
            Self::CmykByFormula => {
                "CMYK is converted to RGB by formula, as the file has no usable ICC profile: its colours may be off"
            }
            Self::ExtraChannels => "channels beyond colours and alpha are left out",
            Self::FloatTo16Bits => {
                "floating-point samples become 16 bits: 0 to 1 is black to white, the rest is clipped"
            }
            Self::RoundedTo16Bits => "samples of more than 16 bits are rounded to 16",
            Self::AlphaOfZeros => "its alpha is 0 everywhere, and is taken as opaque, as Windows does",
            Self::DamagedExtras => "metadata in it is damaged or missing, and is left out",
        })
    }
}
