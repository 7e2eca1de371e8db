//! AVX-512 with VNNI: 16 pixels a vector, codes in fours of bytes.
//!
//! `vpdpbusd` multiplies unsigned bytes by signed ones and adds fours of products in 32 bits: just what codes and weights
//! are.

use std::arch::x86_64::*;

use super::intrinsics::{acc, exact_sums, memory, plain_words, proven};
use super::lanes::{Lanes, Tiles};
use super::requantise::{Narrow, NarrowPrelu};

/// The proof that this machine has AVX-512 with VNNI.
#[derive(Clone, Copy)]
pub(super) struct Avx512Vnni(());

impl Lanes for Avx512Vnni {
    const NAME: &'static str = "avx512-vnni";
    const LANES: usize = 16;
    const CODES: usize = 4;
    // 21 sums, 3 vectors of codes and one of weights, of 32 registers. 7 divides 28, ABPN's width.
    const CHANNELS: usize = 7;
    const VECTORS: usize = 3;
    const INSTRUCTIONS: usize = 1;

    type Codes = __m512i;
    type Weights = __m512i;
    type Sums = __m512i;
    type Acc = __m512i;

    fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512dq")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("avx512vnni"))
        .then_some(Self(()))
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
        fn with_avx512_vnni<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        proven!(self, with_avx512_vnni(work))
    }

    plain_words!();
    acc!(_mm512_set1_epi32);
    memory!(_mm512_loadu_si512, _mm512_storeu_si512);
    exact_sums!(_mm512_add_epi32);

    #[inline(always)]
    fn add_products(self, sums: __m512i, codes: __m512i, weights: __m512i) -> __m512i {
        proven!(self, _mm512_dpbusd_epi32(sums, codes, weights))
    }
}

impl Tiles for Avx512Vnni {
    const TILES: usize = 32;
    const TILE_CHANNELS: usize = 7;
    const TILE_VECTORS: usize = 2;
    const PRODUCTS: usize = 1;

    #[inline(always)]
    fn transposed(self, [a, b, c, d]: [__m512i; 4]) -> [__m512i; 4] {
        proven!(self, {
            let (ab, cd) = (_mm512_unpacklo_epi32(a, b), _mm512_unpacklo_epi32(c, d));
            let (ab_high, cd_high) = (_mm512_unpackhi_epi32(a, b), _mm512_unpackhi_epi32(c, d));
            [
                _mm512_unpacklo_epi64(ab, cd),
                _mm512_unpackhi_epi64(ab, cd),
                _mm512_unpacklo_epi64(ab_high, cd_high),
                _mm512_unpackhi_epi64(ab_high, cd_high),
            ]
        })
    }

    #[inline(always)]
    fn pairs(self, words: __m512i) -> [__m512i; 2] {
        proven!(self, [_mm512_and_si512(words, _mm512_set1_epi16(0xff)), _mm512_srli_epi16::<8>(words)])
    }

    #[inline(always)]
    fn add16(self, a: __m512i, b: __m512i) -> __m512i {
        proven!(self, _mm512_add_epi16(a, b))
    }

    #[inline(always)]
    fn sub16(self, a: __m512i, b: __m512i) -> __m512i {
        proven!(self, _mm512_sub_epi16(a, b))
    }

    #[inline(always)]
    fn times4_16(self, a: __m512i) -> __m512i {
        proven!(self, _mm512_slli_epi16::<2>(a))
    }

    #[inline(always)]
    fn add_pair_products(self, acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        proven!(self, _mm512_dpwssd_epi32(acc, a, b))
    }

    #[inline(always)]
    fn add32(self, a: __m512i, b: __m512i) -> __m512i {
        proven!(self, _mm512_add_epi32(a, b))
    }

    #[inline(always)]
    fn sub32(self, a: __m512i, b: __m512i) -> __m512i {
        proven!(self, _mm512_sub_epi32(a, b))
    }

    #[inline(always)]
    fn times4_32(self, a: __m512i) -> __m512i {
        proven!(self, _mm512_slli_epi32::<2>(a))
    }

    #[inline(always)]
    fn mul32(self, a: __m512i, b: __m512i) -> __m512i {
        proven!(self, _mm512_mullo_epi32(a, b))
    }

    #[inline(always)]
    fn requantise(self, [a, b]: [__m512i; 2], by: &Narrow) -> __m512i {
        let shift = self.load_acc(&by.shift);
        proven!(self, {
            let a = _mm512_packus_epi32(_mm512_srav_epi32(a, shift), _mm512_srav_epi32(b, shift));
            let product = _mm512_mulhi_epu16(_mm512_min_epu16(a, self.acc(by.limit)), self.acc(by.mul));
            _mm512_mulhi_epu16(_mm512_add_epi16(product, self.acc(by.half)), self.acc(by.down))
        })
    }

    #[inline(always)]
    fn requantise_prelu(self, [a, b]: [__m512i; 2], by: &NarrowPrelu) -> __m512i {
        let shift = self.load_acc(&by.shift);
        proven!(self, {
            let a = _mm512_packs_epi32(_mm512_srav_epi32(a, shift), _mm512_srav_epi32(b, shift));
            let bend = _mm512_and_si512(_mm512_srai_epi16::<15>(a), self.acc(by.bend));
            let product = _mm512_mulhi_epi16(a, _mm512_xor_si512(self.acc(by.mul), bend));
            let code = _mm512_mulhi_epi16(_mm512_add_epi16(product, self.acc(by.addend)), self.acc(by.down));
            _mm512_max_epi16(_mm512_min_epi16(code, self.acc(by.most)), self.acc(0))
        })
    }

    #[inline(always)]
    fn bytes(self, low: __m512i, high: __m512i) -> __m512i {
        proven!(self, _mm512_or_si512(low, _mm512_slli_epi16::<8>(high)))
    }

    #[inline(always)]
    fn halves(self, low: __m512i, high: __m512i) -> [__m512i; 2] {
        proven!(self, [_mm512_unpacklo_epi16(low, high), _mm512_unpackhi_epi16(low, high)])
    }
}
