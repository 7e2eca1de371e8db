//! The 3x3 convolution: `acc = bias + sum(weight * code)`, codes outside the picture being the zero point.

use super::Features;
use crate::net::{Layer, TAPS};

/// A layer's weights in the order in which the convolution reads them.
pub(crate) struct Convolution<'a> {
    /// `[out, tap, in]`.
    weights: Vec<i16>,
    bias: &'a [i32],
}

impl<'a> Convolution<'a> {
    pub fn new(layer: &'a Layer) -> Self {
        let mut weights = Vec::with_capacity(layer.weights.len());
        for out in 0..layer.out_channels {
            for tap in 0..TAPS {
                weights.extend((0..layer.in_channels).map(|input| i16::from(layer.weight(out, input, tap))));
            }
        }
        Self { weights, bias: &layer.bias }
    }

    /// The accumulators of row `y`, `[width, out]`.
    pub fn convolve_row(&self, input: &Features, y: usize, acc: &mut [i32]) {
        let mut window = vec![0; TAPS * input.channels];
        for (x, acc) in acc.chunks_exact_mut(self.bias.len()).enumerate() {
            for (tap, codes) in window.chunks_exact_mut(input.channels).enumerate() {
                input.pixel(x + tap % 3, y + tap / 3, codes);
            }
            for ((acc, bias), weights) in acc.iter_mut().zip(self.bias).zip(self.weights.chunks_exact(window.len())) {
                *acc = bias + dot(weights, &window);
            }
        }
    }
}

impl Features {
    /// The codes of pixel (`x` - 1, `y` - 1), or zero points outside the picture.
    fn pixel(&self, x: usize, y: usize, codes: &mut [i16]) {
        if (1..=self.width).contains(&x) && (1..=self.height).contains(&y) {
            let pixel = &self.codes[((y - 1) * self.width + x - 1) * self.channels..][..self.channels];
            codes.iter_mut().zip(pixel).for_each(|(to, &code)| *to = code.into());
        } else {
            codes.fill(self.zero_point.into());
        }
    }
}

/// The sum of products. It can't overflow: 64 channels, 9 taps, weights to 127 and codes to 255 give less than 2^25.
fn dot(weights: &[i16], codes: &[i16]) -> i32 {
    let products = weights.iter().zip(codes).map(|(&weight, &code)| i32::from(weight) * i32::from(code));
    // An addition that is not checked is one that compilers vectorise.
    products.fold(0, i32::wrapping_add)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::random::random_net;
    use crate::random::Random;

    #[test]
    fn accumulators_are_the_definition() {
        let layer = &random_net(1, 2, &[5]).unwrap().layers()[1].clone();
        let (width, height, channels) = (4, 3, layer.in_channels);
        let mut random = Random::new(1);
        let codes = (0..width * height * channels).map(|_| random.byte()).collect();
        let zero_point = 77;
        let input = Features { width, height, channels, zero_point, codes };
        let mut acc = vec![0; width * layer.out_channels];
        for y in 0..height {
            Convolution::new(layer).convolve_row(&input, y, &mut acc);
            for (i, &acc) in acc.iter().enumerate() {
                let (x, out) = (i / layer.out_channels, i % layer.out_channels);
                let mut expected = layer.bias[out];
                for (tap, channel) in (0..TAPS).flat_map(|tap| (0..channels).map(move |channel| (tap, channel))) {
                    let (row, column) = ((y + tap / 3).wrapping_sub(1), (x + tap % 3).wrapping_sub(1));
                    let is_inside = row < height && column < width;
                    let code =
                        if is_inside { input.codes[(row * width + column) * channels + channel] } else { zero_point };
                    expected += i32::from(layer.weight(out, channel, tap)) * i32::from(code);
                }
                assert_eq!(acc, expected, "row {y}, column {x}, output channel {out}");
            }
        }
    }
}
