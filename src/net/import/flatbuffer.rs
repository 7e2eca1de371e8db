//! FlatBuffers: tables of fields behind offsets. Every access is checked against the bytes, so no file needs to be trusted.

use crate::{Error, Result};

/// A table.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    bytes: &'a [u8],
    /// Where it begins.
    at: usize,
    /// Where its list of fields begins, and how many bytes that has.
    fields: usize,
    len: usize,
}

/// A vector of something.
#[derive(Clone, Copy)]
pub(super) struct Vector<'a> {
    bytes: &'a [u8],
    /// Where the first element is.
    at: usize,
    pub len: usize,
}

fn damaged() -> Error {
    Error::WeightFile("a table of its FlatBuffer is damaged".to_owned())
}

/// `N` bytes at `at`.
fn chunk<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N]> {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().ok_or_else(damaged)
}

/// Where the offset at `at` leads.
fn follow(bytes: &[u8], at: usize) -> Result<usize> {
    let offset = u32::from_le_bytes(chunk(bytes, at)?) as usize;
    at.checked_add(offset).filter(|&to| offset > 0 && to < bytes.len()).ok_or_else(damaged)
}

impl<'a> Table<'a> {
    /// The table that a buffer begins with.
    pub fn root(bytes: &'a [u8]) -> Result<Self> {
        Self::at(bytes, follow(bytes, 0)?)
    }

    fn at(bytes: &'a [u8], at: usize) -> Result<Self> {
        // The list of fields lies before the table, or behind it.
        let back = i32::from_le_bytes(chunk(bytes, at)?);
        let distance = back.unsigned_abs() as usize;
        let fields = if back >= 0 { at.checked_sub(distance) } else { at.checked_add(distance) };
        let fields = fields.ok_or_else(damaged)?;
        let len = usize::from(u16::from_le_bytes(chunk(bytes, fields)?));
        if len < 4 || fields.checked_add(len).is_none_or(|end| end > bytes.len()) {
            return Err(damaged());
        }
        Ok(Self { bytes, at, fields, len })
    }

    /// Where a field is; none if it has its default.
    fn place(&self, field: usize) -> Result<Option<usize>> {
        let entry = 4 + 2 * field;
        if entry + 2 > self.len {
            return Ok(None);
        }
        let offset = usize::from(u16::from_le_bytes(chunk(self.bytes, self.fields + entry)?));
        Ok((offset > 0).then_some(self.at + offset))
    }

    pub fn i8(&self, field: usize, default: i8) -> Result<i8> {
        self.place(field)?.map_or(Ok(default), |at| Ok(i8::from_le_bytes(chunk(self.bytes, at)?)))
    }

    pub fn i32(&self, field: usize, default: i32) -> Result<i32> {
        self.place(field)?.map_or(Ok(default), |at| Ok(i32::from_le_bytes(chunk(self.bytes, at)?)))
    }

    pub fn u32(&self, field: usize) -> Result<u32> {
        self.place(field)?.map_or(Ok(0), |at| Ok(u32::from_le_bytes(chunk(self.bytes, at)?)))
    }

    pub fn f32(&self, field: usize, default: f32) -> Result<f32> {
        self.place(field)?.map_or(Ok(default), |at| Ok(f32::from_le_bytes(chunk(self.bytes, at)?)))
    }

    pub fn table(&self, field: usize) -> Result<Option<Self>> {
        self.place(field)?.map(|at| Self::at(self.bytes, follow(self.bytes, at)?)).transpose()
    }

    /// A vector of elements of `size` bytes, empty if it is not there.
    pub fn vector(&self, field: usize, size: usize) -> Result<Vector<'a>> {
        let Some(at) = self.place(field)? else { return Ok(Vector { bytes: self.bytes, at: 0, len: 0 }) };
        let at = follow(self.bytes, at)?;
        let len = u32::from_le_bytes(chunk(self.bytes, at)?) as usize;
        let end = len.checked_mul(size).and_then(|bytes| bytes.checked_add(at + 4));
        if end.is_none_or(|end| end > self.bytes.len()) {
            return Err(damaged());
        }
        Ok(Vector { bytes: self.bytes, at: at + 4, len })
    }

    /// The bytes of a vector of bytes or of a text.
    pub fn bytes(&self, field: usize) -> Result<&'a [u8]> {
        let Vector { bytes, at, len } = self.vector(field, 1)?;
        Ok(&bytes[at..at + len])
    }

    pub fn text(&self, field: usize) -> Result<String> {
        Ok(String::from_utf8_lossy(self.bytes(field)?).into_owned())
    }

    pub fn i32s(&self, field: usize) -> Result<Vec<i32>> {
        let vector = self.vector(field, 4)?;
        (0..vector.len).map(|i| Ok(i32::from_le_bytes(chunk(vector.bytes, vector.at + 4 * i)?))).collect()
    }

    pub fn f32s(&self, field: usize) -> Result<Vec<f32>> {
        let vector = self.vector(field, 4)?;
        (0..vector.len).map(|i| Ok(f32::from_le_bytes(chunk(vector.bytes, vector.at + 4 * i)?))).collect()
    }

    pub fn i64s(&self, field: usize) -> Result<Vec<i64>> {
        let vector = self.vector(field, 8)?;
        (0..vector.len).map(|i| Ok(i64::from_le_bytes(chunk(vector.bytes, vector.at + 8 * i)?))).collect()
    }

    /// The tables of a vector, at most `most`.
    pub fn tables(&self, field: usize, most: usize) -> Result<Vec<Self>> {
        let vector = self.vector(field, 4)?;
        if vector.len > most {
            return Err(Error::WeightFile(format!("a list of it has {} entries; {most} are the most", vector.len)));
        }
        (0..vector.len).map(|i| Self::at(vector.bytes, follow(vector.bytes, vector.at + 4 * i)?)).collect()
    }
}
