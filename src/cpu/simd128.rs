//! WebAssembly's SIMD: 4 pixels a vector, codes in pairs of 16 bits. Whether a machine has it shows when the module is
//! loaded, so it is there if it was compiled in.

use std::arch::wasm32::*;

use super::lanes::Lanes;

/// Four pixels in a register.
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

    #[inline(always)]
    fn load(self, words: &[u32]) -> v128 {
        let words: &[u32] = &words[..Self::LANES];
        #[expect(unsafe_code, reason = "there have to be 16 bytes to read")]
        // SAFETY: the slice has them.
        unsafe {
            v128_load(words.as_ptr().cast())
        }
    }

    #[inline(always)]
    fn weights(self, word: u32) -> v128 {
        self.acc(word.cast_signed())
    }

    #[inline(always)]
    fn acc(self, bias: i32) -> v128 {
        i32x4_splat(bias)
    }

    #[inline(always)]
    fn start(self, _: [i16; 4]) -> v128 {
        self.acc(0)
    }

    #[inline(always)]
    fn add_products(self, sums: v128, codes: v128, weights: v128) -> v128 {
        i32x4_add(sums, i32x4_dot_i16x8(codes, weights))
    }

    #[inline(always)]
    fn add_sums(self, acc: v128, sums: v128) -> v128 {
        i32x4_add(acc, sums)
    }

    #[inline(always)]
    fn load_acc(self, from: &[i32]) -> v128 {
        let from: &[i32] = &from[..Self::LANES];
        #[expect(unsafe_code, reason = "there have to be 16 bytes to read")]
        // SAFETY: the slice has them.
        unsafe {
            v128_load(from.as_ptr().cast())
        }
    }

    #[inline(always)]
    fn store(self, acc: v128, to: &mut [i32]) {
        let to: &mut [i32] = &mut to[..Self::LANES];
        #[expect(unsafe_code, reason = "there have to be 16 bytes to write")]
        // SAFETY: the slice has them.
        unsafe {
            v128_store(to.as_mut_ptr().cast(), acc);
        }
    }
}
