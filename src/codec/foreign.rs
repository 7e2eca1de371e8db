//! Formats that abpn doesn't read, known by their first bytes, so that a message can name them.

const CONVERT: &str = "convert it to PNG or JPEG first";
const FROM_AVIF: &str = "convert it to PNG first, for instance with avifdec";

/// The name of the format whose signature `bytes` begin with, and how to get a file that abpn reads; none for unknown
/// ones.
pub(super) fn guess(bytes: &[u8]) -> Option<(&'static str, &'static str)> {
    const DEVELOP: &str = "develop it to TIFF or PNG first";
    const VIDEO: &str = "take frames out of it with ffmpeg";
    let at = |start: usize, signature: &[u8]| bytes.get(start..).is_some_and(|rest| rest.starts_with(signature));
    if at(4, b"ftyp") {
        return Some(match bytes.get(8..12)? {
            b"avif" | b"avis" => ("an AVIF picture", FROM_AVIF),
            b"heic" | b"heix" | b"hevc" | b"hevx" | b"heim" | b"heis" | b"mif1" | b"msf1" => of_heif(bytes),
            b"crx " => ("a camera's raw file (Canon CR3)", DEVELOP),
            _ => ("a film (MP4 or QuickTime)", VIDEO),
        });
    }
    let table: [(usize, &[u8], &str, &str); 25] = [
        (8, b"CR\x02\0", "a camera's raw file (Canon CR2)", DEVELOP),
        (0, b"FUJIFILMCCD-RAW", "a camera's raw file (Fujifilm RAF)", DEVELOP),
        (0, b"IIRO", "a camera's raw file (Olympus ORF)", DEVELOP),
        (0, b"IIRS", "a camera's raw file (Olympus ORF)", DEVELOP),
        (0, b"IIU\0", "a camera's raw file (Panasonic RW2)", DEVELOP),
        (0, b"\0MRM", "a camera's raw file (Minolta MRW)", DEVELOP),
        (0, b"FOVb", "a camera's raw file (Sigma X3F)", DEVELOP),
        (0, b"8BPS", "a Photoshop document", CONVERT),
        (0, b"gimp xcf", "a GIMP document", CONVERT),
        (0, b"%PDF", "a PDF document", "draw its pages as PNG first, for instance with pdftoppm"),
        (0, b"%!PS", "a PostScript document", CONVERT),
        (0, b"\0\0\0\x0cjP  ", "a JPEG 2000 picture", CONVERT),
        (0, b"\xff\x4f\xff\x51", "a JPEG 2000 picture", CONVERT),
        (0, b"II\xbc", "a JPEG XR picture", CONVERT),
        (0, b"\xff\xd8\xff\xf7", "a JPEG-LS picture", CONVERT),
        (0, b"v/1\x01", "an OpenEXR picture", CONVERT),
        (0, b"#?RADIANCE", "a Radiance HDR picture", CONVERT),
        (0, b"DDS ", "a DDS texture", CONVERT),
        (0, b"\0\0\x01\0", "a Windows icon", CONVERT),
        (0, b"\0\0\x02\0", "a Windows cursor", CONVERT),
        (0, b"farbfeld", "a farbfeld picture", CONVERT),
        (0, b"BPG\xfb", "a BPG picture", CONVERT),
        (0, b"\x1a\x45\xdf\xa3", "a film (Matroska or WebM)", VIDEO),
        (0, b"SIMPLE  =", "a FITS picture", CONVERT),
        (128, b"DICM", "a DICOM picture", CONVERT),
    ];
    let found = table.iter().find(|(start, signature, ..)| at(*start, signature));
    if let Some(&(.., name, remedy)) = found {
        return Some((name, remedy));
    }
    is_svg(bytes)
        .then_some(("an SVG drawing", "draw it as PNG at the size that is wanted, for instance with rsvg-convert"))
}

/// HEIF is a container; the brands that follow the first one tell what is in it.
fn of_heif(bytes: &[u8]) -> (&'static str, &'static str) {
    let brands = bytes.get(8..64.min(bytes.len())).unwrap_or_default();
    match brands.windows(4).any(|brand| brand == b"avif") {
        true => ("an AVIF picture", FROM_AVIF),
        false => ("a HEIC picture", "convert it to PNG first, for instance with heif-convert"),
    }
}

/// Whether the text that the file begins with has an `svg` element first, behind declarations and comments.
fn is_svg(bytes: &[u8]) -> bool {
    const LOOKED_AT: usize = 1024;
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).trim_ascii_start();
    let start = &start[..start.len().min(LOOKED_AT)];
    start.starts_with(b"<") && start.windows(4).any(|window| window == b"<svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_named() {
        for (bytes, name) in [
            (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".as_slice(), "a HEIC picture"),
            (b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf", "an AVIF picture"),
            (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF picture"),
            (b"II*\0\x10\0\0\0CR\x02\0", "a camera's raw file (Canon CR2)"),
            (b"<?xml version='1.0'?>\n<!-- drawn -->\n<svg width='1'/>", "an SVG drawing"),
            (b"8BPS\0\x01", "a Photoshop document"),
        ] {
            assert_eq!(guess(bytes).unwrap().0, name);
        }
        for bytes in [b"".as_slice(), b"\0\0\0\x18ftyp", b"<html><p>svg</p></html>", b"hello"] {
            assert_eq!(guess(bytes), None);
        }
    }
}
