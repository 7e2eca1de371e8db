//! A net of float weights: read from its file, written, and run, so that the integer net can be compared with it.

use std::collections::BTreeMap;

use safetensors::Dtype;

use super::convolution::{Convolution, Maps};
use crate::frame::Rgb;
use crate::image::{Image, Layout, Sample, Samples};
use crate::net::tensors::{self, Reader, Tensor, tensor_error, tensor_name};
use crate::net::{Border, TAPS, check, file};
use crate::reference::{border, reconstruct};
use crate::{Error, Result};

/// The metadata entry `format` of a file of float weights.
pub const FORMAT: &str = "abpn-float";

/// The tensors of a layer.
const NAMES: [&str; 3] = ["weight", "bias", "slope"];

/// The metadata entries that are the same in every file.
const ENTRIES: [(&str, &str); 3] = [("format", FORMAT), ("layout", "OIHW"), ("range", "0..255")];

/// Keys of the metadata that are no notes.
const RESERVED: [&str; 5] = ["format", "layout", "range", "scale", "border"];

/// A network as it was trained: plain 3x3 layers with f32 weights, on pixels 0..255, and the anchor.
#[derive(Clone, Debug, PartialEq)]
pub struct FloatNet {
    scale: usize,
    layers: Vec<FloatLayer>,
    border: Border,
    notes: BTreeMap<String, String>,
}

/// One 3x3 convolution, and what becomes of its sums.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FloatLayer {
    pub in_channels: usize,
    pub out_channels: usize,
    /// `[out, in, 3, 3]`, finite.
    pub weights: Vec<f32>,
    /// `[out]`, finite.
    pub bias: Vec<f32>,
    /// `[out]`, finite: what a negative sum is multiplied with, 0 for a ReLU and 1 for no activation. The last layer's
    /// are 0 and not used.
    pub slopes: Vec<f32>,
}

impl FloatNet {
    /// A net that sees zeros outside the picture; the last layer's output channels are `(dy*scale + dx)*3 + colour`.
    ///
    /// # Errors
    /// As [`FloatNet::read`].
    pub(crate) fn new(scale: usize, mut layers: Vec<FloatLayer>, notes: BTreeMap<String, String>) -> Result<Self> {
        check::chain(scale, layers.iter().map(|layer| (layer.in_channels, layer.out_channels)))?;
        if let Some(last) = layers.last_mut() {
            last.slopes.fill(0.0);
        }
        for (index, layer) in layers.iter().enumerate() {
            for (name, values) in NAMES.into_iter().zip([&layer.weights, &layer.bias, &layer.slopes]) {
                if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                    return Err(tensor_error(index, name, format!("it holds {value}")));
                }
            }
        }
        Ok(Self { scale, layers, border: Border::default(), notes })
    }

    /// Reads a safetensors file: `conv.N.weight`, F32 `[out, in, 3, 3]`, `conv.N.bias`, F32 `[out]`, and, where a hidden
    /// layer's activation is PReLU instead of ReLU, `conv.N.slope`, F32 `[out]`, N from 0; metadata `format` =
    /// `abpn-float`, `layout` = `OIHW`, `range` = `0..255` (of a pixel), `scale` and, for a net that sees something else
    /// than zeros outside the picture, `border`, the name of a [`Border`].
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) names the first tensor that is missing, unknown, misshapen or not finite;
    /// [`Error::WeightFile`](crate::Error::WeightFile) if the file as a whole is not what this version reads.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let reader = Reader::new(bytes)?;
        for (key, expected) in ENTRIES {
            reader.expect_entry(key, expected)?;
        }
        let scale = reader.scale()?;
        let layers = (0..reader.layers(&NAMES)?).map(|layer| read_layer(&reader, layer)).collect::<Result<_>>()?;
        let net = Self::new(scale, layers, reader.notes(&RESERVED))?;
        Ok(Self { border: reader.border()?, ..net })
    }

    /// The net as the bytes of a file that [`FloatNet::read`] reads. The same net always gives the same bytes.
    pub fn write(&self) -> Vec<u8> {
        let scale = self.scale.to_string();
        let mut metadata: BTreeMap<&str, &str> = self.notes.iter().map(|(key, value)| (&**key, &**value)).collect();
        metadata.extend(ENTRIES);
        metadata.extend([("scale", &*scale), ("border", self.border.name())]);
        let layers = self.layers.iter().enumerate();
        tensors::write(&metadata, layers.flat_map(|(index, layer)| self.layer_tensors(index, layer)).collect())
    }

    fn layer_tensors(&self, index: usize, layer: &FloatLayer) -> Vec<Tensor> {
        let tensor = |name, shape, values: &[f32]| Tensor {
            name: tensor_name(index, name),
            dtype: Dtype::F32,
            shape,
            bytes: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        let (outputs, inputs) = (layer.out_channels, layer.in_channels);
        let mut tensors = vec![
            tensor("weight", vec![outputs, inputs, 3, 3], &layer.weights),
            tensor("bias", vec![outputs], &layer.bias),
        ];
        if index < self.hidden_layers() && layer.slopes.iter().any(|&slope| slope != 0.0) {
            tensors.push(tensor("slope", vec![outputs], &layer.slopes));
        }
        tensors
    }

    /// How many times larger the output is along each axis: 1 to 4.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// What it sees outside the picture.
    pub fn border(&self) -> Border {
        self.border
    }

    /// Free metadata: `provenance`, `license` and the like.
    pub fn notes(&self) -> &BTreeMap<String, String> {
        &self.notes
    }

    /// This net with other notes.
    ///
    /// # Errors
    /// [`Error::WeightFile`](crate::Error::WeightFile) as for [`Net::new`](crate::Net::new).
    pub fn with_notes(self, notes: BTreeMap<String, String>) -> Result<Self> {
        file::check_notes_beside(&notes, &RESERVED)?;
        Ok(Self { notes, ..self })
    }

    pub(crate) fn layers(&self) -> &[FloatLayer] {
        &self.layers
    }

    /// Number of layers with an activation: all but the last.
    pub fn hidden_layers(&self) -> usize {
        self.layers.len() - 1
    }

    /// This net with other layers of the same channels.
    pub(super) fn with_layers(&self, layers: Vec<FloatLayer>) -> Self {
        Self { layers, ..self.clone() }
    }

    /// This net with another bias in one layer.
    #[cfg(test)]
    pub(super) fn with_bias(&self, layer: usize, bias: Vec<f32>) -> Self {
        let mut net = self.clone();
        net.layers[layer].bias = bias;
        net
    }

    /// This net with other weights in one layer.
    #[cfg(test)]
    pub(super) fn with_weights(&self, layer: usize, change: impl Fn(f32) -> f32) -> Self {
        let mut net = self.clone();
        net.layers[layer].weights.iter_mut().for_each(|weight| *weight = change(*weight));
        net
    }

    /// This net with another border.
    #[cfg(test)]
    pub(super) fn with_border(self, border: Border) -> Self {
        Self { border, ..self }
    }

    /// The picture that the net makes of an RGB picture of 8 or 16 bits, rounded to as many; this is slow.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the picture is not RGB; [`Error::Tensor`] names the layer whose values are not finite.
    pub fn upscale(&self, image: &Image) -> Result<Image> {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let samples = match (image.samples(), image.layout()) {
            (Samples::U8(samples), Layout::Rgb) => Samples::U8(self.run(Rgb { width, height, samples })?),
            (Samples::U16(samples), Layout::Rgb) => Samples::U16(self.run(Rgb { width, height, samples })?),
            _ => return Err(Error::Unsupported("float nets upscale RGB pictures only".to_owned())),
        };
        let size = |side: u32| u32::try_from(side as usize * self.scale).unwrap_or(u32::MAX);
        Image::new(size(image.width()), size(image.height()), Layout::Rgb, samples)
    }

    /// The picture that the net makes of one, `[height, width, 3]` to `[scale*height, scale*width, 3]`.
    pub(super) fn run<S: Sample>(&self, rgb: Rgb<S>) -> Result<Vec<S>> {
        let margin = self.border.margin(self.layers.len());
        if margin == 0 {
            return self.within_zeros(rgb);
        }
        let samples = border::extended(rgb, margin);
        let [width, height] = [rgb.width, rgb.height].map(|side| side + 2 * margin);
        let upscaled = self.within_zeros(Rgb { width, height, samples: &samples })?;
        let (row_len, inset) = (width * self.scale * 3, margin * self.scale);
        Ok(border::inner(&upscaled, row_len, inset, inset * 3).flatten().copied().collect())
    }

    /// The same where all that is outside the picture is zero.
    fn within_zeros<S: Sample>(&self, rgb: Rgb<S>) -> Result<Vec<S>> {
        let mut maps = image_maps(rgb);
        for (index, layer) in self.hidden().iter().enumerate() {
            maps = layer.convolve(index, &maps)?;
            layer.activate(&mut maps);
        }
        let residuals = self.last().convolve(self.hidden_layers(), &maps)?;
        Ok(reconstruct(&residuals, rgb, self.scale))
    }

    /// The layers before the last.
    pub(super) fn hidden(&self) -> &[FloatLayer] {
        &self.layers[..self.hidden_layers()]
    }

    /// The last layer, which gives the residual.
    pub(super) fn last(&self) -> &FloatLayer {
        &self.layers[self.hidden_layers()]
    }
}

/// What the first layer reads: the picture as an integer net sees it, in 8 bits.
pub(super) fn image_maps<S: Sample>(rgb: Rgb<S>) -> Maps {
    let values = rgb.samples.iter().map(|sample| f32::from(sample.to_u8())).collect();
    Maps { width: rgb.width, height: rgb.height, channels: 3, values }
}

/// The picture of these residuals, in levels of 8 bits: anchor, rounding, pixel shuffle and clip.
pub(super) fn reconstruct<S: Sample>(residuals: &Maps, rgb: Rgb<S>, scale: usize) -> Vec<S> {
    // Steps of the sample type in a level of 8 bits, and its largest value.
    let most = (1u32 << S::BITS) - 1;
    #[expect(clippy::cast_precision_loss, reason = "at most 65535")]
    let (steps, most) = ((most / 255) as f32, most as f32);
    let row_len = rgb.width * residuals.channels;
    let mut pixels = vec![S::default(); rgb.height * row_len];
    for (y, (rows, residuals)) in
        pixels.chunks_exact_mut(row_len).zip(residuals.values.chunks_exact(row_len)).enumerate()
    {
        #[expect(clippy::cast_possible_truncation, reason = "it is rounded and 17 bits")]
        let residuals: Vec<_> = residuals.iter().map(|r| (r * steps).round().clamp(-most, most) as i32).collect();
        reconstruct::rows(&residuals, rgb.row(0, y, rgb.width), scale, rows);
    }
    pixels
}

impl FloatLayer {
    /// The weights of output channel `out`, `[in, 3, 3]`.
    pub fn channel_weights(&self, out: usize) -> &[f32] {
        let len = self.in_channels * TAPS;
        &self.weights[out * len..][..len]
    }

    /// The sums before the activation; outside the picture the input is 0. `index` is the layer's, for the error.
    ///
    /// # Errors
    /// [`Error::Tensor`] if they are not finite.
    pub fn convolve(&self, index: usize, input: &Maps) -> Result<Maps> {
        let sums = Convolution::new(self.in_channels, &self.weights, &self.bias).apply(input, 0.0);
        if sums.values.iter().all(|value| value.is_finite()) {
            return Ok(sums);
        }
        Err(tensor_error(index, "weight", "the layer's values exceed the range of f32"))
    }

    /// The activation, in place.
    pub fn activate(&self, sums: &mut Maps) {
        for pixel in sums.values.chunks_exact_mut(self.out_channels) {
            pixel
                .iter_mut()
                .zip(&self.slopes)
                .for_each(|(value, slope)| *value = value.max(0.0) + slope * value.min(0.0));
        }
    }
}

fn read_layer(reader: &Reader, layer: usize) -> Result<FloatLayer> {
    let (outputs, inputs) = reader.channels(layer)?;
    let values = |name, shape: &[usize]| -> Result<Vec<f32>> {
        let chunks = reader.bytes(layer, name, Dtype::F32, shape)?.as_chunks().0;
        Ok(chunks.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    };
    Ok(FloatLayer {
        in_channels: inputs,
        out_channels: outputs,
        weights: values("weight", &[outputs, inputs, 3, 3])?,
        bias: values("bias", &[outputs])?,
        slopes: if reader.has(layer, "slope") { values("slope", &[outputs])? } else { vec![0.0; outputs] },
    })
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::image::FINE_STEPS;
    use crate::net::quantize::quantize;
    use crate::net::tensors;
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
            let slopes = vec![0.0; out_channels];
            let layer = FloatLayer { in_channels, out_channels, weights, bias, slopes };
            in_channels = out_channels;
            layer
        });
        FloatNet { scale, layers: layers.collect(), border: Border::Zeros, notes: BTreeMap::new() }
    }

    /// A net of random weights that keeps the magnitude of pixels.
    pub fn random_float_net(seed: u64, scale: usize, hidden: &[usize]) -> FloatNet {
        let mut random = Random::new(seed);
        #[expect(clippy::cast_possible_truncation, reason = "any f32 will do")]
        net(scale, hidden, |terms| (4.0 * (random.unit() - 0.5) / (terms as f64).sqrt()) as f32)
    }

    fn file(net: &FloatNet, metadata: &[(&str, &str)]) -> Vec<u8> {
        let layers = net.layers.iter().enumerate();
        let tensors = layers.flat_map(|(index, layer)| net.layer_tensors(index, layer));
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
    fn a_net_survives_its_file() {
        let mut net = random_float_net(1, 3, &[5, 4]).with_border(Border::Mirror);
        assert!(!String::from_utf8_lossy(&net.write()).contains("slope"));
        net.layers[1].slopes = vec![0.25, -1.5, 0.0, 1.0];
        net.notes.insert("license".to_owned(), "none".to_owned());
        assert_eq!(FloatNet::read(&net.write()).unwrap(), net);
    }

    #[test]
    fn negative_values_are_multiplied_with_their_slope() {
        let mut layer = random_float_net(1, 2, &[3]).layers[0].clone();
        layer.slopes = vec![0.0, -0.5, 2.0];
        let mut maps = Maps { width: 2, height: 1, channels: 3, values: vec![-4.0, -4.0, -4.0, 5.0, 6.0, 7.0] };
        layer.activate(&mut maps);
        assert_eq!(maps.values, [0.0, 2.0, -8.0, 5.0, 6.0, 7.0]);
    }

    #[test]
    fn pictures_of_eight_and_sixteen_bits_are_upscaled_alike() {
        let net = random_float_net(4, 2, &[5]).with_border(Border::Mirror);
        let mut random = Random::new(9);
        let samples: Vec<u8> = (0..5 * 4 * 3).map(|_| random.byte()).collect();
        let wide = samples.iter().map(|&sample| u16::from(sample) * FINE_STEPS).collect();
        let eight = net.upscale(&Image::from_rgb8(5, 4, samples).unwrap()).unwrap();
        let sixteen = net.upscale(&Image::new(5, 4, Layout::Rgb, Samples::U16(wide)).unwrap()).unwrap();
        let (Samples::U8(eight), Samples::U16(sixteen)) = (eight.samples(), sixteen.samples()) else { panic!() };
        assert!(
            eight.iter().zip(sixteen).all(|(&a, &b)| (u16::from(a) * FINE_STEPS).abs_diff(b) <= FINE_STEPS / 2 + 1)
        );
        let grey = Image::new(1, 1, Layout::Grey, Samples::U8(vec![0])).unwrap();
        assert!(net.upscale(&grey).unwrap_err().to_string().contains("RGB"));
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
        let float = moves.run(rgb).unwrap();
        let integers = reference::run(&quantize(&moves, &[255.0, 255.0], BTreeMap::new()).unwrap(), rgb);
        assert!(float.contains(&u16::MAX));
        for (float, integer) in float.iter().zip(&integers) {
            // The residual's 16-bit multiplier is exact to one part in 2^15.
            assert!(float.abs_diff(*integer) <= 3, "{float} {integer}");
        }
    }
}
