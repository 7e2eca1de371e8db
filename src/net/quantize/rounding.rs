//! Rounding of a channel's weights together, so that the errors of one make up for those of others.
//!
//! What counts is not how far each weight is from its real value, but how far the channel's sums are: for weights `w` rounded
//! to `v`, `(w - v)' * G * (w - v)` with the Gram matrix G of the inputs.

use super::MOST_WEIGHT;
use super::least_squares::cholesky;

/// Parts of the scale that makes the largest weight 127 which are tried: a finer one clips the largest.
const SCALES: [f64; 6] = [1.0, 0.92, 0.84, 0.76, 0.68, 0.6];

/// Most rounds over a channel's weights in which each may move by one unit; most channels need two or three.
const ROUNDS: usize = 8;

/// What rounding needs to know of the inputs.
pub(super) struct Rounding<'a> {
    terms: usize,
    /// `[terms, terms]`, positive definite.
    gram: &'a [f64],
    /// The upper Cholesky factor of the inverse: row `i` says how the error of weight `i` is best spread over those after it.
    spread: Vec<f64>,
}

/// Weights of one output channel as integers.
pub(super) struct Rounded {
    pub weights: Vec<i8>,
    /// The real value of a unit.
    pub scale: f64,
}

impl<'a> Rounding<'a> {
    /// `factor` is the Cholesky factor of `gram`.
    pub fn new(gram: &'a [f64], factor: &[f64], terms: usize) -> Self {
        Self { terms, gram, spread: transposed(&cholesky(&inverse(factor, terms), terms), terms) }
    }

    /// The integers and the scale, at least `coarsest`, with which the channel's sums differ least.
    pub fn round(&self, weights: &[f64], coarsest: f64) -> Rounded {
        let largest = weights.iter().fold(0.0f64, |largest, weight| largest.max(weight.abs()));
        let full = largest / MOST_WEIGHT;
        if full.max(coarsest) == 0.0 {
            return Rounded { weights: vec![0; weights.len()], scale: 0.0 };
        }
        let candidates = SCALES.into_iter().map(|part| (full * part).max(coarsest));
        let rounded = candidates.map(|scale| {
            let (integers, error) = self.at_scale(weights, scale);
            (Rounded { weights: integers, scale }, error)
        });
        let best = rounded.min_by(|(_, a), (_, b)| a.total_cmp(b));
        best.map_or_else(|| Rounded { weights: Vec::new(), scale: 0.0 }, |(rounded, _)| rounded)
    }

    /// The integers for one scale, and their error.
    fn at_scale(&self, weights: &[f64], scale: f64) -> (Vec<i8>, f64) {
        let n = self.terms;
        let mut targets: Vec<f64> = weights.iter().map(|weight| weight / scale).collect();
        let mut integers = vec![0.0; n];
        for i in 0..n {
            integers[i] = targets[i].round().clamp(-MOST_WEIGHT, MOST_WEIGHT);
            let spread = &self.spread[i * n..][..n];
            let error = (targets[i] - integers[i]) / spread[i];
            targets[i + 1..].iter_mut().zip(&spread[i + 1..]).for_each(|(target, part)| *target -= error * part);
        }
        let mut errors: Vec<f64> = weights.iter().zip(&integers).map(|(weight, v)| weight / scale - v).collect();
        let mut slopes = self.times_gram(&errors);
        for _ in 0..ROUNDS {
            let mut moved = false;
            for i in 0..n {
                let row = &self.gram[i * n..][..n];
                // The error changes by `row[i] * step^2 - 2 * slopes[i] * step`.
                let step = if slopes[i] > 0.0 { 1.0 } else { -1.0 };
                let to: f64 = integers[i] + step;
                if slopes[i].abs() * 2.0 > row[i] * 1.000_001 && to.abs() <= MOST_WEIGHT {
                    integers[i] = to;
                    errors[i] -= step;
                    slopes.iter_mut().zip(row).for_each(|(slope, entry)| *slope -= step * entry);
                    moved = true;
                }
            }
            if !moved {
                break;
            }
        }
        let error: f64 = errors.iter().zip(&slopes).map(|(error, slope)| error * slope).sum();
        #[expect(clippy::cast_possible_truncation, reason = "-127..=127")]
        let integers = integers.into_iter().map(|value| value as i8).collect();
        (integers, error * scale * scale)
    }

    fn times_gram(&self, vector: &[f64]) -> Vec<f64> {
        self.gram.chunks_exact(self.terms).map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum()).collect()
    }
}

/// The inverse of the matrix whose lower Cholesky factor is given.
fn inverse(factor: &[f64], n: usize) -> Vec<f64> {
    // The factor's inverse, row by row, lower triangular as the factor is.
    let mut lower = vec![0.0; n * n];
    for i in 0..n {
        let (above, rest) = lower.split_at_mut(i * n);
        let row = &mut rest[..n];
        let diagonal = factor[i * n + i];
        for (j, above) in above.chunks_exact(n).enumerate() {
            let entry = factor[i * n + j];
            row[..=j].iter_mut().zip(above).for_each(|(value, above)| *value -= entry * above);
        }
        row[..i].iter_mut().for_each(|value| *value /= diagonal);
        row[i] = 1.0 / diagonal;
    }
    // inverse = lower' * lower.
    let mut inverse = vec![0.0; n * n];
    for row in lower.chunks_exact(n) {
        for (i, &value) in row.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            inverse[i * n..][..n].iter_mut().zip(row).for_each(|(sum, other)| *sum += value * other);
        }
    }
    inverse
}

fn transposed(matrix: &[f64], n: usize) -> Vec<f64> {
    (0..n * n).map(|i| matrix[i % n * n + i / n]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// The Gram matrix of inputs that depend on each other, as those of neighbouring pixels do.
    fn gram(n: usize) -> Vec<f64> {
        (0..n * n)
            .map(|i| {
                0.9f64.powi(i32::try_from((i / n).abs_diff(i % n)).unwrap())
                    + f64::from(u8::from(i % (n + 1) == 0)) * 0.01
            })
            .collect()
    }

    fn error(gram: &[f64], weights: &[f64], rounded: &Rounded) -> f64 {
        let n = weights.len();
        let errors: Vec<_> =
            weights.iter().zip(&rounded.weights).map(|(weight, &v)| weight - f64::from(v) * rounded.scale).collect();
        (0..n * n).map(|i| errors[i / n] * gram[i] * errors[i % n]).sum()
    }

    #[test]
    fn the_inverse_is_one() {
        let (n, gram) = (6, gram(6));
        let inverse = inverse(&cholesky(&gram, n), n);
        for i in 0..n * n {
            let entry: f64 = (0..n).map(|k| gram[i / n * n + k] * inverse[k * n + i % n]).sum();
            assert!((entry - if i / n == i % n { 1.0 } else { 0.0 }).abs() < 1e-9, "{i}: {entry}");
        }
    }

    #[test]
    fn weights_rounded_together_are_much_better_than_each_alone() {
        let n = 60;
        let (gram, mut random) = (gram(n), Random::new(1));
        let rounding = Rounding::new(&gram, &cholesky(&gram, n), n);
        let (mut together, mut single) = (0.0, 0.0);
        for _ in 0..10 {
            let weights: Vec<_> = (0..n).map(|_| random.unit() - 0.5).collect();
            together += error(&gram, &weights, &rounding.round(&weights, 0.0));
            let scale = weights.iter().fold(0.0f64, |most, weight| most.max(weight.abs())) / 127.0;
            #[expect(clippy::cast_possible_truncation, reason = "-127..=127")]
            let integers = weights.iter().map(|weight| (weight / scale).round() as i8).collect();
            single += error(&gram, &weights, &Rounded { weights: integers, scale });
        }
        assert!(together * 2.0 < single, "{together} {single}");
    }

    #[test]
    fn a_dead_channel_is_zeros() {
        let gram = gram(3);
        let rounded = Rounding::new(&gram, &cholesky(&gram, 3), 3).round(&[0.0; 3], 0.0);
        assert_eq!((rounded.weights, rounded.scale), (vec![0; 3], 0.0));
        let rounded = Rounding::new(&gram, &cholesky(&gram, 3), 3).round(&[0.0, 0.1, 0.0], 1.0);
        assert_eq!((rounded.weights, rounded.scale), (vec![0; 3], 1.0));
    }
}
