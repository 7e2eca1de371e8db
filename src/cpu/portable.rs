//! Plain Rust, for every machine: what a compiler makes of short loops.

use super::lanes::Lanes;

/// Eight pixels in arrays.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Lanes for Portable {
    const NAME: &'static str = "portable";
    const LANES: usize = 4;
    const CODES: usize = 2;
    const CHANNELS: usize = 4;
    const VECTORS: usize = 2;

    type Codes = [[i16; 2]; 4];
    type Weights = [i16; 2];
    type Acc = [i32; 4];

    fn detect() -> Option<Self> {
        Some(Self)
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> Self::Codes {
        std::array::from_fn(|lane| self.weights(words[lane]))
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "it takes a word apart")]
    fn weights(self, word: u32) -> Self::Weights {
        [word as i16, (word >> 16) as i16]
    }

    #[inline(always)]
    fn acc(self, bias: i32) -> Self::Acc {
        [bias; 4]
    }

    #[inline(always)]
    fn add_products(self, acc: Self::Acc, codes: Self::Codes, weights: Self::Weights) -> Self::Acc {
        std::array::from_fn(|lane| {
            let product = |i: usize| i32::from(codes[lane][i]) * i32::from(weights[i]);
            // They can't overflow, but additions that are not checked are ones that compilers vectorise.
            acc[lane].wrapping_add(product(0).wrapping_add(product(1)))
        })
    }

    #[inline(always)]
    fn store(self, acc: Self::Acc, to: &mut [i32]) {
        to[..Self::LANES].copy_from_slice(&acc);
    }
}
