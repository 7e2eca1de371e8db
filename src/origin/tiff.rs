//! JPEG within TIFF.

use crate::codec::tiff::{Directory, tag};

/// The value of [`tag::COMPRESSION`] that stands for JPEG.
const JPEG: u64 = 7;

/// The bytes of a TIFF file that hold the quantisation tables of the picture that is decoded, if that is compressed as JPEG.
pub(super) fn jpeg(bytes: &[u8]) -> Option<&[u8]> {
    let directory = Directory::read(bytes).ok()?;
    if directory.number(tag::COMPRESSION)? != JPEG {
        return None;
    }
    // Tables that all strips share, or each strip a JPEG of its own.
    if directory.has(tag::JPEG_TABLES) {
        return directory.bytes(tag::JPEG_TABLES);
    }
    let strips = directory.number(tag::STRIP_OFFSETS).or_else(|| directory.number(tag::TILE_OFFSETS))?;
    bytes.get(usize::try_from(strips).ok()?..)
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::jpeg::tests::JPEG as PICTURE;
    use super::super::jpeg::{luma_table, quality};
    use super::*;

    /// A TIFF file of one strip that holds a whole JPEG.
    pub fn file(little_endian: bool, big: bool) -> Vec<u8> {
        let number = |value: usize, len: usize| {
            let bytes = (value as u64).to_le_bytes();
            let digits = bytes[..len].iter().copied();
            if little_endian { digits.collect() } else { digits.rev().collect::<Vec<u8>>() }
        };
        let wide = if big { 8 } else { 4 };
        let entries = [(tag::COMPRESSION, 3, usize::try_from(JPEG).unwrap()), (tag::STRIP_OFFSETS, 4, 0)];
        let header = if big { 16 } else { 8 };
        let end = header + if big { 8 } else { 2 } + entries.len() * (4 + 2 * wide) + wide;
        let mut file = if little_endian { b"II".to_vec() } else { b"MM".to_vec() };
        file.extend(if big { [number(43, 2), number(8, 2), number(0, 2)].concat() } else { number(42, 2) });
        file.extend(number(header, wide));
        file.extend(number(entries.len(), if big { 8 } else { 2 }));
        for (name, kind, value) in entries {
            let value = if name == tag::STRIP_OFFSETS { end } else { value };
            let mut inline = number(value, if kind == 3 { 2 } else { 4 });
            inline.resize(wide, 0);
            file.extend([number(usize::from(name), 2), number(kind, 2), number(1, wide), inline].concat());
        }
        file.extend(number(0, wide));
        file.extend(PICTURE);
        file
    }

    #[test]
    fn the_tables_of_a_strip_are_found_in_every_kind_of_file() {
        for (little_endian, big) in [(true, false), (false, false), (true, true), (false, true)] {
            let file = file(little_endian, big);
            let found = jpeg(&file).and_then(luma_table).map(|table| quality(&table));
            assert_eq!(found, Some(40), "{little_endian} {big}");
        }
    }

    #[test]
    fn other_compressions_are_none() {
        let mut file = file(true, false);
        let at = 8 + 2 + 8;
        assert_eq!(u64::from(file[at]), JPEG);
        file[at] = 5;
        assert!(jpeg(&file).is_none());
        assert!(jpeg(b"II*\0\xff\xff\xff\xff").is_none());
    }
}
