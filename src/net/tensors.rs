//! Safetensors files, read without trust and written without chance.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, SafeTensors, TensorInfo};
use serde_json::json;

use super::{Border, MAX_CHANNELS, MAX_LAYERS, check};
use crate::{Error, Result};

/// Most bytes of a weight file; the largest net, 64 float layers of 64 channels, takes 9.5 MB.
pub const MAX_FILE_BYTES: usize = 16 << 20;

/// Most bytes of a file's header; 64 layers and the longest notes take half of it.
const MAX_HEADER_BYTES: usize = 1 << 20;

/// Bytes of the little-endian header length that a safetensors file begins with; the header is padded to a multiple.
const LENGTH_BYTES: usize = 8;

/// A file's tensors and metadata; the tensors are named `conv.{layer}.{name}`.
pub(super) struct Reader<'a> {
    header: Metadata,
    data: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        if bytes.len() > MAX_FILE_BYTES {
            return Err(Error::WeightFile(format!("it has more than {MAX_FILE_BYTES} bytes")));
        }
        // Before the parser allocates for it.
        if let Some(length) = bytes.first_chunk().map(|&length| u64::from_le_bytes(length))
            && length > MAX_HEADER_BYTES as u64
        {
            let reason =
                format!("its header claims {length} bytes; {MAX_HEADER_BYTES} are the most (is it safetensors?)");
            return Err(Error::WeightFile(reason));
        }
        let (length, header) =
            SafeTensors::read_metadata(bytes).map_err(|error| Error::WeightFile(format!("safetensors: {error}")))?;
        Ok(Self { header, data: &bytes[LENGTH_BYTES + length..] })
    }

    /// A metadata entry, if it is there.
    fn optional_entry(&self, key: &str) -> Option<&str> {
        self.header.metadata().as_ref()?.get(key).map(String::as_str)
    }

    /// A metadata entry that must be there.
    pub fn entry(&self, key: &str) -> Result<&str> {
        self.optional_entry(key).ok_or_else(|| Error::WeightFile(format!("its metadata has no {key:?}")))
    }

    /// Checks that a metadata entry has the one value that can be read.
    pub fn expect_entry(&self, key: &str, expected: &str) -> Result<()> {
        let value = self.entry(key)?;
        if value == expected {
            return Ok(());
        }
        Err(Error::WeightFile(format!("its {key} is {value:?}; this version of abpn reads {expected:?} here")))
    }

    /// The metadata entry `scale`.
    pub fn scale(&self) -> Result<usize> {
        let value = self.entry("scale")?;
        let scale = value.parse().map_err(|_| Error::WeightFile(format!("its scale is {value:?}, not a number")))?;
        check::scale(scale)?;
        Ok(scale)
    }

    /// The metadata entry `border`.
    pub fn border(&self) -> Result<Border> {
        self.optional_entry("border").map_or(Ok(Border::default()), str::parse)
    }

    /// The metadata but for `reserved` keys.
    pub fn notes(&self, reserved: &[&str]) -> BTreeMap<String, String> {
        let entries = self.header.metadata().iter().flatten();
        let free = entries.filter(|(key, _)| !reserved.contains(&key.as_str()));
        free.map(|(key, value)| (key.clone(), value.clone())).collect()
    }

    /// The number of layers, from the tensors' names; refuses a tensor that is not one of `names` of some layer.
    pub fn layers(&self, names: &[&str]) -> Result<usize> {
        let mut layers = 0;
        // In the file's order, so that the same file always gives the same error.
        for tensor in self.header.offset_keys() {
            let Some(layer) = layer_of(&tensor, names) else {
                let known = names.join(", ");
                let reason = format!("it is unknown: conv.N.NAME is expected, N from 0 and NAME one of {known}");
                return Err(Error::Tensor { tensor, reason });
            };
            if layer >= MAX_LAYERS {
                return Err(Error::Tensor { tensor, reason: format!("at most {MAX_LAYERS} layers can be run") });
            }
            layers = layers.max(layer + 1);
        }
        Ok(layers)
    }

    /// Output and input channels of a layer, from the shape of its weights, `[out, in, 3, 3]`.
    pub fn channels(&self, layer: usize) -> Result<(usize, usize)> {
        let shape = &self.info(layer, "weight")?.shape;
        match shape[..] {
            [outputs @ 1..=MAX_CHANNELS, inputs @ 1..=MAX_CHANNELS, 3, 3] => Ok((outputs, inputs)),
            _ => {
                let reason = format!("its shape is {shape:?}, not [out, in, 3, 3] with 1 to {MAX_CHANNELS} channels");
                Err(tensor_error(layer, "weight", reason))
            }
        }
    }

    /// A tensor's bytes; its type and shape must be the given ones.
    pub fn bytes(&self, layer: usize, name: &str, dtype: Dtype, shape: &[usize]) -> Result<&'a [u8]> {
        let info = self.info(layer, name)?;
        if info.dtype != dtype {
            return Err(tensor_error(layer, name, format!("its type is {}, not {dtype}", info.dtype)));
        }
        if info.shape != shape {
            return Err(tensor_error(layer, name, format!("its shape is {:?}, not {shape:?}", info.shape)));
        }
        let (start, end) = info.data_offsets;
        Ok(&self.data[start..end])
    }

    /// Whether the layer has such a tensor.
    pub fn has(&self, layer: usize, name: &str) -> bool {
        self.header.info(&tensor_name(layer, name)).is_some()
    }

    fn info(&self, layer: usize, name: &str) -> Result<&TensorInfo> {
        let info = self.header.info(&tensor_name(layer, name));
        info.ok_or_else(|| tensor_error(layer, name, "it is missing"))
    }
}

/// How a layer's tensor is called in files and messages.
pub(super) fn tensor_name(layer: usize, name: &str) -> String {
    format!("conv.{layer}.{name}")
}

/// The error for a layer's tensor.
pub(super) fn tensor_error(layer: usize, name: &str, reason: impl Into<String>) -> Error {
    Error::Tensor { tensor: tensor_name(layer, name), reason: reason.into() }
}

/// The layer that a tensor belongs to, if its name is spelt as [`tensor_name`] does.
fn layer_of(tensor: &str, names: &[&str]) -> Option<usize> {
    let (layer, name) = tensor.strip_prefix("conv.")?.split_once('.')?;
    let layer = layer.parse().ok()?;
    (names.contains(&name) && tensor == tensor_name(layer, name)).then_some(layer)
}

/// A tensor to be written.
pub(super) struct Tensor {
    pub name: String,
    pub dtype: Dtype,
    pub shape: Vec<usize>,
    /// Its values, little endian.
    pub bytes: Vec<u8>,
}

/// The file of these tensors and metadata. The same contents always give the same bytes.
pub(super) fn write(metadata: &BTreeMap<&str, &str>, mut tensors: Vec<Tensor>) -> Vec<u8> {
    // So that each is aligned; the sort keeps the order among equals.
    tensors.sort_by_key(|tensor| Reverse(tensor.dtype.bitsize()));
    let mut header = BTreeMap::from([("__metadata__", json!(metadata))]);
    let mut end = 0;
    for Tensor { name, dtype, shape, bytes } in &tensors {
        let start = end;
        end += bytes.len();
        header.insert(name, json!({ "dtype": dtype.to_string(), "shape": shape, "data_offsets": [start, end] }));
    }
    let mut header = json!(header).to_string().into_bytes();
    header.resize(header.len().next_multiple_of(LENGTH_BYTES), b' ');
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.append(&mut header);
    file.extend(tensors.into_iter().flat_map(|tensor| tensor.bytes));
    file
}
