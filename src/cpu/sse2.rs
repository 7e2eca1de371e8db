//! SSE2, which every x86-64 has: 4 pixels a vector, codes in pairs of 16 bits, multiplied as AVX2 does it.

use std::arch::x86_64::*;

use super::lanes::Lanes;

/// Four pixels in a register.
#[derive(Clone, Copy)]
pub(super) struct Sse2;

impl Lanes for Sse2 {
    const NAME: &'static str = "sse2";
    const LANES: usize = 4;
    const CODES: usize = 2;
    // 9 accumulators, 3 vectors of codes, one of weights and one of products: 14 of 16 registers.
    const CHANNELS: usize = 3;
    const VECTORS: usize = 3;
    const INSTRUCTIONS: usize = 2;

    type Codes = __m128i;
    type Weights = __m128i;
    type Sums = __m128i;
    type Acc = __m128i;

    fn detect() -> Option<Self> {
        Some(Self)
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> __m128i {
        let words: &[u32] = &words[..Self::LANES];
        #[expect(unsafe_code, reason = "SSE2 has to be there, and 16 bytes to read")]
        // SAFETY: x86-64 has the one, the slice the others.
        unsafe {
            _mm_loadu_si128(words.as_ptr().cast())
        }
    }

    #[inline(always)]
    fn weights(self, word: u32) -> __m128i {
        self.acc(word.cast_signed())
    }

    #[inline(always)]
    fn acc(self, bias: i32) -> __m128i {
        #[expect(unsafe_code, reason = "SSE2 has to be there")]
        // SAFETY: it is a part of x86-64.
        unsafe {
            _mm_set1_epi32(bias)
        }
    }

    #[inline(always)]
    fn start(self, _: [i16; 4]) -> __m128i {
        self.acc(0)
    }

    #[inline(always)]
    fn add_products(self, sums: __m128i, codes: __m128i, weights: __m128i) -> __m128i {
        #[expect(unsafe_code, reason = "SSE2 has to be there")]
        // SAFETY: it is a part of x86-64.
        unsafe {
            _mm_add_epi32(sums, _mm_madd_epi16(codes, weights))
        }
    }

    #[inline(always)]
    fn add_sums(self, acc: __m128i, sums: __m128i) -> __m128i {
        #[expect(unsafe_code, reason = "SSE2 has to be there")]
        // SAFETY: it is a part of x86-64.
        unsafe {
            _mm_add_epi32(acc, sums)
        }
    }

    #[inline(always)]
    fn load_acc(self, from: &[i32]) -> __m128i {
        let from: &[i32] = &from[..Self::LANES];
        #[expect(unsafe_code, reason = "SSE2 has to be there, and 16 bytes to read")]
        // SAFETY: x86-64 has the one, the slice the others.
        unsafe {
            _mm_loadu_si128(from.as_ptr().cast())
        }
    }

    #[inline(always)]
    fn store(self, acc: __m128i, to: &mut [i32]) {
        let to: &mut [i32] = &mut to[..Self::LANES];
        #[expect(unsafe_code, reason = "SSE2 has to be there, and 16 bytes to write")]
        // SAFETY: x86-64 has the one, the slice the others.
        unsafe {
            _mm_storeu_si128(to.as_mut_ptr().cast(), acc);
        }
    }
}
