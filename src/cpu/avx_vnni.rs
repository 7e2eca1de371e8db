//! AVX-VNNI, which processors without AVX-512 have: 8 pixels a vector, codes in fours of bytes.
//!
//! `vpdpbusd` multiplies unsigned bytes by signed ones and adds fours of products in 32 bits: just what codes and weights
//! are.

use std::arch::x86_64::*;

use super::avx2::Avx2;
use super::intrinsics::{acc, exact_sums, memory, plain_words, proven};
use super::lanes::{Lanes, Tiles};
use super::requantise::{Narrow, NarrowPrelu};

/// The proof that this machine has AVX-VNNI, and AVX2 in it.
#[derive(Clone, Copy)]
pub(super) struct AvxVnni(Avx2);

impl Lanes for AvxVnni {
    const NAME: &'static str = "avx-vnni";
    const LANES: usize = 8;
    const CODES: usize = 4;
    // 10 sums hide the latency of 5 cycles, at two products a cycle; with 5 vectors of codes and one of weights, all 16
    // registers.
    const CHANNELS: usize = 2;
    const VECTORS: usize = 5;
    const INSTRUCTIONS: usize = 1;

    type Codes = __m256i;
    type Weights = __m256i;
    type Sums = __m256i;
    type Acc = __m256i;

    fn detect() -> Option<Self> {
        is_x86_feature_detected!("avxvnni").then(Avx2::detect).flatten().map(Self)
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        #[target_feature(enable = "avx2,avxvnni")]
        fn with_avx_vnni<R>(work: impl FnOnce() -> R) -> R {
            work()
        }
        proven!(self, with_avx_vnni(work))
    }

    plain_words!();
    acc!(_mm256_set1_epi32);
    memory!(_mm256_loadu_si256, _mm256_storeu_si256);
    exact_sums!(_mm256_add_epi32);

    #[inline(always)]
    fn add_products(self, sums: __m256i, codes: __m256i, weights: __m256i) -> __m256i {
        proven!(self, _mm256_dpbusd_avx_epi32(sums, codes, weights))
    }
}

impl Tiles for AvxVnni {
    const PRODUCTS: usize = 1;

    #[inline(always)]
    fn transposed(self, rows: [__m256i; 4]) -> [__m256i; 4] {
        self.0.transposed(rows)
    }

    #[inline(always)]
    fn pairs(self, words: __m256i) -> [__m256i; 2] {
        self.0.pairs(words)
    }

    #[inline(always)]
    fn add_pair_products(self, acc: __m256i, a: __m256i, b: __m256i) -> __m256i {
        proven!(self, _mm256_dpwssd_avx_epi32(acc, a, b))
    }

    #[inline(always)]
    fn add16(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.add16(a, b)
    }

    #[inline(always)]
    fn sub16(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.sub16(a, b)
    }

    #[inline(always)]
    fn times4_16(self, a: __m256i) -> __m256i {
        self.0.times4_16(a)
    }

    #[inline(always)]
    fn add32(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.add32(a, b)
    }

    #[inline(always)]
    fn sub32(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.sub32(a, b)
    }

    #[inline(always)]
    fn times4_32(self, a: __m256i) -> __m256i {
        self.0.times4_32(a)
    }

    #[inline(always)]
    fn mul32(self, a: __m256i, b: __m256i) -> __m256i {
        self.0.mul32(a, b)
    }

    #[inline(always)]
    fn requantise(self, pixels: [__m256i; 2], by: &Narrow) -> __m256i {
        self.0.requantise(pixels, by)
    }

    #[inline(always)]
    fn requantise_prelu(self, pixels: [__m256i; 2], by: &NarrowPrelu) -> __m256i {
        self.0.requantise_prelu(pixels, by)
    }

    #[inline(always)]
    fn bytes(self, low: __m256i, high: __m256i) -> __m256i {
        self.0.bytes(low, high)
    }

    #[inline(always)]
    fn halves(self, low: __m256i, high: __m256i) -> [__m256i; 2] {
        self.0.halves(low, high)
    }
}
