//! The wire format of Protocol Buffers: a message as its fields, one after the other.

use crate::{Error, Result};

/// A field's value.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Field<'a> {
    /// A whole number.
    Varint(u64),
    /// Four bytes: a float.
    Fixed32(u32),
    /// Eight bytes.
    Fixed64(u64),
    /// Text, a message or packed numbers.
    Bytes(&'a [u8]),
}

impl<'a> Field<'a> {
    pub fn bytes(self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    pub fn text(self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    /// A whole number; negative ones are in two's complement.
    pub fn int(self) -> Option<i64> {
        match self {
            Self::Varint(value) => Some(value.cast_signed()),
            _ => None,
        }
    }

    pub fn float(self) -> Option<f32> {
        match self {
            Self::Fixed32(bits) => Some(f32::from_bits(bits)),
            _ => None,
        }
    }
}

/// The fields of a message, by number.
pub(super) struct Message<'a> {
    rest: &'a [u8],
}

impl<'a> Message<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    fn field(&mut self) -> Option<(u64, Field<'a>)> {
        let key = varint(&mut self.rest)?;
        let field = match key & 7 {
            0 => Field::Varint(varint(&mut self.rest)?),
            1 => {
                let (bytes, rest) = self.rest.split_first_chunk()?;
                self.rest = rest;
                Field::Fixed64(u64::from_le_bytes(*bytes))
            }
            2 => {
                let len = usize::try_from(varint(&mut self.rest)?).ok()?;
                let (bytes, rest) = self.rest.split_at_checked(len)?;
                self.rest = rest;
                Field::Bytes(bytes)
            }
            5 => {
                let (bytes, rest) = self.rest.split_first_chunk()?;
                self.rest = rest;
                Field::Fixed32(u32::from_le_bytes(*bytes))
            }
            _ => return None,
        };
        Some((key >> 3, field))
    }
}

impl<'a> Iterator for Message<'a> {
    type Item = Result<(u64, Field<'a>)>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let field = self.field();
        if field.is_none() {
            self.rest = &[];
        }
        Some(field.ok_or_else(|| Error::WeightFile("a message in it is damaged or cut short".to_owned())))
    }
}

/// Seven bits a byte, the lowest first; the last byte has no top bit.
fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, after) = rest.split_first()?;
        *rest = after;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The numbers of a repeated field, which a writer may pack.
pub(super) fn ints(field: Field) -> Option<Vec<i64>> {
    match field {
        Field::Varint(value) => Some(vec![value.cast_signed()]),
        Field::Bytes(mut bytes) => {
            let mut values = Vec::new();
            while !bytes.is_empty() {
                values.push(varint(&mut bytes)?.cast_signed());
            }
            Some(values)
        }
        _ => None,
    }
}

/// The floats of a repeated field, which a writer may pack.
pub(super) fn floats(field: Field) -> Option<Vec<f32>> {
    match field {
        Field::Fixed32(bits) => Some(vec![f32::from_bits(bits)]),
        Field::Bytes(bytes) => Some(bytes.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read() {
        // 1: 150, 2: "ab", 3: 1.0 as 32 bits, 4: -1.
        let bytes = [
            &[0x08, 0x96, 0x01, 0x12, 2, b'a', b'b', 0x1d, 0, 0, 0x80, 0x3f, 0x20][..],
            &[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1],
        ]
        .concat();
        let fields: Vec<_> = Message::new(&bytes).map(Result::unwrap).collect();
        assert_eq!(fields[0], (1, Field::Varint(150)));
        assert_eq!((fields[1].0, fields[1].1.text()), (2, Some("ab")));
        assert_eq!((fields[2].0, fields[2].1.float()), (3, Some(1.0)));
        assert_eq!((fields[3].0, fields[3].1.int()), (4, Some(-1)));
        for len in 1..bytes.len() {
            let cut: Vec<_> = Message::new(&bytes[..len]).collect();
            assert!(cut.len() <= 4 && (cut.last().unwrap().is_err() || [3, 7, 12].contains(&len)), "{len}");
        }
        assert_eq!(ints(Field::Bytes(&[1, 0x96, 1])), Some(vec![1, 150]));
        assert_eq!(ints(Field::Bytes(&[0x96])), None);
        assert_eq!(floats(Field::Bytes(&[0, 0, 0x80, 0x3f])), Some(vec![1.0]));
    }
}
