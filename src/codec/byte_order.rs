//! How numbers of more than a byte lie in a file.

/// Which end of a number comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// This machine's.
    pub const NATIVE: Self = if cfg!(target_endian = "big") { Self::Big } else { Self::Little };

    /// The unsigned number that these bytes are, at most 8.
    pub fn number(self, bytes: &[u8]) -> u64 {
        let add = |number: u64, &byte: &u8| number << 8 | u64::from(byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, add),
            Self::Big => bytes.iter().fold(0, add),
        }
    }

    /// The number of `len` bytes, at most 8, at `at`; none where the bytes end before it does.
    pub fn number_at(self, bytes: &[u8], at: usize, len: usize) -> Option<u64> {
        bytes.get(at..at.checked_add(len)?).map(|digits| self.number(digits))
    }

    pub fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        self.number_at(bytes, at, 2).and_then(|number| number.try_into().ok())
    }

    pub fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        self.number_at(bytes, at, 4).and_then(|number| number.try_into().ok())
    }

    pub fn bytes16(self, number: u16) -> [u8; 2] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }

    pub fn bytes32(self, number: u32) -> [u8; 4] {
        match self {
            Self::Little => number.to_le_bytes(),
            Self::Big => number.to_be_bytes(),
        }
    }
}
