//! Requantisation: accumulators to the next layer's codes, or to the residual. Rounding is defined here only.

use crate::image::Sample;
use crate::net::Layer;

/// Accumulators of a hidden layer, `[width, out]`, to codes: ReLU or PReLU, scaling and saturation in one.
pub(super) fn codes(acc: &[i32], layer: &Layer, codes: &mut [u8]) {
    let channels = layer.out_channels;
    for (acc, codes) in acc.chunks_exact(channels).zip(codes.chunks_exact_mut(channels)) {
        for (channel, (&acc, code)) in acc.iter().zip(codes).enumerate() {
            *code = self::code(acc, layer, channel);
        }
    }
}

/// One accumulator to its code, 0..=255.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the net's checks prove the result to be a code"
)]
pub(crate) fn code(acc: i32, layer: &Layer, channel: usize) -> u8 {
    let (pre, mul, post) = (layer.pre[channel], layer.mul[channel], layer.post[channel]);
    let Some(prelu) = &layer.prelu else {
        let a = acc.max(0).cast_unsigned().min(layer.limit[channel]) >> pre;
        return ((a * u32::from(mul) + (1 << (post - 1))) >> post) as u8;
    };
    let a = (acc >> pre).clamp(i16::MIN.into(), i16::MAX.into());
    let m = if a >= 0 { i32::from(mul) } else { prelu.mul_negative[channel].into() };
    ((a * m + (i32::from(prelu.zero_point) << post) + (1 << (post - 1))) >> post).clamp(0, 255) as u8
}

/// Accumulators of the last layer, `[width, out]`, to residuals in steps of the sample type, in place.
pub(super) fn residuals<S: Sample>(acc: &mut [i32], layer: &Layer) {
    for acc in acc.chunks_exact_mut(layer.out_channels) {
        for (channel, acc) in acc.iter_mut().enumerate() {
            *acc = residual::<S>(*acc, layer, channel);
        }
    }
}

/// One accumulator to its residual: in levels of 8 bits, or in the 257 times finer steps of 16 bits.
pub(crate) fn residual<S: Sample>(acc: i32, layer: &Layer, channel: usize) -> i32 {
    let (limit, pre, post) = (layer.limit[channel].cast_signed(), layer.pre[channel], layer.post[channel]);
    let p = (acc.clamp(-limit, limit) >> pre) * i32::from(layer.mul[channel]);
    if S::BITS == 8 {
        (p + (1 << (post - 1))) >> post
    } else {
        // 257 p / 2^post = (p + p / 256) / 2^(post - 8), and flooring p / 256 first does not change the result's floor.
        (p + (p >> 8) + (1 << (post - 9))) >> (post - 8)
    }
}
