//! AVX2 with codes in pairs of 16 bits, which `vpmaddwd` multiplies and adds exactly, whatever the weights.

use std::arch::x86_64::*;

use super::avx2::Avx2;
use super::lanes::Lanes;

/// The proof that this machine has AVX2.
#[derive(Clone, Copy)]
pub(super) struct Avx2Pairs(Avx2);

impl Lanes for Avx2Pairs {
    const NAME: &'static str = "avx2-pairs";
    const LANES: usize = 8;
    const CODES: usize = 2;
    // 9 sums, 3 vectors of codes, one of weights and one of products leave 2 of 16 registers: with more, compilers begin to
    // spill, and it measures slower.
    const CHANNELS: usize = 3;
    const VECTORS: usize = 3;
    const INSTRUCTIONS: usize = 2;

    type Codes = __m256i;
    type Weights = __m256i;
    type Sums = __m256i;
    type Acc = __m256i;

    fn detect() -> Option<Self> {
        Avx2::detect().map(Self)
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        self.0.run(work)
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> __m256i {
        self.0.load(words)
    }

    #[inline(always)]
    fn weights(self, word: u32) -> __m256i {
        self.0.weights(word)
    }

    #[inline(always)]
    fn start(self, _: [i16; 4]) -> __m256i {
        self.0.acc(0)
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
    fn acc(self, bias: i32) -> __m256i {
        self.0.acc(bias)
    }

    #[inline(always)]
    fn add_sums(self, acc: __m256i, sums: __m256i) -> __m256i {
        self.0.add(acc, sums)
    }

    #[inline(always)]
    fn load_acc(self, from: &[i32]) -> __m256i {
        self.0.load_acc(from)
    }

    #[inline(always)]
    fn store(self, acc: __m256i, to: &mut [i32]) {
        self.0.store(acc, to);
    }
}
