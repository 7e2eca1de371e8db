//! JPEG within TIFF.

/// Tags, and the value of `COMPRESSION` that stands for JPEG.
const COMPRESSION: u64 = 259;
const STRIP_OFFSETS: u64 = 273;
const TILE_OFFSETS: u64 = 324;
const JPEG_TABLES: u64 = 347;
const JPEG: u64 = 7;

/// The bytes of a TIFF file that hold the quantisation tables of its first picture, if that is compressed as JPEG.
pub(super) fn jpeg(bytes: &[u8]) -> Option<&[u8]> {
    let file = File::new(bytes)?;
    if file.entry(COMPRESSION)?.number()? != JPEG {
        return None;
    }
    // Tables that all strips share, or each strip a JPEG of its own.
    if let Some(tables) = file.entry(JPEG_TABLES) {
        return tables.value();
    }
    let strips = file.entry(STRIP_OFFSETS).or_else(|| file.entry(TILE_OFFSETS))?;
    bytes.get(usize::try_from(strips.number()?).ok()?..)
}

/// A TIFF file's first directory.
struct File<'a> {
    bytes: &'a [u8],
    little_endian: bool,
    /// Bytes of an offset: 4, or 8 in BigTIFF.
    wide: usize,
    /// Where the first entry lies, and how many there are.
    entries: (usize, usize),
}

impl<'a> File<'a> {
    fn new(bytes: &'a [u8]) -> Option<Self> {
        let little_endian = bytes.starts_with(b"II");
        let mut file = Self { bytes, little_endian, wide: 4, entries: (0, 0) };
        if file.number(2, 2)? == 43 {
            file.wide = 8;
        }
        let directory = usize::try_from(file.number(file.wide, file.wide)?).ok()?;
        // The number of entries has two bytes, or eight in BigTIFF.
        let counted = if file.wide == 8 { 8 } else { 2 };
        let count = usize::try_from(file.number(directory, counted)?).ok()?;
        file.entries = (directory.checked_add(counted)?, count.min(bytes.len()));
        Some(file)
    }

    /// A number of `len` bytes, in the file's byte order.
    fn number(&self, at: usize, len: usize) -> Option<u64> {
        let digits = self.bytes.get(at..at.checked_add(len)?)?;
        let add = |number: u64, &digit: &u8| number << 8 | u64::from(digit);
        Some(if self.little_endian { digits.iter().rev().fold(0, add) } else { digits.iter().fold(0, add) })
    }

    fn entry(&self, tag: u64) -> Option<Entry<'_, 'a>> {
        let (first, count) = self.entries;
        // Tag and type of two bytes each, count, and value or offset.
        let len = 4 + 2 * self.wide;
        let mut places = (0..count).map_while(|index| first.checked_add(index * len));
        let at = places.find(|&at| self.number(at, 2).is_none_or(|found| found == tag))?;
        let (kind, count) = (self.number(at + 2, 2)?, self.number(at + 4, self.wide)?);
        let width = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 13 => 4,
            16..=18 => 8,
            _ => return None,
        };
        let length = usize::try_from(count).ok()?.checked_mul(width)?;
        let inline = at + 4 + self.wide;
        let at = if length <= self.wide { inline } else { usize::try_from(self.number(inline, self.wide)?).ok()? };
        Some(Entry { file: self, at, width, length })
    }
}

/// A directory entry's value.
struct Entry<'f, 'a> {
    file: &'f File<'a>,
    at: usize,
    /// Bytes of one number, and of all.
    width: usize,
    length: usize,
}

impl<'a> Entry<'_, 'a> {
    /// The first number.
    fn number(&self) -> Option<u64> {
        self.file.number(self.at, self.width).filter(|_| self.length > 0)
    }

    fn value(&self) -> Option<&'a [u8]> {
        self.file.bytes.get(self.at..self.at.checked_add(self.length)?)
    }
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
        let entries = [(COMPRESSION, 3, usize::try_from(JPEG).unwrap()), (STRIP_OFFSETS, 4, 0)];
        let header = if big { 16 } else { 8 };
        let end = header + if big { 8 } else { 2 } + entries.len() * (4 + 2 * wide) + wide;
        let mut file = if little_endian { b"II".to_vec() } else { b"MM".to_vec() };
        file.extend(if big { [number(43, 2), number(8, 2), number(0, 2)].concat() } else { number(42, 2) });
        file.extend(number(header, wide));
        file.extend(number(entries.len(), if big { 8 } else { 2 }));
        for (tag, kind, value) in entries {
            let value = if tag == STRIP_OFFSETS { end } else { value };
            let mut inline = number(value, if kind == 3 { 2 } else { 4 });
            inline.resize(wide, 0);
            file.extend([number(usize::try_from(tag).unwrap(), 2), number(kind, 2), number(1, wide), inline].concat());
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
