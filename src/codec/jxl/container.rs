//! The boxes of a JPEG XL container that hold metadata.
//!
//! The decoder would unpack what Brotli packs of them, however long that becomes, so it doesn't get to see those.

use std::borrow::Cow;
use std::io::Read;

use brotli_decompressor::Decompressor;

use crate::codec::metadata::MAX_LEN;
use crate::codec::{Note, Part};

/// The first box, which no bare codestream begins with.
const SIGNATURE: &[u8] = b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a";

/// What a file says beside the pixels.
#[derive(Debug, Default)]
pub struct Container {
    /// The EXIF block.
    pub exif: Option<Vec<u8>>,
    /// The XMP packet.
    pub xmp: Option<Vec<u8>>,
    pub notes: Vec<Note>,
}

/// The file as the decoder may have it, and its metadata.
pub fn open(bytes: &[u8]) -> (Cow<'_, [u8]>, Container) {
    let (mut file, mut container) = (Cow::Borrowed(bytes), Container::default());
    if !bytes.starts_with(SIGNATURE) {
        return (file, container);
    }
    for Held { kind_at, kind, data } in (Boxes { bytes, at: 0 }) {
        let (kind, data) = match kind {
            b"brob" => match data.split_first_chunk() {
                Some((kind, packed)) => (kind, if is_metadata(kind) { unpacked(packed) } else { None }),
                None => (kind, None),
            },
            kind => (kind, Some(Cow::Borrowed(data)).filter(|data| data.len() <= MAX_LEN)),
        };
        // Also what would make the JPEG again that the picture once was.
        if matches!(&bytes[kind_at..kind_at + 4], b"brob" | b"jbrd") {
            file.to_mut()[kind_at..kind_at + 4].copy_from_slice(b"free");
        }
        let (place, part, data) = match kind {
            // Behind the offset of the block's header.
            b"Exif" => {
                let block = data.and_then(|data| {
                    let (&offset, block) = data.split_first_chunk()?;
                    block.get(u32::from_be_bytes(offset) as usize..).map(<[u8]>::to_vec)
                });
                (&mut container.exif, Part::Exif, block)
            }
            b"xml " => (&mut container.xmp, Part::Xmp, data.map(Cow::into_owned)),
            b"jumb" => {
                container.notes.push(Note::LeftOut(Part::ContentCredentials));
                continue;
            }
            _ => continue,
        };
        match data {
            // The first one counts.
            Some(data) if place.is_none() => *place = Some(data).filter(|data| !data.is_empty()),
            Some(_) => {}
            None => container.notes.push(Note::Damaged(part)),
        }
    }
    container.notes.dedup();
    (file, container)
}

fn is_metadata(kind: &[u8; 4]) -> bool {
    matches!(kind, b"Exif" | b"xml ")
}

/// None if it is damaged, or too long.
fn unpacked(packed: &[u8]) -> Option<Cow<'static, [u8]>> {
    const BUFFER_LEN: usize = 4096;
    let mut data = Vec::new();
    Decompressor::new(packed, BUFFER_LEN).take(MAX_LEN as u64 + 1).read_to_end(&mut data).ok()?;
    (data.len() <= MAX_LEN).then_some(Cow::Owned(data))
}

/// A box where it lies.
struct Held<'a> {
    /// Where its type stands.
    kind_at: usize,
    kind: &'a [u8; 4],
    data: &'a [u8],
}

/// One box after another, as far as they are whole.
struct Boxes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Boxes<'a> {
    type Item = Held<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.at..)?;
        let (&len, after) = rest.split_first_chunk()?;
        let (kind, data) = after.split_first_chunk()?;
        let (len, data) = match u32::from_be_bytes(len) {
            // To the file's end.
            0 => (rest.len(), data),
            // The length is longer than that.
            1 => {
                let (&len, data) = data.split_first_chunk()?;
                (usize::try_from(u64::from_be_bytes(len)).ok()?, data)
            }
            len => (len as usize, data),
        };
        let data = data.get(..len.checked_sub(rest.len() - data.len())?)?;
        let kind_at = self.at + 4;
        self.at += len;
        Some(Held { kind_at, kind, data })
    }
}
