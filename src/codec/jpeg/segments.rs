//! A JPEG file's segments.

use memchr::memchr;

/// Start of image.
pub const START_OF_IMAGE: u8 = 0xd8;
/// End of image.
pub const END_OF_IMAGE: u8 = 0xd9;
/// Start of scan: the scan's data follows.
pub const START_OF_SCAN: u8 = 0xda;

/// A marker, and what belongs to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment<'a> {
    pub marker: u8,
    /// Where the marker is in the file.
    pub at: usize,
    /// Where what follows the segment is.
    pub end: usize,
    /// What stands behind the segment's length, nothing for markers that have no such; none where the file ends within it.
    pub data: Option<&'a [u8]>,
}

/// Every marker that begins something, in the order of the file, with what belongs to it. What lies between, a scan's data
/// or stray bytes, is passed over.
pub struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Segments<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Those before the first scan, as far as they are whole.
    pub fn before_scan(bytes: &'a [u8]) -> impl Iterator<Item = (u8, &'a [u8])> {
        Self::of(bytes)
            .take_while(|segment| !matches!(segment.marker, START_OF_SCAN | END_OF_IMAGE))
            .map_while(|segment| Some((segment.marker, segment.data?)))
    }
}

impl<'a> Iterator for Segments<'a> {
    type Item = Segment<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let at = self.at + memchr(0xff, self.bytes.get(self.at..)?)?;
            let start = at + 2;
            match *self.bytes.get(at + 1)? {
                // In a scan's data, a zero follows an 0xff that is no marker, and restart markers carry nothing.
                0 | 0x01 | 0xd0..=0xd7 => self.at = start,
                // The first of several is padding.
                0xff => self.at = at + 1,
                marker @ (START_OF_IMAGE | END_OF_IMAGE) => {
                    self.at = start;
                    return Some(Segment { marker, at, end: start, data: Some(&[]) });
                }
                marker => {
                    let len = self.bytes.get(start..).and_then(<[u8]>::first_chunk);
                    let end = len.map_or(start, |&len| start + usize::from(u16::from_be_bytes(len)));
                    let data = self.bytes.get(start + 2..end);
                    self.at = if data.is_some() { end } else { self.bytes.len() };
                    return Some(Segment { marker, at, end: self.at, data });
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_found_between_anything() {
        let file = b"\xff\xd8\0stray\xff\xff\xe1\0\x04ab\xff\xda\0\x02data\xff\0\xff\xd3more\xff\xd9\xff\xfe\0\x09cut";
        let found: Vec<_> = Segments::of(file).map(|segment| (segment.marker, segment.at, segment.data)).collect();
        let expected: [(u8, usize, Option<&[u8]>); 5] = [
            (START_OF_IMAGE, 0, Some(b"")),
            (0xe1, 9, Some(b"ab")),
            (START_OF_SCAN, 15, Some(b"")),
            (END_OF_IMAGE, 31, Some(b"")),
            (0xfe, 33, None),
        ];
        assert_eq!(found, expected);
        assert_eq!(Segments::before_scan(file).collect::<Vec<_>>(), [(START_OF_IMAGE, &b""[..]), (0xe1, b"ab")]);
        for len in 0..file.len() {
            assert!(Segments::of(&file[..len]).count() <= found.len());
        }
        // A length that does not even count itself.
        assert_eq!(Segments::of(b"\xff\xe0\0\x01abc").map(|segment| segment.data).collect::<Vec<_>>(), [None]);
    }
}
