//! A net of float weights: read from its file, and run, so that the integer net can be compared with it.

use rayon::prelude::*;
use safetensors::Dtype;

use crate::Result;
use crate::image::Rgb;
use crate::net::tensors::{Reader, tensor_error};
use crate::net::{TAPS, check};
use crate::reference::reconstruct;

/// The metadata entry `format` of a file of float weights.
pub const FORMAT: &str = "abpn-float";

/// The tensors of a layer.
const NAMES: [&str; 2] = ["weight", "bias"];

/// A network as it was trained: ABPN's layers with f32 weights, on pixels 0..255.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatNet {
    scale: usize,
    layers: Vec<FloatLayer>,
}

/// One 3x3 convolution.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct FloatLayer {
    pub in_channels: usize,
    pub out_channels: usize,
    /// `[out, in, 3, 3]`, finite.
    pub weights: Vec<f32>,
    /// `[out]`, finite.
    pub bias: Vec<f32>,
}

/// What [`FloatNet::run`] saw on one picture.
pub(super) struct FloatRun {
    /// The upscaled picture, `[scale*height, scale*width, 3]`.
    pub pixels: Vec<u16>,
    /// Largest value of each layer before its ReLU.
    pub peaks: Vec<f32>,
    /// `[layers][out]`: sum over the picture of the values before the ReLU.
    pub sums: Vec<Vec<f64>>,
}

impl FloatNet {
    /// Reads a safetensors file: `conv.N.weight`, F32 `[out, in, 3, 3]`, and `conv.N.bias`, F32 `[out]`, N from 0;
    /// metadata `format` = `abpn-float`, `layout` = `OIHW`, `range` = `0..255` (of a pixel) and `scale`.
    ///
    /// # Errors
    /// [`Error::Tensor`] names the first tensor that is missing, unknown, misshapen or not finite;
    /// [`Error::WeightFile`] if the file as a whole is not what this version reads.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let reader = Reader::new(bytes)?;
        for (key, expected) in [("format", FORMAT), ("layout", "OIHW"), ("range", "0..255")] {
            reader.expect_entry(key, expected)?;
        }
        let scale = reader.scale()?;
        let layers: Vec<_> =
            (0..reader.layers(&NAMES)?).map(|layer| read_layer(&reader, layer)).collect::<Result<_>>()?;
        check::chain(scale, layers.iter().map(|layer| (layer.in_channels, layer.out_channels)))?;
        Ok(Self { scale, layers })
    }

    /// How many times larger the output is along each axis: 2, 3 or 4.
    pub fn scale(&self) -> usize {
        self.scale
    }

    pub(super) fn layers(&self) -> &[FloatLayer] {
        &self.layers
    }

    /// Number of layers with a ReLU: all but the last.
    pub fn hidden_layers(&self) -> usize {
        self.layers.len() - 1
    }

    /// This net with another bias in one layer.
    pub(super) fn with_bias(&self, layer: usize, bias: Vec<f32>) -> Self {
        let mut net = self.clone();
        net.layers[layer].bias = bias;
        net
    }

    /// Runs the net on one picture.
    ///
    /// # Errors
    /// [`Error::Tensor`] names the layer whose values are not finite.
    pub(super) fn run(&self, rgb: Rgb<u16>) -> Result<FloatRun> {
        let (width, height) = (rgb.width, rgb.height);
        let (mut peaks, mut sums) = (Vec::new(), Vec::new());
        let mut values: Vec<f32> = rgb.samples.iter().map(|&sample| f32::from(sample) / PIXEL_STEPS).collect();
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                values.iter_mut().for_each(|value| *value = value.max(0.0));
            }
            values = layer.convolve(&values, width);
            if !values.iter().all(|value| value.is_finite()) {
                return Err(tensor_error(index, "weight", "the layer's values exceed the range of f32"));
            }
            peaks.push(values.iter().copied().fold(0.0, f32::max));
            let mut sum = vec![0.0; layer.out_channels];
            for values in values.chunks_exact(layer.out_channels) {
                sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value));
            }
            sums.push(sum);
        }
        let row_len = width * 3 * self.scale * self.scale;
        let mut pixels = vec![0; height * row_len];
        for (y, (rows, residuals)) in pixels.chunks_exact_mut(row_len).zip(values.chunks_exact(row_len)).enumerate() {
            let most = f32::from(u16::MAX);
            #[expect(clippy::cast_possible_truncation, reason = "it is rounded and 17 bits")]
            let steps: Vec<_> = residuals.iter().map(|r| (r * PIXEL_STEPS).round().clamp(-most, most) as i32).collect();
            reconstruct::rows(&steps, rgb.row(0, y, width), self.scale, rows);
        }
        Ok(FloatRun { pixels, peaks, sums })
    }
}

/// Steps of a 16-bit sample in a level of an 8-bit one.
pub(super) const PIXEL_STEPS: f32 = 257.0;

impl FloatLayer {
    /// The weights of output channel `out`, `[in, 3, 3]`.
    pub fn channel_weights(&self, out: usize) -> &[f32] {
        let len = self.in_channels * TAPS;
        &self.weights[out * len..][..len]
    }

    /// `[height, width, in]` to `[height, width, out]`, before the ReLU; outside the picture the input is 0.
    fn convolve(&self, input: &[f32], width: usize) -> Vec<f32> {
        let (inputs, outputs) = (self.in_channels, self.out_channels);
        // `[tap, in, out]`: the innermost loop runs over output channels, which compilers vectorise.
        let mut weights = vec![0.0; self.weights.len()];
        for (i, &weight) in self.weights.iter().enumerate() {
            let (out, input, tap) = (i / TAPS / inputs, i / TAPS % inputs, i % TAPS);
            weights[(tap * inputs + input) * outputs + out] = weight;
        }
        let height = input.len() / (width * inputs);
        let mut output = vec![0.0; height * width * outputs];
        output.par_chunks_exact_mut(width * outputs).enumerate().for_each(|(y, row)| {
            for (x, sums) in row.chunks_exact_mut(outputs).enumerate() {
                sums.copy_from_slice(&self.bias);
                for (tap, weights) in weights.chunks_exact(inputs * outputs).enumerate() {
                    let (Some(row), Some(column)) = ((y + tap / 3).checked_sub(1), (x + tap % 3).checked_sub(1)) else {
                        continue;
                    };
                    if row >= height || column >= width {
                        continue;
                    }
                    let values = &input[(row * width + column) * inputs..][..inputs];
                    for (&value, weights) in values.iter().zip(weights.chunks_exact(outputs)) {
                        sums.iter_mut().zip(weights).for_each(|(sum, &weight)| *sum += weight * value);
                    }
                }
            }
        });
        output
    }
}

fn read_layer(reader: &Reader, layer: usize) -> Result<FloatLayer> {
    let (outputs, inputs) = reader.channels(layer)?;
    let values = |name, shape: &[usize]| {
        let chunks = reader.bytes(layer, name, Dtype::F32, shape)?.as_chunks().0;
        let values: Vec<f32> = chunks.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect();
        match values.iter().find(|value| !value.is_finite()) {
            Some(value) => Err(tensor_error(layer, name, format!("it holds {value}"))),
            None => Ok(values),
        }
    };
    Ok(FloatLayer {
        in_channels: inputs,
        out_channels: outputs,
        weights: values("weight", &[outputs, inputs, 3, 3])?,
        bias: values("bias", &[outputs])?,
    })
}
