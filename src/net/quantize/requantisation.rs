//! From a real multiplier to the integers that requantise: the one place where they are made.

/// Most of `post` for a code: `255 << 24`, and half a step to round, stay below 2^32.
const MOST_POST_CODE: u8 = 24;

/// Most of `post` for a residual: `255 << 22`, one part in 256 of it for 16-bit pictures, and half a step to round, stay
/// below 2^31.
const MOST_POST_RESIDUAL: u8 = 22;

/// Largest multiplier: a step of the result is at least one unit of the accumulator.
pub(crate) const MOST_MULTIPLIER: f64 = 1.0;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::Layer;
    use crate::random::Random;
    use crate::reference::requantise;

    /// A layer with one output channel, whose weights don't matter.
    fn layer(requantisation: Requantisation) -> Layer {
        let Requantisation { limit, pre, mul, post } = requantisation;
        Layer {
            in_channels: 1,
            out_channels: 1,
            weights: vec![0; 9],
            bias: vec![0],
            limit: vec![limit],
            pre: vec![pre],
            mul: vec![mul],
            post: vec![post],
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
