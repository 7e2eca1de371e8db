//! NEON with the dot product or I8MM: 4 pixels a vector, codes in fours of bytes.
//!
//! Both multiply bytes and add fours of products in 32 bits. `sdot` multiplies signed bytes, so it gets codes minus 128;
//! `usdot` unsigned ones by signed ones, just what codes and weights are.

use std::arch::aarch64::*;
use std::arch::{asm, is_aarch64_feature_detected};

use super::intrinsics::{acc, exact_sums, memory, proven};
use super::lanes::Lanes;
use super::neon::Neon;

/// A kernel whose product is one instruction, `$instruction`, of the extension `$feature`.
macro_rules! four_products {
    ($(#[$doc:meta])* $kernel:ident, $name:literal, $feature:tt, $instruction:literal, $zero_point:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy)]
        pub(super) struct $kernel(Neon);

        impl Lanes for $kernel {
            const NAME: &'static str = $name;
            const LANES: usize = 4;
            const CODES: usize = 4;
            // 21 sums, 3 vectors of codes and one of weights, of 32 registers. 7 divides 28, ABPN's width.
            const CHANNELS: usize = 7;
            const VECTORS: usize = 3;
            const INSTRUCTIONS: usize = 1;
            const ZERO_POINT: i32 = $zero_point;

            type Codes = int8x16_t;
            type Weights = int8x16_t;
            type Sums = int32x4_t;
            type Acc = int32x4_t;

            fn detect() -> Option<Self> {
                is_aarch64_feature_detected!($feature).then(Neon::detect).flatten().map(Self)
            }

            #[inline(always)]
            fn run<R>(self, work: impl FnOnce() -> R) -> R {
                #[target_feature(enable = "neon", enable = $feature)]
                fn with_feature<R>(work: impl FnOnce() -> R) -> R {
                    work()
                }
                proven!(self, with_feature(work))
            }

            acc!(vdupq_n_s32);
            memory!(vld1q_s32, vst1q_s32);
            exact_sums!(vaddq_s32);

            #[inline(always)]
            fn load(self, words: &[u32]) -> int8x16_t {
                if Self::ZERO_POINT == Neon::ZERO_POINT {
                    self.0.load(words)
                } else {
                    proven!(self, vreinterpretq_s8_s32(self.load_acc(bytemuck::cast_slice(words))))
                }
            }

            #[inline(always)]
            fn weights(self, word: u32) -> int8x16_t {
                self.0.weights(word)
            }

            #[inline(always)]
            fn add_products(self, sums: int32x4_t, codes: int8x16_t, weights: int8x16_t) -> int32x4_t {
                // The intrinsics, `vdotq_s32` and `vusdotq_s32`, are not stable yet.
                #[inline]
                #[target_feature(enable = "neon", enable = $feature)]
                fn products(mut sums: int32x4_t, codes: int8x16_t, weights: int8x16_t) -> int32x4_t {
                    #[expect(unsafe_code, reason = "the instruction has to be there")]
                    // SAFETY: it is, in a function that is compiled for it; it reads and writes these registers alone.
                    unsafe {
                        asm!(
                            concat!($instruction, " {sums:v}.4s, {codes:v}.16b, {weights:v}.16b"),
                            sums = inout(vreg) sums,
                            codes = in(vreg) codes,
                            weights = in(vreg) weights,
                            options(pure, nomem, nostack, preserves_flags),
                        );
                    }
                    sums
                }
                proven!(self, products(sums, codes, weights))
            }
        }
    };
}

four_products! {
    /// The proof that this machine has the dot product.
    NeonDot, "neon-dot", "dotprod", "sdot", 128
}
four_products! {
    /// The proof that this machine has I8MM.
    NeonI8mm, "neon-i8mm", "i8mm", "usdot", 0
}
