//! Instructions of other machines, in plain Rust and with every assumption checked: that packing and grouping are right for
//! kernels that can't run here.

use super::lanes::{Lanes, Sums};

/// Multiplies fours of codes minus `ZERO_POINT`, and adds the products of `NARROW` codes in 16 bits, or in 32 if that is 0.
///
/// `Model<0, 0>` is `vpdpbusd` and `usdot`, `Model<128, 0>` `sdot`, `Model<0, 2>` `vpmaddubsw`, `Model<128, 1>` `smlal`.
#[derive(Clone, Copy)]
pub(super) struct Model<const ZERO_POINT: i32, const NARROW: usize>;

impl<const ZERO_POINT: i32, const NARROW: usize> Lanes for Model<ZERO_POINT, NARROW> {
    const NAME: &'static str = match (ZERO_POINT, NARROW) {
        (0, 0) => "model of vpdpbusd",
        (0, _) => "model of vpmaddubsw",
        (_, 0) => "model of sdot",
        _ => "model of smlal",
    };
    const LANES: usize = 4;
    const CODES: usize = 4;
    const CHANNELS: usize = 7;
    const VECTORS: usize = 3;
    const INSTRUCTIONS: usize = 16;
    const ZERO_POINT: i32 = ZERO_POINT;
    const SUMS: Sums = if NARROW == 0 { Sums::Exact } else { Sums::Narrow(NARROW) };

    type Codes = [[i32; 4]; 4];
    type Weights = [i32; 4];
    /// The products of each code on their own.
    type Sums = [[i32; 4]; 4];
    type Acc = [i32; 4];

    fn detect() -> Option<Self> {
        Some(Self)
    }

    fn run<R>(self, work: impl FnOnce() -> R) -> R {
        work()
    }

    fn load(self, words: &[u32]) -> Self::Codes {
        std::array::from_fn(|lane| words[lane].to_le_bytes().map(|code| i32::from(code) - ZERO_POINT))
    }

    fn weights(self, word: u32) -> Self::Weights {
        word.to_le_bytes().map(|weight| i32::from(weight.cast_signed()))
    }

    fn start(self, start: [i16; 4]) -> Self::Sums {
        let mut sums = [0; 4];
        if NARROW > 0 {
            sums.iter_mut().step_by(NARROW).zip(start).for_each(|(sum, start)| *sum = i32::from(start));
        }
        [sums; 4]
    }

    fn add_products(self, sums: Self::Sums, codes: Self::Codes, weights: Self::Weights) -> Self::Sums {
        let products = codes.map(|codes| std::array::from_fn(|code| codes[code] * weights[code]));
        products.iter().for_each(narrow::<NARROW>);
        std::array::from_fn(|lane| std::array::from_fn(|code| sums[lane][code] + products[lane][code]))
    }

    fn acc(self, bias: i32) -> Self::Acc {
        [bias; 4]
    }

    fn add_sums(self, acc: Self::Acc, sums: Self::Sums) -> Self::Acc {
        sums.iter().for_each(narrow::<NARROW>);
        std::array::from_fn(|lane| acc[lane] + sums[lane].iter().sum::<i32>())
    }

    fn load_acc(self, from: &[i32]) -> Self::Acc {
        std::array::from_fn(|lane| from[lane])
    }

    fn store(self, acc: Self::Acc, to: &mut [i32]) {
        to[..4].copy_from_slice(&acc);
    }
}

/// Panics if the sum of `NARROW` neighbours is beyond 16 bits.
fn narrow<const NARROW: usize>(sums: &[i32; 4]) {
    if NARROW > 0 {
        for sums in sums.chunks_exact(NARROW) {
            let sum: i32 = sums.iter().sum();
            assert!(i16::try_from(sum).is_ok(), "{sum} does not fit 16 bits");
        }
    }
}
