//! What there is of a damaged PNG.

use std::io::Cursor;

use png::{BitDepth, ColorType, DecodeOptions, Decoder, Limits, Transformations};

use super::decode::{allocate, check_pixels, max_file_len};
use super::{Format, Options};
use crate::{Error, Layout, Result, Samples};

/// The rows up to the damage, whatever the checksums say; what is missing is black or transparent.
pub(super) fn decode_partly(bytes: &[u8], options: &Options) -> Result<(u32, u32, Layout, Samples)> {
    let error = |_| Error::Decode { format: Format::Png, reason: "its header is damaged".to_owned() };
    let mut decode_options = DecodeOptions::default();
    decode_options.set_ignore_checksums(true);
    let mut decoder = Decoder::new_with_options(Cursor::new(bytes), decode_options);
    decoder.set_limits(Limits { bytes: usize::try_from(max_file_len(options.max_pixels)).unwrap_or(usize::MAX) });
    decoder.set_transformations(Transformations::EXPAND);
    let mut reader = decoder.read_info().map_err(error)?;
    let (width, height) = reader.info().size();
    check_pixels(width, height, options.max_pixels)?;
    let (colours, depth) = reader.output_color_type();
    let layout = match colours {
        ColorType::Grayscale => Layout::Grey,
        ColorType::GrayscaleAlpha => Layout::GreyAlpha,
        ColorType::Rgba => Layout::Rgba,
        ColorType::Rgb | ColorType::Indexed => Layout::Rgb,
    };
    let samples = if depth == BitDepth::Sixteen {
        let mut samples: Vec<u16> = allocate(width, height, layout, Format::Png)?;
        // The rows before the damage stay in the buffer.
        let _ = reader.next_frame(bytemuck::cast_slice_mut(&mut samples));
        samples.iter_mut().for_each(|sample| *sample = u16::from_be(*sample));
        Samples::U16(samples)
    } else {
        let mut samples: Vec<u8> = allocate(width, height, layout, Format::Png)?;
        let _ = reader.next_frame(&mut samples);
        Samples::U8(samples)
    };
    Ok((width, height, layout, samples))
}
