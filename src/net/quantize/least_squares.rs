//! Weights of least squared error: what a layer should compute from codes, to come closest to what it computes from real
//! numbers.

use rayon::prelude::*;

/// Samples whose products are summed in f32 before they are added to the rest in f64.
const CHUNK: usize = 256;

/// Samples that are summed in one go: so many times fewer sums have to be loaded and stored.
const AT_ONCE: usize = 4;

/// How strongly weights are held to the float net's, in parts of the mean square of an input.
///
/// It also bounds the condition of the system that is solved.
const HOLD: f64 = 0.01;

/// The sums over samples from which weights are found: inputs `x`, `terms` of them, and outputs `y`, each less its mean.
pub(super) struct Normal {
    pub terms: usize,
    /// `[terms, terms]`: mean of `x_i * x_j`, plus [`HOLD`] on the diagonal.
    pub gram: Vec<f64>,
    /// `[out, terms]`: mean of `y * x_i`.
    cross: Vec<f64>,
    input_means: Vec<f64>,
    output_means: Vec<f64>,
    hold: f64,
}

impl Normal {
    /// Of samples `[n, terms]` and what the layer should give for them, `[n, out]`, n at least 1.
    pub fn new(inputs: &[f32], terms: usize, outputs: &[f32], out_channels: usize) -> Self {
        let count = (inputs.len() / terms) as f64;
        let input_means = means(inputs, terms);
        let output_means = means(outputs, out_channels);
        let inputs = centred(inputs, &input_means);
        let outputs = centred(outputs, &output_means);
        let chunks: Vec<_> = inputs.par_chunks(CHUNK * terms).map(|rows| products(rows, terms, rows, terms)).collect();
        let mut gram = sum(chunks, terms * terms);
        let pairs = inputs.par_chunks(CHUNK * terms).zip(outputs.par_chunks(CHUNK * out_channels));
        let chunks: Vec<_> = pairs.map(|(rows, outputs)| products(outputs, out_channels, rows, terms)).collect();
        let mut cross = sum(chunks, out_channels * terms);
        gram.iter_mut().chain(&mut cross).for_each(|sum| *sum /= count);
        let trace: f64 = (0..terms).map(|i| gram[i * terms + i]).sum();
        // Inputs that are 0 in all samples may have any weights: the float net's.
        let hold = if trace > 0.0 { HOLD * trace / terms as f64 } else { 1.0 };
        (0..terms).for_each(|i| gram[i * terms + i] += hold);
        Self { terms, gram, cross, input_means, output_means, hold }
    }

    /// The weights `[terms]` of output channel `out` that minimise the squared error and the squared distance to `near`
    /// together; `factor` is the Cholesky factor of the Gram matrix.
    pub fn weights(&self, out: usize, near: &[f64], factor: &[f64]) -> Vec<f64> {
        let cross = &self.cross[out * self.terms..][..self.terms];
        let mut solution: Vec<f64> = cross.iter().zip(near).map(|(cross, near)| cross + self.hold * near).collect();
        solve(factor, self.terms, &mut solution);
        solution
    }

    /// The bias with which these weights give the mean output of channel `out`.
    pub fn bias(&self, out: usize, weights: impl Iterator<Item = f64>) -> f64 {
        self.output_means[out] - weights.zip(&self.input_means).map(|(weight, mean)| weight * mean).sum::<f64>()
    }
}

/// Mean of each of `width` columns.
fn means(rows: &[f32], width: usize) -> Vec<f64> {
    let mut sums = vec![0.0; width];
    for row in rows.chunks_exact(width) {
        sums.iter_mut().zip(row).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let count = (rows.len() / width) as f64;
    sums.into_iter().map(|sum| sum / count).collect()
}

#[expect(clippy::cast_possible_truncation, reason = "means of f32")]
fn centred(rows: &[f32], means: &[f64]) -> Vec<f32> {
    let means: Vec<_> = means.iter().map(|&mean| mean as f32).collect();
    rows.chunks_exact(means.len()).flat_map(|row| row.iter().zip(&means).map(|(value, mean)| value - mean)).collect()
}

/// `[m, n]`: the sums over all rows of `a_i * b_j`.
fn products(a: &[f32], m: usize, b: &[f32], n: usize) -> Vec<f32> {
    let mut sums = vec![0.0; m * n];
    for (a, b) in a.chunks(AT_ONCE * m).zip(b.chunks(AT_ONCE * n)) {
        if a.len() == AT_ONCE * m {
            let (b0, b1) = b.split_at(2 * n);
            let ((b0, b1), (b2, b3)) = (b0.split_at(n), b1.split_at(n));
            for (i, sums) in sums.chunks_exact_mut(n).enumerate() {
                let [a0, a1, a2, a3] = [0, 1, 2, 3].map(|row| a[row * m + i]);
                for ((((sum, b0), b1), b2), b3) in sums.iter_mut().zip(b0).zip(b1).zip(b2).zip(b3) {
                    *sum += a0 * b0 + a1 * b1 + a2 * b2 + a3 * b3;
                }
            }
        } else {
            for (a, b) in a.chunks_exact(m).zip(b.chunks_exact(n)) {
                for (a, sums) in a.iter().zip(sums.chunks_exact_mut(n)) {
                    sums.iter_mut().zip(b).for_each(|(sum, b)| *sum += a * b);
                }
            }
        }
    }
    sums
}

/// The chunks' sums, in their order: it must not depend on the threads.
fn sum(chunks: Vec<Vec<f32>>, len: usize) -> Vec<f64> {
    let mut sums = vec![0.0; len];
    for chunk in chunks {
        sums.iter_mut().zip(chunk).for_each(|(sum, value)| *sum += f64::from(value));
    }
    sums
}

/// The lower Cholesky factor of a positive definite matrix, `[n, n]`.
pub(super) fn cholesky(matrix: &[f64], n: usize) -> Vec<f64> {
    let mut factor = vec![0.0; n * n];
    for i in 0..n {
        let (above, rest) = factor.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..i {
            let other = &above[j * n..][..n];
            row[j] = (matrix[i * n + j] - dot(&row[..j], &other[..j])) / other[j];
        }
        row[i] = (matrix[i * n + i] - dot(&row[..i], &row[..i])).max(f64::MIN_POSITIVE).sqrt();
    }
    factor
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Solves `L * Lt * x = b` in place, L a lower factor `[n, n]`.
fn solve(factor: &[f64], n: usize, b: &mut [f64]) {
    for i in 0..n {
        let row = &factor[i * n..][..=i];
        b[i] = (b[i] - dot(&row[..i], &b[..i])) / row[i];
    }
    for i in (0..n).rev() {
        let row = &factor[i * n..][..=i];
        b[i] /= row[i];
        let (before, rest) = b.split_at_mut(i);
        before.iter_mut().zip(row).for_each(|(value, entry)| *value -= entry * rest[0]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn weights_are_found_from_samples() {
        let (terms, outs) = (5, 2);
        let wanted = [[1.0, -2.0, 0.5, 3.0, 0.0], [0.0, 1.0, 1.0, -1.0, 2.0]];
        let mut random = Random::new(1);
        // More than a chunk, and no multiple of the samples at once.
        let inputs: Vec<f32> = (0..603 * terms).map(|_| f32::from(random.byte())).collect();
        let outputs: Vec<f32> = inputs
            .chunks_exact(terms)
            .flat_map(|row| {
                wanted.map(|weights| 7.0 + row.iter().zip(weights).map(|(x, w): (&f32, f32)| x * w).sum::<f32>())
            })
            .collect();
        let normal = Normal::new(&inputs, terms, &outputs, outs);
        let factor = cholesky(&normal.gram, terms);
        for (out, wanted) in wanted.into_iter().enumerate() {
            let near = wanted.map(f64::from);
            let found = normal.weights(out, &near, &factor);
            assert!(found.iter().zip(near).all(|(found, wanted)| (found - wanted).abs() < 1e-4), "{found:?}");
            assert!((normal.bias(out, found.into_iter()) - 7.0).abs() < 1e-2);
            // Held to others, they move a little.
            let found = normal.weights(out, &[0.0; 5], &factor);
            assert!(found.iter().zip(near).all(|(found, wanted)| (found - wanted).abs() < 0.1), "{found:?}");
            assert!(found.iter().zip(near).any(|(found, wanted)| (found - wanted).abs() > 1e-3), "{found:?}");
        }
    }

    #[test]
    fn inputs_that_are_always_zero_keep_their_weights() {
        let normal = Normal::new(&[0.0; 12], 3, &[1.0, 2.0, 3.0, 4.0], 1);
        let found = normal.weights(0, &[1.0, 2.0, 3.0], &cholesky(&normal.gram, 3));
        assert!(found.iter().zip([1.0, 2.0, 3.0]).all(|(a, b): (&f64, f64)| (a - b).abs() < 1e-12), "{found:?}");
        assert_eq!(normal.bias(0, found.into_iter()), 2.5);
    }
}
