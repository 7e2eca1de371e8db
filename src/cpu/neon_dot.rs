//! NEON with the dot product: 4 pixels a vector, codes in fours of bytes.
//!
//! `sdot` multiplies signed bytes and adds fours of products in 32 bits, so it gets codes minus 128.

use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};

use super::lanes::Lanes;
use super::neon::Neon;

/// The proof that this machine has the dot product.
#[derive(Clone, Copy)]
pub(super) struct NeonDot(Neon);

impl Lanes for NeonDot {
    const NAME: &'static str = "neon-dot";
    const LANES: usize = 4;
    const CODES: usize = 4;
    // 21 sums, 3 vectors of codes and one of weights, of 32 registers. 7 divides 28, ABPN's width.
    const CHANNELS: usize = 7;
    const VECTORS: usize = 3;
    const INSTRUCTIONS: usize = 1;
    const ZERO_POINT: i32 = 128;

    type Codes = int8x16_t;
    type Weights = int8x16_t;
    type Sums = int32x4_t;
    type Acc = int32x4_t;

    fn detect() -> Option<Self> {
        is_aarch64_feature_detected!("dotprod").then(Neon::detect).flatten().map(Self)
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "neon,dotprod")]
        fn with_dotprod<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        #[expect(unsafe_code, reason = "the dot product has to be there")]
        // SAFETY: `self` proves it.
        unsafe {
            with_dotprod(work)
        }
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> int8x16_t {
        self.0.load(words)
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
    fn add_products(self, sums: int32x4_t, codes: int8x16_t, weights: int8x16_t) -> int32x4_t {
        // The intrinsic, `vdotq_s32`, is not stable yet.
        #[inline]
        #[target_feature(enable = "neon,dotprod")]
        fn sdot(mut sums: int32x4_t, codes: int8x16_t, weights: int8x16_t) -> int32x4_t {
            #[expect(unsafe_code, reason = "the dot product has to be there")]
            // SAFETY: it is, in a function that is compiled for it; it reads and writes these registers alone.
            unsafe {
                asm!(
                    "sdot {sums:v}.4s, {codes:v}.16b, {weights:v}.16b",
                    sums = inout(vreg) sums,
                    codes = in(vreg) codes,
                    weights = in(vreg) weights,
                    options(pure, nomem, nostack, preserves_flags),
                );
            }
            sums
        }
        #[expect(unsafe_code, reason = "the dot product has to be there")]
        // SAFETY: `self` proves it.
        unsafe {
            sdot(sums, codes, weights)
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
