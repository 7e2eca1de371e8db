//! Plain Rust, for every machine: what a compiler makes of short loops.

use super::lanes::Lanes;

/// Eight pixels in arrays.
#[derive(Clone, Copy)]
pub(super) struct Portable;

impl Lanes for Portable {
    const NAME: &'static str = "portable";
    const LANES: usize = 8;
    const CODES: usize = 2;
    const CHANNELS: usize = 2;
    const VECTORS: usize = 2;
    const INSTRUCTIONS: usize = 16;

    // By code, not by pixel: compilers then see vectors of pixels.
    type Codes = [[i16; 8]; 2];
    type Weights = [i16; 2];
    type Sums = [i32; 8];
    type Acc = [i32; 8];

    fn detect() -> Option<Self> {
        Some(Self)
    }

    #[inline(always)]
    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    #[inline(always)]
    fn load(self, words: &[u32]) -> Self::Codes {
        let words = &words[..Self::LANES];
        std::array::from_fn(|code| std::array::from_fn(|lane| self.weights(words[lane])[code]))
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "it takes a word apart")]
    fn weights(self, word: u32) -> Self::Weights {
        [word as i16, (word >> 16) as i16]
    }

    #[inline(always)]
    fn acc(self, bias: i32) -> Self::Acc {
        [bias; 8]
    }

    #[inline(always)]
    fn start(self, _: [i16; 4]) -> Self::Sums {
        [0; 8]
    }

    #[inline(always)]
    fn add_products(self, mut sums: Self::Sums, codes: Self::Codes, weights: Self::Weights) -> Self::Sums {
        for (codes, weight) in codes.iter().zip(weights) {
            for (sum, &code) in sums.iter_mut().zip(codes) {
                // It can't overflow, but additions that are not checked are ones that compilers vectorise.
                *sum = sum.wrapping_add(i32::from(code) * i32::from(weight));
            }
        }
        sums
    }

    #[inline(always)]
    fn add_sums(self, acc: Self::Acc, sums: Self::Sums) -> Self::Acc {
        std::array::from_fn(|lane| acc[lane].wrapping_add(sums[lane]))
    }

    #[inline(always)]
    fn load_acc(self, from: &[i32]) -> Self::Acc {
        std::array::from_fn(|lane| from[lane])
    }

    #[inline(always)]
    fn store(self, acc: Self::Acc, to: &mut [i32]) {
        to[..Self::LANES].copy_from_slice(&acc);
    }
}
