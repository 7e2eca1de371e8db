//! CCITT's codes for black and white (T.4 and T.6), read strictly: a code that doesn't fit its row is damage.

use std::convert::Infallible;

use fax::maps::{Mode, black, mode, white};
use fax::{BitReader, ByteReader};

/// Which of the codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// Runs; each row begins at a multiple of so many bits (TIFF's compressions 2 and 32771).
    Runs { aligned_to_bits: u64 },
    /// T.4 (group 3): rows behind end-of-line codes, in one dimension or each as a bit tells.
    T4 { two_dimensional: bool },
    /// T.6 (group 4).
    T6,
}

const END_OF_LINE_BITS: u8 = 12;

/// Decodes `rows` rows of `width` pixels to packed bits, 1 for black; fewer rows where the data ends or is damaged.
pub fn decode(data: &[u8], width: u32, rows: u32, code: Code) -> Vec<u8> {
    // The look-up of a code wants to see more bits than the last codes have; zeros behind the data are no code.
    let bytes = data.iter().chain(&[0; 4]).map(|&byte| Ok::<_, Infallible>(byte));
    let Ok(reader) = ByteReader::new(bytes);
    let mut reader = Counting { reader, consumed: 0 };
    let data_bits = data.len() as u64 * 8;
    let mut packed = Vec::new();
    let mut changes = Vec::new();
    for _ in 0..rows {
        let row = match code {
            Code::Runs { aligned_to_bits } => reader.align(aligned_to_bits).and_then(|()| runs(&mut reader, width)),
            Code::T4 { two_dimensional } => {
                reader.pass_end_of_line().and_then(|()| match two_dimensional && reader.peek(1)? == 0 {
                    true => reader.consume(1).ok().and_then(|()| relative(&mut reader, width, &changes)),
                    false if two_dimensional => reader.consume(1).ok().and_then(|()| runs(&mut reader, width)),
                    false => runs(&mut reader, width),
                })
            }
            Code::T6 => relative(&mut reader, width, &changes),
        };
        let Some(row) = row.filter(|_| reader.consumed <= data_bits) else { break };
        changes = row;
        pack(&changes, width, &mut packed);
    }
    packed
}

/// A reader that knows where it is.
struct Counting<R> {
    reader: R,
    /// In bits.
    consumed: u64,
}

impl<R: BitReader> BitReader for Counting<R> {
    type Error = R::Error;

    fn peek(&self, bits: u8) -> Option<u16> {
        self.reader.peek(bits)
    }

    fn consume(&mut self, bits: u8) -> Result<(), Self::Error> {
        self.consumed = self.consumed.saturating_add(bits.into());
        self.reader.consume(bits)
    }

    fn bits_to_byte_boundary(&self) -> u8 {
        self.reader.bits_to_byte_boundary()
    }
}

impl<R: BitReader> Counting<R> {
    fn align(&mut self, bits: u64) -> Option<()> {
        while !self.consumed.is_multiple_of(bits) {
            self.consume(1).ok()?;
        }
        Some(())
    }

    /// Passes over an end-of-line code and the zeros before it, if there is one.
    fn pass_end_of_line(&mut self) -> Option<()> {
        if self.peek(END_OF_LINE_BITS - 1) != Some(0) {
            return Some(());
        }
        while self.peek(1)? == 0 {
            self.consume(1).ok()?;
        }
        self.consume(1).ok()
    }
}

/// A run's length: codes for multiples of 64, then one for the rest.
fn run(reader: &mut impl BitReader, is_black: bool) -> Option<u32> {
    const FIRST_MULTIPLE: u16 = 64;
    let mut len = 0_u32;
    loop {
        let part = if is_black { black::decode(reader)? } else { white::decode(reader)? };
        len = len.checked_add(part.into())?;
        if part < FIRST_MULTIPLE {
            return Some(len);
        }
    }
}

/// Where a row changes its colour, beginning with white; runs of no length are none.
struct Changes {
    at: Vec<u32>,
    width: u32,
}

impl Changes {
    fn push(&mut self, change: u32) -> Option<()> {
        match self.at.last() {
            Some(&last) if change < last => return None,
            Some(&last) if change == last => {
                self.at.pop();
            }
            _ => self.at.push(change),
        }
        (change <= self.width).then_some(())
    }
}

/// A row as runs of white and black in turn.
fn runs(reader: &mut impl BitReader, width: u32) -> Option<Vec<u32>> {
    let mut changes = Changes { at: vec![], width };
    let (mut at, mut is_black) = (0_u32, false);
    while at < width {
        at = at.checked_add(run(reader, is_black)?)?;
        changes.push(at)?;
        is_black = !is_black;
    }
    Some(changes.at)
}

/// A row relative to the one above it.
fn relative(reader: &mut impl BitReader, width: u32, above: &[u32]) -> Option<Vec<u32>> {
    let mut changes = Changes { at: vec![], width };
    // The row's beginning lies before its first pixel.
    let (mut at, mut is_black) = (None, false);
    let mut from = 0;
    while at.is_none_or(|at| at < width) {
        // The first change above that lies behind `at` and leads away from the colour here.
        while from > 0 && at.is_none_or(|at| above[from - 1] > at) {
            from -= 1;
        }
        while from < above.len() && (at.is_some_and(|at| above[from] <= at) || (from % 2 == 1) != is_black) {
            from += 1;
        }
        let above_at = |index: usize| above.get(index).copied().unwrap_or(width);
        match mode::decode(reader)? {
            Mode::Pass => at = Some(above_at(from + 1)),
            Mode::Vertical(by) => {
                let change = above_at(from).checked_add_signed(by.into())?;
                if at.is_some_and(|at| change < at) {
                    return None;
                }
                changes.push(change)?;
                at = Some(change);
                is_black = !is_black;
            }
            Mode::Horizontal => {
                let first = at.unwrap_or(0).checked_add(run(reader, is_black)?)?;
                let second = first.checked_add(run(reader, !is_black)?)?;
                changes.push(first)?;
                changes.push(second)?;
                at = Some(second);
            }
            Mode::Extension | Mode::EOF => return None,
        }
    }
    Some(changes.at)
}

/// Appends a row of bits, filled up to a byte.
fn pack(changes: &[u32], width: u32, packed: &mut Vec<u8>) {
    let start = packed.len();
    packed.resize(start + width.div_ceil(8) as usize, 0);
    let row = &mut packed[start..];
    for pair in changes.chunks(2) {
        for x in pair[0]..pair.get(1).copied().unwrap_or(width).min(width) {
            row[x as usize / 8] |= 0x80 >> (x % 8);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows of 20 pixels: white; black from 3 to 8 and from 12; black throughout; a single black pixel at the end.
    const ROWS: [&[u32]; 4] = [&[], &[3, 8, 12], &[0], &[19]];

    fn expected() -> Vec<u8> {
        let mut packed = Vec::new();
        ROWS.iter().for_each(|changes| pack(changes, 20, &mut packed));
        packed
    }

    #[test]
    fn t6_is_read_and_cut_short_gives_fewer_rows() {
        let mut encoder = fax::encoder::Encoder::new(fax::VecWriter::new());
        for row in expected().chunks(3) {
            let pixels = (0..20).map(|x| match row[x / 8] & 0x80 >> (x % 8) {
                0 => fax::Color::White,
                _ => fax::Color::Black,
            });
            encoder.encode_line(pixels, 20).unwrap();
        }
        let data = encoder.finish().unwrap().finish();
        assert_eq!(decode(&data, 20, 4, Code::T6), expected());
        for len in 0..data.len() {
            let rows = decode(&data[..len], 20, 4, Code::T6);
            assert_eq!(rows, expected()[..rows.len()], "{len} of {} bytes", data.len());
        }
    }

    #[test]
    fn runs_are_read_by_their_table() {
        // White 3, black 5, white 4, black 8; from the table of T.4.
        let bits = "1000 0011 1011 000101";
        let text: String = bits.split(' ').collect();
        let bytes: Vec<u8> = text
            .as_bytes()
            .chunks(8)
            .map(|bits| bits.iter().enumerate().map(|(at, bit)| (bit - b'0') << (7 - at)).sum())
            .collect();
        let row = decode(&bytes, 20, 1, Code::Runs { aligned_to_bits: 8 });
        assert_eq!(row, [0b0001_1111, 0b0000_1111, 0b1111_0000]);
        assert!(decode(&bytes, 19, 1, Code::Runs { aligned_to_bits: 8 }).is_empty(), "a run too long");
    }
}
