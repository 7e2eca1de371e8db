//! A net of float weights: read from its file, and run, so that the integer net can be compared with it.

use rayon::prelude::*;
use safetensors::Dtype;

use crate::Result;
use crate::frame::Rgb;
use crate::image::FINE_STEPS;
use crate::net::tensors::{Reader, tensor_error};
use crate::net::{Border, TAPS, check};
use crate::reference::border::inner;
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
    border: Border,
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
    /// Largest value of each layer before its ReLU, `inset` pixels from the border on.
    pub peaks: Vec<f32>,
    /// `[layers][out]`: sum over the same pixels of the values before the ReLU.
    pub sums: Vec<Vec<f64>>,
}

impl FloatNet {
    /// Reads a safetensors file: `conv.N.weight`, F32 `[out, in, 3, 3]`, and `conv.N.bias`, F32 `[out]`, N from 0;
    /// metadata `format` = `abpn-float`, `layout` = `OIHW`, `range` = `0..255` (of a pixel), `scale` and, for a net that
    /// sees something else than zeros outside the picture, `border`, the name of a [`Border`].
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) names the first tensor that is missing, unknown, misshapen or not finite;
    /// [`Error::WeightFile`](crate::Error::WeightFile) if the file as a whole is not what this version reads.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let reader = Reader::new(bytes)?;
        for (key, expected) in [("format", FORMAT), ("layout", "OIHW"), ("range", "0..255")] {
            reader.expect_entry(key, expected)?;
        }
        let scale = reader.scale()?;
        let layers: Vec<_> =
            (0..reader.layers(&NAMES)?).map(|layer| read_layer(&reader, layer)).collect::<Result<_>>()?;
        check::chain(scale, layers.iter().map(|layer| (layer.in_channels, layer.out_channels)))?;
        Ok(Self { scale, layers, border: reader.border()? })
    }

    /// How many times larger the output is along each axis: 1 to 4.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// What it sees outside the picture.
    pub fn border(&self) -> Border {
        self.border
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

    /// This net with another border.
    #[cfg(test)]
    pub(super) fn with_border(self, border: Border) -> Self {
        Self { border, ..self }
    }

    /// This net with other weights in one layer.
    #[cfg(test)]
    pub(super) fn with_weights(&self, layer: usize, change: impl Fn(f32) -> f32) -> Self {
        let mut net = self.clone();
        net.layers[layer].weights.iter_mut().for_each(|weight| *weight = change(*weight));
        net
    }

    /// Runs the net on one picture, with zeros outside it whatever the net's border, and leaves out `inset` pixels along each side in its sums.
    ///
    /// # Errors
    /// [`Error::Tensor`] names the layer whose values are not finite.
    pub(super) fn run(&self, rgb: Rgb<u16>, inset: usize) -> Result<FloatRun> {
        let (width, height, steps) = (rgb.width, rgb.height, f32::from(FINE_STEPS));
        let (mut peaks, mut sums) = (Vec::new(), Vec::new());
        let mut values: Vec<f32> = rgb.samples.iter().map(|&sample| f32::from(sample) / steps).collect();
        for (index, layer) in self.layers.iter().enumerate() {
            if index > 0 {
                values.iter_mut().for_each(|value| *value = value.max(0.0));
            }
            values = layer.convolve(&values, width);
            if !values.iter().all(|value| value.is_finite()) {
                return Err(tensor_error(index, "weight", "the layer's values exceed the range of f32"));
            }
            let mut peak = 0.0;
            let mut sum = vec![0.0; layer.out_channels];
            for row in inner(&values, width * layer.out_channels, inset, inset * layer.out_channels) {
                peak = row.iter().copied().fold(peak, f32::max);
                for values in row.chunks_exact(layer.out_channels) {
                    sum.iter_mut().zip(values).for_each(|(sum, &value)| *sum += f64::from(value));
                }
            }
            peaks.push(peak);
            sums.push(sum);
        }
        let row_len = width * 3 * self.scale * self.scale;
        let mut pixels = vec![0; height * row_len];
        for (y, (rows, residuals)) in pixels.chunks_exact_mut(row_len).zip(values.chunks_exact(row_len)).enumerate() {
            let most = f32::from(u16::MAX);
            #[expect(clippy::cast_possible_truncation, reason = "it is rounded and 17 bits")]
            let residuals: Vec<_> = residuals.iter().map(|r| (r * steps).round().clamp(-most, most) as i32).collect();
            reconstruct::rows(&residuals, rgb.row(0, y, width), self.scale, rows);
        }
        Ok(FloatRun { pixels, peaks, sums })
    }
}

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

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::net::quantize::quantize;
    use crate::net::tensors::{self, Tensor, tensor_name};
    use crate::random::Random;
    use crate::reference;

    /// A net whose weights `value` gives.
    fn net(scale: usize, hidden: &[usize], mut value: impl FnMut(usize) -> f32) -> FloatNet {
        let mut in_channels = 3;
        let widths = hidden.iter().copied().chain([3 * scale * scale]);
        let layers = widths.map(|out_channels| {
            let terms = in_channels * TAPS;
            let weights = (0..out_channels * terms).map(|_| value(terms)).collect();
            let bias = (0..out_channels).map(|_| 10.0 * value(1)).collect();
            let layer = FloatLayer { in_channels, out_channels, weights, bias };
            in_channels = out_channels;
            layer
        });
        FloatNet { scale, layers: layers.collect(), border: Border::Zeros }
    }

    /// A net of random weights that keeps the magnitude of pixels.
    pub fn random_float_net(seed: u64, scale: usize, hidden: &[usize]) -> FloatNet {
        let mut random = Random::new(seed);
        #[expect(clippy::cast_possible_truncation, reason = "any f32 will do")]
        net(scale, hidden, |terms| (4.0 * (random.unit() - 0.5) / (terms as f64).sqrt()) as f32)
    }

    fn file(net: &FloatNet, metadata: &[(&str, &str)]) -> Vec<u8> {
        let bytes = |values: &[f32]| values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let layers = net.layers.iter().enumerate();
        let tensors = layers.flat_map(|(index, layer)| {
            let (outputs, inputs) = (layer.out_channels, layer.in_channels);
            let tensor = |name, shape, values| Tensor {
                name: tensor_name(index, name),
                dtype: Dtype::F32,
                shape,
                bytes: bytes(values),
            };
            [tensor("weight", vec![outputs, inputs, 3, 3], &layer.weights), tensor("bias", vec![outputs], &layer.bias)]
        });
        tensors::write(&metadata.iter().copied().collect(), tensors.collect())
    }

    const METADATA: [(&str, &str); 4] =
        [("format", "abpn-float"), ("layout", "OIHW"), ("range", "0..255"), ("scale", "2")];

    #[test]
    fn a_file_is_read() {
        let net = random_float_net(1, 2, &[5, 4]);
        assert_eq!(FloatNet::read(&file(&net, &METADATA)).unwrap(), net);
    }

    #[test]
    fn the_border_is_read_and_kept_by_the_integer_net() {
        let net = random_float_net(1, 2, &[5]);
        for (name, border) in [("zeros", Border::Zeros), ("mirror", Border::Mirror)] {
            let metadata: Vec<_> = METADATA.into_iter().chain([("border", name)]).collect();
            let read = FloatNet::read(&file(&net, &metadata)).unwrap();
            assert_eq!(read, net.clone().with_border(border));
            assert_eq!(quantize(&read, &[255.0], BTreeMap::new()).unwrap().border(), border);
        }
        let metadata: Vec<_> = METADATA.into_iter().chain([("border", "edge")]).collect();
        assert!(FloatNet::read(&file(&net, &metadata)).unwrap_err().to_string().contains("border is \"edge\""));
    }

    #[test]
    fn values_that_are_not_finite_are_refused() {
        for value in [f32::NAN, -f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            for layer in 0..2 {
                let mut net = random_float_net(1, 2, &[5]);
                net.layers[layer].weights[17] = value;
                let reason = FloatNet::read(&file(&net, &METADATA)).unwrap_err().to_string();
                assert!(reason.contains(&format!("conv.{layer}.weight")), "{reason}");
                let mut net = random_float_net(1, 2, &[5]);
                net.layers[layer].bias[3] = value;
                let reason = FloatNet::read(&file(&net, &METADATA)).unwrap_err().to_string();
                assert!(reason.contains(&format!("conv.{layer}.bias")), "{reason}");
            }
        }
    }

    #[test]
    fn metadata_and_layers_must_fit() {
        let net = random_float_net(1, 2, &[5]);
        for (index, (key, _)) in METADATA.into_iter().enumerate() {
            let mut metadata = METADATA;
            metadata[index].1 = "3";
            let reason = FloatNet::read(&file(&net, &metadata)).unwrap_err().to_string();
            let expected = if key == "scale" { "x3 net has 27 output channels" } else { key };
            assert!(reason.contains(expected), "{key}: {reason}");
            metadata[index].0 = "other";
            let reason = FloatNet::read(&file(&net, &metadata)).unwrap_err().to_string();
            assert!(reason.contains(&format!("no {key:?}")), "{reason}");
        }
        let mut broken = random_float_net(1, 2, &[5, 4]);
        broken.layers.remove(1);
        assert!(FloatNet::read(&file(&broken, &METADATA)).unwrap_err().to_string().contains("conv.1.weight"));
        broken.layers.clear();
        assert!(FloatNet::read(&file(&broken, &METADATA)).unwrap_err().to_string().contains("0 layers"));
    }

    #[test]
    fn a_damaged_file_is_no_panic() {
        let file = file(&random_float_net(1, 2, &[3]), &METADATA);
        for index in 0..file.len() {
            assert!(FloatNet::read(&file[..index]).is_err());
            for pattern in [0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[index] ^= pattern;
                if let Ok(net) = FloatNet::read(&damaged) {
                    // Values of any magnitude: an error or a net that passes the checks.
                    let _ = quantize(&net, &[255.0], BTreeMap::new());
                }
            }
        }
    }

    /// Weights of 1 at one place each, pixels only move: integers can do that exactly.
    #[test]
    fn a_net_that_moves_pixels_is_the_same_in_integers() {
        let mut random = Random::new(3);
        let mut moves = net(3, &[6, 4], |_| 0.0);
        for layer in &mut moves.layers {
            let terms = layer.in_channels * TAPS;
            for weights in layer.weights.chunks_exact_mut(terms) {
                let last = i64::try_from(terms).unwrap() - 1;
                weights[usize::try_from(random.within(0..=last)).unwrap()] = 1.0;
            }
        }
        let samples: Vec<u16> = (0..9 * 7 * 3).map(|_| u16::from(random.byte()) * FINE_STEPS).collect();
        let rgb = Rgb { width: 9, height: 7, samples: &samples };
        let float = moves.run(rgb, 0).unwrap();
        let integers = reference::run(&quantize(&moves, &[255.0, 255.0], BTreeMap::new()).unwrap(), rgb);
        assert!(float.pixels.contains(&u16::MAX));
        for (float, integer) in float.pixels.iter().zip(&integers) {
            // The residual's 16-bit multiplier is exact to one part in 2^15.
            assert!(float.abs_diff(*integer) <= 3, "{float} {integer}");
        }
        let mean = float.sums[0][0] / 63.0;
        assert!(mean > 50.0 && mean < 200.0 && float.peaks[0] <= 255.0, "{mean}");
    }
}
