//! From a real multiplier to the integers that requantise: the one place where they are made.

use std::ops::RangeInclusive;

use crate::net::check::MOST_POST_PRELU;

/// Most of `post` for a code: `255 << 24`, and half a step to round, stay below 2^32.
const MOST_POST_CODE: u8 = 24;

/// Most of `post` for a residual: `255 << 22`, one part in 256 of it for 16-bit pictures, and half a step to round, stay
/// below 2^31.
const MOST_POST_RESIDUAL: u8 = 22;

/// Largest multiplier: a step of the result is at least one unit of the accumulator.
pub(crate) const MOST_MULTIPLIER: f64 = 1.0;

/// Largest magnitude of the multiplier of accumulators below 0, with a PReLU: all that 16 bits can follow.
pub(crate) const MOST_NEGATIVE_MULTIPLIER: f64 = 16_383.0;

/// One output channel's entries of `limit`, `pre`, `mul` and `post` in [`Layer`](crate::net::Layer).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Requantisation {
    pub limit: u32,
    pub pre: u8,
    pub mul: u16,
    pub post: u8,
}

impl Requantisation {
    /// For a hidden layer: code = `acc * multiplier`, rounded, 0..=255.
    ///
    /// `multiplier` is 0 (a dead channel) to [`MOST_MULTIPLIER`].
    pub fn code(multiplier: f64) -> Self {
        Self::new(multiplier, MOST_POST_CODE)
    }

    /// For the last layer: residual in 8-bit levels = `acc * multiplier`, rounded, -255..=255.
    ///
    /// `multiplier` is 0 (a dead channel) to [`MOST_MULTIPLIER`].
    pub fn residual(multiplier: f64) -> Self {
        Self::new(multiplier, MOST_POST_RESIDUAL)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "each value is bounded just before")]
    fn new(multiplier: f64, most_post: u8) -> Self {
        debug_assert!((0.0..=MOST_MULTIPLIER).contains(&multiplier), "{multiplier}");
        // 255 or a little less: the error of `mul`, at most 2^-15 of the result, can't lift it to 255.5.
        let limit = (255.0 / multiplier).floor().min(f64::from(i32::MAX)) as u32;
        let pre = (16 - limit.leading_zeros().min(16)) as u8;
        let scaled = |post: u8| (multiplier * 2f64.powi((pre + post).into())).round();
        let mut post = most_post;
        while scaled(post) > f64::from(u16::MAX) {
            post -= 1;
        }
        Self { limit, pre, mul: scaled(post) as u16, post }
    }
}

/// One output channel's entries of `pre`, `mul`, `mul_negative` and `post` in a [`Layer`](crate::net::Layer) with PReLU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PreluRequantisation {
    pub pre: u8,
    pub mul: u16,
    pub mul_negative: i16,
    pub post: u8,
}

impl PreluRequantisation {
    /// For a hidden layer: code = `zero_point + acc * multiplier`, rounded, 0..=255, with `negative` for accumulators below 0:
    /// `multiplier` times the slope.
    ///
    /// `multiplier` is 0 (a dead channel) to [`MOST_MULTIPLIER`], the magnitude of `negative` at most
    /// [`MOST_NEGATIVE_MULTIPLIER`]. `reach` is what accumulators are expected to reach: those that neither go beyond it nor
    /// give a code beyond 0..=255 have their code. The less of them, the finer the codes: an accumulator has 16 bits here.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "each value is bounded just before")]
    pub fn new(multiplier: f64, negative: f64, zero_point: u8, reach: &RangeInclusive<f64>) -> Self {
        debug_assert!((0.0..=MOST_MULTIPLIER).contains(&multiplier), "{multiplier}");
        debug_assert!(negative.abs() <= MOST_NEGATIVE_MULTIPLIER, "{negative}");
        let up = f64::from(u8::MAX - zero_point) + 1.0;
        let down = f64::from(zero_point) + 1.0;
        let most = (up / multiplier).min(reach.end().max(0.0));
        let least = (if negative < 0.0 { up } else { down } / negative.abs()).min(-reach.start().min(0.0));
        let most = most.max(least).min(f64::from(i32::MAX));
        let pre = (0..31).find(|&pre| (most / 2f64.powi(pre.into())).floor() <= f64::from(i16::MAX)).unwrap_or(31);
        let scaled = |multiplier: f64, post: u8| (multiplier * 2f64.powi((pre + post).into())).round();
        let mut post = MOST_POST_PRELU;
        while post > 1 && scaled(multiplier.max(negative.abs()), post) > f64::from(i16::MAX) {
            post -= 1;
        }
        let most = f64::from(i16::MAX);
        let mul_negative = scaled(negative, post).clamp(-most, most) as i16;
        Self { pre, mul: scaled(multiplier, post).min(most) as u16, mul_negative, post }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::{Layer, Prelu};
    use crate::random::Random;
    use crate::reference::requantise;

    /// A layer with one output channel, whose weights don't matter.
    fn layer(requantisation: Requantisation) -> Layer {
        let Requantisation { limit, pre, mul, post } = requantisation;
        Layer::of_one_channel(limit, pre, mul, post)
    }

    #[test]
    fn codes_of_a_prelu_are_the_exact_ones_but_for_rare_neighbours() {
        let mut random = Random::new(5);
        let (mut all, mut different) = (0u32, 0u32);
        for _ in 0..2_000 {
            // Those of real nets: accumulators of thousands and more for the whole range of codes.
            let multiplier = 2f64.powf(-5.0 - 15.0 * random.unit());
            let slope = match random.within(0..=9) {
                0 => 0.0,
                1 => random.unit() * 0.02,
                2 => -1.0,
                _ => 4.0 * random.unit() - 2.0,
            };
            let zero_point = match random.within(0..=9) {
                0 => 0,
                1 => 255,
                _ => random.byte(),
            };
            let reach = 400.0 / multiplier * (0.1 + random.unit());
            let by = PreluRequantisation::new(multiplier, slope * multiplier, zero_point, &(-reach..=reach));
            let PreluRequantisation { pre, mul, mul_negative, post } = by;
            let prelu = Some(Prelu { mul_negative: vec![mul_negative], zero_point });
            let layer = Layer { limit: vec![], prelu, ..Layer::of_one_channel(0, pre, mul, post) };
            for _ in 0..100 {
                #[expect(clippy::cast_possible_truncation, reason = "below 2^31")]
                let acc = (reach * (2.0 * random.unit() - 1.0)) as i32;
                let real = f64::from(acc) * multiplier * if acc < 0 { slope } else { 1.0 } + f64::from(zero_point);
                let exact = real.round().clamp(0.0, 255.0);
                let code = f64::from(requantise::code(acc, &layer, 0));
                assert!((code - exact).abs() <= 1.0, "{by:?}, zero point {zero_point}, acc {acc}: {code}, not {real}");
                all += 1;
                different += u32::from(code != exact);
            }
        }
        assert!(different * 50 < all, "{different} of {all}");
    }

    #[test]
    fn multipliers_of_any_magnitude_give_a_prelu_that_can_run() {
        for multiplier in multipliers() {
            for negative in [0.0, 1e-30, -1e-9, 0.3, -1.0, MOST_NEGATIVE_MULTIPLIER, -MOST_NEGATIVE_MULTIPLIER] {
                for reach in [0.0..=0.0, -1e9..=1e9, -1e30..=1e30, 5.0..=-5.0] {
                    let by = PreluRequantisation::new(multiplier, negative, 130, &reach);
                    assert!(by.pre <= 31 && (1..=MOST_POST_PRELU).contains(&by.post), "{by:?}");
                    assert!(by.mul <= i16::MAX.cast_unsigned() && by.mul_negative > i16::MIN, "{by:?}");
                }
            }
        }
    }

    /// Multipliers over all orders of magnitude, and the extremes.
    fn multipliers() -> Vec<f64> {
        let mut random = Random::new(7);
        let mut multipliers: Vec<f64> = (0..2_000).map(|_| 2f64.powf(-40.0 * random.unit())).collect();
        multipliers.extend([0.0, f64::MIN_POSITIVE, 1e-30, 2f64.powi(-31), 0.5, 254.5 / 255.0, 255.0 / 256.0, 1.0]);
        multipliers
    }

    /// Accumulators near every rounding threshold of a code, near the limits, and at random.
    fn accumulators(multiplier: f64, lowest: f64) -> Vec<i32> {
        let mut random = Random::new(multiplier.to_bits());
        let thresholds = (0..=512).map(|half_steps| lowest + f64::from(half_steps) / 2.0);
        #[expect(clippy::cast_possible_truncation, reason = "saturation is what is wanted")]
        let near = thresholds.flat_map(|value| [-1.0, 0.0, 1.0].map(|offset| (value / multiplier + offset) as i32));
        #[expect(clippy::cast_possible_truncation, reason = "some random i32")]
        let anywhere = (0..200).map(|_| random.bits() as i32 >> random.within(0..=31));
        near.chain(anywhere).chain([i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX]).collect()
    }

    #[test]
    fn codes_are_the_exact_ones_but_for_rare_neighbours() {
        let (mut all, mut different) = (0u32, 0u32);
        for multiplier in multipliers() {
            let layer = layer(Requantisation::code(multiplier));
            for acc in accumulators(multiplier, 0.0) {
                let exact = (f64::from(acc) * multiplier).round().clamp(0.0, 255.0);
                let code = f64::from(requantise::code(acc, &layer, 0));
                assert!((code - exact).abs() <= 1.0, "multiplier {multiplier:e}, acc {acc}: {code}, not {exact}");
                all += 1;
                different += u32::from(code != exact);
            }
        }
        // Most of these accumulators lie at a rounding threshold.
        assert!(different * 10 < all, "{different} of {all}");
    }

    #[test]
    fn codes_at_random_accumulators_hardly_ever_differ() {
        let (mut all, mut different) = (0u32, 0u32);
        let mut random = Random::new(3);
        for multiplier in multipliers().into_iter().filter(|multiplier| (1e-6..0.5).contains(multiplier)) {
            let layer = layer(Requantisation::code(multiplier));
            for _ in 0..200 {
                #[expect(clippy::cast_possible_truncation, reason = "below 2^31")]
                let acc = (300.0 * random.unit() / multiplier) as i32;
                let exact = (f64::from(acc) * multiplier).round().min(255.0);
                all += 1;
                different += u32::from(f64::from(requantise::code(acc, &layer, 0)) != exact);
            }
        }
        assert!(different * 200 < all, "{different} of {all}");
    }

    #[test]
    fn residuals_are_the_exact_ones_but_for_rare_neighbours() {
        let (mut all, mut different) = (0u32, 0u32);
        for multiplier in multipliers() {
            let layer = layer(Requantisation::residual(multiplier));
            for acc in accumulators(multiplier, -128.0) {
                let exact = f64::from(acc) * multiplier;
                let residual = f64::from(requantise::residual::<u8>(acc, &layer, 0));
                let rounded = (exact + 0.5).floor().clamp(-255.0, 255.0);
                assert!(
                    (residual - rounded).abs() <= 1.0,
                    "multiplier {multiplier:e}, acc {acc}: {residual}, not {exact}"
                );
                all += 1;
                different += u32::from(residual != rounded);
                let fine = f64::from(requantise::residual::<u16>(acc, &layer, 0));
                // Two steps of 1/257 are lost by `pre` and rounding, and 2^-15 of the value by `mul`.
                let allowed =
                    257.0 * if exact.abs() < 254.0 { exact.abs() / 32768.0 } else { multiplier.max(0.01) } + 3.0;
                let wanted = 257.0 * exact.clamp(-255.0, 255.0);
                assert!((fine - wanted).abs() <= allowed, "multiplier {multiplier:e}, acc {acc}: {fine}, not {wanted}");
            }
        }
        assert!(different * 10 < all, "{different} of {all}");
    }
}
