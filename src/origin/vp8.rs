//! How much a lossy WebP picture lost, from the header of its VP8 frame (RFC 6386, section 9).

use crate::codec::riff::{Chunk, Chunks};

/// The quantiser index of the first frame of a WebP file, 0 (best) to 127; of its segments the mean. None if the file is
/// lossless or damaged.
pub(super) fn quantiser(file: &[u8]) -> Option<u8> {
    let frame = frame(Chunks::of_file(file))?;
    // A key frame: the lowest bit of the tag is 0. Behind the tag of three bytes a start code, width and height.
    if frame.first()? & 1 != 0 || frame.get(3..6)? != [0x9d, 0x01, 0x2a] {
        return None;
    }
    let mut header = BoolDecoder::new(frame.get(10..)?);
    // Colour space and clamping.
    header.bits(2);
    let segments = header.flag().then(|| segment_quantisers(&mut header));
    // Filter type, level and sharpness.
    header.bits(1 + 6 + 3);
    // Filter adjustments: for four references and four modes.
    if header.flag() && header.flag() {
        for _ in 0..8 {
            header.optional(6);
        }
    }
    // Partitions of coefficients.
    header.bits(2);
    let index = header.bits(7);
    let indices = match segments {
        Some((true, values)) => values,
        Some((false, values)) => values.map(|value| value + index),
        None => [index; 4],
    };
    u8::try_from(indices.map(|index| index.clamp(0, 127)).iter().sum::<i32>() / 4).ok()
}

/// Whether the segments' values stand for themselves, or are added to the frame's; and the values.
fn segment_quantisers(header: &mut BoolDecoder) -> (bool, [i32; 4]) {
    let has_map = header.flag();
    let mut quantisers = (false, [0; 4]);
    if header.flag() {
        quantisers.0 = header.flag();
        quantisers.1 = [(); 4].map(|()| header.optional(7));
        for _ in 0..4 {
            // The filter's levels.
            header.optional(6);
        }
    }
    if has_map {
        for _ in 0..3 {
            if header.flag() {
                header.bits(8);
            }
        }
    }
    quantisers
}

/// The first VP8 frame among a file's chunks; none before a lossless one.
fn frame(mut chunks: Chunks<'_>) -> Option<&[u8]> {
    /// Bytes of an animation's frame before its own chunks.
    const ANIMATION_HEADER: usize = 16;
    loop {
        let Chunk { name, data, .. } = chunks.next()?;
        match name {
            b"VP8 " => return Some(data),
            b"VP8L" => return None,
            b"ANMF" => chunks = Chunks(data.get(ANIMATION_HEADER..)?),
            _ => {}
        }
    }
}

/// The arithmetic decoder of RFC 6386, section 7, for bits that are as likely 0 as 1, as most of a frame's header is.
struct BoolDecoder<'a> {
    rest: &'a [u8],
    value: u32,
    range: u32,
    /// Bits of `value` that are still to be shifted out before the next byte is needed.
    left: u32,
}

impl<'a> BoolDecoder<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        let mut decoder = Self { rest: bytes, value: 0, range: 255, left: 8 };
        decoder.value = decoder.byte() << 8 | decoder.byte();
        decoder
    }

    /// The next byte; behind the end zeros.
    fn byte(&mut self) -> u32 {
        let (first, rest) = self.rest.split_first().map_or((0, self.rest), |(&first, rest)| (first, rest));
        self.rest = rest;
        first.into()
    }

    fn flag(&mut self) -> bool {
        let split = 1 + (((self.range - 1) * 128) >> 8);
        let is_set = self.value >= split << 8;
        if is_set {
            self.range -= split;
            self.value -= split << 8;
        } else {
            self.range = split;
        }
        while self.range < 128 {
            self.range <<= 1;
            self.value <<= 1;
            self.left -= 1;
            if self.left == 0 {
                self.value |= self.byte();
                self.left = 8;
            }
        }
        is_set
    }

    /// A number of `count` bits, the highest first.
    fn bits(&mut self, count: u32) -> i32 {
        (0..count).fold(0, |number, _| number << 1 | i32::from(self.flag()))
    }

    /// A number of `count` bits and its sign, or 0 if a flag says that there is none.
    fn optional(&mut self, count: u32) -> i32 {
        if !self.flag() {
            return 0;
        }
        let number = self.bits(count);
        if self.flag() { -number } else { number }
    }
}

/// The IJG quality that loses about as much as a quantiser index does.
pub(super) fn quality(index: u8) -> u8 {
    /// libwebp's own qualities, and the IJG's at which Kodak24, reduced three times, loses as much: measured with Pillow.
    const LIKE: [(f64, f64); 9] = [
        (0.0, 10.0),
        (20.0, 34.0),
        (40.0, 66.0),
        (50.0, 72.0),
        (60.0, 78.0),
        (75.0, 84.0),
        (80.0, 88.0),
        (90.0, 92.0),
        (100.0, 97.0),
    ];
    // How libwebp makes an index of its quality, backwards.
    let share = (1.0 - f64::from(index.min(127)) / 127.0).powi(3);
    let webp = if share < 0.5 { 150.0 * share } else { 50.0 * (1.0 + share) };
    let above = LIKE.iter().position(|&(quality, _)| quality >= webp).unwrap_or(LIKE.len() - 1).max(1);
    let [(from, low), (to, high)] = [LIKE[above - 1], LIKE[above]];
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "10..=97")]
    let quality = (low + (high - low) * (webp - from) / (to - from)).round() as u8;
    quality
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The encoder to [`BoolDecoder`], for bits that are as likely 0 as 1.
    struct BoolEncoder {
        bytes: Vec<u8>,
        range: u32,
        bottom: u32,
        left: u32,
    }

    impl BoolEncoder {
        fn flag(&mut self, is_set: bool) {
            let split = 1 + (((self.range - 1) * 128) >> 8);
            if is_set {
                let (bottom, overflows) = self.bottom.overflowing_add(split);
                self.bottom = bottom;
                if overflows {
                    self.carry();
                }
                self.range -= split;
            } else {
                self.range = split;
            }
            while self.range < 128 {
                self.range <<= 1;
                if self.bottom >> 31 == 1 {
                    self.carry();
                }
                self.bottom <<= 1;
                self.left -= 1;
                if self.left == 0 {
                    self.bytes.push(self.bottom.to_be_bytes()[0]);
                    self.bottom &= 0x00ff_ffff;
                    self.left = 8;
                }
            }
        }

        fn carry(&mut self) {
            for byte in self.bytes.iter_mut().rev() {
                *byte = byte.wrapping_add(1);
                if *byte != 0 {
                    break;
                }
            }
        }

        fn bits(&mut self, number: i32, count: u32) {
            (0..count).rev().for_each(|bit| self.flag(number >> bit & 1 == 1));
        }

        fn optional(&mut self, number: i32, count: u32) {
            self.flag(number != 0);
            if number != 0 {
                self.bits(number.abs(), count);
                self.flag(number < 0);
            }
        }
    }

    /// The start of a WebP file with this quantiser index, and segments, absolute or not, if there are any.
    pub fn file(index: i32, segments: Option<(bool, [i32; 4])>) -> Vec<u8> {
        let mut header = BoolEncoder { bytes: vec![], range: 255, bottom: 0, left: 24 };
        header.bits(0, 2);
        header.flag(segments.is_some());
        if let Some((absolute, values)) = segments {
            // A map, and data.
            header.bits(3, 2);
            header.flag(absolute);
            values.iter().for_each(|&value| header.optional(value, 7));
            [5, 0, -9, 1].iter().for_each(|&level| header.optional(level, 6));
            header.flag(true);
            header.bits(77, 8);
            header.bits(0, 2);
        }
        // Filter type, level and sharpness.
        header.bits(1, 1);
        header.bits(21, 6);
        header.bits(3, 3);
        // Filter adjustments, some of them.
        header.bits(3, 2);
        [2, 0, -2, 0, 4, 0, 0, -12].iter().for_each(|&delta| header.optional(delta, 6));
        header.bits(2, 2);
        header.bits(index, 7);
        header.bits(0, 32);
        let frame = [&[0x10, 0, 0, 0x9d, 0x01, 0x2a, 8, 0, 8, 0][..], &header.bytes].concat();
        let chunk = |name: &[u8], payload: &[u8]| {
            let padding = payload.len() % 2;
            [name, &u32::try_from(payload.len()).unwrap().to_le_bytes(), payload, &[0][..padding]].concat()
        };
        let chunks = [chunk(b"VP8X", &[0; 10]), chunk(b"ICCP", &[1; 7]), chunk(b"VP8 ", &frame)].concat();
        [&b"RIFF\0\0\0\0WEBP"[..], &chunks].concat()
    }

    #[test]
    fn the_index_is_read_past_all_that_may_come_before_it() {
        for index in 0..128 {
            assert_eq!(quantiser(&file(index, None)).map(i32::from), Some(index));
        }
        assert_eq!(quantiser(&file(40, Some((true, [10, 20, 30, 64])))), Some(31));
        assert_eq!(quantiser(&file(40, Some((false, [10, -20, 0, 127])))), Some((50 + 20 + 40 + 127) / 4));
    }

    #[test]
    fn lossless_and_damaged_files_have_none() {
        assert_eq!(quantiser(b"RIFF\0\0\0\0WEBPVP8L\x04\0\0\0\x2f\0\0\0"), None);
        assert_eq!(quantiser(b"RIFF\0\0\0\0WEBP"), None);
        assert_eq!(quantiser(b"RIFF"), None);
    }

    #[test]
    fn a_higher_index_is_a_lower_quality() {
        let qualities: Vec<_> = (0..128).map(quality).collect();
        assert!(qualities.is_sorted_by(|a, b| a >= b));
        // libwebp's own quality of 75 gives 26.
        assert_eq!((qualities[0], qualities[26], qualities[127]), (97, 84, 10));
    }
}
