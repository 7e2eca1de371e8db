//! The integers that conversions sum in.

use std::ops::{Add, Mul, Shr, Sub};

use crate::image::Sample;

/// `i32` where all sums fit, as for 8-bit samples, else `i64`.
pub(crate) trait Number:
    Copy
    + Default
    + Send
    + Sync
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Shr<u32, Output = Self>
    + From<u16>
{
    /// A value that is known to fit.
    fn of(value: i64) -> Self;

    /// Clamped to 0..=`max`.
    fn level(self, max: Self) -> i32;
}

impl Number for i32 {
    fn of(value: i64) -> Self {
        Self::try_from(value).expect("conversions of 8-bit samples fit 32 bits")
    }

    fn level(self, max: Self) -> i32 {
        self.clamp(0, max)
    }
}

impl Number for i64 {
    fn of(value: i64) -> Self {
        value
    }

    #[expect(clippy::cast_possible_truncation, reason = "levels have 16 bits")]
    fn level(self, max: Self) -> i32 {
        self.clamp(0, max) as i32
    }
}

/// A sample as such an integer.
pub(crate) fn number<S: Sample, N: Number>(sample: S) -> N {
    N::from(u16::try_from(sample.to_i32()).unwrap_or(u16::MAX))
}
