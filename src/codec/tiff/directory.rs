//! Which of a TIFF file's directories is the picture's.

use crate::codec::directory::{Header, Main, tag};

/// Directories before the picture's own; no writer puts more previews there.
const MOST_PREVIEWS: usize = 100;

/// The first directory whose picture is not a reduced one of another.
///
/// # Errors
/// What is wrong, in words.
pub fn main(file: &[u8]) -> Result<Main<'_>, String> {
    let cut_short = || "it is cut short: its directory is missing".to_owned();
    let header = Header::read(file).ok_or_else(cut_short)?;
    let mut at = header.first;
    for _ in 0..=MOST_PREVIEWS {
        let directory = header.directory(file, at).filter(|directory| directory.is_whole).ok_or_else(cut_short)?;
        let next = directory.next;
        let main = Main { bytes: file, header, directory };
        let is_reduced = main.number(tag::NEW_SUBFILE_TYPE).is_some_and(|kind| kind & 1 == 1);
        match next {
            Some(next) if is_reduced => at = next,
            None if is_reduced && main.has(tag::SUB_DIRECTORIES) => break,
            _ => return Ok(main),
        }
    }
    Err("it holds only a preview; if it is a camera's raw file, develop it to TIFF first".to_owned())
}

/// Whether a tag that says something of the pixels is there but can't be read: what it says is not known, and to go by
/// its default could give another picture.
pub fn is_damaged(main: &Main) -> bool {
    let is_unreadable = |tag: u16| match tag {
        tag::JPEG_TABLES => main.value(tag).is_none(),
        tag::YCBCR_COEFFICIENTS | tag::REFERENCE_BLACK_WHITE => main.fractions(tag).is_none(),
        tag if tag::OF_PIXELS.contains(&tag) => main.numbers(tag).is_none(),
        _ => false,
    };
    main.directory.entries.iter().any(|entry| is_unreadable(entry.tag))
}
