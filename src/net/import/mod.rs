//! Nets of other programs as nets of this family: a file a format, read as data without trust.
//!
//! [`read`] tells the format by the file's content, finds the layers, and says what the file says of pixels: the range of
//! their values, the order of colours and of the pixel shuffle. What the file doesn't say is in [`Options`], or is measured
//! on a picture. The result is a [`FloatNet`], and for quantised files a [`Net`] of the file's own integers too.

mod archive;
mod draft;
mod family;
mod flatbuffer;
mod graph;
mod ncnn;
mod npz;
mod onnx;
mod pickle;
mod protobuf;
mod safetensors;
mod sanity;
mod tensors;
#[cfg(test)]
mod tests;
mod tflite;
mod torch;

pub use draft::{ChannelOrder, ValueRange};
pub use graph::ShuffleOrder;

use std::fmt;

use archive::Archive;
use draft::Draft;

use super::Net;
use super::quantize::{self, FloatNet};
use crate::{Error, Result};

/// Most bytes of a file to import: the largest net of the family has 9.5 MB of f32 weights, and a training checkpoint holds
/// several copies.
pub const MAX_IMPORT_BYTES: usize = 64 << 20;

/// Most operators of a graph.
const MAX_NODES: usize = 4096;

/// Most convolutions of a graph, so that a small file can't ask for much memory.
const MAX_CONVOLUTIONS: usize = 2 * super::MAX_LAYERS;

/// A format of other programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// ncnn's `.param` with its `.bin`.
    Ncnn,
    /// A checkpoint of PyTorch, `.pth` or `.pt`.
    Torch,
    /// ONNX, of real numbers or of integers between QuantizeLinear and DequantizeLinear.
    Onnx,
    /// TFLite, of real numbers or of int8.
    Tflite,
    /// Safetensors.
    Safetensors,
    /// Arrays of NumPy, `.npz`.
    Npz,
    /// Float weights of abpn itself.
    Abpn,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Ncnn => "ncnn",
            Self::Torch => "PyTorch",
            Self::Onnx => "ONNX",
            Self::Tflite => "TFLite",
            Self::Safetensors => "safetensors",
            Self::Npz => "NumPy",
            Self::Abpn => "abpn's float weights",
        })
    }
}

/// What a file may not say.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Options {
    /// The values of pixels.
    pub range: Option<ValueRange>,
    /// The order of the colours, in the picture that the net reads and in the one that it gives.
    pub channels: Option<ChannelOrder>,
    /// How the channels lie before the pixel shuffle.
    pub shuffle: Option<ShuffleOrder>,
    /// What activations whose slopes are not in the file multiply negative values with; none is ReLU.
    pub negative_slope: Option<f32>,
    /// For files of tensors alone: what the layers' names begin with, in the net's order; empty where the names say it.
    pub layers: Vec<String>,
}

/// A net that was imported.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Imported {
    /// What the file is.
    pub format: Format,
    /// The net in real numbers.
    pub float: FloatNet,
    /// The net of the file's own integers, for quantised files.
    pub integers: Option<Net>,
    /// How large the file's results are, if a resizing follows the net: times as large as the picture.
    pub resized_to: Option<f64>,
    /// What was found, or assumed, a sentence each.
    pub findings: Vec<String>,
}

/// Reads a net; `weights` is the `.bin` of an ncnn `.param`, and none otherwise.
///
/// # Errors
/// [`Error::WeightFile`] if the file is of no known format, damaged, or has what this family of nets has not, with the places;
/// [`Error::Tensor`] if a layer does not fit.
pub fn read(bytes: &[u8], weights: Option<&[u8]>, options: &Options) -> Result<Imported> {
    for bytes in [bytes, weights.unwrap_or_default()] {
        if bytes.len() > MAX_IMPORT_BYTES {
            return Err(Error::WeightFile(format!("it has more than {MAX_IMPORT_BYTES} bytes")));
        }
    }
    if safetensors::is_safetensors(bytes) {
        match safetensors::metadata(bytes, "format").as_deref() {
            Some(quantize::FORMAT) => return own(bytes),
            Some(super::FORMAT) => return Err(Error::WeightFile("it is a net of abpn's already".to_owned())),
            _ => {}
        }
    }
    let (format, draft) = read_draft(bytes, weights, options)?;
    draft.imported(format, options)
}

/// Float weights of abpn itself: nothing is open.
fn own(bytes: &[u8]) -> Result<Imported> {
    let float = FloatNet::read(bytes)?;
    Ok(Imported { format: Format::Abpn, float, integers: None, resized_to: None, findings: Vec::new() })
}

/// What the file holds, in its own terms.
fn read_draft(bytes: &[u8], weights: Option<&[u8]>, options: &Options) -> Result<(Format, Draft)> {
    if ncnn::is_param(bytes) {
        let weights = weights.ok_or_else(|| Error::WeightFile("ncnn's .param needs its .bin".to_owned()))?;
        return Ok((Format::Ncnn, Draft::of_graph(&ncnn::read(bytes, weights)?)?));
    }
    if tflite::is_tflite(bytes) {
        return Ok((Format::Tflite, Draft::of_graph(&tflite::read(bytes)?)?));
    }
    if Archive::is(bytes) {
        let mut archive = Archive::new(bytes)?;
        if npz::is_npz(&archive) {
            return Ok((Format::Npz, tensors::draft(npz::read(&mut archive)?, options)?));
        }
        if torch::is_checkpoint(&archive) {
            return Ok((Format::Torch, tensors::draft(torch::read(&mut archive)?, options)?));
        }
        return Err(Error::WeightFile("it is a zip archive of neither PyTorch's nor NumPy's".to_owned()));
    }
    if safetensors::is_safetensors(bytes) {
        return Ok((Format::Safetensors, tensors::draft(safetensors::read(bytes)?, options)?));
    }
    if torch::is_legacy(bytes) {
        return Ok((Format::Torch, tensors::draft(torch::read_legacy(bytes)?, options)?));
    }
    if onnx::is_onnx(bytes) {
        return Ok((Format::Onnx, Draft::of_graph(&onnx::read(bytes)?)?));
    }
    Err(Error::WeightFile(unknown(bytes)))
}

/// What to say of a file of no known format.
fn unknown(bytes: &[u8]) -> String {
    let known: [(&[u8], &str); 5] = [
        (b"\x89HDF", "it is HDF5, as Keras saves weights; convert the net to TFLite, or save its weights as .npz"),
        (b"\xDD\x85\x76\0", "it is ncnn's binary .param.bin; the text .param is needed"),
        (b"\x47\x6B\x30\x01", "it is ncnn's .bin; name the .param that belongs to it"),
        (b"\0\0\0\0", "it may be ncnn's .bin; name the .param that belongs to it"),
        (b"\x80", "it is a pickle, but no checkpoint of PyTorch"),
    ];
    let fits = known.iter().find(|(magic, _)| bytes.starts_with(magic));
    let reason = fits.map_or("its content is of no format that can be imported", |(_, reason)| reason);
    format!("{reason} (ncnn, PyTorch, safetensors, ONNX, TFLite and NumPy can be imported)")
}

/// A 16-bit float's value.
fn half_to_f32(bits: u16) -> f32 {
    half::f16::from_bits(bits).to_f32()
}

/// The value of the 16 upper bits of an f32.
fn bfloat_to_f32(bits: u16) -> f32 {
    half::bf16::from_bits(bits).to_f32()
}
