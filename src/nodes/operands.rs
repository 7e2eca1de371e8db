//! What an operator computes with: its inputs and parameters.

use super::number::Number;
use super::operator::{Kind, Operator};
use super::tensor::Tensor;
use crate::random::Random;

/// Inputs and parameters of an operator.
pub(super) struct Operands<N: Number> {
    pub inputs: Vec<Tensor<N>>,
    pub parameters: Parameters<N>,
}

/// What an operator has learnt.
pub(super) enum Parameters<N: Number> {
    None,
    /// The slope of each channel.
    Slopes(Vec<N>),
    Filter(Filter<N>),
    Attention(Attention),
}

/// The weights of a convolution. A transposed one is the convolution to nine times the channels that it is made of.
pub(super) struct Filter<N: Number> {
    /// Side of the kernel in pixels.
    pub side: usize,
    /// `[out, tap, in]`, `in` being the channels of the output's group.
    pub weights: Vec<N>,
    /// One an output channel.
    pub channels: Vec<N::Channel>,
    /// Input channels of an output channel.
    pub inputs_a_tap: usize,
    /// Output channels that share their inputs.
    pub group: usize,
}

/// The two 1x1 convolutions of channel attention.
pub(super) struct Attention {
    /// `[squeezed, channel]`
    pub down: Vec<f32>,
    /// `[squeezed]`
    pub down_bias: Vec<f32>,
    /// `[squeezed, channel]`
    pub up: Vec<f32>,
    /// `[channel]`
    pub up_bias: Vec<f32>,
}

impl<N: Number> Filter<N> {
    /// The weight of an output channel at a tap for an input channel of its group.
    pub fn weight(&self, out: usize, tap: usize, input: usize) -> N {
        self.weights[(out * self.side * self.side + tap) * self.inputs_a_tap + input]
    }
}

impl<N: Number> Operands<N> {
    /// Random operands; the same seed gives the same.
    pub fn random(operator: &Operator, seed: u64) -> Self {
        let mut random = Random::new(seed);
        let inputs = operator.inputs().into_iter().map(|shape| Tensor::random(shape, &mut random)).collect();
        Self { inputs, parameters: Parameters::random(operator, &mut random) }
    }
}

impl<N: Number> Parameters<N> {
    fn random(operator: &Operator, random: &mut Random) -> Self {
        let channels = operator.in_channels;
        match operator.kind {
            Kind::Prelu => Self::Slopes(weights(channels, 1, random)),
            Kind::ChannelAttention => {
                let squeezed = operator.squeezed();
                Self::Attention(Attention {
                    down: weights(channels * squeezed, channels, random),
                    down_bias: weights(squeezed, 1, random),
                    up: weights(channels * squeezed, squeezed, random),
                    up_bias: weights(channels, 1, random),
                })
            }
            _ if operator.taps() == 0 => Self::None,
            _ => {
                let (taps, inputs_a_tap) = (operator.taps(), operator.inputs_a_tap());
                let outputs = operator.filter_outputs();
                let terms = taps * inputs_a_tap;
                let group = if inputs_a_tap == operator.in_channels { outputs } else { inputs_a_tap };
                Self::Filter(Filter {
                    side: taps.isqrt(),
                    weights: weights(outputs * terms, terms, random),
                    channels: (0..outputs).map(|_| N::random_channel(random, terms)).collect(),
                    inputs_a_tap,
                    group,
                })
            }
        }
    }
}

/// So many weights of sums of `terms` products.
fn weights<N: Number>(count: usize, terms: usize, random: &mut Random) -> Vec<N> {
    (0..count).map(|_| N::random_weight(random, terms)).collect()
}
