//! NumPy's `.npz`: an archive of arrays, `.npy` each.

use super::archive::Archive;
use super::half_to_f32;
use super::tensors::{NamedTensor, Tensors};
use crate::{Error, Result};

/// What an array begins with.
const MAGIC: &[u8] = b"\x93NUMPY";

/// Whether an archive holds arrays.
pub(super) fn is_npz(archive: &Archive) -> bool {
    archive.names().iter().any(|name| name.ends_with(".npy"))
}

/// The arrays of real numbers.
///
/// # Errors
/// [`Error::Tensor`] names the array that is damaged.
pub(super) fn read(archive: &mut Archive) -> Result<Tensors> {
    let mut tensors = Tensors::new();
    for entry in archive.names() {
        let Some(name) = entry.strip_suffix(".npy") else { continue };
        let bytes = archive.bytes(&entry)?;
        let tensor = array(&bytes).map_err(|reason| Error::Tensor { tensor: super::graph::printable(name), reason })?;
        // Text and whole numbers say something to people alone.
        if let Some((shape, values)) = tensor {
            tensors.push(NamedTensor { name: name.to_owned(), shape, values });
        }
    }
    Ok(tensors)
}

/// A shape and its values.
type Array = (Vec<usize>, Vec<f32>);

/// The array in an `.npy`, if it is of real numbers.
#[expect(clippy::cast_possible_truncation, reason = "a net's weights are f32")]
fn array(bytes: &[u8]) -> std::result::Result<Option<Array>, String> {
    let damaged = || "its header is damaged".to_owned();
    let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
    let (version, rest) = rest.split_first_chunk::<2>().ok_or_else(damaged)?;
    let (len, rest) = if version[0] == 1 {
        rest.split_first_chunk().map(|(len, rest)| (usize::from(u16::from_le_bytes(*len)), rest)).ok_or_else(damaged)?
    } else {
        let (len, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        (u32::from_le_bytes(*len) as usize, rest)
    };
    let (header, data) = rest.split_at_checked(len).ok_or_else(damaged)?;
    let header = std::str::from_utf8(header).map_err(|_| damaged())?;
    let after =
        |key: &str| header.split_once(&format!("'{key}':")).map(|(_, rest)| rest.trim_start()).ok_or_else(damaged);
    let dtype = after("descr")?.trim_start_matches('\'').split('\'').next().unwrap_or_default();
    let shape = after("shape")?.strip_prefix('(').and_then(|rest| rest.split_once(')')).ok_or_else(damaged)?.0;
    let shape = shape.split(',').map(str::trim).filter(|len| !len.is_empty());
    let shape: Vec<usize> =
        shape.map(|len| len.parse().map_err(|_| damaged())).collect::<std::result::Result<_, _>>()?;
    let values: Vec<f32> = match dtype {
        "<f4" => data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
        "<f8" => data.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
        "<f2" => data.as_chunks().0.iter().map(|&bytes| half_to_f32(u16::from_le_bytes(bytes))).collect(),
        ">f2" | ">f4" | ">f8" => return Err("its values are big-endian".to_owned()),
        _ => return Ok(None),
    };
    if !after("fortran_order")?.starts_with("False") && shape.len() > 1 {
        return Err("its values are in Fortran's order".to_owned());
    }
    let count = shape.iter().try_fold(1usize, |count, &len| count.checked_mul(len));
    if count != Some(values.len()) {
        return Err(format!("it has {} values for a shape of {shape:?}", values.len()));
    }
    Ok(Some((shape, values)))
}
