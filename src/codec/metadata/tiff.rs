//! TIFF's tags.

use image::metadata::Orientation;

use super::directory::{self, Header, kind, tag};
use super::{MAX_LEN, Metadata, Resolution, ResolutionUnit, exif, photoshop};
use crate::codec::Note;
use crate::codec::note::Part;

/// What a TIFF file says of its first picture, and how to turn that upright.
pub(super) fn read(bytes: &[u8], notes: &mut Vec<Note>) -> (Metadata, Option<Orientation>) {
    let mut metadata = Metadata::default();
    let Some((header, main)) =
        Header::read(bytes).and_then(|header| Some((header, header.directory(bytes, header.first)?)))
    else {
        return (metadata, None);
    };
    let mut bytes_of = |tag, part| {
        let entry = main.entry(tag)?;
        let value = entry.value.clone().and_then(|value| bytes.get(value)).filter(|value| value.len() <= MAX_LEN);
        if value.is_none() {
            notes.push(Note::Damaged(part));
        }
        value.map(<[u8]>::to_vec).filter(|value| !value.is_empty())
    };
    metadata.icc = bytes_of(tag::ICC, Part::Icc);
    metadata.xmp = bytes_of(tag::XMP, Part::Xmp);
    metadata.iptc = bytes_of(tag::IPTC, Part::Iptc)
        .or_else(|| photoshop::iptc(bytes.get(main.entry(tag::PHOTOSHOP)?.value.clone()?)?));
    let has = |tags: &[u16]| tags.iter().any(|&tag| main.entry(tag).is_some());
    for (part, tags) in [
        (Part::Layers, [tag::LAYERS].as_slice()),
        (Part::Georeference, &tag::GEOREFERENCE),
        (Part::ContentCredentials, &[tag::CONTENT_CREDENTIALS]),
    ] {
        notes.extend(has(tags).then_some(Note::LeftOut(part)));
    }
    metadata.resolution = exif::resolution(bytes);
    let fields = exif::Fields::read(bytes).filter(|fields| !fields.is_empty());
    if let Some(fields) = fields {
        if fields.had_maker_note {
            notes.push(Note::LeftOut(Part::MakerNote));
        }
        metadata.exif = Some(fields.block());
    }
    let orientation = main
        .entry(tag::ORIENTATION)
        .and_then(|entry| Orientation::from_exif(header.number(bytes, entry)?.try_into().ok()?));
    (metadata, orientation)
}

/// An entry: tag, type, and values in the byte order of this machine.
pub(in crate::codec) type Field = (u16, u16, Vec<u8>);

/// The fields of a TIFF file that say what metadata does, directory by directory: EXIF's, with interoperability's
/// within it, and GPS's are apart from the main one.
#[derive(Debug)]
pub(in crate::codec) struct Tags(exif::Fields);

impl Tags {
    pub fn new(metadata: &Metadata, notes: &mut Vec<Note>) -> Self {
        let mut fields = metadata.exif.as_deref().and_then(exif::Fields::read).unwrap_or_default();
        if fields.had_maker_note {
            notes.push(Note::LeftOut(Part::MakerNote));
        }
        let mut add = |tag, kind, value: &Option<Vec<u8>>| {
            fields.main.extend(value.clone().map(|value| directory::Field { tag, kind, value }));
        };
        add(tag::ICC, kind::UNDEFINED, &metadata.icc);
        add(tag::XMP, kind::BYTE, &metadata.xmp);
        add(tag::IPTC, kind::UNDEFINED, &metadata.iptc);
        fields.main.extend(metadata.resolution.into_iter().flat_map(resolution_fields));
        Self(fields)
    }

    /// Has `write` write each directory that the main one points to, which gives its offset; returns the main one's
    /// entries.
    ///
    /// # Errors
    /// Those of `write`.
    pub fn main<E>(self, mut write: impl FnMut(&[Field]) -> Result<u32, E>) -> Result<Vec<Field>, E> {
        let entry = |directory::Field { tag, kind, value }| (tag, kind, value);
        let entries = |fields: Vec<directory::Field>| -> Vec<Field> { fields.into_iter().map(entry).collect() };
        let pointer = |tag, at: u32| entry(directory::Field::long(tag, at));
        let (mut main, mut exif) = (entries(self.0.main), entries(self.0.exif));
        if !exif.is_empty() {
            if !self.0.interoperability.is_empty() {
                exif.push(pointer(tag::INTEROPERABILITY, write(&entries(self.0.interoperability))?));
            }
            main.push(pointer(tag::EXIF, write(&exif)?));
        }
        if !self.0.gps.is_empty() {
            main.push(pointer(tag::GPS, write(&entries(self.0.gps))?));
        }
        Ok(main)
    }
}

/// The entries that give a resolution.
pub(super) fn resolution_fields(resolution: Resolution) -> Vec<directory::Field> {
    let (x, y, unit) = match resolution.unit {
        ResolutionUnit::None => (resolution.x, resolution.y, 1),
        ResolutionUnit::Inch => (resolution.x, resolution.y, 2),
        ResolutionUnit::Centimetre => (resolution.x, resolution.y, 3),
        // PNG's, which knows no other length: 300 dots an inch are 11811 a metre there, and are meant.
        ResolutionUnit::Metre => match resolution.per(ResolutionUnit::Inch, u32::MAX) {
            Some((x, y)) => ((x, 1), (y, 1), 2),
            None => return vec![],
        },
    };
    vec![
        directory::Field::rational(tag::X_RESOLUTION, x),
        directory::Field::rational(tag::Y_RESOLUTION, y),
        directory::Field::short(tag::RESOLUTION_UNIT, unit),
    ]
}
