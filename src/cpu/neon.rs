//! NEON, which every AArch64 has: 4 pixels a vector, codes in fours of bytes.
//!
//! `smlal` multiplies signed bytes and adds products in 16 bits, as many as `groups.rs` has shown to fit.

use std::arch::aarch64::*;

use super::lanes::{Lanes, Sums};

/// Four pixels in a register.
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

    #[inline(always)]
    fn load(self, words: &[u32]) -> int8x16_t {
        let words: &[u32] = &words[..Self::LANES];
        #[expect(unsafe_code, reason = "NEON has to be there, and 16 bytes to read")]
        // SAFETY: AArch64 has the one, the slice the others.
        unsafe {
            vreinterpretq_s8_u32(veorq_u32(vld1q_u32(words.as_ptr()), vdupq_n_u32(0x8080_8080)))
        }
    }

    #[inline(always)]
    fn weights(self, word: u32) -> int8x16_t {
        #[expect(unsafe_code, reason = "NEON has to be there")]
        // SAFETY: it is a part of AArch64.
        unsafe {
            vreinterpretq_s8_u32(vdupq_n_u32(word))
        }
    }

    #[inline(always)]
    fn start(self, sums: [i16; 4]) -> Self::Sums {
        #[expect(unsafe_code, reason = "NEON has to be there, and 8 bytes to read")]
        // SAFETY: AArch64 has the one, the array the others.
        let sums = unsafe {
            let sums = vld1_s16(sums.as_ptr());
            vcombine_s16(sums, sums)
        };
        [sums; 2]
    }

    #[inline(always)]
    fn add_products(self, [low, high]: Self::Sums, codes: int8x16_t, weights: int8x16_t) -> Self::Sums {
        #[expect(unsafe_code, reason = "NEON has to be there")]
        // SAFETY: it is a part of AArch64.
        unsafe {
            [vmlal_s8(low, vget_low_s8(codes), vget_low_s8(weights)), vmlal_high_s8(high, codes, weights)]
        }
    }

    #[inline(always)]
    fn acc(self, bias: i32) -> int32x4_t {
        #[expect(unsafe_code, reason = "NEON has to be there")]
        // SAFETY: it is a part of AArch64.
        unsafe {
            vdupq_n_s32(bias)
        }
    }

    #[inline(always)]
    fn add_sums(self, acc: int32x4_t, [low, high]: Self::Sums) -> int32x4_t {
        #[expect(unsafe_code, reason = "NEON has to be there")]
        // SAFETY: it is a part of AArch64.
        unsafe {
            vaddq_s32(acc, vpaddq_s32(vpaddlq_s16(low), vpaddlq_s16(high)))
        }
    }

    #[inline(always)]
    fn load_acc(self, from: &[i32]) -> int32x4_t {
        let from: &[i32] = &from[..Self::LANES];
        #[expect(unsafe_code, reason = "NEON has to be there, and 16 bytes to read")]
        // SAFETY: AArch64 has the one, the slice the others.
        unsafe {
            vld1q_s32(from.as_ptr())
        }
    }

    #[inline(always)]
    fn store(self, acc: int32x4_t, to: &mut [i32]) {
        let to: &mut [i32] = &mut to[..Self::LANES];
        #[expect(unsafe_code, reason = "NEON has to be there, and 16 bytes to write")]
        // SAFETY: AArch64 has the one, the slice the others.
        unsafe {
            vst1q_s32(to.as_mut_ptr(), acc);
        }
    }
}

impl Neon {
    /// Adds lanes of 32 bits.
    #[inline(always)]
    pub fn add(self, a: int32x4_t, b: int32x4_t) -> int32x4_t {
        #[expect(unsafe_code, reason = "NEON has to be there")]
        // SAFETY: it is a part of AArch64.
        unsafe {
            vaddq_s32(a, b)
        }
    }
}
