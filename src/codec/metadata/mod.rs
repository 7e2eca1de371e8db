//! What image files say of their pictures beside the pixels: one file a container, one value between them.
//!
//! Nothing that is found here is trusted: whatever the bytes are, reading them ends in time and in bounds, and a part
//! that is damaged is left out, with a note.

mod exif;
pub(super) mod icc;
mod jpeg;
mod photoshop;
mod png;
#[cfg(test)]
mod tests;
mod tiff;
mod webp;
mod xmp;

use image::metadata::Orientation;

use super::directory::Main;
use super::note::Part;
use super::{Format, Note};
use crate::Layout;

pub(super) use jpeg::write as write_jpeg;
pub(super) use png::chunks as png_chunks;
pub(super) use tiff::{Field as TiffField, Tags as TiffTags};

/// The longest part that is carried, in bytes; also the most of all texts together.
pub(super) const MAX_LEN: usize = 16 << 20;

/// What a file says of its picture beside the pixels. Empty fields were not in the file.
///
/// ```
/// # fn main() -> abpn::Result<()> {
/// use abpn::codec::{self, Format, Metadata, Picture, Resolution, ResolutionUnit};
///
/// let mut metadata = Metadata::default();
/// metadata.resolution = Some(Resolution { x: (300, 1), y: (300, 1), unit: ResolutionUnit::Inch });
/// let picture = Picture { image: abpn::Image::from_rgb8(1, 1, vec![1, 2, 3])?, metadata };
/// let mut file = std::io::Cursor::new(Vec::new());
/// let notes = codec::encode(&picture, Format::Tiff, codec::DEFAULT_QUALITY, &mut file)?;
/// assert!(notes.is_empty());
/// let (read, _) = codec::decode(file.get_ref(), codec::DEFAULT_MAX_PIXELS)?;
/// assert_eq!(read.metadata, picture.metadata);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The ICC colour profile, as it lay in the file.
    pub icc: Option<Vec<u8>>,
    /// Colours described without an ICC profile, as PNG does.
    pub colours: Colours,
    /// The EXIF block, from its TIFF header (`II` or `MM`) on, without a thumbnail. Its orientation is 1, as the pixels
    /// are upright.
    pub exif: Option<Vec<u8>>,
    /// The XMP packet.
    pub xmp: Option<Vec<u8>>,
    /// The IPTC records (IIM).
    pub iptc: Option<Vec<u8>>,
    /// Pixels per length.
    pub resolution: Option<Resolution>,
    /// Comments and other texts.
    pub texts: Vec<Text>,
}

impl Metadata {
    /// Takes out everything but what the colours need.
    pub fn strip(&mut self) {
        let (icc, colours) = (self.icc.take(), self.colours);
        *self = Self { icc, colours, ..Self::default() };
    }
}

/// PNG's chunks about colours, with the numbers that they hold there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Colours {
    /// cICP: primaries, transfer function, matrix and range by their numbers in ITU-T H.273.
    pub cicp: Option<[u8; 4]>,
    /// sRGB: the rendering intent, 0 to 3.
    pub srgb: Option<u8>,
    /// gAMA: the exponent from light to samples, in 1/100,000.
    pub gamma: Option<u32>,
    /// cHRM: x and y of white, red, green and blue, in 1/100,000.
    pub chromaticities: Option<[u32; 8]>,
    /// mDCV: the colour volume of the display that the picture was mastered on.
    pub mastering_display: Option<[u8; 24]>,
    /// cLLI: the most and the mean light level.
    pub light_levels: Option<[u8; 8]>,
}

/// x and y of D65, the white of sRGB and most others, in 1/100,000.
const D65: [u32; 2] = [31270, 32900];
/// How far a number of gAMA or cHRM may lie from what is meant, in 1/100,000.
const ROUNDING: u32 = 50;

impl Colours {
    /// The name of an HDR transfer function.
    pub fn hdr(&self) -> Option<&'static str> {
        self.cicp.and_then(|[_, transfer, ..]| transfer_name(transfer))
    }

    /// Whether this is how pictures look that say nothing of their colours.
    pub fn are_usual(&self) -> bool {
        // sRGB's gamma and chromaticities, as its chunk asks writers to give them.
        const GAMMA: u32 = 45455;
        const CHROMATICITIES: [u32; 8] = [D65[0], D65[1], 64000, 33000, 30000, 60000, 15000, 6000];
        if let Some([primaries, transfer, matrix, range]) = self.cicp {
            return primaries == 1 && matches!(transfer, 1 | 6 | 13 | 14 | 15) && matrix == 0 && range == 1;
        }
        self.srgb.is_some()
            || self.gamma.is_none_or(|gamma| gamma.abs_diff(GAMMA) <= ROUNDING)
                && self
                    .chromaticities
                    .is_none_or(|given| given.iter().zip(CHROMATICITIES).all(|(a, b)| a.abs_diff(b) <= ROUNDING))
    }
}

/// The name of an HDR transfer function, by its number in ITU-T H.273.
fn transfer_name(number: u8) -> Option<&'static str> {
    match number {
        16 => Some("PQ"),
        18 => Some("HLG"),
        _ => None,
    }
}

/// How many pixels there are in a length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resolution {
    /// Numerator and denominator, neither 0.
    pub x: (u32, u32),
    /// Likewise, from top to bottom.
    pub y: (u32, u32),
    /// The length.
    pub unit: ResolutionUnit,
}

/// A length that pixels are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResolutionUnit {
    /// Not known: the two numbers only say how wide a pixel is to its height.
    None,
    /// 25.4 mm.
    Inch,
    /// 10 mm.
    Centimetre,
    /// 1000 mm.
    Metre,
}

impl Resolution {
    /// Pixels in `unit`, rounded; none if the length is not known, or a number exceeds `max`.
    fn per(&self, unit: ResolutionUnit, max: u32) -> Option<(u32, u32)> {
        // In units of 0.1 mm.
        let len = |unit| match unit {
            ResolutionUnit::None => None,
            ResolutionUnit::Inch => Some(254_u128),
            ResolutionUnit::Centimetre => Some(100),
            ResolutionUnit::Metre => Some(10_000),
        };
        let (from, to) = (len(self.unit)?, len(unit)?);
        let convert = |(numerator, denominator): (u32, u32)| {
            let divisor = u128::from(denominator) * from;
            let rounded = (u128::from(numerator) * to + divisor / 2).checked_div(divisor)?;
            u32::try_from(rounded).ok().filter(|&number| (1..=max).contains(&number))
        };
        convert(self.x).zip(convert(self.y))
    }

    /// Two whole numbers of at most `max` with the ratio of these, as exactly as that goes.
    fn aspect(&self, max: u32) -> Option<(u32, u32)> {
        let (x, y) = (u128::from(self.x.0) * u128::from(self.y.1), u128::from(self.y.0) * u128::from(self.x.1));
        let divisor = gcd(x, y);
        let (x, y) = (x.checked_div(divisor)?, y.checked_div(divisor)?);
        let scale = x.max(y).div_ceil(max.into()).max(1);
        let part = |number: u128| u32::try_from((number / scale).max(1)).ok();
        part(x).zip(part(y))
    }
}

fn gcd(mut a: u128, mut b: u128) -> u128 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// A text, as PNG holds them; JPEG's comments have the keyword `Comment`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// What it is about: 1 to 79 characters of Latin-1.
    pub keyword: String,
    /// The language as RFC 3066 names it, or nothing.
    pub language: String,
    /// The keyword in that language, or nothing.
    pub translated_keyword: String,
    /// The text itself.
    pub text: String,
}

/// JPEG's comments, as PNG names them.
const COMMENT: &str = "Comment";

/// Reads what a file of `format` says; returns also how to turn its samples upright, and what of it is lost.
///
/// Empty for formats that say nothing, or whose decoder says it.
pub(super) fn read(format: Format, bytes: &[u8]) -> (Metadata, Orientation, Vec<Note>) {
    let mut notes = Vec::new();
    let metadata = match format {
        Format::Png => png::read(bytes, &mut notes),
        Format::Jpeg => jpeg::read(bytes, &mut notes),
        Format::WebP => webp::read(bytes, &mut notes),
        _ => return (Metadata::default(), Orientation::NoTransforms, notes),
    };
    settled(metadata, None, notes)
}

/// As [`read`], of the directory of a TIFF file's picture.
pub(super) fn of_tiff(main: &Main) -> (Metadata, Orientation, Vec<Note>) {
    let mut notes = Vec::new();
    let (metadata, orientation) = tiff::read(main, &mut notes);
    settled(metadata, Some(orientation.unwrap_or(Orientation::NoTransforms)), notes)
}

/// Metadata of the upright picture; `stored` is how to turn it, if EXIF's word doesn't count.
fn settled(
    mut metadata: Metadata,
    stored: Option<Orientation>,
    mut notes: Vec<Note>,
) -> (Metadata, Orientation, Vec<Note>) {
    let settled = metadata.settle(&mut notes);
    let orientation = stored.unwrap_or(settled);
    if orientation.to_exif() >= 5
        && let Some(resolution) = &mut metadata.resolution
    {
        std::mem::swap(&mut resolution.x, &mut resolution.y);
    }
    (metadata, orientation, notes)
}

impl Metadata {
    /// Makes EXIF and XMP true for the upright picture; returns how EXIF says to turn it.
    pub(super) fn settle(&mut self, notes: &mut Vec<Note>) -> Orientation {
        let mut orientation = Orientation::NoTransforms;
        if let Some(mut block) = self.exif.take() {
            match exif::settle(&mut block) {
                Some(found) => {
                    orientation = found;
                    self.resolution = self.resolution.or_else(|| exif::resolution_of_block(&block));
                    self.exif = Some(block);
                }
                None => notes.push(Note::Damaged(Part::Exif)),
            }
        }
        // Without a length, equal numbers say nothing.
        self.resolution = self
            .resolution
            .filter(|given| given.unit != ResolutionUnit::None || given.aspect(u32::MAX) != Some((1, 1)));
        self.xmp = self.xmp.take().map(|packet| xmp::settle(&packet));
        if let Some(transfer) = self.colours.hdr().or_else(|| icc::hdr(self.icc.as_deref()?)) {
            notes.push(Note::Hdr(transfer));
        }
        orientation
    }

    /// What of it a file of `format` can hold, of a picture of this size and layout; notes say what it can't.
    pub(super) fn fit(&self, format: Format, size: (u32, u32), layout: Layout, notes: &mut Vec<Note>) -> Self {
        let mut fitted = self.clone();
        let mut left_out = |part| notes.push(Note::LeftOut(part));
        if let Some(block) = &mut fitted.exif {
            exif::set_size(block, size);
        }
        fitted.xmp = fitted.xmp.map(|packet| xmp::set_size(&packet, size));

        if !matches!(format, Format::Png) && fitted.colours != Colours::default() {
            // An ICC profile beside it says the same for programs that know no more.
            let is_told = fitted.icc.is_some() && fitted.colours.hdr().is_none();
            if !is_told && !fitted.colours.are_usual() {
                let is_grey = matches!(layout, Layout::Grey | Layout::GreyAlpha);
                // A profile that is there already is the second best description.
                let is_free = fitted.icc.is_none() && max_len(format, Part::Icc) > 0;
                match is_free.then(|| icc::equivalent(&fitted.colours, is_grey)).flatten() {
                    Some(profile) => fitted.icc = Some(profile),
                    None => left_out(Part::Colours),
                }
            }
            fitted.colours = Colours::default();
        }
        // WebP has no other place for it.
        if format == Format::WebP && fitted.exif.is_none() {
            fitted.exif = fitted.resolution.map(exif::block_of);
        }
        for (part, bytes) in [
            (Part::Icc, &mut fitted.icc),
            (Part::Exif, &mut fitted.exif),
            (Part::Xmp, &mut fitted.xmp),
            (Part::Iptc, &mut fitted.iptc),
        ] {
            if bytes.as_ref().is_some_and(|bytes| bytes.len() > max_len(format, part)) {
                left_out(part);
                *bytes = None;
            }
        }
        // Its texts are UTF-8.
        if format == Format::Png && fitted.xmp.as_deref().is_some_and(|packet| std::str::from_utf8(packet).is_err()) {
            left_out(Part::Xmp);
            fitted.xmp = None;
        }
        if fitted.resolution.is_some_and(|resolution| !holds_resolution(format, &resolution, fitted.exif.as_deref())) {
            left_out(Part::Resolution);
            fitted.resolution = None;
        }
        let len = fitted.texts.len();
        fitted.texts.retain(|text| holds_text(format, text));
        if fitted.texts.len() < len {
            left_out(Part::Texts);
        }
        fitted
    }
}

/// The longest part of this kind that a file of `format` can hold, in bytes; 0 where it has no place.
fn max_len(format: Format, part: Part) -> usize {
    match (format, part) {
        (Format::Jpeg, Part::Icc) => jpeg::MAX_ICC_LEN,
        (Format::Jpeg, Part::Exif) => jpeg::MAX_EXIF_LEN,
        (Format::Jpeg, Part::Xmp) => jpeg::MAX_XMP_LEN,
        (Format::Jpeg, Part::Iptc) => jpeg::MAX_IPTC_LEN,
        (Format::WebP, Part::Iptc) => 0,
        (Format::Png | Format::WebP | Format::Tiff, _) => MAX_LEN,
        _ => 0,
    }
}

fn holds_resolution(format: Format, resolution: &Resolution, exif: Option<&[u8]>) -> bool {
    match format {
        Format::Png => png::physical(resolution).is_some(),
        Format::Jpeg => jpeg::density_of(resolution).is_some(),
        Format::Tiff => !tiff::resolution_fields(*resolution).is_empty(),
        Format::WebP => exif.is_some_and(|block| exif::resolution_of_block(block).is_some()),
        _ => false,
    }
}

fn holds_text(format: Format, text: &Text) -> bool {
    match format {
        Format::Png => true,
        Format::Jpeg => text.keyword == COMMENT && text.text.len() <= jpeg::MAX_SEGMENT_LEN,
        _ => false,
    }
}
