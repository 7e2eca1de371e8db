//! Decompressed bytes to samples.

use crate::codec::byte_order::ByteOrder;
use crate::image::Sample;

/// What a stored number means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Number {
    /// From 0 to all bits set.
    Unsigned,
    /// IEEE 754, black at 0 and white at 1.
    Float,
}

/// How samples lie in a row of a piece.
#[derive(Clone, Copy, Debug)]
pub struct Stored {
    pub bits: u32,
    pub number: Number,
    pub endian: ByteOrder,
    /// TIFF's predictor: 1 none, 2 differences, 3 differences of a float's bytes.
    pub predictor: u64,
    /// Samples that lie together for a pixel.
    pub per_pixel: usize,
}

impl Stored {
    /// Bytes a row of `pixels`.
    pub fn row_len(&self, pixels: u32) -> Option<usize> {
        let bits = u64::from(pixels).checked_mul(self.per_pixel as u64)?.checked_mul(self.bits.into())?;
        usize::try_from(bits.div_ceil(8)).ok()
    }

    /// Undoes the predictor in a row.
    pub fn undo_predictor(&self, row: &mut Vec<u8>) {
        match self.predictor {
            2 => self.add_differences(row),
            3 => self.join_float_bytes(row),
            _ => {}
        }
    }

    fn add_differences(&self, row: &mut [u8]) {
        let len = self.bits as usize / 8;
        let step = len * self.per_pixel;
        for at in (step..row.len().saturating_sub(len - 1)).step_by(len) {
            let (before, rest) = row.split_at_mut(at);
            let (left, here) = (&before[at - step..][..len], &mut rest[..len]);
            let mut carry = 0;
            for k in 0..len {
                let byte = if self.endian == ByteOrder::Little { k } else { len - 1 - k };
                let sum = u16::from(left[byte]) + u16::from(here[byte]) + carry;
                let [high, low] = sum.to_be_bytes();
                here[byte] = low;
                carry = high.into();
            }
        }
    }

    /// The row holds first all highest bytes, then all second ones, and so on, each less the one a pixel before.
    fn join_float_bytes(&self, row: &mut Vec<u8>) {
        for at in self.per_pixel..row.len() {
            row[at] = row[at].wrapping_add(row[at - self.per_pixel]);
        }
        let len = self.bits as usize / 8;
        let samples = row.len() / len;
        let joined = (0..samples * len).map(|at| {
            let (sample, byte) = (at / len, at % len);
            let byte = if self.endian == ByteOrder::Big { byte } else { len - 1 - byte };
            row[byte * samples + sample]
        });
        *row = joined.collect();
    }

    /// The row's samples, scaled to the full range of `S`, but for those of a pixel that are numbers of colours.
    pub fn unpack<S: Sample>(&self, row: &[u8], is_number: impl Fn(usize) -> bool) -> Vec<S> {
        let full = i64::from(S::saturating_from(i32::MAX).to_i32());
        match (self.number, self.bits) {
            (Number::Float, bits) => {
                let to_sample = |bytes: &[u8]| {
                    let value = float(self.endian.number(bytes), bits);
                    // A cast saturates, and takes what is no number as 0.
                    #[expect(clippy::cast_possible_truncation, reason = "clamped by the cast, then by the sample")]
                    S::saturating_from((value * full as f64).round() as i32)
                };
                row.chunks_exact(bits as usize / 8).map(to_sample).collect()
            }
            (Number::Unsigned, 8 | 16) if self.bits == S::BITS => {
                row.chunks_exact(self.bits as usize / 8).map(|bytes| to_sample(self.endian.number(bytes))).collect()
            }
            (Number::Unsigned, bits) => {
                let most = (1_u64 << bits) - 1;
                let scale = |(at, value): (usize, u64)| match is_number(at % self.per_pixel) {
                    // Within 48 bits.
                    false => to_sample((value * full.unsigned_abs() + most / 2) / most),
                    true => to_sample(value),
                };
                if bits % 8 == 0 {
                    let numbers = row.chunks_exact(bits as usize / 8).map(|bytes| self.endian.number(bytes));
                    numbers.enumerate().map(scale).collect()
                } else {
                    bits_of(row, bits).enumerate().map(scale).collect()
                }
            }
        }
    }
}

/// A number that fits.
fn to_sample<S: Sample>(value: u64) -> S {
    S::saturating_from(i32::try_from(value).unwrap_or(i32::MAX))
}

/// Numbers of less than a byte, or of a byte and a bit, from the highest bit on.
fn bits_of(row: &[u8], bits: u32) -> impl Iterator<Item = u64> {
    let count = row.len() as u64 * 8 / u64::from(bits);
    (0..count).map(move |index| {
        let start = index * u64::from(bits);
        let end = start + u64::from(bits);
        #[expect(clippy::cast_possible_truncation, reason = "within the row, which is in memory")]
        let bytes = &row[(start / 8) as usize..end.div_ceil(8) as usize];
        ByteOrder::Big.number(bytes) >> (end.div_ceil(8) * 8 - end) & ((1 << bits) - 1)
    })
}

/// A float of 16, 24, 32 or 64 bits.
fn float(number: u64, bits: u32) -> f64 {
    /// Rebuilds a float whose exponent and fraction have other lengths than the usual ones.
    fn rebuild(number: u64, exponent_bits: u32, fraction_bits: u32) -> f64 {
        let sign = if number >> (exponent_bits + fraction_bits) & 1 == 1 { -1.0 } else { 1.0 };
        let exponent = i32::try_from(number >> fraction_bits & ((1 << exponent_bits) - 1)).unwrap_or(0);
        #[expect(clippy::cast_precision_loss, reason = "at most 16 bits")]
        let fraction = (number & ((1 << fraction_bits) - 1)) as f64 / f64::from(1_u32 << fraction_bits);
        let bias = (1 << (exponent_bits - 1)) - 1;
        match exponent {
            0 => sign * fraction * 2_f64.powi(1 - bias),
            all if all == (1 << exponent_bits) - 1 && fraction == 0.0 => sign * f64::INFINITY,
            all if all == (1 << exponent_bits) - 1 => f64::NAN,
            _ => sign * (1.0 + fraction) * 2_f64.powi(exponent - bias),
        }
    }
    match bits {
        16 => rebuild(number, 5, 10),
        24 => rebuild(number, 7, 16),
        32 => f32::from_bits(u32::try_from(number).unwrap_or(0)).into(),
        _ => f64::from_bits(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(bits: u32, number: Number, endian: ByteOrder, predictor: u64, per_pixel: usize) -> Stored {
        Stored { bits, number, endian, predictor, per_pixel }
    }

    #[test]
    fn numbers_of_every_length_fill_the_range() {
        let unpack =
            |bits, row: &[u8]| stored(bits, Number::Unsigned, ByteOrder::Big, 1, 1).unpack::<u8>(row, |_| false);
        assert_eq!(unpack(1, &[0b1010_0000]), [255, 0, 255, 0, 0, 0, 0, 0]);
        assert_eq!(unpack(2, &[0b00_01_10_11]), [0, 85, 170, 255]);
        assert_eq!(unpack(4, &[0x0f, 0x71]), [0, 255, 119, 17]);
        let twelve = stored(12, Number::Unsigned, ByteOrder::Little, 1, 1);
        assert_eq!(twelve.unpack::<u16>(&[0x00, 0x0f, 0xff], |_| false), [0, 65535]);
        assert_eq!(twelve.unpack::<u16>(&[0x80, 0x10, 0x01], |_| true), [0x801, 1]);
        let long = stored(32, Number::Unsigned, ByteOrder::Little, 1, 1);
        assert_eq!(long.unpack::<u16>(&[0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0x80], |_| false), [65535, 32768]);
    }

    #[test]
    fn differences_carry_between_the_bytes_of_a_sample() {
        for endian in [ByteOrder::Little, ByteOrder::Big] {
            let bytes = |value: u16| match endian {
                ByteOrder::Little => value.to_le_bytes(),
                ByteOrder::Big => value.to_be_bytes(),
            };
            // Pixels of three samples, as Photoshop writes an extra channel, too.
            let values = [250_u16, 1, 65535, 300, 0, 2, 5, 65535, 1];
            let mut row: Vec<u8> = values
                .iter()
                .enumerate()
                .flat_map(|(at, &value)| bytes(value.wrapping_sub(if at < 3 { 0 } else { values[at - 3] })))
                .collect();
            let stored = stored(16, Number::Unsigned, endian, 2, 3);
            stored.undo_predictor(&mut row);
            assert_eq!(stored.unpack::<u16>(&row, |_| false), values);
        }
    }

    #[test]
    fn floats_are_joined_and_clipped() {
        let values = [0.0_f32, 0.5, 1.0, 2.0, -1.0, f32::NAN];
        for endian in [ByteOrder::Little, ByteOrder::Big] {
            let mut row = vec![0; values.len() * 4];
            for (at, value) in values.iter().enumerate() {
                value.to_be_bytes().iter().enumerate().for_each(|(byte, &bits)| row[byte * values.len() + at] = bits);
            }
            for at in (1..row.len()).rev() {
                row[at] = row[at].wrapping_sub(row[at - 1]);
            }
            let stored = stored(32, Number::Float, endian, 3, 1);
            stored.undo_predictor(&mut row);
            assert_eq!(stored.unpack::<u16>(&row, |_| false), [0, 32768, 65535, 65535, 0, 0]);
        }
    }

    #[test]
    fn short_floats_are_what_they_say() {
        for (number, bits, value) in [
            (0x3c00, 16, 1.0),
            (0xc000, 16, -2.0),
            (0x3800, 16, 0.5),
            (1, 16, 2_f64.powi(-24)),
            (0x7c00, 16, f64::INFINITY),
            (0x3f_0000, 24, 1.0),
            (0x3e_8000, 24, 0.75),
        ] {
            assert_eq!(float(number, bits), value, "{number:x}");
        }
    }
}
