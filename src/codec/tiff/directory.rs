//! A TIFF file's first directory, classic or BigTIFF.

use crate::codec::byte_order::ByteOrder;

/// The bytes of a file with the byte order that its first two tell.
#[derive(Clone, Copy)]
struct Bytes<'a> {
    all: &'a [u8],
    endian: ByteOrder,
    /// Whether offsets have 64 bits.
    is_big: bool,
}

impl<'a> Bytes<'a> {
    fn slice(&self, at: u64, len: u64) -> Option<&'a [u8]> {
        let start = usize::try_from(at).ok()?;
        self.all.get(start..start.checked_add(usize::try_from(len).ok()?)?)
    }

    fn number(&self, at: u64, len: u64) -> Option<u64> {
        self.slice(at, len).map(|bytes| self.endian.number(bytes))
    }
}

/// One entry: a tag's values as they lie in the file.
struct Entry<'a> {
    tag: u16,
    kind: u16,
    /// None if they lie outside of the file, or are of an unknown type.
    values: Option<&'a [u8]>,
}

/// A directory's entries.
pub struct Directory<'a> {
    pub endian: ByteOrder,
    /// Whether another picture follows.
    pub has_next: bool,
    entries: Vec<Entry<'a>>,
}

/// Bytes a value of each type of the TIFF 6.0 and BigTIFF specifications.
fn size_of_kind(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 | 17 | 18 => Some(8),
        _ => None,
    }
}

impl<'a> Directory<'a> {
    /// Reads the first directory whose picture is not a reduced one of another.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn read(file: &'a [u8]) -> Result<Self, String> {
        let cut_short = || "it is cut short: its directory is missing".to_owned();
        let endian = if file.starts_with(b"II") { ByteOrder::Little } else { ByteOrder::Big };
        let mut bytes = Bytes { all: file, endian, is_big: false };
        bytes.is_big = bytes.number(2, 2).ok_or_else(cut_short)? == 43;
        let mut at = match bytes.is_big {
            true if bytes.number(4, 2) != Some(8) => return Err("its BigTIFF header is damaged".to_owned()),
            true => bytes.number(8, 8),
            false => bytes.number(4, 4),
        }
        .ok_or_else(cut_short)?;
        let mut passed = Vec::new();
        loop {
            let (directory, next) = Self::at(bytes, at).ok_or_else(cut_short)?;
            let is_reduced = directory.number(tag::NEW_SUBFILE_TYPE).is_some_and(|kind| kind & 1 == 1);
            if !is_reduced || next == 0 && !directory.has(tag::SUB_DIRECTORIES) {
                return Ok(directory);
            }
            passed.push(at);
            if next == 0 || passed.contains(&next) {
                return Err(
                    "it holds only a preview; if it is a camera's raw file, develop it to TIFF first".to_owned()
                );
            }
            at = next;
        }
    }

    /// The directory at `at`, and where the next one is; none if the file ends within it.
    fn at(bytes: Bytes<'a>, at: u64) -> Option<(Self, u64)> {
        let (count_len, offset_len) = if bytes.is_big { (8, 8) } else { (2, 4) };
        let entry_len = 4 + 2 * offset_len;
        let count = bytes.number(at, count_len)?;
        let first = at.checked_add(count_len)?;
        let end = first.checked_add(count.checked_mul(entry_len)?)?;
        // Before anything is made for them, whether so many can be there.
        bytes.slice(first, end - first)?;
        let mut entries = Vec::new();
        for index in 0..count {
            let entry = first + index * entry_len;
            let kind = u16::try_from(bytes.number(entry + 2, 2)?).ok()?;
            let len = size_of_kind(kind).and_then(|size| size.checked_mul(bytes.number(entry + 4, offset_len)?));
            let place = entry + 4 + offset_len;
            let values = match len {
                Some(len) if len <= offset_len => bytes.slice(place, len),
                Some(len) => bytes.number(place, offset_len).and_then(|at| bytes.slice(at, len)),
                None => None,
            };
            entries.push(Entry { tag: u16::try_from(bytes.number(entry, 2)?).ok()?, kind, values });
        }
        // Some writers leave the last link out.
        let next = bytes.number(end, offset_len).unwrap_or(0);
        Some((Self { endian: bytes.endian, has_next: next != 0, entries }, next))
    }

    fn entry(&self, tag: u16) -> Option<&Entry<'a>> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }

    /// Whether a tag that says something of the pixels is there but can't be read: what it says is not known, and to go
    /// by its default could give another picture.
    pub fn is_damaged(&self) -> bool {
        let fractions = [tag::YCBCR_COEFFICIENTS, tag::REFERENCE_BLACK_WHITE];
        let is_unreadable = |entry: &Entry| match entry.tag {
            tag::JPEG_TABLES => entry.values.is_none(),
            tag if fractions.contains(&tag) => self.fractions(tag).is_none(),
            tag if tag::OF_PIXELS.contains(&tag) => self.numbers(tag).is_none(),
            _ => false,
        };
        self.entries.iter().any(is_unreadable)
    }

    /// Whether a tag is there.
    pub fn has(&self, tag: u16) -> bool {
        self.entry(tag).is_some()
    }

    /// A tag's bytes, of whatever type.
    pub fn bytes(&self, tag: u16) -> Option<&'a [u8]> {
        self.entry(tag).and_then(|entry| entry.values)
    }

    /// A tag's values, if they are unsigned integers.
    pub fn numbers(&self, tag: u16) -> Option<Vec<u64>> {
        let entry = self.entry(tag)?;
        let size = match entry.kind {
            1 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            _ => return None,
        };
        Some(entry.values?.chunks_exact(size).map(|bytes| self.endian.number(bytes)).collect())
    }

    /// A tag's first value, if it is an unsigned integer.
    pub fn number(&self, tag: u16) -> Option<u64> {
        self.numbers(tag)?.first().copied()
    }

    /// A tag's values, if they are unsigned fractions.
    pub fn fractions(&self, tag: u16) -> Option<Vec<f64>> {
        let entry = self.entry(tag).filter(|entry| entry.kind == 5)?;
        #[expect(clippy::cast_precision_loss, reason = "halves of 32 bits")]
        let value = |bytes: &[u8]| self.endian.number(&bytes[..4]) as f64 / self.endian.number(&bytes[4..]) as f64;
        Some(entry.values?.chunks_exact(8).map(value).collect())
    }
}

/// The tags that matter for pixels.
pub mod tag {
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const WIDTH: u16 = 256;
    pub const HEIGHT: u16 = 257;
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_BYTE_COUNTS: u16 = 279;
    pub const PLANAR: u16 = 284;
    pub const T4_OPTIONS: u16 = 292;
    pub const PREDICTOR: u16 = 317;
    pub const COLOUR_MAP: u16 = 320;
    pub const TILE_WIDTH: u16 = 322;
    pub const TILE_HEIGHT: u16 = 323;
    pub const TILE_OFFSETS: u16 = 324;
    pub const TILE_BYTE_COUNTS: u16 = 325;
    pub const SUB_DIRECTORIES: u16 = 330;
    pub const INK_SET: u16 = 332;
    pub const EXTRA_SAMPLES: u16 = 338;
    pub const SAMPLE_FORMAT: u16 = 339;
    pub const JPEG_TABLES: u16 = 347;
    pub const YCBCR_COEFFICIENTS: u16 = 529;
    pub const YCBCR_SUBSAMPLING: u16 = 530;
    pub const REFERENCE_BLACK_WHITE: u16 = 532;
    /// Those whose values are unsigned integers, and without which a picture would be another.
    pub const OF_PIXELS: [u16; 24] = [
        WIDTH,
        HEIGHT,
        BITS_PER_SAMPLE,
        COMPRESSION,
        PHOTOMETRIC,
        FILL_ORDER,
        STRIP_OFFSETS,
        ORIENTATION,
        SAMPLES_PER_PIXEL,
        ROWS_PER_STRIP,
        STRIP_BYTE_COUNTS,
        PLANAR,
        T4_OPTIONS,
        PREDICTOR,
        COLOUR_MAP,
        TILE_WIDTH,
        TILE_HEIGHT,
        TILE_OFFSETS,
        TILE_BYTE_COUNTS,
        INK_SET,
        EXTRA_SAMPLES,
        SAMPLE_FORMAT,
        YCBCR_SUBSAMPLING,
        NEW_SUBFILE_TYPE,
    ];
    pub const DNG_VERSION: u16 = 50706;
    pub const ICC_PROFILE: u16 = 34675;
}
