//! The codes of a layer: which real values 0..=255 stand for.

use std::cmp::Ordering;

use super::MOST_CODE;

/// Code `q` stands for `step * (q - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Codes {
    /// Positive.
    pub step: f64,
    /// The code of 0.
    pub zero_point: u8,
}

impl Codes {
    /// What a picture's codes stand for: themselves.
    pub const PICTURE: Self = Self { step: 1.0, zero_point: 0 };

    /// Codes from `least` to `most`, 0 among them, none finer than `finest`.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    pub fn of_range(least: f64, most: f64, finest: f64) -> Self {
        let (least, most) = (least.min(0.0), most.max(0.0));
        let step = ((most - least) / MOST_CODE).max(finest);
        // A layer that is always 0 may have any step.
        let step = if step > 0.0 { step } else { 1.0 };
        Self { step, zero_point: (-least / step).round().clamp(0.0, MOST_CODE) as u8 }
    }

    /// The real values of codes 0 and 255.
    pub fn range(self) -> (f64, f64) {
        let zero = f64::from(self.zero_point);
        (-zero * self.step, (MOST_CODE - zero) * self.step)
    }

    /// The code of a value, less the zero point.
    #[expect(clippy::cast_possible_truncation, reason = "an f32 has room for 9 bits")]
    pub fn centred(self, value: f32) -> f32 {
        let (step, zero) = (self.step as f32, f32::from(self.zero_point));
        (value / step).round().clamp(-zero, 255.0 - zero)
    }

    /// The codes with the least squared error on `values`, `[n, channels]`, where the error of a channel counts as much as
    /// `importance` says; none finer than `finest`.
    pub fn fit(values: &[f32], importance: &[f64], finest: f64) -> Self {
        let (least, most) = values.iter().fold((0.0f32, 0.0f32), |(least, most), &v| (least.min(v), most.max(v)));
        let mut ends = [f64::from(least), f64::from(most)];
        let of = |[least, most]: [f64; 2]| Self::of_range(least, most, finest);
        let mut best = of(ends).error(values, importance);
        for ratio in RATIOS {
            for end in 0..2 {
                for ratio in [ratio, 1.0 / ratio] {
                    loop {
                        let mut changed = ends;
                        changed[end] *= ratio;
                        let error = of(changed).error(values, importance);
                        // Also where the values are so large that the error is no number.
                        if error.partial_cmp(&best) != Some(Ordering::Less) {
                            break;
                        }
                        (ends, best) = (changed, error);
                    }
                }
            }
        }
        of(ends)
    }

    /// The sum of the weighted squared errors.
    fn error(self, values: &[f32], importance: &[f64]) -> f64 {
        #[expect(clippy::cast_possible_truncation, reason = "it is only compared with")]
        let (step, weights) = (self.step as f32, importance.iter().map(|&weight| weight as f32).collect::<Vec<_>>());
        let zero = f32::from(self.zero_point);
        let (low, high, inverse) = (-zero, 255.0 - zero, 1.0 / step);
        let rows = values.chunks_exact(weights.len()).map(|row| {
            let squares = row.iter().zip(&weights).map(|(&value, weight)| {
                // Rounded as `f32::round_ties_even` does, which compilers vectorise so.
                let code = ((value * inverse).clamp(low, high) + ROUNDER) - ROUNDER;
                weight * (value - code * step).powi(2)
            });
            f64::from(squares.sum::<f32>())
        });
        rows.sum()
    }
}

/// By how much an end is changed at a time, in one round of the search after the other.
const RATIOS: [f64; 3] = [0.8, 0.93, 0.98];

/// Added and subtracted again, it rounds an f32 of up to 22 bits.
const ROUNDER: f32 = 12_582_912.0;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn codes_reach_from_end_to_end() {
        let codes = Codes::of_range(-51.0, 204.0, 0.0);
        assert_eq!(codes, Codes { step: 1.0, zero_point: 51 });
        assert_eq!([codes.centred(-60.0), codes.centred(-0.6), codes.centred(500.0)], [-51.0, -1.0, 204.0]);
        assert_eq!(Codes::of_range(3.0, 510.0, 0.0), Codes { step: 2.0, zero_point: 0 });
        assert_eq!(Codes::of_range(-51.0, 0.0, 1.0), Codes { step: 1.0, zero_point: 51 });
        assert_eq!(Codes::of_range(0.0, 0.0, 0.0), Codes { step: 1.0, zero_point: 0 });
    }

    #[test]
    fn outliers_are_clipped_where_they_hardly_matter() {
        let mut random = Random::new(1);
        #[expect(clippy::cast_possible_truncation, reason = "any f32 will do")]
        let mut values: Vec<f32> = (0..200_000).map(|_| (random.unit() * 2.0 - 1.0) as f32).collect();
        // In the second of two channels.
        (values[7], values[101]) = (1.5, -1.5);
        let whole = Codes::of_range(-1.5, 1.5, 0.0);
        let fitted = Codes::fit(&values, &[1.0, 1.0], 0.0);
        assert!(fitted.step < whole.step && fitted.error(&values, &[1.0; 2]) < whole.error(&values, &[1.0; 2]));
        let first = Codes::fit(&values, &[1.0, 1e-9], 0.0);
        assert!(first.step < 2.1 / 255.0 && first.zero_point.abs_diff(128) < 4, "{first:?}");
        assert!(Codes::fit(&values, &[1.0, 1e9], 0.5).step >= 0.5);
        // Values that are no numbers end the search.
        Codes::fit(&[f32::NAN, 1.0], &[1.0, 1.0], 0.0);
        Codes::fit(&[f32::MAX, -f32::MAX], &[1.0, 1.0], 0.0);
    }
}
