//! Reducing a picture to any smaller size, in integers. Twin: `src/reference/reduction.rs`.
//!
//! The kernel is Keys' with a = -1/2, widened by the factor, so that nothing aliases. Its values are rational numbers, since
//! positions are; for each sample they are rounded to multiples of 2^-[`WEIGHT_BITS`] that sum to 1. The vertical pass comes first; each pass
//! rounds half up to the sample type. Outside the picture lies its mirror image, the edge pixel repeated.

use rayon::prelude::*;

use crate::image::Sample;
use crate::net::border::mirrored;
use crate::number::{Number, number};
use crate::{Error, Result};

/// Bits of a weight after the binary point.
pub(crate) const WEIGHT_BITS: u32 = 14;

/// Pixels that a side may have: the products of positions stay within 128 bits.
const MOST_SIDE: usize = 1 << 24;

/// The samples that make one, each with its weight.
type Taps = Vec<(usize, i64)>;

/// From one size to another, of RGB.
pub(crate) struct Reduction {
    from: [usize; 2],
    columns: Vec<Taps>,
    rows: Vec<Taps>,
}

impl Reduction {
    /// From `[width, height]` to no more, but at least one pixel.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if a side grows, or is none or longer than 2^24 pixels.
    pub fn new(from: [usize; 2], to: [usize; 2]) -> Result<Self> {
        if (0..2).any(|side| to[side] == 0 || to[side] > from[side] || from[side] > MOST_SIDE) {
            let reason = format!("{}x{} pixels can't be reduced to {}x{}", from[0], from[1], to[0], to[1]);
            return Err(Error::Unsupported(reason));
        }
        let taps = |side: usize| (0..to[side]).map(|at| taps(from[side], to[side], at)).collect();
        Ok(Self { from, columns: taps(0), rows: taps(1) })
    }

    /// Reduces RGB, `[height, width, 3]`.
    pub fn apply<S: Sample>(&self, rgb: &[S], reduced: &mut [S]) {
        match S::BITS {
            8 => self.apply_in::<S, i32>(rgb, reduced),
            _ => self.apply_in::<S, i64>(rgb, reduced),
        }
    }

    /// With sums of type `N`.
    fn apply_in<S: Sample, N: Number>(&self, rgb: &[S], reduced: &mut [S]) {
        let row_len = 3 * self.from[0];
        let max = N::of((1 << S::BITS) - 1);
        let half = N::of(1 << (WEIGHT_BITS - 1));
        let sample = |sum: N| S::saturating_from(((sum + half) >> WEIGHT_BITS).level(max));
        let in_numbers = |taps: &Taps| taps.iter().map(|&(at, weight)| (at, N::of(weight))).collect();
        let columns: Vec<Vec<(usize, N)>> = self.columns.iter().map(in_numbers).collect();
        let rows = reduced.par_chunks_exact_mut(3 * columns.len()).zip(&self.rows);
        rows.for_each_init(
            || (vec![N::default(); row_len], vec![S::default(); row_len]),
            |(sums, row), (reduced, taps)| {
                sums.fill(N::default());
                for &(y, weight) in taps {
                    let weight = N::of(weight);
                    for (sum, &sample) in sums.iter_mut().zip(&rgb[y * row_len..][..row_len]) {
                        *sum = *sum + weight * number(sample);
                    }
                }
                row.iter_mut().zip(&*sums).for_each(|(to, &sum)| *to = sample(sum));
                for (pixel, taps) in reduced.chunks_exact_mut(3).zip(&columns) {
                    let mut sums = [N::default(); 3];
                    for &(x, weight) in taps {
                        for (sum, &sample) in sums.iter_mut().zip(&row[3 * x..3 * x + 3]) {
                            *sum = *sum + weight * number(sample);
                        }
                    }
                    pixel.copy_from_slice(&sums.map(sample));
                }
            },
        );
    }
}

/// What makes sample `at` of `to`, of an axis of `from` samples.
pub(crate) fn taps(from: usize, to: usize, at: usize) -> Taps {
    let (long, short) = (from as i128, to as i128);
    // Distances in units of 1 / (2 * from) of the widened kernel's.
    let unit = 2 * long;
    let distance = |input: i128| (2 * input + 1) * short - (2 * at as i128 + 1) * long;
    let first = ((2 * at as i128 + 1) * long - 2 * unit - short).div_euclid(2 * short);
    let last = ((2 * at as i128 + 1) * long + 2 * unit - short).div_euclid(2 * short) + 1;
    let inputs: Vec<i128> = (first..=last).filter(|&input| keys(distance(input), unit) != 0).collect();
    let values: Vec<i128> = inputs.iter().map(|&input| keys(distance(input), unit)).collect();
    let sum: i128 = values.iter().sum();
    let one = 1_i128 << WEIGHT_BITS;
    let mut weights: Vec<i128> = values.iter().map(|value| (2 * value * one + sum).div_euclid(2 * sum)).collect();
    // What rounding left over goes to the first of the heaviest.
    let left = one - weights.iter().sum::<i128>();
    let heaviest = (0..weights.len()).rev().max_by_key(|&index| weights[index]).unwrap_or_default();
    weights[heaviest] += left;
    let place = |input: i128| mirrored(isize::try_from(input).expect("near the picture"), from);
    let weight = |weight: i128| i64::try_from(weight).expect("below 2");
    inputs.iter().zip(weights).map(|(&input, of_input)| (place(input), weight(of_input))).collect()
}

/// Keys' cubic kernel with a = -1/2 at distance `x / unit`, times `2 * unit^3`.
pub(crate) fn keys(x: i128, unit: i128) -> i128 {
    let x = x.abs();
    if x <= unit {
        3 * x.pow(3) - 5 * x.pow(2) * unit + 2 * unit.pow(3)
    } else if x < 2 * unit {
        -x.pow(3) + 5 * x.pow(2) * unit - 8 * x * unit.pow(2) + 4 * unit.pow(3)
    } else {
        0
    }
}

/// A weighted sum, rounded half up.
#[cfg(test)]
pub(crate) fn rounded<S: Sample>(sum: i64) -> S {
    let value = (sum + (1 << (WEIGHT_BITS - 1))) >> WEIGHT_BITS;
    S::saturating_from(i32::try_from(value).expect("weights' absolute values sum to less than 2"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;
    use crate::reference::reduction::reduce;

    #[test]
    fn weights_are_those_of_the_kernel() {
        let keys = |x: f64| match x.abs() {
            x if x <= 1.0 => 1.5 * x.powi(3) - 2.5 * x.powi(2) + 1.0,
            x if x < 2.0 => -0.5 * x.powi(3) + 2.5 * x.powi(2) - 4.0 * x + 2.0,
            _ => 0.0,
        };
        for (from, to) in [(9, 3), (10, 7), (100, 99), (5, 5), (1, 1), (7, 1), (1080, 720), (2880, 1081)] {
            for at in 0..to {
                let taps = taps(from, to, at);
                assert_eq!(taps.iter().map(|&(_, weight)| weight).sum::<i64>(), 1 << WEIGHT_BITS);
                let factor = from as f64 / to as f64;
                let centre = (at as f64 + 0.5) * factor - 0.5;
                let values: Vec<f64> = (-4 * from.cast_signed()..5 * from.cast_signed())
                    .map(|input| keys((input as f64 - centre) / factor))
                    .filter(|value| value.abs() > 1e-9)
                    .collect();
                assert_eq!(values.len(), taps.len(), "{from} {to} {at}");
                let sum: f64 = values.iter().sum();
                for (value, (_, weight)) in values.iter().zip(taps) {
                    // The heaviest takes what rounding left over.
                    let error = weight as f64 - value / sum * f64::from(1 << WEIGHT_BITS);
                    assert!(error.abs() <= 0.5 * values.len() as f64, "{from} {to} {at}: {error}");
                }
            }
        }
    }

    fn check<S: Sample + std::fmt::Debug>(from: [usize; 2], to: [usize; 2]) {
        let mut random = Random::new(from[0] as u64);
        let rgb: Vec<S> = (0..from[0] * from[1] * 3)
            .map(|_| S::saturating_from(i32::try_from(random.within(0..=(1 << S::BITS) - 1)).unwrap()))
            .collect();
        let mut reduced = vec![S::default(); to[0] * to[1] * 3];
        Reduction::new(from, to).unwrap().apply(&rgb, &mut reduced);
        assert_eq!(reduced, reduce(&rgb, from[0], to), "{from:?} {to:?}");
    }

    #[test]
    fn every_size_has_the_bytes_of_the_reference() {
        for (from, to) in
            [([1, 1], [1, 1]), ([9, 7], [3, 2]), ([31, 1], [30, 1]), ([17, 23], [17, 8]), ([40, 30], [1, 29])]
        {
            check::<u8>(from, to);
            check::<u16>(from, to);
        }
    }

    #[test]
    fn flat_pictures_stay_flat_and_the_same_size_changes_nothing() {
        let mut reduced = vec![0_u8; 7 * 5 * 3];
        Reduction::new([16, 9], [7, 5]).unwrap().apply(&[201; 16 * 9 * 3], &mut reduced);
        assert_eq!(reduced, [201; 7 * 5 * 3]);
        let picture: Vec<u16> = (0..5 * 4 * 3).map(|sample| sample * 1000).collect();
        let mut same = vec![0; picture.len()];
        Reduction::new([5, 4], [5, 4]).unwrap().apply(&picture, &mut same);
        assert_eq!(same, picture);
    }

    #[test]
    fn nothing_grows_or_vanishes() {
        for to in [[0, 1], [4, 3], [3, 4]] {
            assert!(matches!(Reduction::new([3, 3], to), Err(Error::Unsupported(_))));
        }
    }
}
