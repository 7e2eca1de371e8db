//! SSE2, which every x86-64 has: 4 pixels a vector, codes in pairs of 16 bits, which `pmaddwd` multiplies.

use std::arch::x86_64::*;

use super::intrinsics::{acc, exact_sums, memory, plain_words, proven};
use super::lanes::{Lanes, Tiles};
use super::requantise::{Narrow, NarrowPrelu};

/// The proof that this machine has SSE2, which every x86-64 has.
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

    plain_words!();
    acc!(_mm_set1_epi32);
    memory!(_mm_loadu_si128, _mm_storeu_si128);
    exact_sums!(_mm_add_epi32);

    #[inline(always)]
    fn add_products(self, sums: __m128i, codes: __m128i, weights: __m128i) -> __m128i {
        self.add_pair_products(sums, codes, weights)
    }
}

impl Tiles for Sse2 {
    #[inline(always)]
    fn transposed(self, [a, b, c, d]: [__m128i; 4]) -> [__m128i; 4] {
        proven!(self, {
            let (ab, cd) = (_mm_unpacklo_epi32(a, b), _mm_unpacklo_epi32(c, d));
            let (ab_high, cd_high) = (_mm_unpackhi_epi32(a, b), _mm_unpackhi_epi32(c, d));
            [
                _mm_unpacklo_epi64(ab, cd),
                _mm_unpackhi_epi64(ab, cd),
                _mm_unpacklo_epi64(ab_high, cd_high),
                _mm_unpackhi_epi64(ab_high, cd_high),
            ]
        })
    }

    #[inline(always)]
    fn pairs(self, words: __m128i) -> [__m128i; 2] {
        [words, words]
    }

    #[inline(always)]
    fn add16(self, a: __m128i, b: __m128i) -> __m128i {
        proven!(self, _mm_add_epi16(a, b))
    }

    #[inline(always)]
    fn sub16(self, a: __m128i, b: __m128i) -> __m128i {
        proven!(self, _mm_sub_epi16(a, b))
    }

    #[inline(always)]
    fn times4_16(self, a: __m128i) -> __m128i {
        proven!(self, _mm_slli_epi16::<2>(a))
    }

    #[inline(always)]
    fn add_pair_products(self, acc: __m128i, a: __m128i, b: __m128i) -> __m128i {
        proven!(self, _mm_add_epi32(acc, _mm_madd_epi16(a, b)))
    }

    #[inline(always)]
    fn add32(self, a: __m128i, b: __m128i) -> __m128i {
        proven!(self, _mm_add_epi32(a, b))
    }

    #[inline(always)]
    fn sub32(self, a: __m128i, b: __m128i) -> __m128i {
        proven!(self, _mm_sub_epi32(a, b))
    }

    #[inline(always)]
    fn times4_32(self, a: __m128i) -> __m128i {
        proven!(self, _mm_slli_epi32::<2>(a))
    }

    #[inline(always)]
    fn mul32(self, a: __m128i, b: __m128i) -> __m128i {
        proven!(self, {
            let even = _mm_mul_epu32(a, b);
            let odd = _mm_mul_epu32(_mm_srli_epi64::<32>(a), _mm_srli_epi64::<32>(b));
            _mm_unpacklo_epi32(_mm_shuffle_epi32::<0b10_00>(even), _mm_shuffle_epi32::<0b10_00>(odd))
        })
    }

    #[inline(always)]
    fn requantise(self, [a, b]: [__m128i; 2], by: &Narrow) -> __m128i {
        let [shift, ..] = by.shift;
        proven!(self, {
            let shift = _mm_cvtsi32_si128(shift);
            // SSE2 narrows to i16 and has no smaller one of two u16: 2^15 less fits the one, a difference that stops at 0
            // serves for the other.
            let less = self.acc(1 << 15);
            let (a, b) = (_mm_sub_epi32(_mm_sra_epi32(a, shift), less), _mm_sub_epi32(_mm_sra_epi32(b, shift), less));
            let a = _mm_xor_si128(_mm_packs_epi32(a, b), _mm_set1_epi16(i16::MIN));
            let a = _mm_sub_epi16(a, _mm_subs_epu16(a, self.acc(by.limit)));
            let product = _mm_mulhi_epu16(a, self.acc(by.mul));
            _mm_mulhi_epu16(_mm_add_epi16(product, self.acc(by.half)), self.acc(by.down))
        })
    }

    #[inline(always)]
    fn requantise_prelu(self, [a, b]: [__m128i; 2], by: &NarrowPrelu) -> __m128i {
        let [shift, ..] = by.shift;
        proven!(self, {
            let shift = _mm_cvtsi32_si128(shift);
            let a = _mm_packs_epi32(_mm_sra_epi32(a, shift), _mm_sra_epi32(b, shift));
            let bend = _mm_and_si128(_mm_srai_epi16::<15>(a), self.acc(by.bend));
            let product = _mm_mulhi_epi16(a, _mm_xor_si128(self.acc(by.mul), bend));
            let code = _mm_mulhi_epi16(_mm_add_epi16(product, self.acc(by.addend)), self.acc(by.down));
            _mm_max_epi16(_mm_min_epi16(code, self.acc(by.most)), self.acc(0))
        })
    }

    #[inline(always)]
    fn bytes(self, low: __m128i, high: __m128i) -> __m128i {
        proven!(self, _mm_or_si128(low, _mm_slli_epi16::<8>(high)))
    }

    #[inline(always)]
    fn halves(self, low: __m128i, high: __m128i) -> [__m128i; 2] {
        proven!(self, [_mm_unpacklo_epi16(low, high), _mm_unpackhi_epi16(low, high)])
    }
}
