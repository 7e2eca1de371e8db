//! PNG's chunks, what of them can be mended, and what there is of a damaged file.

use std::borrow::Cow;
use std::io::Cursor;

use png::{BitDepth, ColorType, DecodeOptions, Decoder, Limits, Transformations};

use super::decode::{allocate, check_pixels, max_file_len};
use super::{Format, Options};
use crate::{Error, Layout, Result, Samples};

const SIGNATURE_LEN: usize = 8;

/// A chunk where it lies.
pub(super) struct Chunk<'a> {
    pub name: &'a [u8; 4],
    pub data: &'a [u8],
    sum: u32,
    /// Where its data is in the file.
    at: usize,
    /// Where the next one is.
    end: usize,
}

/// A file's chunks, as far as they are whole.
pub(super) struct Chunks<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Chunks<'a> {
    pub fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, at: SIGNATURE_LEN }
    }
}

impl<'a> Iterator for Chunks<'a> {
    type Item = Chunk<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let (len, rest) = self.bytes.get(self.at..)?.split_first_chunk()?;
        let (name, rest) = rest.split_first_chunk()?;
        let (data, rest) = rest.split_at_checked(u32::from_be_bytes(*len).try_into().ok()?)?;
        let sum = rest.first_chunk()?;
        let at = self.at + 8;
        self.at = at + data.len() + 4;
        Some(Chunk { name, data, sum: u32::from_be_bytes(*sum), at, end: self.at })
    }
}

impl Chunk<'_> {
    /// Whether its checksum is right.
    pub fn is_right(&self) -> bool {
        sum(self.name, self.data) == self.sum
    }
}

fn sum(name: &[u8; 4], data: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(name);
    sum.update(data);
    sum.sum()
}

/// The file as its decoder takes it right, and whether its end was there.
pub(super) fn mended(bytes: &[u8]) -> (Cow<'_, [u8]>, bool) {
    let mut file = Cow::Borrowed(bytes);
    let (mut end, mut has_end) = (SIGNATURE_LEN.min(bytes.len()), false);
    // Bits a sample of grey.
    let mut grey_bits = None;
    for chunk in Chunks::of(bytes) {
        end = chunk.end;
        match (chunk.name, chunk.data) {
            (b"IHDR", &[_, _, _, _, _, _, _, _, bits, 0, ..]) => grey_bits = Some(bits),
            // Only as many bits count as samples have, which the decoder doesn't know.
            (b"tRNS", &[_, low]) if chunk.is_right() && matches!(grey_bits, Some(1 | 2 | 4)) => {
                let data = [0, low & ((1 << grey_bits.unwrap_or(0)) - 1)];
                if data != chunk.data {
                    let sum = sum(chunk.name, &data).to_be_bytes();
                    file.to_mut()[chunk.at..][..6].copy_from_slice(&[&data[..], &sum].concat());
                }
            }
            (b"IEND", _) => {
                has_end = true;
                break;
            }
            _ => {}
        }
    }
    if !has_end {
        let file = file.to_mut();
        file.truncate(end);
        file.extend([&[0; 4], b"IEND".as_slice(), &sum(b"IEND", &[]).to_be_bytes()].concat());
    }
    (file, has_end)
}

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
