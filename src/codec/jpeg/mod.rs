//! JPEG: the headers decide which decoder a file goes to, so that each only gets what it is known to read right.
//!
//! `libjpeg-turbo-rs` gives libjpeg-turbo's bytes, and refuses two rare kinds: scans of several but not all components,
//! and chroma denser than luma. Those go to `jpeg-decoder`, which is right within rounding unless a component of such a
//! file has a sampling factor between 1 and the largest; then nobody reads it.

mod headers;
pub(crate) mod segments;

use std::borrow::Cow;

use jpeg_decoder::ColorTransform;
use libjpeg_turbo_rs::{DecodeLimits, DecodeWarning, Decoder, JpegError, PixelFormat};

use self::headers::{Colours, Headers, Process};
use super::decode::{Options, Stored, check_pixels};
use super::{Format, Note, cmyk, metadata};
use crate::{Error, Layout, Result, Samples};

const START_OF_IMAGE: [u8; 2] = [0xff, 0xd8];
const END_OF_IMAGE: [u8; 2] = [0xff, 0xd9];

/// More scans than any encoder writes; each costs the time of a whole picture.
const MAX_SCANS: usize = 1000;

const CUT_SHORT: &str = "it is cut short; --partial takes what is there";
const DAMAGED: &str = "its compressed data is damaged; --partial takes what is there";

/// Decodes a JPEG file.
pub(super) fn decode(bytes: &[u8], options: &Options) -> Result<Stored> {
    let headers = Headers::read(bytes).map_err(error)?;
    let (width, height) = (u32::from(headers.width), u32::from(headers.height));
    check_pixels(width, height, options.max_pixels)?;
    let Decoded { layout, mut samples, mut notes } = pixels(bytes, &headers, options.partial)?;
    if headers::has_stray_bytes(bytes) {
        notes.push(Note::StrayBytes);
    }
    let (mut metadata, orientation, lost) = metadata::read(Format::Jpeg, bytes);
    notes.extend(lost);
    let (layout, samples) = match layout {
        Planes::Plain(layout) => (layout, Samples::U8(samples)),
        Planes::Cmyk => {
            if headers.adobe {
                // Adobe's programs write ink inverted, and say who they are.
                samples.iter_mut().for_each(|sample| *sample = !*sample);
            }
            let (rgb, note) = cmyk::to_rgb(&Samples::U8(samples), metadata.icc.take().as_deref());
            notes.push(note);
            (Layout::Rgb, rgb)
        }
    };
    Ok(Stored { width, height, layout, samples, metadata, orientation, notes })
}

/// What the samples of a pixel are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Planes {
    Plain(Layout),
    /// Four that are not changed: ink, 0 for none, or all for none where Adobe's programs wrote a file.
    Cmyk,
}

pub(super) struct Decoded {
    pub layout: Planes,
    /// `[height, width, 1, 3 or 4]`.
    pub samples: Vec<u8>,
    pub notes: Vec<Note>,
}

/// A JPEG stream within a TIFF file. What its samples mean, their number and the size are the directory's affair; markers
/// that also tell colours don't count.
pub(super) struct Stream<'a> {
    pub bytes: &'a [u8],
    /// YCbCr becomes RGB, others stay.
    pub is_ycbcr: bool,
    pub components: usize,
    pub size: (u32, u32),
}

/// A stream's samples, `[height, width, components]`, and whether they are all there; if `partial`, some may be missing.
pub(super) fn decode_stream(stream: &Stream, partial: bool) -> Result<(Vec<u8>, bool)> {
    let (components, size) = (stream.components, stream.size);
    let body = stream.bytes.strip_prefix(&START_OF_IMAGE).ok_or_else(|| error("a piece of it is no JPEG"))?;
    let adobe = [b"\xff\xee\x00\x0eAdobe\x00\x64\x00\x00\x00\x00".as_slice(), &[u8::from(stream.is_ycbcr)]].concat();
    let bytes = [START_OF_IMAGE.as_slice(), &adobe, &headers::without_colours(body)].concat();
    let headers = Headers::read(&bytes).map_err(error)?;
    if headers.components.len() != components {
        return Err(error(format!("a piece of it has {} components, not {components}", headers.components.len())));
    }
    // The last strip may be as high as the others.
    let (width, height) = (u32::from(headers.width), u32::from(headers.height));
    if width != size.0 || height < size.1 {
        return Err(error(format!("a piece of it is {width}x{height} pixels, not {}x{}", size.0, size.1)));
    }
    let Decoded { mut samples, notes, .. } = pixels(&bytes, &headers, partial)?;
    samples.truncate(size.0 as usize * size.1 as usize * components);
    Ok((samples, !notes.contains(&Note::Partial)))
}

fn pixels(bytes: &[u8], headers: &Headers, partial: bool) -> Result<Decoded> {
    check_readable(headers)?;
    let mut bytes = Cow::Borrowed(bytes);
    let mut notes = Vec::new();
    if let Some(at) = headers.height_from_lines {
        bytes.to_mut()[at..at + 2].copy_from_slice(&headers.height.to_be_bytes());
    }
    let reader = Reader::of(headers)?;
    if !headers.ended {
        // Only where data that runs out within the last scan is noticed, a file may do without its end.
        let notices = matches!(reader, Reader::Turbo) && !headers.arithmetic;
        match headers.is_complete() && notices {
            true => notes.push(Note::EndMissing),
            false if partial => notes.push(Note::Partial),
            false => return Err(error(CUT_SHORT)),
        }
        let whole = bytes.to_mut();
        whole.truncate(headers.whole_len);
        whole.extend(END_OF_IMAGE);
    }
    let decoded = match reader {
        Reader::Turbo => turbo(&bytes, partial)?,
        Reader::Plain(transform) => plain(&bytes, headers, transform)?,
    };
    notes.extend(decoded.notes);
    if notes.contains(&Note::Partial) {
        notes = vec![Note::Partial];
    }
    Ok(Decoded { notes, ..decoded })
}

fn check_readable(headers: &Headers) -> Result<()> {
    let refused = |what: &str| Err(error(format!("{what}, which abpn doesn't read; convert it to PNG first")));
    match headers.components.len() {
        1 | 3 | 4 => {}
        count => return refused(&format!("it has {count} components")),
    }
    if headers.precision != 8 {
        return refused(&format!("it has {} bits a sample", headers.precision));
    }
    if headers.process == Process::Lossless && headers.arithmetic {
        return refused("it is lossless JPEG with arithmetic coding");
    }
    if !headers.has_whole_steps() {
        return refused("its colours are sampled in steps of a fraction of a pixel");
    }
    Ok(())
}

/// Which decoder reads a file.
enum Reader {
    Turbo,
    Plain(ColorTransform),
}

impl Reader {
    fn of(headers: &Headers) -> Result<Self> {
        let mixed = headers.process == Process::Sequential && headers.has_mixed_scans();
        if !mixed && headers.first_is_densest() {
            return Ok(Self::Turbo);
        }
        let blocks = matches!(headers.process, Process::Sequential | Process::Progressive);
        let transform = match headers.colours() {
            Some(Colours::YCbCr) => ColorTransform::YCbCr,
            Some(Colours::Rgb) => ColorTransform::RGB,
            _ => ColorTransform::Unknown,
        };
        if !blocks || headers.arithmetic || !headers.has_plain_factors() || transform == ColorTransform::Unknown {
            let reason =
                "its scans or sampling factors are of a rare kind, which abpn doesn't read; convert it to PNG first";
            return Err(error(reason));
        }
        Ok(Self::Plain(transform))
    }
}

fn turbo(bytes: &[u8], partial: bool) -> Result<Decoded> {
    let limits = DecodeLimits {
        max_width: usize::MAX,
        max_height: usize::MAX,
        max_pixels: u64::MAX,
        max_scans: MAX_SCANS,
        max_memory: None,
    };
    let mut decoder = Decoder::new_with_limits(bytes, limits).map_err(damaged)?;
    decoder.set_lenient(partial);
    let image = decoder.decode_image().map_err(damaged)?;
    let layout = match image.pixel_format {
        PixelFormat::Grayscale => Planes::Plain(Layout::Grey),
        PixelFormat::Rgb => Planes::Plain(Layout::Rgb),
        PixelFormat::Cmyk => Planes::Cmyk,
        _ => return Err(error("its colours are of a kind that abpn doesn't read")),
    };
    let is_damage = |warning: &DecodeWarning| !matches!(warning, DecodeWarning::ExtraneousData { .. });
    let notes = if image.warnings.iter().any(is_damage) { vec![Note::Partial] } else { vec![] };
    Ok(Decoded { layout, samples: image.data, notes })
}

fn plain(bytes: &[u8], headers: &Headers, transform: ColorTransform) -> Result<Decoded> {
    let mut decoder = jpeg_decoder::Decoder::new(bytes);
    decoder.set_color_transform(transform);
    let samples = decoder.decode().map_err(|cause| match cause {
        jpeg_decoder::Error::Io(_) => error(CUT_SHORT),
        _ => error(DAMAGED),
    })?;
    if samples.len() != usize::from(headers.width) * usize::from(headers.height) * Layout::Rgb.channels() {
        return Err(error(DAMAGED));
    }
    Ok(Decoded { layout: Planes::Plain(Layout::Rgb), samples, notes: vec![] })
}

fn damaged(cause: JpegError) -> Error {
    match cause {
        JpegError::UnexpectedEof => error(CUT_SHORT),
        JpegError::AllocationFailed { bytes, .. } => error(format!("no memory for {bytes} bytes")),
        JpegError::LimitExceeded { .. } => error(format!("it has more than {MAX_SCANS} scans, as only attacks have")),
        _ => error(DAMAGED),
    }
}

fn error(reason: impl Into<String>) -> Error {
    Error::Decode { format: Format::Jpeg, reason: reason.into() }
}
