//! TIFF's directories: what TIFF files, BigTIFF files and EXIF blocks are made of.

use std::ops::Range;

use super::byte_order::ByteOrder;

/// The type of an entry's values.
pub mod kind {
    pub const BYTE: u16 = 1;
    pub const ASCII: u16 = 2;
    pub const SHORT: u16 = 3;
    pub const LONG: u16 = 4;
    pub const RATIONAL: u16 = 5;
    pub const UNDEFINED: u16 = 7;
    const SIGNED_BYTE: u16 = 6;
    const SIGNED_SHORT: u16 = 8;
    const SIGNED_LONG: u16 = 9;
    const SIGNED_RATIONAL: u16 = 10;
    const FLOAT: u16 = 11;
    const DOUBLE: u16 = 12;
    const DIRECTORY: u16 = 13;
    const LONG8: u16 = 16;
    const SIGNED_LONG8: u16 = 17;
    const DIRECTORY8: u16 = 18;
    /// EXIF 3.0's text in UTF-8.
    const UTF8: u16 = 129;

    /// Whether it exists outside of BigTIFF, and its values mean the same in another place.
    pub fn is_movable(kind: u16) -> bool {
        matches!(kind, BYTE..=DOUBLE | UTF8)
    }

    /// Whether its values are unsigned integers.
    pub fn is_unsigned(kind: u16) -> bool {
        matches!(kind, BYTE | SHORT | LONG | DIRECTORY | LONG8 | DIRECTORY8)
    }

    /// Bytes of one value and of the numbers it is made of (a rational is two); none for a type that we don't know.
    pub fn len(kind: u16) -> Option<(usize, usize)> {
        Some(match kind {
            BYTE | ASCII | SIGNED_BYTE | UNDEFINED | UTF8 => (1, 1),
            SHORT | SIGNED_SHORT => (2, 2),
            LONG | SIGNED_LONG | FLOAT | DIRECTORY => (4, 4),
            RATIONAL | SIGNED_RATIONAL => (8, 4),
            DOUBLE | LONG8 | SIGNED_LONG8 | DIRECTORY8 => (8, 8),
            _ => return None,
        })
    }
}

/// What the numbers of tags mean, as far as they matter here.
pub mod tag {
    pub const NEW_SUBFILE_TYPE: u16 = 254;
    pub const IMAGE_WIDTH: u16 = 256;
    pub const IMAGE_LENGTH: u16 = 257;
    pub const BITS_PER_SAMPLE: u16 = 258;
    pub const COMPRESSION: u16 = 259;
    pub const PHOTOMETRIC: u16 = 262;
    pub const FILL_ORDER: u16 = 266;
    pub const STRIP_OFFSETS: u16 = 273;
    pub const ORIENTATION: u16 = 274;
    pub const SAMPLES_PER_PIXEL: u16 = 277;
    pub const ROWS_PER_STRIP: u16 = 278;
    pub const STRIP_BYTE_COUNTS: u16 = 279;
    pub const X_RESOLUTION: u16 = 282;
    pub const Y_RESOLUTION: u16 = 283;
    pub const PLANAR: u16 = 284;
    pub const T4_OPTIONS: u16 = 292;
    pub const RESOLUTION_UNIT: u16 = 296;
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
    pub const THUMBNAIL_OFFSET: u16 = 513;
    pub const THUMBNAIL_LEN: u16 = 514;
    pub const YCBCR_COEFFICIENTS: u16 = 529;
    pub const YCBCR_SUBSAMPLING: u16 = 530;
    pub const REFERENCE_BLACK_WHITE: u16 = 532;
    pub const XMP: u16 = 700;
    pub const IPTC: u16 = 33723;
    pub const PHOTOSHOP: u16 = 34377;
    /// Photoshop's layers.
    pub const LAYERS: u16 = 37724;
    /// What places a picture on the earth, in pixels: scale, tie points, transformation, keys.
    pub const GEOREFERENCE: [u16; 4] = [33550, 33922, 34264, 34735];
    pub const CONTENT_CREDENTIALS: u16 = 52545;
    pub const EXIF: u16 = 34665;
    pub const ICC: u16 = 34675;
    pub const GPS: u16 = 34853;
    pub const MAKER_NOTE: u16 = 0x927c;
    pub const SUBJECT_AREA: u16 = 0x9214;
    pub const PIXEL_WIDTH: u16 = 0xa002;
    pub const PIXEL_HEIGHT: u16 = 0xa003;
    pub const INTEROPERABILITY: u16 = 0xa005;
    pub const SUBJECT_LOCATION: u16 = 0xa214;
    pub const DNG_VERSION: u16 = 50706;

    /// Those whose values are unsigned integers, and without which a picture would be another.
    pub const OF_PIXELS: [u16; 24] = [
        NEW_SUBFILE_TYPE,
        IMAGE_WIDTH,
        IMAGE_LENGTH,
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
    ];

    /// Whether an entry of the main directory is about the picture's making, not about how its pixels lie in the file.
    pub fn describes(tag: u16) -> bool {
        const DOCUMENT: std::ops::RangeInclusive<u16> = 0x10d..=0x110;
        const WINDOWS: std::ops::RangeInclusive<u16> = 0x9c9b..=0x9c9f;
        const OTHERS: [u16; 8] = [0x11d, 0x131, 0x132, 0x13b, 0x13c, 0x8298, 0x4746, 0x4749];
        DOCUMENT.contains(&tag) || WINDOWS.contains(&tag) || OTHERS.contains(&tag)
    }
}

/// Where a file's or a block's first directory is, and how to read it.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    pub order: ByteOrder,
    /// BigTIFF: offsets and counts of 64 bits.
    pub is_big: bool,
    pub first: usize,
}

impl Header {
    pub fn read(bytes: &[u8]) -> Option<Self> {
        let order = match bytes.get(..2)? {
            b"II" => ByteOrder::Little,
            b"MM" => ByteOrder::Big,
            _ => return None,
        };
        let (is_big, first) = match order.u16(bytes, 2)? {
            42 => (false, order.number_at(bytes, 4, 4)?),
            43 => (true, order.number_at(bytes, 8, 8)?),
            _ => return None,
        };
        Some(Self { order, is_big, first: first.try_into().ok()? })
    }

    /// Bytes of the count before the entries, of an entry, and of an offset.
    fn lens(&self) -> (usize, usize, usize) {
        if self.is_big { (8, 20, 8) } else { (2, 12, 4) }
    }

    /// The directory at `at`, as far as the bytes reach; none if not even its count is there.
    pub fn directory(&self, bytes: &[u8], at: usize) -> Option<Directory> {
        let (count_len, entry_len, offset_len) = self.lens();
        let order = self.order;
        let count = usize::try_from(order.number_at(bytes, at, count_len)?).ok()?;
        let start = at.checked_add(count_len)?;
        let mut entries = Vec::new();
        for index in 0..count {
            let Some(at) = index.checked_mul(entry_len).and_then(|skipped| start.checked_add(skipped)) else { break };
            let (Some(tag), Some(kind)) = (order.u16(bytes, at), order.u16(bytes, at.saturating_add(2))) else { break };
            let (Some(count), Some(offset)) =
                (order.number_at(bytes, at + 4, offset_len), order.number_at(bytes, at + 4 + offset_len, offset_len))
            else {
                break;
            };
            let value = kind::len(kind).and_then(|(len, _)| {
                let len = usize::try_from(count).ok()?.checked_mul(len)?;
                let inside = at + 4 + offset_len;
                let start = if len <= offset_len { inside } else { offset.try_into().ok()? };
                let range = start..start.checked_add(len)?;
                bytes.get(range.clone()).map(|_| range)
            });
            entries.push(Entry { at, tag, kind, value });
        }
        let end = count.checked_mul(entry_len).and_then(|len| start.checked_add(len));
        let next = end.and_then(|end| order.number_at(bytes, end, offset_len)).and_then(|next| next.try_into().ok());
        let end = end.and_then(|end| end.checked_add(offset_len)).unwrap_or(bytes.len()).min(bytes.len());
        let is_whole = entries.len() == count;
        Some(Directory { extent: at..end, entries, is_whole, next: next.filter(|&next: &usize| next != 0) })
    }

    /// The number that an entry holds, or the first of several.
    pub fn number(&self, bytes: &[u8], entry: &Entry) -> Option<u64> {
        let value = entry.value.clone().filter(|value| !value.is_empty())?;
        let (_, len) = kind::len(entry.kind)?;
        self.order.number_at(bytes, value.start, len)
    }

    /// The directory that an entry points to.
    pub fn nested(&self, bytes: &[u8], directory: &Directory, tag: u16) -> Option<Directory> {
        let at = self.number(bytes, directory.entry(tag)?)?;
        self.directory(bytes, at.try_into().ok()?)
    }

    /// An entry and its value, in the byte order of this machine.
    pub fn field(&self, bytes: &[u8], entry: &Entry) -> Option<Field> {
        let (_, len) = kind::len(entry.kind)?;
        let mut value = bytes.get(entry.value.clone()?)?.to_vec();
        if self.order != ByteOrder::NATIVE {
            value.chunks_mut(len).for_each(<[u8]>::reverse);
        }
        Some(Field { tag: entry.tag, kind: entry.kind, value })
    }
}

/// A directory where it lies.
#[derive(Debug)]
pub struct Directory {
    /// All of it, from its count to the offset of the next.
    pub extent: Range<usize>,
    pub entries: Vec<Entry>,
    /// Whether the bytes reach to its last entry.
    pub is_whole: bool,
    /// Where the next one is.
    pub next: Option<usize>,
}

impl Directory {
    pub fn entry(&self, tag: u16) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.tag == tag)
    }
}

/// A directory with the bytes that it and its values lie in: a file's or a block's that tells of the picture.
#[derive(Debug)]
pub struct Main<'a> {
    pub bytes: &'a [u8],
    pub header: Header,
    pub directory: Directory,
}

impl<'a> Main<'a> {
    /// The first directory.
    pub fn first(bytes: &'a [u8]) -> Option<Self> {
        let header = Header::read(bytes)?;
        Some(Self { bytes, header, directory: header.directory(bytes, header.first)? })
    }

    /// Whether a tag is there.
    pub fn has(&self, tag: u16) -> bool {
        self.directory.entry(tag).is_some()
    }

    /// A tag's bytes, of whatever type.
    pub fn value(&self, tag: u16) -> Option<&'a [u8]> {
        self.bytes.get(self.directory.entry(tag)?.value.clone()?)
    }

    /// A tag's values, if they are unsigned integers.
    pub fn numbers(&self, tag: u16) -> Option<Vec<u64>> {
        let entry = self.directory.entry(tag).filter(|entry| kind::is_unsigned(entry.kind))?;
        let (len, _) = kind::len(entry.kind)?;
        Some(self.value(tag)?.chunks_exact(len).map(|bytes| self.header.order.number(bytes)).collect())
    }

    /// A tag's first value, if it is an unsigned integer.
    pub fn number(&self, tag: u16) -> Option<u64> {
        self.directory
            .entry(tag)
            .filter(|entry| kind::is_unsigned(entry.kind))
            .and_then(|entry| self.header.number(self.bytes, entry))
    }

    /// A tag's values, if they are unsigned fractions or integers: numerators and denominators.
    pub fn fractions(&self, tag: u16) -> Option<Vec<(u32, u32)>> {
        if self.directory.entry(tag)?.kind != kind::RATIONAL {
            return self.numbers(tag)?.into_iter().map(|number| Some((number.try_into().ok()?, 1))).collect();
        }
        let fraction = |bytes: &[u8]| Some((self.header.order.u32(bytes, 0)?, self.header.order.u32(bytes, 4)?));
        self.value(tag)?.chunks_exact(8).map(fraction).collect()
    }

    /// The directory that a tag points to.
    pub fn nested(&self, tag: u16) -> Option<Directory> {
        self.header.nested(self.bytes, &self.directory, tag)
    }
}

/// An entry where it lies.
#[derive(Debug)]
pub struct Entry {
    pub at: usize,
    pub tag: u16,
    pub kind: u16,
    /// Where its value is; none if that is not within the bytes.
    pub value: Option<Range<usize>>,
}

/// An entry on its own: its values in the byte order of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    pub tag: u16,
    pub kind: u16,
    pub value: Vec<u8>,
}

impl Field {
    pub fn long(tag: u16, number: u32) -> Self {
        Self { tag, kind: kind::LONG, value: number.to_ne_bytes().to_vec() }
    }

    pub fn short(tag: u16, number: u16) -> Self {
        Self { tag, kind: kind::SHORT, value: number.to_ne_bytes().to_vec() }
    }

    pub fn rational(tag: u16, (numerator, denominator): (u32, u32)) -> Self {
        let value = [numerator.to_ne_bytes(), denominator.to_ne_bytes()].concat();
        Self { tag, kind: kind::RATIONAL, value }
    }
}
