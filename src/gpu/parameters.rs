//! A layer's parameters as the words that its kernel reads: `shaders/layer.wgsl`.

use super::kernels::Family;
use super::task::{Activation, End, Task};
use super::variant::{Matrices, Variant};
use crate::net::{Layer, Prelu, TAPS};

impl Variant {
    /// Words of a layer's parameters.
    pub fn parameters_words(&self) -> usize {
        let Task { in_words, out_words, .. } = self.task;
        let weights_words = match (self.kernel.family(), self.matrices()) {
            (_, Some(matrices)) => matrices.weights_per_tap() / 2,
            // Four channels are two words, or one.
            (Family::Fma, _) => in_words * out_words * 8,
            _ => in_words * out_words * 4,
        };
        4 * out_words * self.channel_fields() + TAPS * weights_words
    }

    /// Fields of the shader's `Channels`.
    fn channel_fields(&self) -> usize {
        match self.task.end {
            End::Features { activation: Activation::Prelu, .. } => PRELU_FIELDS,
            _ => CHANNEL_FIELDS,
        }
    }

    /// Parameters of `layer`, in the order of `shaders/layer.wgsl`, as words.
    pub fn parameters(&self, layer: &Layer) -> Vec<u32> {
        let is_signed = !self.task.end.is_features();
        let mut words = Vec::with_capacity(self.parameters_words());
        for word in 0..self.task.out_words {
            let channels = [0, 1, 2, 3].map(|i| word * 4 + i);
            match &layer.prelu {
                None => extend_by_fields(&mut words, channels.map(|out| channel_words(layer, out, is_signed))),
                Some(prelu) => extend_by_fields(&mut words, channels.map(|out| prelu_words(layer, prelu, out))),
            }
        }
        match (self.kernel.family(), self.matrices()) {
            (_, Some(matrices)) => extend_by_blocks(&mut words, layer, &matrices),
            (Family::Fma, _) => self.extend_by_words(&mut words, layer, |weight| fma_words(weight)),
            _ => self.extend_by_words(&mut words, layer, |weight| dot4_words(weight)),
        }
        debug_assert_eq!(words.len(), self.parameters_words());
        words
    }

    /// Adds the weights of four input channels for four output channels at a time, which `pack` makes words of.
    fn extend_by_words<const N: usize>(
        &self,
        words: &mut Vec<u32>,
        layer: &Layer,
        pack: impl Fn(&dyn Fn(usize, usize) -> i8) -> [u32; N],
    ) {
        for group in 0..self.groups() {
            for in_word in 0..self.task.in_words {
                for tap in 0..TAPS {
                    for word in 0..self.group_words() {
                        let weight = |i: usize, o: usize| {
                            weight(layer, (group * self.group_words() + word) * 4 + o, in_word * 4 + i, tap)
                        };
                        words.extend(pack(&weight));
                    }
                }
            }
        }
    }
}

/// Adds the weights in matrices, as `shaders/matrix.wgsl` says, two f16 a word.
fn extend_by_blocks(words: &mut Vec<u32>, layer: &Layer, matrices: &Matrices) {
    let &Matrices { side, in_blocks, out_blocks, .. } = matrices;
    for tap in 0..TAPS {
        for in_block in 0..in_blocks {
            for out in 0..out_blocks * side {
                let half = |input: usize| u32::from(f16_bits(weight(layer, out, in_block * side + input, tap)));
                words.extend((0..side).step_by(2).map(|input| half(input) | half(input + 1) << 16));
            }
        }
    }
}

/// Adds four channels' fields of `Channels`, field by field.
fn extend_by_fields<const N: usize>(words: &mut Vec<u32>, channels: [[u32; N]; 4]) {
    words.extend((0..N).flat_map(|field| channels.map(|channel| channel[field])));
}

/// Fields of `Channels` in `shaders/scale.wgsl`, and in `shaders/requantise_prelu.wgsl`.
const CHANNEL_FIELDS: usize = 7;
const PRELU_FIELDS: usize = 6;

/// The fields of `Channels` for one output channel. A signed result has a lower limit, another is cut at 0.
fn channel_words(layer: &Layer, out: usize, is_signed: bool) -> [u32; CHANNEL_FIELDS] {
    if out >= layer.out_channels {
        // Padding channels give code 0: their range is 0. Shifts by `post` less a constant must stay shifts.
        return [0, 0, 0, 0, 0, 0, 9];
    }
    let (limit, pre, post) = (layer.limit[out].cast_signed(), layer.pre[out], layer.post[out]);
    let mul = u32::from(layer.mul[out]);
    let low = if is_signed { -limit >> pre } else { 0 };
    let range = (limit >> pre) - low;
    // It wraps below 0, and the sum with the product wraps back.
    let addend = low.cast_unsigned().wrapping_mul(mul).wrapping_add(1 << (post - 1));
    [
        folded_bias(layer, out).cast_unsigned(),
        pre.into(),
        low.cast_unsigned(),
        range.cast_unsigned(),
        mul,
        addend,
        post.into(),
    ]
}

/// The fields of `Channels` for one output channel with PReLU. Padding channels give the zero point.
fn prelu_words(layer: &Layer, prelu: &Prelu, out: usize) -> [u32; PRELU_FIELDS] {
    let addend = |post: u8| (u32::from(prelu.zero_point) << post) + (1 << (post - 1));
    if out >= layer.out_channels {
        return [0, 0, 0, 0, addend(1), 1];
    }
    let (pre, post) = (layer.pre[out], layer.post[out]);
    let mul_negative = i32::from(prelu.mul_negative[out]).cast_unsigned();
    let bias = folded_bias(layer, out).cast_unsigned();
    [bias, pre.into(), layer.mul[out].into(), mul_negative, addend(post), post.into()]
}

/// The bias for codes that are stored minus 128. It may wrap; the accumulator wraps back.
fn folded_bias(layer: &Layer, out: usize) -> i32 {
    let weights = &layer.weights[out * layer.in_channels * TAPS..][..layer.in_channels * TAPS];
    let sum: i32 = weights.iter().map(|&weight| i32::from(weight)).sum();
    layer.bias[out].wrapping_add(128 * sum)
}

/// A weight; 0 for channels that are not there.
fn weight(layer: &Layer, out: usize, input: usize, tap: usize) -> i8 {
    let exists = out < layer.out_channels && input < layer.in_channels;
    if exists { layer.weight(out, input, tap) } else { 0 }
}

/// `Weights` of `shaders/dot4.wgsl`, from weights by input and output channel.
fn dot4_words(weight: impl Fn(usize, usize) -> i8) -> [u32; 4] {
    [0, 1, 2, 3].map(|o| u32::from_le_bytes([0, 1, 2, 3].map(|i| weight(i, o).cast_unsigned())))
}

/// `Weights` of `shaders/fma.wgsl`, from weights by input and output channel.
fn fma_words(weight: impl Fn(usize, usize) -> i8) -> [u32; 8] {
    [0, 1, 2, 3, 4, 5, 6, 7].map(|pair| {
        let half = |o: usize| u32::from(f16_bits(weight(pair / 2, pair % 2 * 2 + o)));
        half(0) | half(1) << 16
    })
}

/// The bits of an integer as f16: sign, exponent plus 15, and the fraction's 10 bits.
fn f16_bits(value: i8) -> u16 {
    let magnitude = u16::from(value.unsigned_abs());
    if magnitude == 0 {
        return 0;
    }
    let exponent = magnitude.ilog2();
    let fraction = (magnitude << (10 - exponent)) & 0x3ff;
    #[expect(clippy::cast_possible_truncation, reason = "at most 22")]
    let biased = (exponent + 15) as u16;
    u16::from(value < 0) << 15 | biased << 10 | fraction
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f16_holds_every_weight() {
        for value in i8::MIN..=i8::MAX {
            let bits = f16_bits(value);
            let (exponent, fraction) = (i32::from(bits >> 10 & 31), f32::from(bits & 0x3ff));
            let magnitude = if exponent == 0 { 0.0 } else { (1.0 + fraction / 1024.0) * 2_f32.powi(exponent - 15) };
            assert_eq!(if bits >> 15 == 0 { magnitude } else { -magnitude }, f32::from(value));
        }
    }
}
