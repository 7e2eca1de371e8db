//! Plain Rust, for every machine: what a compiler makes of short loops.

use super::lanes::{Lanes, Tiles};
use super::requantise::{Narrow, NarrowPrelu};

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

/// The upper bits of a pair's two numbers.
const SIGNS: i32 = 0x8000_8000_u32.cast_signed();

impl Portable {
    /// Each lane of what `of` makes of the lanes of two vectors.
    #[inline(always)]
    fn each(self, a: [i32; 8], b: [i32; 8], of: impl Fn(i32, i32) -> i32) -> [i32; 8] {
        let mut lanes = [0; 8];
        for (lane, (a, b)) in lanes.iter_mut().zip(a.into_iter().zip(b)) {
            *lane = of(a, b);
        }
        lanes
    }
}

/// Pairs are added as words, the upper bits of each number apart, so that none carries into its neighbour.
impl Tiles for Portable {
    const EMULATION: usize = 8;

    #[inline(always)]
    fn transposed(self, rows: [[i32; 8]; 4]) -> [[i32; 8]; 4] {
        let mut columns = [[0; 8]; 4];
        for (i, column) in columns.iter_mut().enumerate() {
            for (lane, to) in column.iter_mut().enumerate() {
                *to = rows[lane % 4][lane / 4 * 4 + i];
            }
        }
        columns
    }

    #[inline(always)]
    fn pairs(self, words: [i32; 8]) -> [[i32; 8]; 2] {
        [words, words]
    }

    #[inline(always)]
    fn add16(self, a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        self.each(a, b, |a, b| (a & !SIGNS).wrapping_add(b & !SIGNS) ^ ((a ^ b) & SIGNS))
    }

    #[inline(always)]
    fn sub16(self, a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        self.each(a, b, |a, b| (a | SIGNS).wrapping_sub(b & !SIGNS) ^ ((a ^ !b) & SIGNS))
    }

    #[inline(always)]
    fn times4_16(self, a: [i32; 8]) -> [i32; 8] {
        self.each(a, a, |a, _| a << 2 & !0x0003_0003)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "it takes pairs apart")]
    fn add_pair_products(self, acc: [i32; 8], a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        let products = self.each(a, b, |a, b| {
            let low = i32::from(a as i16) * i32::from(b as i16);
            low.wrapping_add((a >> 16) * (b >> 16))
        });
        self.add32(acc, products)
    }

    #[inline(always)]
    fn add32(self, a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        self.each(a, b, i32::wrapping_add)
    }

    #[inline(always)]
    fn sub32(self, a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        self.each(a, b, i32::wrapping_sub)
    }

    #[inline(always)]
    fn times4_32(self, a: [i32; 8]) -> [i32; 8] {
        self.each(a, a, |a, _| a << 2)
    }

    #[inline(always)]
    fn mul32(self, a: [i32; 8], b: [i32; 8]) -> [i32; 8] {
        self.each(a, b, i32::wrapping_mul)
    }

    #[inline(always)]
    fn requantise(self, [a, b]: [[i32; 8]; 2], by: &Narrow) -> [i32; 8] {
        const LOW: i32 = 0xffff;
        let [shift, ..] = by.shift;
        let (limit, mul, half, down) = (by.limit & LOW, by.mul & LOW, by.half & LOW, by.down & LOW);
        // The upper half of a product of two u16.
        let upper = |a: i32, b: i32| (a.cast_unsigned().wrapping_mul(b.cast_unsigned()) >> 16).cast_signed();
        let code = |a: i32| upper(upper((a >> shift).clamp(0, limit), mul) + half, down);
        self.each(a, b, |a, b| code(a) | code(b) << 16)
    }

    #[inline(always)]
    #[expect(clippy::cast_possible_truncation, reason = "it takes one of two equal numbers")]
    fn requantise_prelu(self, [a, b]: [[i32; 8]; 2], by: &NarrowPrelu) -> [i32; 8] {
        let [shift, ..] = by.shift;
        let [mul, bend, addend, down] = [by.mul, by.bend, by.addend, by.down].map(|twice| i32::from(twice as i16));
        let code = |a: i32| {
            let a = (a >> shift).clamp(i16::MIN.into(), i16::MAX.into());
            let product = (a * (mul ^ (a >> 31 & bend))) >> 16;
            (((product + addend) * down) >> 16).clamp(0, u8::MAX.into())
        };
        self.each(a, b, |a, b| code(a) | code(b) << 16)
    }

    #[inline(always)]
    fn bytes(self, low: [i32; 8], high: [i32; 8]) -> [i32; 8] {
        self.each(low, high, |low, high| low | high << 8)
    }

    #[inline(always)]
    fn halves(self, low: [i32; 8], high: [i32; 8]) -> [[i32; 8]; 2] {
        const LOW: i32 = 0xffff;
        [
            self.each(low, high, |low, high| low & LOW | high << 16),
            self.each(low, high, |low, high| low >> 16 & LOW | high & !LOW),
        ]
    }
}
