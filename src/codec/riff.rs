//! RIFF's chunks, which WebP files are made of.

/// A named part of a file, or of another chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunk<'a> {
    pub name: &'a [u8; 4],
    /// As far as it is there.
    pub data: &'a [u8],
    /// Whether it is all there.
    pub is_whole: bool,
}

/// One chunk after another, each of a name, a length, and data that is filled up to an even length.
pub struct Chunks<'a>(pub &'a [u8]);

impl<'a> Chunks<'a> {
    /// Those of a file, behind `RIFF`, the file's length, and what kind of file it is.
    pub fn of_file(bytes: &'a [u8]) -> Self {
        const HEADER_LEN: usize = 12;
        Self(bytes.get(HEADER_LEN..).unwrap_or_default())
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (name, rest) = self.0.split_first_chunk()?;
        let (&len, rest) = rest.split_first_chunk()?;
        let len = u32::from_le_bytes(len) as usize;
        self.0 = len.checked_next_multiple_of(2).and_then(|len| rest.get(len..)).unwrap_or_default();
        Some(Chunk { name, data: &rest[..len.min(rest.len())], is_whole: len <= rest.len() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_even_lengths_and_end_with_the_file() {
        let chunk = |name, data, is_whole| Chunk { name, data, is_whole };
        let file = b"RIFF\0\0\0\0WEBPabcd\x03\0\0\0xyz\0efgh\x05\0\0\0xy";
        let found: Vec<_> = Chunks::of_file(file).collect();
        assert_eq!(found, [chunk(b"abcd", b"xyz", true), chunk(b"efgh", b"xy", false)]);
        for len in 0..file.len() {
            assert!(Chunks::of_file(&file[..len]).count() <= 2);
        }
        assert_eq!(Chunks(b"abcd\xff\xff\xff\xff").collect::<Vec<_>>(), [chunk(b"abcd", b"", false)]);
    }
}
