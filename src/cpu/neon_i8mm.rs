//! NEON with I8MM: 4 pixels a vector, codes in fours of bytes.
//!
//! `usdot` multiplies unsigned bytes by signed ones and adds fours of products in 32 bits: just what codes and weights are.

use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};

use super::lanes::Lanes;
use super::neon::Neon;

/// The proof that this machine has I8MM.
#[derive(Clone, Copy)]
pub(super) struct NeonI8mm(Neon);

impl Lanes for NeonI8mm {
    const NAME: &'static str = "neon-i8mm";
    const LANES: usize = 4;
    const CODES: usize = 4;
    // 21 sums, 3 vectors of codes and one of weights, of 32 registers. 7 divides 28, ABPN's width.
    const CHANNELS: usize = 7;
    const VECTORS: usize = 3;
    const INSTRUCTIONS: usize = 1;

    type Codes = uint8x16_t;
    type Weights = int8x16_t;
    type Sums = int32x4_t;
    type Acc = int32x4_t;

    fn detect() -> Option<Self> {
        is_aarch64_feature_detected!("i8mm").then(Neon::detect).flatten().map(Self)
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "neon,i8mm")]
        fn with_i8mm<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        #[expect(unsafe_code, reason = "I8MM has to be there")]
        // SAFETY: `self` proves it.
        unsafe {
            with_i8mm(work)
        }
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> uint8x16_t {
        let words: &[u32] = &words[..Self::LANES];
        #[expect(unsafe_code, reason = "NEON has to be there, and 16 bytes to read")]
        // SAFETY: AArch64 has the one, the slice the others.
        unsafe {
            vreinterpretq_u8_u32(vld1q_u32(words.as_ptr()))
        }
    }

    #[inline(always)]
    fn weights(self, word: u32) -> int8x16_t {
        self.0.weights(word)
    }

    #[inline(always)]
    fn start(self, _: [i16; 4]) -> int32x4_t {
        self.0.acc(0)
    }

    #[inline(always)]
    fn add_products(self, sums: int32x4_t, codes: uint8x16_t, weights: int8x16_t) -> int32x4_t {
        // The intrinsic, `vusdotq_s32`, is not stable yet.
        #[inline]
        #[target_feature(enable = "neon,i8mm")]
        fn usdot(mut sums: int32x4_t, codes: uint8x16_t, weights: int8x16_t) -> int32x4_t {
            #[expect(unsafe_code, reason = "I8MM has to be there")]
            // SAFETY: it is, in a function that is compiled for it; it reads and writes these registers alone.
            unsafe {
                asm!(
                    "usdot {sums:v}.4s, {codes:v}.16b, {weights:v}.16b",
                    sums = inout(vreg) sums,
                    codes = in(vreg) codes,
                    weights = in(vreg) weights,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            sums
        }
        #[expect(unsafe_code, reason = "I8MM has to be there")]
        // SAFETY: `self` proves it.
        unsafe {
            usdot(sums, codes, weights)
        }
    }

    #[inline(always)]
    fn acc(self, bias: i32) -> int32x4_t {
        self.0.acc(bias)
    }

    #[inline(always)]
    fn add_sums(self, acc: int32x4_t, sums: int32x4_t) -> int32x4_t {
        self.0.add(acc, sums)
    }

    #[inline(always)]
    fn load_acc(self, from: &[i32]) -> int32x4_t {
        self.0.load_acc(from)
    }

    #[inline(always)]
    fn store(self, acc: int32x4_t, to: &mut [i32]) {
        self.0.store(acc, to);
    }
}
