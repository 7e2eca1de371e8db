//! NEON, which every AArch64 has: 4 pixels a vector, codes in fours of bytes.
//!
//! `smlal` multiplies signed bytes and adds products in 16 bits, as many as `groups.rs` has shown to fit.

use std::arch::aarch64::*;

use super::intrinsics::{acc, memory, proven};
use super::lanes::{Lanes, Sums};

/// The proof that this machine has NEON, which every AArch64 has.
#[derive(Clone, Copy)]
pub(super) struct Neon;

impl Lanes for Neon {
    const NAME: &'static str = "neon";
    const LANES: usize = 4;
    const CODES: usize = 4;
    // 24 registers of sums, 3 vectors of codes and one of weights, of 32.
    const CHANNELS: usize = 4;
    const VECTORS: usize = 3;
    const INSTRUCTIONS: usize = 2;
    const ZERO_POINT: i32 = 128;
    const SUMS: Sums = Sums::Narrow(1);

    type Codes = int8x16_t;
    type Weights = int8x16_t;
    /// Of the first two pixels, and of the others; `[pixel, code]` each.
    type Sums = [int16x8_t; 2];
    type Acc = int32x4_t;

    fn detect() -> Option<Self> {
        Some(Self)
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    acc!(vdupq_n_s32);
    memory!(vld1q_s32, vst1q_s32);

    #[inline(always)]
    fn load(self, words: &[u32]) -> int8x16_t {
        let codes = self.load_acc(bytemuck::cast_slice(words));
        proven!(self, veorq_s8(vreinterpretq_s8_s32(codes), vdupq_n_s8(i8::MIN)))
    }

    #[inline(always)]
    fn weights(self, word: u32) -> int8x16_t {
        proven!(self, vreinterpretq_s8_u32(vdupq_n_u32(word)))
    }

    #[inline(always)]
    fn start(self, sums: [i16; 4]) -> Self::Sums {
        proven!(self, {
            let sums = vcreate_s16(bytemuck::cast(sums));
            [vcombine_s16(sums, sums); 2]
        })
    }

    #[inline(always)]
    fn add_products(self, [low, high]: Self::Sums, codes: int8x16_t, weights: int8x16_t) -> Self::Sums {
        proven!(self, [vmlal_s8(low, vget_low_s8(codes), vget_low_s8(weights)), vmlal_high_s8(high, codes, weights),])
    }

    #[inline(always)]
    fn add_sums(self, acc: int32x4_t, [low, high]: Self::Sums) -> int32x4_t {
        proven!(self, vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high))))
    }
}
