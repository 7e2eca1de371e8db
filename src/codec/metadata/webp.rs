//! WebP's chunks. The encoder writes them itself.

use super::{MAX_LEN, Metadata};
use crate::codec::Note;
use crate::codec::note::Part;
use crate::codec::riff::{Chunk, Chunks};

/// What a WebP file says.
pub(super) fn read(bytes: &[u8], notes: &mut Vec<Note>) -> Metadata {
    let mut metadata = Metadata::default();
    for Chunk { name, data, is_whole } in Chunks::of_file(bytes) {
        let (place, part) = match name {
            b"ICCP" => (&mut metadata.icc, Part::Icc),
            b"EXIF" => (&mut metadata.exif, Part::Exif),
            b"XMP " => (&mut metadata.xmp, Part::Xmp),
            b"C2PA" => {
                notes.push(Note::LeftOut(Part::ContentCredentials));
                continue;
            }
            _ => continue,
        };
        match data {
            _ if !is_whole || data.len() > MAX_LEN => notes.push(Note::Damaged(part)),
            [] => {}
            data => *place = Some(data.to_vec()),
        }
    }
    metadata
}
