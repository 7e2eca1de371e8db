//! WebAssembly's SIMD: 4 pixels a vector, codes in pairs of 16 bits. Whether a machine has it shows when the module is
//! loaded, so it is there if it was compiled in.

use std::arch::wasm32::*;

use super::intrinsics::{acc, exact_sums, memory, plain_words, proven};
use super::lanes::Lanes;

/// The proof that this machine has SIMD: the module that holds this code was loaded.
#[derive(Clone, Copy)]
pub(super) struct Simd128;

impl Lanes for Simd128 {
    const NAME: &'static str = "simd128";
    const LANES: usize = 4;
    const CODES: usize = 2;
    // As many as x86-64 has registers for.
    const CHANNELS: usize = 3;
    const VECTORS: usize = 3;
    const INSTRUCTIONS: usize = 2;

    type Codes = v128;
    type Weights = v128;
    type Sums = v128;
    type Acc = v128;

    fn detect() -> Option<Self> {
        Some(Self)
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    plain_words!();
    acc!(i32x4_splat);
    memory!(v128_load, v128_store);
    exact_sums!(i32x4_add);

    #[inline(always)]
    fn add_products(self, sums: v128, codes: v128, weights: v128) -> v128 {
        proven!(self, i32x4_add(sums, i32x4_dot_i16x8(codes, weights)))
    }
}
