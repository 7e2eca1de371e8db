//! A strip's or tile's bytes, decompressed.

use std::borrow::Cow;
use std::io::Read;

use super::fax::{self, Code};
use crate::codec::jpeg::{self, Stream};
use crate::{Error, Result};

/// How pieces are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Fax(Code),
    Lzw,
    Deflate,
    PackBits,
    /// Whole JPEG streams, less the tables that the directory may hold.
    Jpeg,
}

impl Compression {
    /// # Errors
    /// The scheme's name, or number.
    pub fn of(number: u64, t4_options: u64) -> std::result::Result<Self, String> {
        let name = match number {
            1 => return Ok(Self::None),
            2 => return Ok(Self::Fax(Code::Runs { aligned_to_bits: 8 })),
            3 => return Ok(Self::Fax(Code::T4 { two_dimensional: t4_options & 1 == 1 })),
            4 => return Ok(Self::Fax(Code::T6)),
            5 => return Ok(Self::Lzw),
            7 => return Ok(Self::Jpeg),
            8 | 32946 => return Ok(Self::Deflate),
            32771 => return Ok(Self::Fax(Code::Runs { aligned_to_bits: 16 })),
            32773 => return Ok(Self::PackBits),
            6 => "JPEG in the way of before 1995",
            32766 => "NeXT's",
            32809 => "ThunderScan's",
            34676 | 34677 => "SGI LogLuv",
            34712 => "JPEG 2000",
            34887 => "LERC",
            34925 => "LZMA",
            50000 => "Zstandard",
            50001 => "WebP",
            50002 | 52546 => "JPEG XL",
            _ => return Err(format!("unknown ({number})")),
        };
        Err(name.to_owned())
    }

    /// Whether the bits of its bytes turn with TIFF's fill order.
    pub fn follows_fill_order(self) -> bool {
        self != Self::Jpeg
    }

    /// Whether a predictor may lie under it.
    pub fn has_predictor(self) -> bool {
        matches!(self, Self::Lzw | Self::Deflate)
    }
}

/// What a piece is to become.
pub struct Piece<'a> {
    /// In pixels.
    pub size: (u32, u32),
    /// Decompressed, in bytes.
    pub len: usize,
    /// Samples of a pixel.
    pub channels: usize,
    pub jpeg_tables: Option<&'a [u8]>,
    pub is_ycbcr: bool,
}

/// At most `piece.len` bytes, fewer where the data ends or is damaged; and whether they are all and right, as far as that
/// shows.
///
/// # Errors
/// [`Error::Decode`] if a JPEG stream can't be decoded, unless `partial`.
pub fn decompress(compression: Compression, data: &[u8], piece: &Piece, partial: bool) -> Result<(Vec<u8>, bool)> {
    let bytes = match compression {
        Compression::None => data[..data.len().min(piece.len)].to_vec(),
        Compression::Fax(code) => fax::decode(data, piece.size.0, piece.size.1, code),
        Compression::Lzw => lzw(data, piece.len),
        Compression::Deflate => {
            let mut bytes = Vec::new();
            // Damage ends the piece early, which the caller sees.
            let _ = flate2::read::ZlibDecoder::new(data).take(piece.len as u64).read_to_end(&mut bytes);
            bytes
        }
        Compression::PackBits => pack_bits(data, piece.len),
        Compression::Jpeg => {
            let bytes = with_tables(data, piece.jpeg_tables);
            let stream =
                Stream { bytes: &bytes, is_ycbcr: piece.is_ycbcr, components: piece.channels, size: piece.size };
            return match jpeg::decode_stream(&stream, partial) {
                Err(Error::Decode { .. }) if partial => Ok((vec![], false)),
                Err(Error::Decode { reason, .. }) => Err(super::error(format!("a JPEG stream in it: {reason}"))),
                result => result,
            };
        }
    };
    let is_whole = bytes.len() == piece.len;
    Ok((bytes, is_whole))
}

/// A stream with the tables of the directory's own stream, which has nothing else, in front.
pub fn with_tables<'a>(data: &'a [u8], tables: Option<&[u8]>) -> Cow<'a, [u8]> {
    const START: &[u8] = b"\xff\xd8";
    const END: &[u8] = b"\xff\xd9";
    let Some(tables) = tables.and_then(|tables| tables.strip_prefix(START)) else { return Cow::Borrowed(data) };
    let tables = tables.strip_suffix(END).unwrap_or(tables);
    Cow::Owned([START, tables, data.strip_prefix(START).unwrap_or(data)].concat())
}

fn lzw(data: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = vec![0; len];
    // Before TIFF 6.0 some wrote the bits the other way round: the first code, 256, begins with a byte of zeros then.
    let is_old = matches!(data, [0, second, ..] if second & 1 == 1);
    let mut decoder = match is_old {
        true => weezl::decode::Decoder::new(weezl::BitOrder::Lsb, 8),
        false => weezl::decode::Decoder::with_tiff_size_switch(weezl::BitOrder::Msb, 8),
    };
    let (mut read, mut written) = (0, 0);
    while written < len {
        let step = decoder.decode_bytes(&data[read..], &mut bytes[written..]);
        read += step.consumed_in;
        written += step.consumed_out;
        if step.status.is_err() || step.consumed_in + step.consumed_out == 0 || decoder.has_ended() {
            break;
        }
    }
    bytes.truncate(written);
    bytes
}

fn pack_bits(mut data: &[u8], len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len.min(data.len().saturating_mul(128)));
    while let [count, rest @ ..] = data
        && bytes.len() < len
    {
        let used = match (*count, rest) {
            (0..=127, literal) => {
                let run = literal.len().min(usize::from(*count) + 1);
                bytes.extend_from_slice(&literal[..run]);
                run
            }
            // 128 is nothing at all.
            (128, _) => 0,
            (count, [byte, ..]) => {
                bytes.resize(bytes.len() + 257 - usize::from(count), *byte);
                1
            }
            (_, []) => break,
        };
        data = &rest[used..];
        bytes.truncate(len);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_literals_are_unpacked() {
        // The example of the TIFF 6.0 specification's section 9, less a part of it.
        let data = [0xfe, 0xaa, 0x02, 0x80, 0x00, 0x2a, 0xfd, 0xaa, 0x80, 0x00, 0x22];
        let whole = [0xaa, 0xaa, 0xaa, 0x80, 0x00, 0x2a, 0xaa, 0xaa, 0xaa, 0xaa, 0x22];
        for len in 0..=whole.len() + 1 {
            assert_eq!(pack_bits(&data, len), whole[..len.min(whole.len())]);
        }
        assert_eq!(pack_bits(&[0x05, 1, 2], 9), [1, 2]);
        assert!(pack_bits(&[0xfe], 9).is_empty());
    }
}
