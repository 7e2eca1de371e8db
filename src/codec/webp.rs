//! What is amiss with the containers of some WebP files.

use std::borrow::Cow;

use super::riff::Chunks;

/// The extended header's flags: their place in the file, and which chunk each promises.
const FLAGS: usize = 20;
const PROMISES: [(u8, &[u8; 4]); 3] = [(0x20, b"ICCP"), (0x08, b"EXIF"), (0x04, b"XMP ")];

/// The file without promises of chunks that are not there, which its decoder would not forgive; whether any was taken
/// back.
pub(super) fn without_broken_promises(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    if bytes.get(12..16) != Some(b"VP8X") || bytes.len() <= FLAGS {
        return (Cow::Borrowed(bytes), false);
    }
    let names: Vec<_> = Chunks::of_file(bytes).map(|chunk| chunk.name).collect();
    let broken = PROMISES.iter().filter(|(flag, name)| bytes[FLAGS] & flag != 0 && !names.contains(name));
    let broken = broken.fold(0, |all, (flag, _)| all | flag);
    if broken == 0 {
        return (Cow::Borrowed(bytes), false);
    }
    let mut bytes = bytes.to_vec();
    bytes[FLAGS] &= !broken;
    (Cow::Owned(bytes), true)
}
