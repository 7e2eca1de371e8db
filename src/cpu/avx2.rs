//! AVX2: 8 pixels a vector, codes in fours of bytes.
//!
//! `vpmaddubsw` multiplies bytes and adds pairs of products, in 16 bits. It saturates there, and so it is given only what
//! `groups.rs` has shown to fit.

use std::arch::x86_64::*;

use super::intrinsics::{acc, memory, plain_words, proven};
use super::lanes::{Lanes, Sums, Tiles};
use super::requantise::{Narrow, NarrowPrelu};

/// The proof that this machine has AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2(());

impl Lanes for Avx2 {
    const NAME: &'static str = "avx2";
    const LANES: usize = 8;
    const CODES: usize = 4;
    // 8 sums, 2 vectors of codes, one of weights and one of products, of 16 registers. 12 sums spill; 9 or 10 of other shapes
    // measure up to 3% slower.
    const CHANNELS: usize = 4;
    const VECTORS: usize = 2;
    const INSTRUCTIONS: usize = 2;
    const SUMS: Sums = Sums::Narrow(2);

    type Codes = __m256i;
    type Weights = __m256i;
    type Sums = __m256i;
    type Acc = __m256i;

    fn detect() -> Option<Self> {
        is_x86_feature_detected!("avx2").then_some(Self(()))
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx2")]
        fn with_avx2<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        proven!(self, with_avx2(work))
    }

    plain_words!();
    acc!(_mm256_set1_epi32);
    memory!(_mm256_loadu_si256, _mm256_storeu_si256);

    #[inline(always)]
    fn start(self, [low, high, ..]: [i16; 4]) -> __m256i {
        self.acc(i32::from(low) & 0xffff | i32::from(high) << 16)
    }

    #[inline(always)]
    fn add_products(self, sums: __m256i, codes: __m256i, weights: __m256i) -> __m256i {
        proven!(self, _mm256_add_epi16(sums, _mm256_maddubs_epi16(codes, weights)))
    }

    #[inline(always)]
    fn add_sums(self, acc: __m256i, sums: __m256i) -> __m256i {
        proven!(self, _mm256_add_epi32(acc, _mm256_madd_epi16(sums, _mm256_set1_epi16(1))))
    }
}

impl Tiles for Avx2 {
    #[inline(always)]
    fn transposed(self, [a, b, c, d]: [__m256i; 4]) -> [__m256i; 4] {
        proven!(self, {
            let (ab, cd) = (_mm256_unpacklo_epi32(a, b), _mm256_unpacklo_epi32(c, d));
            let (ab_high, cd_high) = (_mm256_unpackhi_epi32(a, b), _mm256_unpackhi_epi32(c, d));
            [
                _mm256_unpacklo_epi64(ab, cd),
                _mm256_unpackhi_epi64(ab, cd),
                _mm256_unpacklo_epi64(ab_high, cd_high),
                _mm256_unpackhi_epi64(ab_high, cd_high),
            ]
        })
    }

    #[inline(always)]
    fn pairs(self, words: __m256i) -> [__m256i; 2] {
        proven!(self, [_mm256_and_si256(words, _mm256_set1_epi16(0xff)), _mm256_srli_epi16::<8>(words)])
    }

    #[inline(always)]
    fn add16(self, a: __m256i, b: __m256i) -> __m256i {
        proven!(self, _mm256_add_epi16(a, b))
    }

    #[inline(always)]
    fn sub16(self, a: __m256i, b: __m256i) -> __m256i {
        proven!(self, _mm256_sub_epi16(a, b))
    }

    #[inline(always)]
    fn times4_16(self, a: __m256i) -> __m256i {
        proven!(self, _mm256_slli_epi16::<2>(a))
    }

    #[inline(always)]
    fn add_pair_products(self, acc: __m256i, a: __m256i, b: __m256i) -> __m256i {
        proven!(self, _mm256_add_epi32(acc, _mm256_madd_epi16(a, b)))
    }

    #[inline(always)]
    fn add32(self, a: __m256i, b: __m256i) -> __m256i {
        proven!(self, _mm256_add_epi32(a, b))
    }

    #[inline(always)]
    fn sub32(self, a: __m256i, b: __m256i) -> __m256i {
        proven!(self, _mm256_sub_epi32(a, b))
    }

    #[inline(always)]
    fn times4_32(self, a: __m256i) -> __m256i {
        proven!(self, _mm256_slli_epi32::<2>(a))
    }

    #[inline(always)]
    fn mul32(self, a: __m256i, b: __m256i) -> __m256i {
        proven!(self, _mm256_mullo_epi32(a, b))
    }

    #[inline(always)]
    fn requantise(self, [a, b]: [__m256i; 2], by: &Narrow) -> __m256i {
        let shift = self.load_acc(&by.shift);
        proven!(self, {
            let a = _mm256_packus_epi32(_mm256_srav_epi32(a, shift), _mm256_srav_epi32(b, shift));
            let product = _mm256_mulhi_epu16(_mm256_min_epu16(a, self.acc(by.limit)), self.acc(by.mul));
            _mm256_mulhi_epu16(_mm256_add_epi16(product, self.acc(by.half)), self.acc(by.down))
        })
    }

    #[inline(always)]
    fn requantise_prelu(self, [a, b]: [__m256i; 2], by: &NarrowPrelu) -> __m256i {
        let shift = self.load_acc(&by.shift);
        proven!(self, {
            let a = _mm256_packs_epi32(_mm256_srav_epi32(a, shift), _mm256_srav_epi32(b, shift));
            let bend = _mm256_and_si256(_mm256_srai_epi16::<15>(a), self.acc(by.bend));
            let product = _mm256_mulhi_epi16(a, _mm256_xor_si256(self.acc(by.mul), bend));
            let code = _mm256_mulhi_epi16(_mm256_add_epi16(product, self.acc(by.addend)), self.acc(by.down));
            _mm256_max_epi16(_mm256_min_epi16(code, self.acc(by.most)), self.acc(0))
        })
    }

    #[inline(always)]
    fn bytes(self, low: __m256i, high: __m256i) -> __m256i {
        proven!(self, _mm256_or_si256(low, _mm256_slli_epi16::<8>(high)))
    }

    #[inline(always)]
    fn halves(self, low: __m256i, high: __m256i) -> [__m256i; 2] {
        proven!(self, [_mm256_unpacklo_epi16(low, high), _mm256_unpackhi_epi16(low, high)])
    }
}
