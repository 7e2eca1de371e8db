//! TIFF's tags.

use image::metadata::Orientation;

use super::{MAX_LEN, Metadata, Resolution, ResolutionUnit, exif, photoshop};
use crate::codec::Note;
use crate::codec::directory::{self, Main, kind, tag};
use crate::codec::note::Part;

/// What the picture's directory in a TIFF file says, and how to turn the picture upright.
pub(super) fn read(main: &Main, notes: &mut Vec<Note>) -> (Metadata, Option<Orientation>) {
    let mut metadata = Metadata::default();
    let mut value = |tag, part| {
        let value = main.value(tag).filter(|value| value.len() <= MAX_LEN);
        if value.is_none() && main.has(tag) {
            notes.push(Note::Damaged(part));
        }
        value.map(<[u8]>::to_vec).filter(|value| !value.is_empty())
    };
    metadata.icc = value(tag::ICC, Part::Icc);
    metadata.xmp = value(tag::XMP, Part::Xmp);
    metadata.iptc = value(tag::IPTC, Part::Iptc).or_else(|| photoshop::iptc(main.value(tag::PHOTOSHOP)?));
    for (part, tags) in [
        (Part::Layers, [tag::LAYERS].as_slice()),
        (Part::Georeference, &tag::GEOREFERENCE),
        (Part::ContentCredentials, &[tag::CONTENT_CREDENTIALS]),
    ] {
        notes.extend(tags.iter().any(|&tag| main.has(tag)).then_some(Note::LeftOut(part)));
    }
    metadata.resolution = exif::resolution(main);
    let fields = exif::Fields::of(main);
    if fields.had_maker_note {
        notes.push(Note::LeftOut(Part::MakerNote));
    }
    metadata.exif = (!fields.is_empty()).then(|| fields.block());
    (metadata, main.number(tag::ORIENTATION).and_then(|value| Orientation::from_exif(value.try_into().ok()?)))
}

/// An entry: tag, type, and values in the byte order of this machine.
pub(in crate::codec) type Field = (u16, u16, Vec<u8>);

/// The fields of a TIFF file that say what metadata does, directory by directory: EXIF's, with interoperability's
/// within it, and GPS's are apart from the main one.
#[derive(Debug)]
pub(in crate::codec) struct Tags(exif::Fields);

impl Tags {
    pub fn new(metadata: &Metadata, notes: &mut Vec<Note>) -> Self {
        let mut fields = metadata.exif.as_deref().and_then(exif::Fields::of_block).unwrap_or_default();
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
