//! Files to pictures.

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::path::Path;

use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::pnm::PnmDecoder;
use image::codecs::qoi::QoiDecoder;
use image::codecs::webp::WebPDecoder;
use image::metadata::Orientation;
use image::{ColorType, ExtendedColorType, ImageDecoder, ImageError, Limits};

use super::{Format, Metadata, Note, Picture, bmp, foreign, gif, jpeg, jxl, metadata, orientation, png, tiff, webp};
use crate::{Error, Image, Layout, Result, Samples};

/// A limit on the pixels of an input that suits most machines: 16384 x 16384.
pub const DEFAULT_MAX_PIXELS: u64 = 1 << 28;

/// Bytes a pixel of the largest layout and depth.
const MAX_BYTES_PER_PIXEL: u64 = 8;

/// Memory for everything in a file but its pixels: palettes, profiles, previews, a decoder's buffers.
const OVERHEAD_BYTES: u64 = 64 << 20;

/// The longest file, in bytes, that may hold a picture of `max_pixels`; reading more is pointless.
pub fn max_file_len(max_pixels: u64) -> u64 {
    max_pixels.saturating_mul(MAX_BYTES_PER_PIXEL).saturating_add(OVERHEAD_BYTES)
}

/// How to decode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The most pixels, width x height, that a picture may have.
    pub max_pixels: u64,
    /// Whether a picture that is damaged or cut short is taken as far as it goes, with [`Note::Partial`].
    pub partial: bool,
}

impl Options {
    /// Whole pictures of at most `max_pixels`.
    pub fn whole(max_pixels: u64) -> Self {
        Self { max_pixels, partial: false }
    }
}

/// Reads the image file at `path`, as [`decode`] does; the file's extension doesn't matter.
///
/// # Errors
/// [`Error::Io`] if the file can't be read; else as [`decode`].
pub fn read(path: &Path, max_pixels: u64) -> Result<(Picture, Vec<Note>)> {
    read_with(path, &Options::whole(max_pixels))
}

/// Reads the image file at `path`, as [`decode_with`] does.
///
/// # Errors
/// As [`read`].
pub fn read_with(path: &Path, options: &Options) -> Result<(Picture, Vec<Note>)> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(max_file_len(options.max_pixels)).read_to_end(&mut bytes))
        .map_err(|source| Error::Io { path: path.to_owned(), source })?;
    decode_with(&bytes, options)
}

/// Decodes an image file's bytes; their signature tells the format. Returns the picture and what of it was lost.
///
/// Palettes become colours, fewer than 8 bits become 8; otherwise layout and depth are the file's. The orientation in
/// the file is applied to the pixels.
///
/// # Errors
/// [`Error::UnknownFormat`]; [`Error::TooManyPixels`], before any pixel is decoded, if width x height exceeds
/// `max_pixels`; [`Error::Decode`] if the file is damaged, cut short, or of a kind that can't be read faithfully.
pub fn decode(bytes: &[u8], max_pixels: u64) -> Result<(Picture, Vec<Note>)> {
    decode_with(bytes, &Options::whole(max_pixels))
}

/// As [`decode`], perhaps what there is of a damaged picture.
///
/// # Errors
/// As [`decode`].
pub fn decode_with(bytes: &[u8], options: &Options) -> Result<(Picture, Vec<Note>)> {
    let max_pixels = options.max_pixels;
    if bytes.is_empty() {
        return Err(Error::EmptyFile);
    }
    // Some of the foreign ones begin like a TIFF.
    if let Some((name, remedy)) = foreign::guess(bytes) {
        return Err(Error::ForeignFormat { name, remedy });
    }
    let format = Format::guess(bytes).ok_or(Error::UnknownFormat)?;
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(max_file_len(max_pixels));
    let error = |cause: ImageError| Error::Decode { format, reason: reason(format, &cause) };
    let reader = Cursor::new(bytes);
    let pixels = Pixels { bytes, format, max_pixels, limits: limits.clone() };
    let stored = match format {
        Format::Jpeg => jpeg::decode(bytes, options)?,
        Format::Png => {
            let (file, has_end) = png::mended(bytes);
            let strictly = || {
                let decoder = PngDecoder::with_limits(Cursor::new(&*file), limits).map_err(error)?;
                let animated = decoder.is_apng().map_err(error)?;
                Ok(pixels.read(decoder)?.noting(animated, Note::FirstOnly).noting(!has_end, Note::EndMissing))
            };
            match strictly() {
                Err(Error::Decode { .. }) if options.partial => {
                    let (width, height, layout, samples) = png::decode_partly(bytes, options)?;
                    let (metadata, orientation, notes) = metadata::read(format, bytes);
                    let stored = Stored { width, height, layout, samples, metadata, orientation, notes };
                    stored.noting(true, Note::Partial)
                }
                Err(Error::Decode { .. }) if !has_end => return Err(error(io::Error::from(CUT_SHORT).into())),
                result => result?,
            }
        }
        Format::WebP => {
            let (bytes, repaired) = webp::without_broken_promises(bytes);
            let decoder = WebPDecoder::new(Cursor::new(bytes)).map_err(error)?;
            let animated = decoder.has_animation();
            pixels.read(decoder)?.noting(animated, Note::FirstOnly).noting(repaired, Note::DamagedExtras)
        }
        Format::Gif => {
            let decoder = GifDecoder::new(reader).map_err(error)?;
            pixels.read(decoder)?.without_opaque_alpha().noting(gif::is_animated(bytes), Note::FirstOnly)
        }
        Format::Jxl => jxl::decode(bytes, options)?,
        Format::Tiff => tiff::decode(bytes, options)?,
        Format::Bmp => {
            let file = bmp::with_pixels_behind_palette(bytes);
            pixels.read(BmpDecoder::new(Cursor::new(&*file)).map_err(error)?)?.with_meant_alpha()
        }
        Format::Pnm => pixels.read(PnmDecoder::new(reader).map_err(error)?)?,
        Format::Qoi => pixels.read(QoiDecoder::new(reader).map_err(error)?)?,
    };
    stored.upright()
}

/// A picture as it lies in its file.
pub(super) struct Stored {
    pub width: u32,
    pub height: u32,
    pub layout: Layout,
    pub samples: Samples,
    pub metadata: Metadata,
    /// How to turn the samples upright.
    pub orientation: Orientation,
    pub notes: Vec<Note>,
}

impl Stored {
    fn noting(mut self, applies: bool, note: Note) -> Self {
        if applies {
            self.notes.push(note);
        }
        self
    }

    /// Without the alpha of a format that always gives one, where nothing is transparent.
    fn without_opaque_alpha(mut self) -> Self {
        if let (Layout::Rgba, Samples::U8(samples)) = (self.layout, &self.samples)
            && samples.chunks_exact(4).all(|pixel| pixel[3] == u8::MAX)
        {
            self.drop_alpha();
        }
        self
    }

    /// Without a BMP's alpha where it is 0 throughout: its writer left the fourth byte alone.
    fn with_meant_alpha(mut self) -> Self {
        let (Layout::Rgba, Samples::U8(samples)) = (self.layout, &self.samples) else { return self };
        let unmeant = samples.chunks_exact(4).all(|pixel| pixel[3] == 0);
        if unmeant {
            self.drop_alpha();
        }
        self.noting(unmeant, Note::AlphaOfZeros)
    }

    fn drop_alpha(&mut self) {
        if let Samples::U8(samples) = &self.samples {
            self.samples =
                Samples::U8(samples.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect());
            self.layout = Layout::Rgb;
        }
    }

    fn upright(self) -> Result<(Picture, Vec<Note>)> {
        let size = (self.width as usize, self.height as usize);
        let channels = self.layout.channels();
        let (samples, (width, height)) = match self.samples {
            Samples::U8(samples) => {
                let (samples, size) = orientation::apply(samples, size, channels, self.orientation);
                (Samples::U8(samples), size)
            }
            Samples::U16(samples) => {
                let (samples, size) = orientation::apply(samples, size, channels, self.orientation);
                (Samples::U16(samples), size)
            }
        };
        #[expect(clippy::cast_possible_truncation, reason = "the file's own width and height, perhaps swapped")]
        let image = Image::new(width as u32, height as u32, self.layout, samples)?;
        Ok((Picture { image, metadata: self.metadata }, self.notes))
    }
}

/// Reads pixels through `image`'s decoders.
struct Pixels<'a> {
    bytes: &'a [u8],
    format: Format,
    max_pixels: u64,
    limits: Limits,
}

impl Pixels<'_> {
    fn read(self, mut decoder: impl ImageDecoder) -> Result<Stored> {
        let format = self.format;
        let failed = |cause: ImageError| Error::Decode { format, reason: reason(format, &cause) };
        let refused = |reason: &str| Error::Decode { format, reason: reason.to_owned() };
        let (width, height) = decoder.dimensions();
        check_pixels(width, height, self.max_pixels)?;
        if matches!(decoder.original_color_type(), ExtendedColorType::Cmyk8 | ExtendedColorType::Cmyk16) {
            return Err(refused("it is CMYK; convert it to RGB with a colour-managed program first"));
        }
        let (layout, sixteen_bits) = match decoder.color_type() {
            ColorType::L8 => (Layout::Grey, false),
            ColorType::La8 => (Layout::GreyAlpha, false),
            ColorType::Rgb8 => (Layout::Rgb, false),
            ColorType::Rgba8 => (Layout::Rgba, false),
            ColorType::L16 => (Layout::Grey, true),
            ColorType::La16 => (Layout::GreyAlpha, true),
            ColorType::Rgb16 => (Layout::Rgb, true),
            ColorType::Rgba16 => (Layout::Rgba, true),
            _ => return Err(refused("its samples are floating point; convert it to 8 or 16 bits first")),
        };
        decoder.set_limits(self.limits).map_err(failed)?;
        let samples = if sixteen_bits {
            let mut samples: Vec<u16> = allocate(width, height, layout, format)?;
            decoder.read_image(bytemuck::cast_slice_mut(&mut samples)).map_err(failed)?;
            Samples::U16(samples)
        } else {
            let mut samples: Vec<u8> = allocate(width, height, layout, format)?;
            decoder.read_image(&mut samples).map_err(failed)?;
            Samples::U8(samples)
        };
        let (metadata, orientation, notes) = metadata::read(format, self.bytes);
        Ok(Stored { width, height, layout, samples, metadata, orientation, notes })
    }
}

pub(super) fn check_pixels(width: u32, height: u32, max_pixels: u64) -> Result<()> {
    match u64::from(width) * u64::from(height) <= max_pixels {
        true => Ok(()),
        false => Err(Error::TooManyPixels { width, height, max_pixels }),
    }
}

/// Zeroed samples, `[height, width, channels]`; an error where the machine has no memory for them.
pub(super) fn allocate<S: Copy + Default>(width: u32, height: u32, layout: Layout, format: Format) -> Result<Vec<S>> {
    let mut samples = Vec::new();
    (width as usize)
        .checked_mul(height as usize)
        .and_then(|pixels| pixels.checked_mul(layout.channels()))
        .filter(|&len| samples.try_reserve_exact(len).is_ok())
        .map(|len| samples.resize(len, S::default()))
        .ok_or_else(|| Error::Decode { format, reason: format!("no memory for {width}x{height} pixels") })?;
    Ok(samples)
}

/// How readers tell that a file ends too early.
const CUT_SHORT: io::ErrorKind = io::ErrorKind::UnexpectedEof;

/// What is wrong, and what to do. The decoders' own words are for those who write decoders.
fn reason(format: Format, cause: &ImageError) -> String {
    let cut_short = matches!(cause, ImageError::IoError(error) if error.kind() == CUT_SHORT);
    let what = match cause {
        ImageError::Unsupported(_) => {
            return "it is of a kind that abpn doesn't read; convert it to PNG first".to_owned();
        }
        ImageError::Limits(_) => return "it asks for more memory than its pixels need".to_owned(),
        _ if cut_short => "it is cut short",
        _ => "it is damaged",
    };
    match format {
        Format::Png => format!("{what}; --partial takes what is there"),
        _ => format!("{what}; get the file again, or open and save it in another program"),
    }
}
