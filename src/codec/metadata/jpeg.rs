//! JPEG's segments.

use memchr::memmem;

use super::{COMMENT, MAX_LEN, Metadata, Resolution, ResolutionUnit, exif, photoshop, png};
use crate::codec::Note;
use crate::codec::directory::Main;
use crate::codec::jpeg::segments::Segments;
use crate::codec::note::Part;

/// Application segments 0 to 15.
const APP: u8 = 0xe0;
const XMP_MARKER: u8 = APP + 1;
const ICC_MARKER: u8 = APP + 2;
const COMMENT_MARKER: u8 = 0xfe;

/// The longest data of a segment: its length has 16 bits and counts itself.
pub(super) const MAX_SEGMENT_LEN: usize = 65535 - 2;
/// Longest EXIF block, in bytes.
pub(super) const MAX_EXIF_LEN: usize = MAX_SEGMENT_LEN - exif::PREFIX.len();
/// Longest XMP packet, in bytes.
pub(super) const MAX_XMP_LEN: usize = MAX_SEGMENT_LEN - XMP.len();
/// Longest ICC profile, in bytes: 255 segments, each with a number and their count.
pub(super) const MAX_ICC_LEN: usize = (MAX_SEGMENT_LEN - ICC.len() - 2) * 255;
/// Longest IPTC records, in bytes: what is left beside a resource's head and its filling to an even length.
pub(super) const MAX_IPTC_LEN: usize = MAX_SEGMENT_LEN - PHOTOSHOP.len() - 12 - 1;

const JFIF: &[u8] = b"JFIF\0";
const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
const EXTENDED_XMP: &[u8] = b"http://ns.adobe.com/xmp/extension/\0";
const ICC: &[u8] = b"ICC_PROFILE\0";
const PHOTOSHOP: &[u8] = b"Photoshop 3.0\0";
const MULTI_PICTURE: &[u8] = b"MPF\0";

/// What marks a gain map or its description, in Google's and Adobe's way, Apple's, and ISO's.
const GAIN_MAPS: [&[u8]; 3] =
    [b"http://ns.adobe.com/hdr-gain-map/", b"http://ns.apple.com/HDRGainMap/", b"urn:iso:std:iso:ts:21496"];
/// What marks a photo with a video behind it.
const MOTION_PHOTOS: [&[u8]; 2] = [b"GCamera:MotionPhoto=\"1\"", b"GCamera:MicroVideo=\"1\""];

/// What a JPEG file says.
pub(super) fn read(bytes: &[u8], notes: &mut Vec<Note>) -> Metadata {
    let mut metadata = Metadata::default();
    let mut icc: Vec<Option<&[u8]>> = Vec::new();
    let mut resources = Vec::new();
    let mut budget = MAX_LEN;
    let mut has_pictures = false;
    let mut marks_gain_map = false;
    for (marker, data) in Segments::before_scan(bytes) {
        marks_gain_map |= matches!(marker, XMP_MARKER | ICC_MARKER) && has_gain_map(data);
        let after = |prefix: &[u8]| data.strip_prefix(prefix);
        match marker.wrapping_sub(APP) {
            0 => metadata.resolution = after(JFIF).and_then(density).or(metadata.resolution),
            1 if data.starts_with(exif::PREFIX) && metadata.exif.is_none() => metadata.exif = Some(data.to_vec()),
            1 if after(EXTENDED_XMP).is_some() => add(notes, Note::LeftOut(Part::ExtendedXmp)),
            1 => metadata.xmp = metadata.xmp.or(after(XMP).map(<[u8]>::to_vec)),
            2 => {
                if let Some([sequence, count, part @ ..]) = after(ICC) {
                    icc.resize(icc.len().max((*count).into()).max((*sequence).into()), None);
                    if let Some(place) = usize::from(*sequence).checked_sub(1).and_then(|at| icc.get_mut(at)) {
                        *place = Some(part);
                    }
                }
                has_pictures |= after(MULTI_PICTURE).and_then(pictures).is_some_and(|count| count > 1);
            }
            11 if is_content_credentials(data) => add(notes, Note::LeftOut(Part::ContentCredentials)),
            13 => resources.extend_from_slice(after(PHOTOSHOP).unwrap_or_default()),
            _ if marker == COMMENT_MARKER => {
                let Some(left) = budget.checked_sub(data.len()) else {
                    add(notes, Note::Damaged(Part::Texts));
                    continue;
                };
                budget = left;
                // No encoding is prescribed.
                let text = std::str::from_utf8(data).map_or_else(|_| png::latin1(data), str::to_owned);
                let text = text.trim_end_matches('\0');
                if !text.is_empty() {
                    metadata.texts.push(png::comment(text.to_owned()));
                }
            }
            _ => {}
        }
    }
    metadata.iptc = photoshop::iptc(&resources);
    if !icc.is_empty() {
        match icc.into_iter().collect::<Option<Vec<_>>>() {
            Some(parts) => metadata.icc = Some(parts.concat()).filter(|icc| !icc.is_empty()),
            None => add(notes, Note::Damaged(Part::Icc)),
        }
    }
    // The description may be in the second picture alone.
    if marks_gain_map || has_pictures && has_gain_map(bytes) {
        add(notes, Note::LeftOut(Part::GainMap));
    } else if has_pictures {
        add(notes, Note::FirstOnly);
    }
    if MOTION_PHOTOS
        .iter()
        .any(|mark| metadata.xmp.as_deref().is_some_and(|packet| memmem::find(packet, mark).is_some()))
    {
        add(notes, Note::LeftOut(Part::Video));
    }
    metadata
}

fn has_gain_map(bytes: &[u8]) -> bool {
    GAIN_MAPS.iter().any(|mark| memmem::find(bytes, mark).is_some())
}

fn add(notes: &mut Vec<Note>, note: Note) {
    if !notes.contains(&note) {
        notes.push(note);
    }
}

/// The resolution in a JFIF header.
fn density(data: &[u8]) -> Option<Resolution> {
    let &[_, _, unit, a, b, c, d, ..] = data else { return None };
    let (x, y) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    let unit = match unit {
        1 => ResolutionUnit::Inch,
        2 => ResolutionUnit::Centimetre,
        _ => ResolutionUnit::None,
    };
    (x > 0 && y > 0).then_some(Resolution { x: (x.into(), 1), y: (y.into(), 1), unit })
}

/// How many pictures the index of a file of several counts, without previews of the first.
fn pictures(index: &[u8]) -> Option<usize> {
    const ENTRIES: u16 = 0xb002;
    const ENTRY_LEN: usize = 16;
    /// What an entry's attributes say of a preview: its class, and any size.
    const PREVIEW: u32 = 0x01_0000;
    let main = Main::first(index)?;
    let is_preview =
        |entry: &&[u8]| main.header.order.u32(entry, 0).is_some_and(|attributes| attributes & 0xff_0000 == PREVIEW);
    Some(main.value(ENTRIES)?.chunks_exact(ENTRY_LEN).filter(|entry| !is_preview(entry)).count())
}

/// Whether a segment holds a JUMBF box of C2PA.
fn is_content_credentials(data: &[u8]) -> bool {
    data.starts_with(b"JP") && memmem::find(data, b"c2pa").is_some()
}

/// Writes a JPEG file again with the segments that say what `metadata` does in place of its own JFIF header.
pub(in crate::codec) fn write(file: &[u8], metadata: &Metadata) -> Vec<u8> {
    let (start, mut rest) = file.split_at(file.len().min(2));
    let mut written = start.to_vec();
    while let [0xff, APP, high, low, ..] = *rest {
        rest = rest.get(2 + usize::from(u16::from_be_bytes([high, low]))..).unwrap_or_default();
    }
    let mut segment = |marker, data: &[&[u8]]| {
        let len = data.iter().map(|part| part.len()).sum::<usize>();
        // `Metadata::fit` has left out what is longer.
        if let Ok(len) = u16::try_from(len + 2) {
            written.extend([0xff, marker]);
            written.extend(len.to_be_bytes());
            data.iter().for_each(|part| written.extend_from_slice(part));
        }
    };
    let resolution = metadata.resolution;
    let [unit, x, y] = resolution.and_then(|resolution| density_of(&resolution)).unwrap_or([0, 1, 1]);
    #[expect(clippy::cast_possible_truncation, reason = "0, 1 or 2")]
    segment(APP, &[JFIF, &[1, 2, unit as u8], &x.to_be_bytes(), &y.to_be_bytes(), &[0, 0]]);
    if let Some(block) = &metadata.exif {
        segment(APP + 1, &[exif::PREFIX, block]);
    }
    if let Some(packet) = &metadata.xmp {
        segment(APP + 1, &[XMP, packet]);
    }
    if let Some(icc) = &metadata.icc {
        let parts = icc.chunks(MAX_SEGMENT_LEN - ICC.len() - 2);
        let count = u8::try_from(parts.len()).unwrap_or(u8::MAX);
        for (part, sequence) in parts.zip(1..=count) {
            segment(APP + 2, &[ICC, &[sequence, count], part]);
        }
    }
    if let Some(iptc) = &metadata.iptc {
        segment(APP + 13, &[PHOTOSHOP, &photoshop::block(iptc)]);
    }
    for text in metadata.texts.iter().filter(|text| text.keyword == COMMENT) {
        segment(COMMENT_MARKER, &[text.text.as_bytes()]);
    }
    written.extend_from_slice(rest);
    written
}

/// Unit and numbers in a JFIF header.
pub(super) fn density_of(resolution: &Resolution) -> Option<[u16; 3]> {
    let max = u16::MAX.into();
    let (code, (x, y)) = match resolution.unit {
        ResolutionUnit::None => (0, resolution.aspect(max)?),
        ResolutionUnit::Centimetre => (2, resolution.per(ResolutionUnit::Centimetre, max)?),
        ResolutionUnit::Inch | ResolutionUnit::Metre => (1, resolution.per(ResolutionUnit::Inch, max)?),
    };
    Some([code, x.try_into().ok()?, y.try_into().ok()?])
}
