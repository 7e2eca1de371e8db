//! Float weights to an integer net.
//!
//! [`FloatNet::read`] reads the weights, [`calibrate`] chooses each hidden layer's range and corrects the biases on
//! pieces of real pictures, and [`quantize`] makes the integers.

mod calibrate;
mod crop;
mod float_net;
mod requantisation;

pub use calibrate::{Calibration, calibrate};
pub use crop::Crop;
pub use float_net::{FORMAT, FloatNet};
pub(super) use requantisation::{MOST_MULTIPLIER, Requantisation};

use std::collections::BTreeMap;

use super::tensors::tensor_error;
use super::{Layer, Net};
use crate::{Error, Result};
use float_net::FloatLayer;

/// Largest weight.
const MOST_WEIGHT: f64 = 127.0;

/// Largest code.
const MOST_CODE: f64 = 255.0;

/// Largest bias in units of the accumulator: half of what f32 holds exactly.
///
/// A channel with a larger one, next to its weights, gets coarser weights instead.
const MOST_BIAS: f64 = (super::F32_EXACT / 2) as f64;

/// The integer net of these float weights.
///
/// `ranges` has the real value of code 255 for each hidden layer, positive; `notes` are the net's, as in [`Net::new`].
/// Each output channel's weights are scaled so that the largest becomes 127.
///
/// # Errors
/// [`Error::WeightFile`] if the number of ranges is not that of the hidden layers, or one is not a positive number;
/// [`Error::Tensor`] if a layer's weights are too large for integers to follow; and as [`Net::new`].
pub fn quantize(net: &FloatNet, ranges: &[f64], notes: BTreeMap<String, String>) -> Result<Net> {
    let scales = scales(net, ranges)?;
    let last = net.hidden_layers();
    let layers = net.layers().iter().zip(&scales).enumerate().map(|(index, (float, scales))| {
        let channels = (0..float.out_channels).map(|out| {
            let multiplier = scales.units[out] / scales.step;
            let requantisation =
                if index == last { Requantisation::residual(multiplier) } else { Requantisation::code(multiplier) };
            channel(float, out, scales, requantisation)
        });
        layer(float.in_channels, channels)
    });
    Net::new(net.scale(), layers.collect(), notes)
}

/// The real values of a layer's integers.
struct Scales {
    /// Of a weight's unit, by output channel; 0 if all weights and the bias are 0.
    weights: Vec<f64>,
    /// Of an accumulator's unit, by output channel.
    units: Vec<f64>,
    /// Of a step of the layer's result: a code's unit, or for the last layer a level of an 8-bit sample.
    step: f64,
}

/// The scales of all layers.
fn scales(net: &FloatNet, ranges: &[f64]) -> Result<Vec<Scales>> {
    if ranges.len() != net.hidden_layers() {
        let (given, wanted) = (ranges.len(), net.hidden_layers());
        return Err(Error::WeightFile(format!("it has {wanted} hidden layers, and {given} ranges are given")));
    }
    if let Some(range) = ranges.iter().find(|range| !(range.is_finite() && **range > 0.0)) {
        return Err(Error::WeightFile(format!("a range is {range}; it must be a positive number")));
    }
    let mut input_step = 1.0;
    let steps = ranges.iter().map(|range| Some(range / MOST_CODE)).chain([None]);
    net.layers()
        .iter()
        .zip(steps)
        .enumerate()
        .map(|(index, (layer, step))| {
            let weights: Vec<f64> = (0..layer.out_channels).map(|out| weight_scale(layer, out, input_step)).collect();
            let units: Vec<f64> = weights.iter().map(|scale| scale * input_step).collect();
            let coarsest = units.iter().copied().fold(0.0, f64::max);
            // A code can't be finer than the accumulator that it is made from.
            let step = step.map_or(1.0, |step| step.max(coarsest / MOST_MULTIPLIER));
            if !units.iter().all(|unit| unit / step <= MOST_MULTIPLIER) {
                return Err(tensor_error(index, "weight", "integers can't follow weights that large"));
            }
            input_step = step;
            Ok(Scales { weights, units, step })
        })
        .collect()
}

/// The real value of a weight's unit.
fn weight_scale(layer: &FloatLayer, out: usize, input_step: f64) -> f64 {
    let largest = layer.channel_weights(out).iter().map(|weight| f64::from(weight.abs())).fold(0.0, f64::max);
    let bias = f64::from(layer.bias[out].abs());
    (largest / MOST_WEIGHT).max(bias / (input_step * MOST_BIAS))
}

/// One output channel in integers.
#[expect(clippy::cast_possible_truncation, reason = "the scales bound both")]
fn channel(layer: &FloatLayer, out: usize, scales: &Scales, requantisation: Requantisation) -> Channel {
    let integer = |value: f32, unit: f64| if unit == 0.0 { 0.0 } else { (f64::from(value) / unit).round() };
    let weights = layer.channel_weights(out).iter().map(|&weight| integer(weight, scales.weights[out]) as i8).collect();
    Channel { weights, bias: integer(layer.bias[out], scales.units[out]) as i32, requantisation }
}

/// One output channel of a layer.
pub(super) struct Channel {
    /// `[in, 3, 3]`, -127..=127.
    pub weights: Vec<i8>,
    pub bias: i32,
    pub requantisation: Requantisation,
}

/// The layer of these output channels.
pub(super) fn layer(in_channels: usize, channels: impl IntoIterator<Item = Channel>) -> Layer {
    let mut layer = Layer {
        in_channels,
        out_channels: 0,
        weights: Vec::new(),
        bias: Vec::new(),
        limit: Vec::new(),
        pre: Vec::new(),
        mul: Vec::new(),
        post: Vec::new(),
    };
    for Channel { weights, bias, requantisation: Requantisation { limit, pre, mul, post } } in channels {
        layer.out_channels += 1;
        layer.weights.extend(weights);
        layer.bias.push(bias);
        layer.limit.push(limit);
        layer.pre.push(pre);
        layer.mul.push(mul);
        layer.post.push(post);
    }
    layer
}
