//! Random numbers that are the same everywhere: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

use std::ops::RangeInclusive;

/// A sequence of random numbers, given by its seed.
#[derive(Clone, Debug)]
pub(crate) struct Random {
    state: u64,
}

impl Random {
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A random byte.
    pub fn byte(&mut self) -> u8 {
        self.bits().to_le_bytes()[7]
    }

    /// A number in 0..1, in steps of 2^-32.
    pub fn unit(&mut self) -> f64 {
        let bits = (self.bits() >> 32) as u32;
        f64::from(bits) / (f64::from(u32::MAX) + 1.0)
    }

    /// A number of the range; its length must fit 32 bits for all to be equally likely.
    #[expect(clippy::cast_possible_wrap, reason = "less than 2^32 is left after the shift")]
    pub fn within(&mut self, range: RangeInclusive<i64>) -> i64 {
        let count = range.end() - range.start() + 1;
        range.start() + (((self.bits() >> 32) as i64 * count) >> 32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_splitmix64() {
        // From the reference implementation (https://prng.di.unimi.it/splitmix64.c) with seed 0.
        let mut random = Random::new(0);
        assert_eq!([random.bits(), random.bits()], [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4]);
    }

    #[test]
    fn every_value_of_a_range_comes_and_no_other() {
        let mut random = Random::new(1);
        let mut seen = [0; 255];
        for _ in 0..10_000 {
            let value = random.within(-127..=127);
            seen[usize::try_from(value + 127).unwrap()] += 1;
            assert!((0.0..1.0).contains(&random.unit()));
        }
        assert!(seen.iter().all(|&count| count > 10));
        assert_eq!(random.within(5..=5), 5);
    }
}
