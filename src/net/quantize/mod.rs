//! Float weights to an integer net.
//!
//! [`FloatNet::read`] reads the weights. [`calibrate`] fits the integers to what the float net computes on pieces of real
//! pictures; [`quantize`] rounds weights that were trained for given ranges.

mod calibrate;
mod codes;
mod convolution;
mod crop;
mod equalise;
mod float_net;
mod integers;
mod least_squares;
mod requantisation;
mod rounding;

pub use calibrate::{Calibration, calibrate};
pub(super) use codes::Codes;
pub use crop::Crop;
pub(super) use float_net::FloatLayer;
pub use float_net::{FORMAT, FloatNet};
pub(super) use integers::{ScaledLayer, ScaledNet};
pub(super) use requantisation::{MOST_MULTIPLIER, PreluRequantisation, Requantisation};

use std::collections::BTreeMap;

use super::tensors::tensor_error;
use super::{Layer, Net, Prelu};
use crate::{Error, Result};

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
/// Each output channel's weights are scaled so that the largest becomes 127. The border is the float net's.
///
/// # Errors
/// [`Error::WeightFile`] if the number of ranges is not that of the hidden layers, one is not a positive number, or the net
/// has PReLU; [`Error::Tensor`] if a layer's weights are too large for integers to follow; and as [`Net::new`].
pub fn quantize(net: &FloatNet, ranges: &[f64], notes: BTreeMap<String, String>) -> Result<Net> {
    if net.hidden().iter().any(|layer| layer.slopes.iter().any(|&slope| slope != 0.0)) {
        return Err(Error::WeightFile("ranges alone don't fit a net with PReLU: calibrate it on pictures".to_owned()));
    }
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
    Ok(Net::new(net.scale(), layers.collect(), notes)?.with_border(net.border()))
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

/// One output channel of a layer, with a [`Requantisation`] or a [`PreluRequantisation`].
pub(super) struct Channel<R = Requantisation> {
    /// `[in, 3, 3]`, -127..=127.
    pub weights: Vec<i8>,
    /// With -`zero_point` of the layer before times the weights' sum.
    pub bias: i32,
    pub requantisation: R,
}

/// The layer of these output channels, with ReLU or the last one.
pub(super) fn layer(in_channels: usize, channels: impl IntoIterator<Item = Channel>) -> Layer {
    let mut layer = empty(in_channels);
    for Channel { weights, bias, requantisation: Requantisation { limit, pre, mul, post } } in channels {
        push(&mut layer, weights, bias, (pre, mul, post));
        layer.limit.push(limit);
    }
    layer
}

/// The layer of these output channels, with PReLU.
pub(super) fn prelu_layer(
    in_channels: usize,
    zero_point: u8,
    channels: impl IntoIterator<Item = Channel<PreluRequantisation>>,
) -> Layer {
    let mut layer = empty(in_channels);
    let mut negative = Vec::new();
    for Channel { weights, bias, requantisation: PreluRequantisation { pre, mul, mul_negative, post } } in channels {
        push(&mut layer, weights, bias, (pre, mul, post));
        negative.push(mul_negative);
    }
    Layer { prelu: Some(Prelu { mul_negative: negative, zero_point }), ..layer }
}

/// A layer without output channels.
fn empty(in_channels: usize) -> Layer {
    Layer {
        in_channels,
        out_channels: 0,
        weights: Vec::new(),
        bias: Vec::new(),
        limit: Vec::new(),
        pre: Vec::new(),
        mul: Vec::new(),
        post: Vec::new(),
        prelu: None,
    }
}

/// Adds an output channel, but for what a ReLU or a PReLU has of its own.
fn push(layer: &mut Layer, weights: Vec<i8>, bias: i32, (pre, mul, post): (u8, u16, u8)) {
    layer.out_channels += 1;
    layer.weights.extend(weights);
    layer.bias.push(bias);
    layer.pre.push(pre);
    layer.mul.push(mul);
    layer.post.push(post);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use float_net::tests::random_float_net;

    #[test]
    fn ranges_must_be_positive_numbers_one_a_hidden_layer() {
        let net = random_float_net(1, 2, &[4, 4]);
        assert!(quantize(&net, &[9.0, 9.0], BTreeMap::new()).is_ok());
        for ranges in [&[9.0][..], &[9.0; 3], &[9.0, 0.0], &[-9.0, 9.0], &[f64::NAN, 9.0], &[9.0, f64::INFINITY]] {
            assert!(quantize(&net, ranges, BTreeMap::new()).is_err(), "{ranges:?}");
        }
    }

    #[test]
    fn the_largest_weight_of_each_channel_becomes_127() {
        let net = random_float_net(2, 3, &[7, 5]);
        let integers = quantize(&net, &[300.0, 200.0], BTreeMap::new()).unwrap();
        for (float, layer) in net.layers().iter().zip(integers.layers()) {
            for out in 0..layer.out_channels {
                let largest = layer.channel_weights(out).iter().map(|weight| weight.abs()).max().unwrap();
                assert_eq!(largest, 127);
                let signs = float.channel_weights(out).iter().zip(layer.channel_weights(out));
                assert!(signs.into_iter().all(|(&float, &integer)| float * f32::from(integer) >= 0.0));
            }
        }
    }

    #[test]
    fn weights_and_ranges_of_any_magnitude_give_a_net_or_an_error() {
        let (mut nets, mut errors) = (0, 0);
        for seed in 0..3_000 {
            let mut random = Random::new(seed);
            let mut net = random_float_net(seed, 2, &[4, 4]);
            #[expect(clippy::cast_possible_truncation, reason = "any f32 will do")]
            let mut factor =
                || if random.within(0..=2) == 0 { 1.0 } else { 2f64.powf(random.unit() * 240.0 - 120.0) as f32 };
            for layer in 0..3 {
                let (weight, bias) = (factor(), factor());
                net = net.with_weights(layer, |value| value * weight);
                net = net.with_bias(layer, net.layers()[layer].bias.iter().map(|value| value * bias).collect());
            }
            let ranges = [f64::from(factor()), f64::from(factor())];
            match quantize(&net, &ranges, BTreeMap::new()) {
                Ok(_) => nets += 1,
                Err(error) => {
                    assert!(error.to_string().contains("weights that large"), "seed {seed}: {error}");
                    errors += 1;
                }
            }
        }
        assert!(nets > 300 && errors > 300, "{nets} nets, {errors} errors");
    }

    #[test]
    fn dead_channels_are_allowed() {
        let net = random_float_net(3, 2, &[4]).with_weights(0, |_| 0.0).with_bias(0, vec![0.0, 30.0, -30.0, 1e-30]);
        let net = quantize(&net, &[60.0], BTreeMap::new()).unwrap();
        let layer = &net.layers()[0];
        let code = |out: usize| crate::reference::requantise::code(layer.bias[out], layer, out);
        assert_eq!([code(0), code(1), code(2), code(3)], [0, 128, 0, 0]);
    }
}
