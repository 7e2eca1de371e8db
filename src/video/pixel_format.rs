//! ffmpeg's pixel formats as planes, and back.

use super::error::{Error, Result};

/// The planes of a pixel format, without what the film says of their colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PixelFormat {
    pub layout: Layout,
    /// Bits a sample, 8 to 16.
    pub bits: u32,
    /// Whether its name says that every code is used.
    pub is_full: bool,
}

/// Which planes there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    Grey,
    Rgb,
    /// Luma samples for each sample of a colour difference, horizontally and vertically.
    Yuv(u8, u8),
}

/// The byte order of this machine, as names end.
const ENDIAN: &str = if cfg!(target_endian = "big") { "be" } else { "le" };

/// Names of formats with other orders of the same samples, and the planes that hold them.
const PACKED: [(&str, &str); 38] = [
    ("nv12", "yuv420p"),
    ("nv21", "yuv420p"),
    ("nv16", "yuv422p"),
    ("nv24", "yuv444p"),
    ("nv42", "yuv444p"),
    ("nv20", "yuv422p10"),
    ("yuyv422", "yuv422p"),
    ("uyvy422", "yuv422p"),
    ("yvyu422", "yuv422p"),
    ("uyyvyy411", "yuv411p"),
    ("p010", "yuv420p10"),
    ("p210", "yuv422p10"),
    ("p410", "yuv444p10"),
    ("p016", "yuv420p16"),
    ("p216", "yuv422p16"),
    ("p416", "yuv444p16"),
    ("y210", "yuv422p10"),
    ("monow", "gray"),
    ("monob", "gray"),
    ("rgb24", "gbrp"),
    ("bgr24", "gbrp"),
    ("0rgb", "gbrp"),
    ("rgb0", "gbrp"),
    ("0bgr", "gbrp"),
    ("bgr0", "gbrp"),
    ("rgb8", "gbrp"),
    ("bgr8", "gbrp"),
    ("rgb4_byte", "gbrp"),
    ("bgr4_byte", "gbrp"),
    ("rgb565", "gbrp"),
    ("bgr565", "gbrp"),
    ("rgb555", "gbrp"),
    ("bgr555", "gbrp"),
    ("rgb444", "gbrp"),
    ("bgr444", "gbrp"),
    ("rgb48", "gbrp16"),
    ("bgr48", "gbrp16"),
    ("x2rgb10", "gbrp10"),
];

impl PixelFormat {
    /// The planes to decode a film of this pixel format to, and their name: the same samples, in another order at most.
    ///
    /// # Errors
    /// [`Error::Refused`] if there are none.
    pub fn of_film(name: &str, drops_alpha: bool) -> Result<Self> {
        if name.is_empty() {
            return Err(Error::Refused(
                "ffmpeg can't tell its pixel format: it is damaged, or its codec is unknown".to_owned(),
            ));
        }
        if has_alpha(name) && !drops_alpha {
            let reason = format!(
                "it has alpha (pixel format {name}), which films are not upscaled with; --no-alpha leaves it out"
            );
            return Err(Error::Refused(reason));
        }
        let opaque = without_alpha(name);
        let base = opaque.strip_suffix("le").or(opaque.strip_suffix("be")).unwrap_or(&opaque);
        let planes = PACKED.iter().find(|(packed, _)| *packed == base).map_or(base, |(_, planes)| planes);
        Self::parse(planes).ok_or_else(|| Error::Refused(format!("abpn doesn't know its pixel format, {name:?}")))
    }

    /// The planes that a name stands for.
    pub fn parse(name: &str) -> Option<Self> {
        let base = name.strip_suffix(ENDIAN).unwrap_or(name);
        let digits = base.len() - base.trim_end_matches(|letter: char| letter.is_ascii_digit()).len();
        let (kind, bits) = match base.strip_prefix("gray") {
            Some(bits) => ("gray", bits),
            None => base.split_at(base.len() - digits),
        };
        let bits = if bits.is_empty() { 8 } else { bits.parse().ok().filter(|bits| (9..=16).contains(bits))? };
        let is_full = kind.starts_with("yuvj");
        let layout = match kind.strip_prefix("yuvj").or(kind.strip_prefix("yuv")) {
            Some("420p") => Layout::Yuv(2, 2),
            Some("422p") => Layout::Yuv(2, 1),
            Some("444p") => Layout::Yuv(1, 1),
            Some("440p") => Layout::Yuv(1, 2),
            Some("411p") => Layout::Yuv(4, 1),
            Some("410p") => Layout::Yuv(4, 4),
            Some(_) => return None,
            None if kind == "gray" => Layout::Grey,
            None if kind == "gbrp" => Layout::Rgb,
            None => return None,
        };
        Some(Self { layout, bits, is_full })
    }

    /// Its name.
    pub fn name(&self) -> String {
        let kind = match self.layout {
            Layout::Grey => "gray".to_owned(),
            Layout::Rgb => "gbrp".to_owned(),
            Layout::Yuv(across, down) => {
                let shared = match (across, down) {
                    (2, 2) => "420",
                    (2, 1) => "422",
                    (1, 1) => "444",
                    (1, 2) => "440",
                    (4, 1) => "411",
                    _ => "410",
                };
                format!("yuv{shared}p")
            }
        };
        if self.bits == 8 { kind } else { format!("{kind}{}{ENDIAN}", self.bits) }
    }

    /// What raw frames of it are called in NUT.
    pub fn fourcc(&self) -> Option<Vec<u8>> {
        let bits = u8::try_from(self.bits).ok()?;
        let deep = |kind: u8, shared: u8| {
            let mut fourcc = vec![b'Y', kind, shared, bits];
            if cfg!(target_endian = "big") {
                fourcc.reverse();
            }
            Some(fourcc)
        };
        match (self.layout, bits) {
            (Layout::Rgb, _) => {
                let mut fourcc = vec![b'G', b'3', 0, bits];
                if bits > 8 && cfg!(target_endian = "big") {
                    fourcc.reverse();
                }
                Some(fourcc)
            }
            (Layout::Grey, 8) => Some(b"Y800".to_vec()),
            (Layout::Grey, _) => deep(b'1', 0),
            (Layout::Yuv(2, 2), 8) => Some(b"I420".to_vec()),
            (Layout::Yuv(2, 1), 8) => Some(b"Y42B".to_vec()),
            (Layout::Yuv(1, 1), 8) => Some(b"444P".to_vec()),
            (Layout::Yuv(1, 2), 8) => Some(b"440P".to_vec()),
            (Layout::Yuv(4, 1), 8) => Some(b"Y41B".to_vec()),
            (Layout::Yuv(4, 4), 8) => Some(b"YUV9".to_vec()),
            (Layout::Yuv(2, 2), _) => deep(b'3', 11),
            (Layout::Yuv(2, 1), _) => deep(b'3', 10),
            (Layout::Yuv(1, 1), _) => deep(b'3', 0),
            (Layout::Yuv(..), _) => None,
        }
    }

    /// Which of the pixel formats that an encoder takes loses the least: the same, or more samples, or more bits; a shallower one
    /// of none.
    pub fn nearest<'a>(&self, taken: &[&'a str]) -> Option<&'a str> {
        // Planes in another order are ffmpeg's to put there.
        let planes = |name: &str| {
            let base = name.strip_suffix("le").unwrap_or(name);
            let planes = PACKED.iter().find(|(packed, _)| *packed == base).map_or(base, |(_, planes)| planes);
            Self::parse(planes).filter(|format| !format.is_full)
        };
        let loss = |format: &Self| {
            let (kind, shared) = match (self.layout, format.layout) {
                (Layout::Grey, Layout::Yuv(across, down)) => (1, 16 - across * down),
                (Layout::Yuv(x, y), Layout::Yuv(across, down)) if across <= x && down <= y => {
                    (1, x * y - across * down)
                }
                (own, other) if own == other => (0, 0),
                _ => return None,
            };
            let bits = format.bits.checked_sub(self.bits)?;
            format.fourcc().map(|_| (kind * u8::from(shared > 0 || self.layout == Layout::Grey), shared, bits))
        };
        let known =
            taken.iter().filter_map(|name| Some((loss(&planes(name)?)?, planes(name) != Self::parse(name), *name)));
        known.min().map(|(_, _, name)| name)
    }
}

fn has_alpha(name: &str) -> bool {
    let packed = ["argb", "rgba", "abgr", "bgra", "ya8", "ya16", "ayuv", "vuya"];
    name.starts_with("yuva") || name.starts_with("gbrap") || packed.iter().any(|packed| name.starts_with(packed))
}

/// The name of the same format without alpha.
fn without_alpha(name: &str) -> String {
    if let Some(rest) = name.strip_prefix("yuva") {
        return format!("yuv{rest}");
    }
    if let Some(rest) = name.strip_prefix("gbrap") {
        return format!("gbrp{rest}");
    }
    let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| name.starts_with(prefix));
    match name {
        _ if starts(&["rgba64", "bgra64"]) => "gbrp16".to_owned(),
        _ if starts(&["argb", "rgba", "abgr", "bgra", "pal8"]) => "gbrp".to_owned(),
        _ if starts(&["ya16"]) => "gray16".to_owned(),
        _ if starts(&["ya8"]) => "gray".to_owned(),
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_and_written() {
        for name in
            ["gray", "gray10le", "gbrp", "gbrp12le", "yuv420p", "yuv422p10le", "yuv444p16le", "yuv411p", "yuv410p"]
        {
            let name = name.replace("le", ENDIAN);
            assert_eq!(PixelFormat::parse(&name).unwrap().name(), name);
        }
        for name in ["yuv420p8", "yuv420p17", "nv12", "rgb24", "gray1x", "", "yuv", "bayer_bggr8"] {
            assert_eq!(PixelFormat::parse(name), None, "{name}");
        }
        assert!(PixelFormat::parse("yuvj422p").unwrap().is_full);
    }

    #[test]
    fn films_become_planes_of_the_same_samples() {
        let planes = |name| PixelFormat::of_film(name, true).unwrap().name().replace(ENDIAN, "");
        let cases = [
            ("p010le", "yuv420p10"),
            ("yuv420p10be", "yuv420p10"),
            ("nv12", "yuv420p"),
            ("bgr0", "gbrp"),
            ("rgba64be", "gbrp16"),
            ("pal8", "gbrp"),
            ("yuva444p12le", "yuv444p12"),
            ("ya8", "gray"),
            ("yuvj420p", "yuv420p"),
        ];
        for (name, expected) in cases {
            assert_eq!(planes(name), expected, "{name}");
        }
        assert!(PixelFormat::of_film("pal8", false).is_ok());
        assert!(PixelFormat::of_film("xyz12le", false).is_err());
        assert!(PixelFormat::of_film("yuva420p", false).unwrap_err().to_string().contains("--no-alpha"));
    }

    #[test]
    fn the_nearest_format_loses_nothing() {
        let nearest = |name: &str, taken: &[&'static str]| PixelFormat::parse(name).unwrap().nearest(taken);
        let x264 =
            ["yuv420p", "yuvj420p", "yuv422p", "yuv444p", "nv12", "yuv420p10le", "yuv444p10le", "gray", "gray10le"];
        assert_eq!(nearest("yuv420p", &x264), Some("yuv420p"));
        assert_eq!(nearest("yuv411p", &x264), Some("yuv422p"));
        assert_eq!(nearest("yuv440p", &x264), Some("yuv444p"));
        assert_eq!(nearest("gray", &x264), Some("gray"));
        assert_eq!(nearest("gbrp", &x264), None);
        assert_eq!(nearest("yuv420p9", &x264), Some("yuv420p10le"));
        assert_eq!(nearest("yuv420p12", &x264), None);
        assert_eq!(nearest("gray", &["yuv420p", "yuv444p"]), Some("yuv420p"));
        assert_eq!(nearest("yuv420p", &["nv12", "p010le"]), Some("nv12"));
        assert_eq!(nearest("gbrp", &["bgr0", "rgb24", "gbrp"]), Some("gbrp"));
    }
}
