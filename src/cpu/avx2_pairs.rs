//! AVX2 with codes in pairs of 16 bits, which `vpmaddwd` multiplies and adds exactly: for nets of large weights.

use std::arch::x86_64::*;

use super::lanes::Lanes;

/// The proof that this machine has AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2Pairs(());

impl Lanes for Avx2Pairs {
    const NAME: &'static str = "avx2-pairs";
    const LANES: usize = 8;
    const CODES: usize = 2;
    // 9 accumulators, 3 vectors of codes, one of weights and one of products leave 2 of 16 registers: with more, compilers
    // begin to spill, and it measures slower.
    const CHANNELS: usize = 3;
    const VECTORS: usize = 3;

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
        #[expect(unsafe_code, reason = "AVX2 has to be there")]
        // SAFETY: `self` proves it.
        unsafe {
            with_avx2(work)
        }
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> __m256i {
        let words: &[u32] = &words[..Self::LANES];
        #[expect(unsafe_code, reason = "AVX2 has to be there, and 32 bytes to read")]
        // SAFETY: `self` proves the one, the slice's length the other.
        unsafe {
            _mm256_loadu_si256(words.as_ptr().cast())
        }
    }

    #[inline(always)]
    fn weights(self, word: u32) -> __m256i {
        self.acc(word.cast_signed())
    }

    #[inline(always)]
    fn acc(self, bias: i32) -> __m256i {
        #[expect(unsafe_code, reason = "AVX2 has to be there")]
        // SAFETY: `self` proves it.
        unsafe {
            _mm256_set1_epi32(bias)
        }
    }

    #[inline(always)]
    fn zero(self) -> __m256i {
        self.acc(0)
    }

    #[inline(always)]
    fn add_products(self, sums: __m256i, codes: __m256i, weights: __m256i) -> __m256i {
        #[expect(unsafe_code, reason = "AVX2 has to be there")]
        // SAFETY: `self` proves it.
        unsafe {
            _mm256_add_epi32(sums, _mm256_madd_epi16(codes, weights))
        }
    }

    #[inline(always)]
    fn add_sums(self, acc: __m256i, sums: __m256i) -> __m256i {
        #[expect(unsafe_code, reason = "AVX2 has to be there")]
        // SAFETY: `self` proves it.
        unsafe {
            _mm256_add_epi32(acc, sums)
        }
    }

    #[inline(always)]
    fn load_acc(self, from: &[i32]) -> __m256i {
        let from: &[i32] = &from[..Self::LANES];
        #[expect(unsafe_code, reason = "AVX2 has to be there, and 32 bytes to read")]
        // SAFETY: `self` proves the one, the slice's length the other.
        unsafe {
            _mm256_loadu_si256(from.as_ptr().cast())
        }
    }

    #[inline(always)]
    fn store(self, acc: __m256i, to: &mut [i32]) {
        let to: &mut [i32] = &mut to[..Self::LANES];
        #[expect(unsafe_code, reason = "AVX2 has to be there, and 32 bytes to write")]
        // SAFETY: `self` proves the one, the slice's length the other.
        unsafe {
            _mm256_storeu_si256(to.as_mut_ptr().cast(), acc);
        }
    }
}
