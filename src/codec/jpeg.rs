//! JPEG, decoded strictly: a file that is damaged or cut short is an error, not a picture with grey stripes.

use zune_jpeg::JpegDecoder;
use zune_jpeg::errors::DecodeErrors;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::decode::{Stored, allocate, check_pixels, upright_exif};
use super::{Format, Metadata};
use crate::{Error, Layout, Result, Samples};

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;

/// Decodes a JPEG file.
pub(super) fn decode(bytes: &[u8], max_pixels: u64) -> Result<Stored> {
    let options = DecoderOptions::default().set_strict_mode(true).set_max_width(usize::MAX).set_max_height(usize::MAX);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(damaged)?;
    let header = decoder.info().ok_or_else(|| error("it has no frame header"))?;
    let (width, height) = (u32::from(header.width), u32::from(header.height));
    check_pixels(width, height, max_pixels)?;

    let (layout, colours) = match decoder.input_colorspace() {
        Some(ColorSpace::Luma) => (Layout::Grey, ColorSpace::Luma),
        Some(ColorSpace::YCbCr | ColorSpace::RGB) => (Layout::Rgb, ColorSpace::RGB),
        Some(ColorSpace::CMYK | ColorSpace::YCCK) => {
            return Err(error("it is CMYK; convert it to RGB with a colour-managed program first"));
        }
        other => return Err(error(format!("its colours are of a kind that abpn can't read ({other:?})"))),
    };
    decoder.set_options(options.jpeg_set_out_colorspace(colours));

    let (exif, orientation) = upright_exif(decoder.exif().cloned());
    let icc = decoder.icc_profile();
    let mut samples = allocate(width, height, layout, Format::Jpeg)?;
    decoder.decode_into(&mut samples).map_err(damaged)?;
    if !reaches_end(bytes) {
        return Err(error("it is cut short: its end marker is missing"));
    }
    Ok(Stored {
        width,
        height,
        layout,
        samples: Samples::U8(samples),
        metadata: Metadata { icc, exif },
        orientation,
        notes: vec![],
    })
}

/// Whether the markers lead to the end marker; the decoder fills the last row of blocks up if its data is missing.
///
/// Whatever lies behind the end (cameras append previews and videos) doesn't matter.
fn reaches_end(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    loop {
        // In a scan's data a zero follows an 0xff that is no marker; restart markers carry nothing.
        let marks = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xff | 0xd0..=0xd7);
        let Some(at) = rest.windows(2).position(marks) else { return false };
        let marker = rest[at + 1];
        rest = &rest[at + 2..];
        match marker {
            END_OF_IMAGE => return true,
            START_OF_IMAGE => continue,
            _ => {}
        }
        let Some(&[high, low]) = rest.first_chunk() else { return false };
        let Some(after) = rest.get(u16::from_be_bytes([high, low]).into()..) else { return false };
        rest = after;
    }
}

fn damaged(cause: DecodeErrors) -> Error {
    error(match cause {
        DecodeErrors::Format(reason) => reason,
        DecodeErrors::FormatStatic(reason) => reason.to_owned(),
        other => other.to_string(),
    })
}

fn error(reason: impl Into<String>) -> Error {
    Error::Decode { format: Format::Jpeg, reason: reason.into() }
}
