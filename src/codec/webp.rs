//! What is amiss with the containers of some WebP files.

use std::borrow::Cow;

/// The extended header's flags: their place in the file, and which chunk each promises.
const FLAGS: usize = 20;
const PROMISES: [(u8, &[u8; 4]); 3] = [(0x20, b"ICCP"), (0x08, b"EXIF"), (0x04, b"XMP ")];

/// The file without promises of chunks that are not there, which its decoder would not forgive; whether any was taken
/// back.
pub(super) fn without_broken_promises(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    if bytes.get(12..16) != Some(b"VP8X") || bytes.len() <= FLAGS {
        return (Cow::Borrowed(bytes), false);
    }
    let names = chunk_names(bytes);
    let broken = PROMISES.iter().filter(|(flag, name)| bytes[FLAGS] & flag != 0 && !names.contains(&name.as_slice()));
    let broken = broken.fold(0, |all, (flag, _)| all | flag);
    if broken == 0 {
        return (Cow::Borrowed(bytes), false);
    }
    let mut bytes = bytes.to_vec();
    bytes[FLAGS] &= !broken;
    (Cow::Owned(bytes), true)
}

fn chunk_names(bytes: &[u8]) -> Vec<&[u8]> {
    let mut names = Vec::new();
    let mut at = 12_usize;
    while let (Some(name), Some(&len)) = (bytes.get(at..at + 4), bytes.get(at + 4..).and_then(<[u8]>::first_chunk)) {
        names.push(name);
        // Chunks are padded to an even length.
        let len = u32::from_le_bytes(len) as usize;
        let Some(next) = len.checked_next_multiple_of(2).and_then(|len| at.checked_add(8 + len)) else { break };
        at = next;
    }
    names
}
