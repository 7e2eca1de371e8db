//! WebP's chunks. The encoder writes them itself.

use super::{MAX_LEN, Metadata};
use crate::codec::Note;
use crate::codec::note::Part;

/// `RIFF`, the file's length, `WEBP`.
const HEADER_LEN: usize = 12;

/// What a WebP file says.
pub(super) fn read(bytes: &[u8], notes: &mut Vec<Note>) -> Metadata {
    let mut metadata = Metadata::default();
    let mut rest = bytes.get(HEADER_LEN..).unwrap_or_default();
    while let Some((name, after)) = rest.split_first_chunk::<4>() {
        let Some((&len, after)) = after.split_first_chunk() else { break };
        let len = u32::from_le_bytes(len) as usize;
        let (place, part) = match name {
            b"ICCP" => (&mut metadata.icc, Part::Icc),
            b"EXIF" => (&mut metadata.exif, Part::Exif),
            b"XMP " => (&mut metadata.xmp, Part::Xmp),
            _ => {
                if name == b"C2PA" {
                    notes.push(Note::LeftOut(Part::ContentCredentials));
                }
                let Some(after) = len.checked_next_multiple_of(2).and_then(|len| after.get(len..)) else { break };
                rest = after;
                continue;
            }
        };
        match after.get(..len).filter(|data| data.len() <= MAX_LEN) {
            Some(data) if !data.is_empty() => *place = Some(data.to_vec()),
            Some(_) => {}
            None => notes.push(Note::Damaged(part)),
        }
        let Some(after) = len.checked_next_multiple_of(2).and_then(|len| after.get(len..)) else { break };
        rest = after;
    }
    metadata
}
