//! Requantisation of many pixels at once. It says the same as `src/reference/requantize.rs`, in a form that compilers
//! vectorise: one channel a loop, nothing checked that the net's checks have proved.

use crate::image::Sample;
use crate::net::Layer;

/// Accumulators of one hidden channel to codes, put into `words` of `codes` codes as code `code`.
#[inline(always)]
pub(super) fn codes(acc: &[i32], layer: &Layer, channel: usize, codes: usize, code: usize, words: &mut [u32]) {
    let bits = 32 / codes;
    let shift = code * bits;
    let others = !(u32::MAX >> (32 - bits) << shift);
    let limit = layer.limit[channel].cast_signed();
    let (pre, post) = (u32::from(layer.pre[channel]), u32::from(layer.post[channel]));
    let (mul, half) = (u32::from(layer.mul[channel]), 1 << (post - 1));
    for (&acc, word) in acc.iter().zip(words) {
        let a = acc.clamp(0, limit).cast_unsigned() >> pre;
        *word = *word & others | (a.wrapping_mul(mul).wrapping_add(half) >> post) << shift;
    }
}

/// Accumulators of one channel of the last layer to residuals in steps of the sample type.
#[inline(always)]
pub(super) fn residuals<S: Sample>(acc: &[i32], layer: &Layer, channel: usize, residuals: &mut [i32]) {
    let limit = layer.limit[channel].cast_signed();
    let (pre, post) = (u32::from(layer.pre[channel]), u32::from(layer.post[channel]));
    let mul = i32::from(layer.mul[channel]);
    for (&acc, residual) in acc.iter().zip(residuals) {
        let p = (acc.clamp(-limit, limit) >> pre).wrapping_mul(mul);
        *residual = if S::BITS == 8 {
            p.wrapping_add(1 << (post - 1)) >> post
        } else {
            p.wrapping_add(p >> 8).wrapping_add(1 << (post - 9)) >> (post - 8)
        };
    }
}
