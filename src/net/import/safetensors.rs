//! Safetensors files of other programs.

use std::collections::BTreeSet;

use safetensors::{Dtype, SafeTensors};

use super::tensors::{NamedTensor, Tensors};
use super::{bfloat_to_f32, half_to_f32};
use crate::{Error, Result};

/// What dictionaries of checkpoints become in front of names; the first that is there is taken.
const PREFIXES: [&str; 2] = ["params_ema.", "params."];

/// Whether these bytes begin like a safetensors file: a length, and a JSON object.
pub(super) fn is_safetensors(bytes: &[u8]) -> bool {
    let Some((length, rest)) = bytes.split_first_chunk::<8>() else { return false };
    rest.first() == Some(&b'{') && u64::from_le_bytes(*length) <= bytes.len() as u64
}

/// The value of a metadata entry.
pub(super) fn metadata(bytes: &[u8], key: &str) -> Option<String> {
    SafeTensors::read_metadata(bytes).ok()?.1.metadata().as_ref()?.get(key).cloned()
}

/// The tensors of real numbers.
///
/// # Errors
/// [`Error::WeightFile`] if the file is damaged; [`Error::Tensor`] names a tensor of another type.
#[expect(clippy::cast_possible_truncation, reason = "a net's weights are f32")]
pub(super) fn read(bytes: &[u8]) -> Result<Tensors> {
    let file = SafeTensors::deserialize(bytes).map_err(|error| Error::WeightFile(format!("safetensors: {error}")))?;
    let names: BTreeSet<_> = file.names().into_iter().collect();
    let prefix = PREFIXES.into_iter().find(|prefix| names.iter().any(|name| name.starts_with(prefix))).unwrap_or("");
    let mut tensors = Tensors::new();
    for name in names {
        let Some(short) = name.strip_prefix(prefix) else { continue };
        let view = file.tensor(name).map_err(|error| Error::WeightFile(format!("safetensors: {error}")))?;
        let data = view.data();
        let values = match view.dtype() {
            Dtype::F32 => data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            Dtype::F64 => data.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
            Dtype::F16 => data.as_chunks().0.iter().map(|&bytes| half_to_f32(u16::from_le_bytes(bytes))).collect(),
            Dtype::BF16 => data.as_chunks().0.iter().map(|&bytes| bfloat_to_f32(u16::from_le_bytes(bytes))).collect(),
            other => {
                let reason = format!("its type is {other}, not of real numbers");
                return Err(Error::Tensor { tensor: super::graph::printable(name), reason });
            }
        };
        if !view.shape().is_empty() {
            tensors.push(NamedTensor { name: short.to_owned(), shape: view.shape().to_vec(), values });
        }
    }
    Ok(tensors)
}
