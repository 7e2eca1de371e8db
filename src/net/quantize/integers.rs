//! A net in integers whose scales are real numbers: what calibration finds, what quantised files of others hold.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::codes::Codes;
use super::convolution::{Convolution, Maps};
use super::requantisation::MOST_NEGATIVE_MULTIPLIER;
use super::{Channel, MOST_CODE, MOST_MULTIPLIER, PreluRequantisation, Requantisation, layer, prelu_layer};
use crate::Result;
use crate::net::tensors::tensor_error;
use crate::net::{Border, Layer, Net, TAPS};

/// The layers of a net; the last one's codes don't count.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScaledNet {
    pub scale: usize,
    pub layers: Vec<ScaledLayer>,
    pub border: Border,
}

/// A layer: with `x` the codes that it reads less their zero point, `sum = unit * (bias + weights * x)`; codes are made of
/// `sum`, or of `slope * sum` where that is negative.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScaledLayer {
    pub in_channels: usize,
    pub out_channels: usize,
    /// `[out, in, 3, 3]`, -127..=127.
    pub weights: Vec<i8>,
    /// `[out]`.
    pub bias: Vec<i32>,
    /// `[out]`: the real value of a unit of the accumulator; 0 if weights and bias are 0.
    pub units: Vec<f64>,
    /// `[out]`; the last layer's are not used.
    pub slopes: Vec<f32>,
    /// `[out]`: what accumulators are expected to reach; the less, the finer the codes of a PReLU. None: all that they can.
    pub reach: Option<Vec<RangeInclusive<f64>>>,
    /// Of the result.
    pub codes: Codes,
}

impl ScaledNet {
    /// The net that engines run.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) if a layer's codes are finer than its accumulators; and as [`Net::new`].
    pub fn net(&self, notes: BTreeMap<String, String>) -> Result<Net> {
        let mut input = Codes::PICTURE;
        let last = self.layers.len().saturating_sub(1);
        let layers = self.layers.iter().enumerate().map(|(index, layer)| {
            let integers = layer.integers(index, index == last, input)?;
            input = layer.codes;
            Ok(integers)
        });
        Ok(Net::new(self.scale, layers.collect::<Result<_>>()?, notes)?.with_border(self.border))
    }
}

impl ScaledLayer {
    /// The layer that engines run, which reads codes of `input`.
    fn integers(&self, index: usize, is_last: bool, input: Codes) -> Result<Layer> {
        let step = if is_last { 1.0 } else { self.codes.step };
        // A sum of multiplier 1 can be a little above it, by the rounding of real numbers.
        let multiplier = |out: usize| (self.units[out] / step).min(MOST_MULTIPLIER);
        if self.units.iter().any(|unit| !(0.0..=MOST_MULTIPLIER * 1.000_001).contains(&(unit / step))) {
            return Err(tensor_error(index, "weight", "its codes are finer than its accumulators"));
        }
        let all = 0..self.out_channels;
        if is_last {
            return Ok(layer(
                self.in_channels,
                all.map(|out| self.channel(out, input, Requantisation::residual(multiplier(out)))),
            ));
        }
        if self.codes.zero_point == 0 && self.slopes.iter().all(|&slope| slope == 0.0) {
            return Ok(layer(
                self.in_channels,
                all.map(|out| self.channel(out, input, Requantisation::code(multiplier(out)))),
            ));
        }
        let channels = all.map(|out| {
            let negative = multiplier(out) * f64::from(self.slopes[out]);
            if negative.abs() > MOST_NEGATIVE_MULTIPLIER {
                return Err(tensor_error(index, "slope", format!("output channel {out}: integers can't follow it")));
            }
            let reach = self.reach.as_ref().map_or_else(|| self.worst_reach(out), |reach| reach[out].clone());
            Ok(self.channel(
                out,
                input,
                PreluRequantisation::new(multiplier(out), negative, self.codes.zero_point, &reach),
            ))
        });
        Ok(prelu_layer(self.in_channels, self.codes.zero_point, channels.collect::<Result<Vec<_>>>()?))
    }

    /// An output channel; its bias takes in the zero point of the codes that it reads.
    fn channel<R>(&self, out: usize, input: Codes, requantisation: R) -> Channel<R> {
        let weights = self.channel_weights(out).to_vec();
        let sum: i32 = weights.iter().map(|&weight| i32::from(weight)).sum();
        let bias = self.bias[out].saturating_sub(i32::from(input.zero_point) * sum);
        Channel { weights, bias, requantisation }
    }

    /// What the accumulators of a channel can reach at most.
    fn worst_reach(&self, out: usize) -> RangeInclusive<f64> {
        let weights = self.channel_weights(out).iter().map(|&weight| f64::from(weight.unsigned_abs()));
        let (most, bias) = (weights.sum::<f64>() * MOST_CODE, f64::from(self.bias[out]));
        bias - most..=bias + most
    }

    /// The weights of output channel `out`, `[in, 3, 3]`.
    fn channel_weights(&self, out: usize) -> &[i8] {
        let len = self.in_channels * TAPS;
        &self.weights[out * len..][..len]
    }

    /// The real sums from codes less their zero point.
    #[expect(clippy::cast_possible_truncation, clippy::cast_precision_loss, reason = "sums are below 2^24")]
    pub fn real_sums(&self, inputs: &[Maps]) -> Vec<Maps> {
        let weights: Vec<f32> = self.weights.iter().map(|&weight| weight.into()).collect();
        let bias: Vec<f32> = self.bias.iter().map(|&bias| bias as f32).collect();
        let convolution = Convolution::new(self.in_channels, &weights, &bias);
        let sums = inputs.iter().map(|maps| {
            let mut sums = convolution.apply(maps, 0.0);
            for pixel in sums.values.chunks_exact_mut(self.out_channels) {
                pixel.iter_mut().zip(&self.units).for_each(|(sum, &unit)| *sum = (f64::from(*sum) * unit) as f32);
            }
            sums
        });
        sums.collect()
    }

    /// The finest step that its codes may have: a code can't be finer than the accumulator that it is made from.
    pub fn finest_step(&self) -> f64 {
        let steepest = |&slope: &f32| f64::from(slope.abs()).max(1.0);
        let units = self.units.iter().zip(&self.slopes).map(|(unit, slope)| unit * steepest(slope));
        units.fold(0.0, f64::max) / MOST_MULTIPLIER
    }
}
