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
    /// This part of the file was left out: the output format can't hold it, or it would not hold of the new picture.
    LeftOut(Part),
    /// This part of the file is damaged and was left out.
    Damaged(Part),
    /// The picture is HDR, with the transfer function of this name; its samples are upscaled as they are stored.
    Hdr(&'static str),
}

/// Something that a file holds beside the pixels of its picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The ICC colour profile.
    Icc,
    /// Colours described without a profile.
    Colours,
    /// The EXIF block.
    Exif,
    /// The note of the camera's maker within EXIF.
    MakerNote,
    /// The XMP packet.
    Xmp,
    /// What of XMP did not fit the packet.
    ExtendedXmp,
    /// The IPTC records.
    Iptc,
    /// Pixels per length.
    Resolution,
    /// Comments and other texts.
    Texts,
    /// What makes an HDR picture of a standard one.
    GainMap,
    /// The video of a motion photo.
    Video,
    /// The layers that a picture of Photoshop is made of.
    Layers,
    /// Where on the earth a picture's pixels lie (GeoTIFF).
    Georeference,
    /// A signed statement about the picture's origin (C2PA), which would not hold of another picture.
    ContentCredentials,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Icc => "the ICC colour profile",
            Self::Colours => "the description of the colours (cICP, gAMA, cHRM)",
            Self::Exif => "the EXIF data",
            Self::MakerNote => "the camera maker's note in the EXIF data",
            Self::Xmp => "the XMP data",
            Self::ExtendedXmp => "the extended XMP data",
            Self::Iptc => "the IPTC data",
            Self::Resolution => "the resolution (dpi)",
            Self::Texts => "the text",
            Self::GainMap => "the HDR gain map",
            Self::Video => "the video of the motion photo",
            Self::Layers => "what Photoshop keeps of the layers",
            Self::Georeference => "the georeference (GeoTIFF), which counts the old pixels,",
            Self::ContentCredentials => "the content credentials (C2PA)",
        })
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::FirstOnly => f.write_str("the file holds several pictures; only the first is used"),
            Self::RoundedTo8Bits => {
                f.write_str("16-bit samples are rounded to 8 bits, as the output format holds no more")
            }
            Self::StrayBytes => f.write_str("stray bytes between its segments are passed over"),
            Self::EndMissing => f.write_str("its end marker is missing, but all pixels are there"),
            Self::Partial => {
                f.write_str("it is damaged or cut short; what is missing of it is grey, black or transparent")
            }
            Self::CmykByProfile => f.write_str("CMYK is converted to sRGB through the ICC profile in the file"),
            Self::CmykByFormula => f.write_str(
                "CMYK is converted to RGB by formula, as the file has no usable ICC profile: its colours may be off",
            ),
            Self::ExtraChannels => f.write_str("channels beyond colours and alpha are left out"),
            Self::FloatTo16Bits => {
                f.write_str("floating-point samples become 16 bits: 0 to 1 is black to white, the rest is clipped")
            }
            Self::RoundedTo16Bits => f.write_str("samples of more than 16 bits are rounded to 16"),
            Self::AlphaOfZeros => f.write_str("its alpha is 0 everywhere, and is taken as opaque, as Windows does"),
            Self::DamagedExtras => f.write_str("metadata in it is damaged or missing, and is left out"),
            Self::LeftOut(part @ Part::Colours) => {
                write!(
                    f,
                    "{part} is left out, as the output format can't hold it; the colours will look different: use PNG"
                )
            }
            Self::LeftOut(part @ Part::GainMap) => write!(f, "{part} is left out; the result is the standard picture"),
            Self::LeftOut(
                part @ (Part::MakerNote
                | Part::ExtendedXmp
                | Part::Video
                | Part::Layers
                | Part::Georeference
                | Part::ContentCredentials),
            ) => {
                write!(f, "{part} can't be carried, and is left out")
            }
            Self::LeftOut(part) => write!(f, "{part} is left out, as the output format can't hold it"),
            Self::Damaged(part) => write!(f, "{part} is damaged, and left out"),
            Self::Hdr(transfer) => {
                write!(
                    f,
                    "the picture is HDR ({transfer}); it is upscaled as it is stored, which the nets were not made for"
                )
            }
        }
    }
}
