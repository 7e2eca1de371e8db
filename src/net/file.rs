//! A net's weight file.
//!
//! A safetensors file; tensors of layer `i` of `out` channels that reads `in` channels:
//!
//! | tensor | type | shape |
//! |---|---|---|
//! | `conv.{i}.weight` | I8 | `[out, in, 3, 3]` |
//! | `conv.{i}.bias` | I32 | `[out]` |
//! | `conv.{i}.limit` | U32 | `[out]` |
//! | `conv.{i}.pre` | U8 | `[out]` |
//! | `conv.{i}.mul` | U16 | `[out]` |
//! | `conv.{i}.post` | U8 | `[out]` |
//!
//! Metadata: `format`, `version` and `scheme` say what the file is, `scale` is the net's; all others are notes.

use std::collections::BTreeMap;

use safetensors::Dtype;

use super::quantize;
use super::tensors::{self, Reader, Tensor, tensor_name};
use super::{Layer, Net};
use crate::{Error, Result};

/// The metadata entry `format`.
pub const FORMAT: &str = "abpn";
/// The metadata entry `version`: it changes when files of this version can no longer be read.
pub const VERSION: &str = "1";
/// The metadata entry `scheme`: the arithmetic that [`Layer`] describes.
pub const SCHEME: &str = "abpn-int8";

/// Keys of the metadata that are no notes.
const RESERVED: [&str; 4] = ["format", "version", "scheme", "scale"];

/// The tensors of a layer.
const NAMES: [&str; 6] = ["weight", "bias", "limit", "pre", "mul", "post"];

/// Most bytes of all notes together: JSON may take six for one, and the header of a file has its own limit.
const MAX_NOTES_BYTES: usize = 64 << 10;

/// Checks that the notes don't stand in for the file's own metadata, and that a file can hold them.
pub(super) fn check_notes(notes: &BTreeMap<String, String>) -> Result<()> {
    if let Some(key) = RESERVED.into_iter().find(|&key| notes.contains_key(key)) {
        return Err(Error::WeightFile(format!("a note can't be called {key:?}: the file format uses that name")));
    }
    let bytes: usize = notes.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MAX_NOTES_BYTES {
        return Err(Error::WeightFile(format!("its notes have {bytes} bytes; {MAX_NOTES_BYTES} are the most")));
    }
    Ok(())
}

impl Net {
    /// Reads a weight file's bytes. A file that is damaged, hostile or not fit to run gives an error, never a panic.
    ///
    /// # Errors
    /// [`Error::Tensor`] names the first tensor that is missing, unknown, misshapen or not fit to run;
    /// [`Error::WeightFile`] if the file as a whole is not what this version reads.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let reader = Reader::new(bytes)?;
        if reader.entry("format")? == quantize::FORMAT {
            let reason = "it holds float weights; `abpn model quantize` makes an integer net of them";
            return Err(Error::WeightFile(reason.to_owned()));
        }
        reader.expect_entry("format", FORMAT)?;
        reader.expect_entry("version", VERSION)?;
        reader.expect_entry("scheme", SCHEME)?;
        let scale = reader.scale()?;
        let layers = (0..reader.layers(&NAMES)?).map(|layer| read_layer(&reader, layer)).collect::<Result<_>>()?;
        Self::new(scale, layers, reader.notes(&RESERVED))
    }

    /// The net as the bytes of a weight file, which [`Net::read`] reads. The same net always gives the same bytes.
    pub fn write(&self) -> Vec<u8> {
        let scale = self.scale.to_string();
        let mut metadata: BTreeMap<&str, &str> = self.notes.iter().map(|(key, value)| (&**key, &**value)).collect();
        metadata.extend(RESERVED.into_iter().zip([FORMAT, VERSION, SCHEME, &scale]));
        tensors::write(&metadata, self.layers.iter().enumerate().flat_map(layer_tensors).collect())
    }
}

fn read_layer(reader: &Reader, layer: usize) -> Result<Layer> {
    let (outputs, inputs) = reader.channels(layer)?;
    let vector = |name, dtype| reader.bytes(layer, name, dtype, &[outputs]);
    Ok(Layer {
        in_channels: inputs,
        out_channels: outputs,
        weights: bytemuck::cast_slice(reader.bytes(layer, "weight", Dtype::I8, &[outputs, inputs, 3, 3])?).to_vec(),
        bias: vector("bias", Dtype::I32)?.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes)).collect(),
        limit: vector("limit", Dtype::U32)?.as_chunks().0.iter().map(|&bytes| u32::from_le_bytes(bytes)).collect(),
        pre: vector("pre", Dtype::U8)?.to_vec(),
        mul: vector("mul", Dtype::U16)?.as_chunks().0.iter().map(|&bytes| u16::from_le_bytes(bytes)).collect(),
        post: vector("post", Dtype::U8)?.to_vec(),
    })
}

fn layer_tensors((index, layer): (usize, &Layer)) -> [Tensor; NAMES.len()] {
    let (outputs, inputs) = (layer.out_channels, layer.in_channels);
    let tensor = |name, dtype, bytes| Tensor { name: tensor_name(index, name), dtype, shape: vec![outputs], bytes };
    let weights = tensor("weight", Dtype::I8, bytemuck::cast_slice(&layer.weights).to_vec());
    [
        Tensor { shape: vec![outputs, inputs, 3, 3], ..weights },
        tensor("bias", Dtype::I32, layer.bias.iter().flat_map(|value| value.to_le_bytes()).collect()),
        tensor("limit", Dtype::U32, layer.limit.iter().flat_map(|value| value.to_le_bytes()).collect()),
        tensor("pre", Dtype::U8, layer.pre.clone()),
        tensor("mul", Dtype::U16, layer.mul.iter().flat_map(|value| value.to_le_bytes()).collect()),
        tensor("post", Dtype::U8, layer.post.clone()),
    ]
}
