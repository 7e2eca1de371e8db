//! JPEG within TIFF.

use std::borrow::Cow;

use crate::codec::directory::tag;
use crate::codec::tiff::{self, Compression, with_tables};

/// A JPEG stream of the picture that is decoded, with all its tables, if a TIFF file's picture is compressed so.
pub(super) fn jpeg(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    let main = tiff::main(bytes).ok()?;
    let compression = Compression::of(main.number(tag::COMPRESSION)?, 0).ok()?;
    if compression != Compression::Jpeg {
        return None;
    }
    let number = |tags: [u16; 2]| tags.into_iter().find_map(|tag| usize::try_from(main.number(tag)?).ok());
    let stream = bytes.get(number([tag::STRIP_OFFSETS, tag::TILE_OFFSETS])?..)?;
    let len = number([tag::STRIP_BYTE_COUNTS, tag::TILE_BYTE_COUNTS]).unwrap_or(usize::MAX);
    let stream = &stream[..len.min(stream.len())];
    Some(with_tables(stream, main.value(tag::JPEG_TABLES)))
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::jpeg::tests::JPEG as PICTURE;
    use super::super::jpeg::{luma_table, quality};
    use super::*;

    /// JPEG's number.
    const JPEG: u8 = 7;

    /// A TIFF file of one strip that holds a whole JPEG.
    pub fn file(little_endian: bool, big: bool) -> Vec<u8> {
        let number = |value: usize, len: usize| {
            let bytes = (value as u64).to_le_bytes();
            let digits = bytes[..len].iter().copied();
            if little_endian { digits.collect() } else { digits.rev().collect::<Vec<u8>>() }
        };
        let wide = if big { 8 } else { 4 };
        let entries = [(tag::COMPRESSION, 3, JPEG.into()), (tag::STRIP_OFFSETS, 4, 0)];
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
            let found = jpeg(&file).and_then(|stream| luma_table(&stream)).map(|table| quality(&table));
            assert_eq!(found, Some(40), "{little_endian} {big}");
        }
    }

    #[test]
    fn shared_tables_need_not_be_all_tables() {
        // The directory's stream holds a comment, as one that has only Huffman tables, and the strip the rest.
        let mut file = file(true, false);
        let stream = jpeg(&file).unwrap().into_owned();
        let at = u32::try_from(file.len()).unwrap();
        let entry = [&tag::JPEG_TABLES.to_le_bytes()[..], &[7, 0, 10, 0, 0, 0], &at.to_le_bytes(), &[0; 4]].concat();
        file.extend(b"\xff\xd8\xff\xfe\0\x04ab\xff\xd9");
        // Its entry takes the place of the offset of the next directory and of the strip's first bytes, which move on.
        let offset = at + 10;
        file.extend(&stream);
        file[8] = 3;
        file[8 + 2 + 12 + 8..][..4].copy_from_slice(&offset.to_le_bytes());
        file[8 + 2 + 24..][..entry.len()].copy_from_slice(&entry);
        let found = jpeg(&file).unwrap();
        assert_eq!(luma_table(&found).map(|table| quality(&table)), Some(40));
    }

    #[test]
    fn other_compressions_are_none() {
        let mut file = file(true, false);
        let at = 8 + 2 + 8;
        assert_eq!(file[at], JPEG);
        file[at] = 5;
        assert!(jpeg(&file).is_none());
        assert!(jpeg(b"II*\0\xff\xff\xff\xff").is_none());
    }
}
