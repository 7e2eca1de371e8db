//! The file formats, and what each can hold.

use std::fmt;
use std::path::Path;

use image::ImageFormat;

use crate::Layout;

/// An image file format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Format {
    /// Portable Network Graphics.
    Png,
    /// JPEG.
    Jpeg,
    /// WebP; written lossless.
    WebP,
    /// Windows bitmap; read only.
    Bmp,
    /// TIFF.
    Tiff,
    /// Netpbm: PBM, PGM, PPM, PAM.
    Pnm,
    /// The Quite OK Image format.
    Qoi,
    /// GIF; read only.
    Gif,
    /// JPEG XL; read only.
    Jxl,
}

impl Format {
    /// The formats that abpn writes.
    pub const WRITTEN: [Self; 6] = [Self::Png, Self::Jpeg, Self::WebP, Self::Tiff, Self::Qoi, Self::Pnm];

    /// The format whose signature `bytes` begin with.
    pub fn guess(bytes: &[u8]) -> Option<Self> {
        // BigTIFF, which `image` doesn't know.
        if bytes.starts_with(b"II\x2b\0") || bytes.starts_with(b"MM\0\x2b") {
            return Some(Self::Tiff);
        }
        // A bare codestream, or the container's first box.
        if bytes.starts_with(b"\xff\x0a") || bytes.starts_with(b"\0\0\0\x0cJXL \x0d\x0a\x87\x0a") {
            return Some(Self::Jxl);
        }
        match image::guess_format(bytes).ok()? {
            ImageFormat::Png => Some(Self::Png),
            ImageFormat::Jpeg => Some(Self::Jpeg),
            ImageFormat::WebP => Some(Self::WebP),
            ImageFormat::Bmp => Some(Self::Bmp),
            ImageFormat::Tiff => Some(Self::Tiff),
            ImageFormat::Pnm => Some(Self::Pnm),
            ImageFormat::Qoi => Some(Self::Qoi),
            ImageFormat::Gif => Some(Self::Gif),
            _ => None,
        }
    }

    /// The format that a file's extension names, in upper or lower case.
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "png" | "apng" => Some(Self::Png),
            "jpg" | "jpeg" | "jpe" | "jfif" => Some(Self::Jpeg),
            "webp" => Some(Self::WebP),
            "bmp" | "dib" => Some(Self::Bmp),
            "tif" | "tiff" => Some(Self::Tiff),
            "pnm" | "pbm" | "pgm" | "ppm" | "pam" => Some(Self::Pnm),
            "qoi" => Some(Self::Qoi),
            "gif" => Some(Self::Gif),
            "jxl" => Some(Self::Jxl),
            _ => None,
        }
    }

    /// The name in lower case, which is also an extension of its files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Png => "png",
            Self::Jpeg => "jpeg",
            Self::WebP => "webp",
            Self::Bmp => "bmp",
            Self::Tiff => "tiff",
            Self::Pnm => "pnm",
            Self::Qoi => "qoi",
            Self::Gif => "gif",
            Self::Jxl => "jxl",
        }
    }

    /// The usual extension of its files, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Tiff => "tif",
            _ => self.name(),
        }
    }

    /// Whether abpn writes it.
    pub fn is_written(self) -> bool {
        Self::WRITTEN.contains(&self)
    }

    /// Whether its samples may have 16 bits.
    pub(super) fn holds_16_bits(self) -> bool {
        matches!(self, Self::Png | Self::Tiff | Self::Pnm)
    }

    /// The layout in which it holds pixels of `layout`: the same, grey as colours, or without alpha.
    pub(super) fn layout_for(self, layout: Layout) -> Layout {
        match (self, layout) {
            (Self::Jpeg, Layout::GreyAlpha) => Layout::Grey,
            (Self::Jpeg, Layout::Rgba) => Layout::Rgb,
            (Self::WebP | Self::Qoi, Layout::Grey) => Layout::Rgb,
            (Self::WebP | Self::Qoi | Self::Tiff, Layout::GreyAlpha) => Layout::Rgba,
            _ => layout,
        }
    }

    /// Longest side it can hold, in pixels.
    pub(super) fn max_side(self) -> u32 {
        match self {
            Self::Jpeg => 65535,
            Self::WebP => 16383,
            Self::Png => i32::MAX.unsigned_abs(),
            Self::Bmp | Self::Tiff | Self::Pnm | Self::Qoi | Self::Gif | Self::Jxl => u32::MAX,
        }
    }

    /// Most bytes of samples it can hold.
    pub(super) fn max_sample_bytes(self) -> u64 {
        match self {
            // Offsets within the file are 32 bits; what is left over is for its directory.
            Self::Tiff => (1 << 32) - (1 << 25),
            // The reference decoder's limit of 400 million pixels, at four bytes each.
            Self::Qoi => 4 * 400_000_000,
            _ => u64::MAX,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Png => "PNG",
            Self::Jpeg => "JPEG",
            Self::WebP => "WebP",
            Self::Bmp => "BMP",
            Self::Tiff => "TIFF",
            Self::Pnm => "PNM",
            Self::Qoi => "QOI",
            Self::Gif => "GIF",
            Self::Jxl => "JPEG XL",
        })
    }
}
