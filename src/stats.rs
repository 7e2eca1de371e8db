//! Figures that sum up repeated measurements.

/// Median, extremes and spread of some samples, in the samples' unit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Stats {
    /// The sample in the middle; of an even number the mean of the middle two.
    pub median: f64,
    /// The least sample.
    pub min: f64,
    /// The largest sample.
    pub max: f64,
    /// The middle half's width: what lies between the quarters of the sorted samples.
    pub spread: f64,
}

impl Stats {
    /// Sums up `samples`; zeros if there is none.
    pub fn of(samples: impl IntoIterator<Item = f64>) -> Self {
        let mut samples: Vec<f64> = samples.into_iter().collect();
        samples.sort_by(f64::total_cmp);
        let (Some(&min), Some(&max)) = (samples.first(), samples.last()) else { return Self::default() };
        let quantile = |numerator: usize| {
            // Between the two samples next to the place, in proportion.
            let place = (samples.len() - 1) * numerator;
            let (index, rest) = (place / 4, place % 4);
            let next = samples[(index + 1).min(samples.len() - 1)];
            samples[index] + (next - samples[index]) * rest as f64 / 4.0
        };
        Self { median: quantile(2), min, max, spread: quantile(3) - quantile(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_samples() {
        assert_eq!(Stats::of([]), Stats::default());
        assert_eq!(Stats::of([7.0]), Stats { median: 7.0, min: 7.0, max: 7.0, spread: 0.0 });
        assert_eq!(Stats::of([4.0, 1.0, 3.0, 2.0]), Stats { median: 2.5, min: 1.0, max: 4.0, spread: 1.5 });
        assert_eq!(Stats::of([5.0, 1.0, 2.0, 4.0, 3.0]), Stats { median: 3.0, min: 1.0, max: 5.0, spread: 2.0 });
    }
}
