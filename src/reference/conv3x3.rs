//! The 3x3 convolution: `acc = bias + sum(weight * code)`, codes outside the picture being 0.

use super::Features;
use crate::net::{Layer, TAPS};

/// A layer's weights in the order in which the convolution reads them.
pub(crate) struct Kernel<'a> {
    /// `[tap, in, out]`: the innermost loop runs over output channels, which compilers vectorise.
    weights: Vec<i16>,
    bias: &'a [i32],
}

impl<'a> Kernel<'a> {
    pub fn new(layer: &'a Layer) -> Self {
        let mut weights = Vec::with_capacity(layer.weights.len());
        for tap in 0..TAPS {
            for input in 0..layer.in_channels {
                weights.extend((0..layer.out_channels).map(|out| i16::from(layer.weight(out, input, tap))));
            }
        }
        Self { weights, bias: &layer.bias }
    }

    /// The accumulators of row `y`, `[width, out]`.
    pub fn convolve_row(&self, input: &Features, y: usize, acc: &mut [i32]) {
        let (inputs, outputs) = (input.channels, self.bias.len());
        for (x, acc) in acc.chunks_exact_mut(outputs).enumerate() {
            acc.copy_from_slice(self.bias);
            for (tap, weights) in self.weights.chunks_exact(inputs * outputs).enumerate() {
                let (Some(row), Some(column)) = ((y + tap / 3).checked_sub(1), (x + tap % 3).checked_sub(1)) else {
                    continue;
                };
                if row >= input.height || column >= input.width {
                    continue;
                }
                let codes = &input.codes[(row * input.width + column) * inputs..][..inputs];
                for (&code, weights) in codes.iter().zip(weights.chunks_exact(outputs)) {
                    // After a ReLU about half of the codes are 0.
                    if code != 0 {
                        for (acc, &weight) in acc.iter_mut().zip(weights) {
                            *acc += i32::from(weight) * i32::from(code);
                        }
                    }
                }
            }
        }
    }
}
