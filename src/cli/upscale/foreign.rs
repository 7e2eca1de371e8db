//! Pictures that abpn doesn't read, known by their extensions: in folders, they are passed over aloud.

use std::path::Path;

use abpn::codec::Format;

/// Extensions and what they stand for; cameras' raw formats go by one name.
const FORMATS: [(&str, &str); 46] = [
    ("heic", "HEIC"),
    ("heif", "HEIC"),
    ("hif", "HEIC"),
    ("avif", "AVIF"),
    ("avifs", "AVIF"),
    ("jp2", "JPEG 2000"),
    ("j2k", "JPEG 2000"),
    ("jpf", "JPEG 2000"),
    ("jxr", "JPEG XR"),
    ("svg", "SVG"),
    ("svgz", "SVG"),
    ("psd", "PSD"),
    ("psb", "PSD"),
    ("xcf", "XCF"),
    ("kra", "KRA"),
    ("ico", "ICO"),
    ("cur", "ICO"),
    ("tga", "TGA"),
    ("dds", "DDS"),
    ("exr", "OpenEXR"),
    ("hdr", "Radiance HDR"),
    ("pcx", "PCX"),
    ("pfm", "PFM"),
    ("ff", "farbfeld"),
    ("eps", "EPS"),
    ("pdf", "PDF"),
    ("3fr", RAW),
    ("arw", RAW),
    ("cr2", RAW),
    ("cr3", RAW),
    ("crw", RAW),
    ("dcr", RAW),
    ("dng", RAW),
    ("erf", RAW),
    ("iiq", RAW),
    ("kdc", RAW),
    ("mef", RAW),
    ("mos", RAW),
    ("mrw", RAW),
    ("nef", RAW),
    ("nrw", RAW),
    ("orf", RAW),
    ("pef", RAW),
    ("raf", RAW),
    ("rw2", RAW),
    ("srw", RAW),
];

const RAW: &str = "camera raw";

/// What a file is that abpn doesn't read; none if its extension says that it is no picture, or one that abpn reads.
pub fn name(path: &Path) -> Option<&'static str> {
    if Format::of_path(path).is_some() {
        return None;
    }
    let extension = path.extension()?.to_str()?.to_ascii_lowercase();
    FORMATS.iter().find(|(known, _)| *known == extension).map(|&(_, name)| name)
}
