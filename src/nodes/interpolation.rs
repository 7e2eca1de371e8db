//! Weights of the interpolations to three times the size.

use super::number::Precision;
use super::operator::{Kind, SCALE};

/// The weights of the three output positions in an input pixel, in 1/128: at -1/3, 0 and 1/3 of its centre, over an odd
/// number of taps, the middle one being the pixel itself. In int8 they are rounded to whole numbers, and still add up.
pub(super) fn weights(kind: Kind, precision: Precision) -> [Vec<f64>; SCALE] {
    let reach: i32 = if kind == Kind::Bicubic { 2 } else { 1 };
    let kernel = if kind == Kind::Bicubic { keys } else { triangle };
    [-1.0, 0.0, 1.0].map(|third: f64| {
        let mut weights: Vec<f64> = (-reach..=reach).map(|tap| 128.0 * kernel(f64::from(tap) - third / 3.0)).collect();
        if precision == Precision::Int8 {
            weights.iter_mut().for_each(|weight| *weight = weight.round());
            let missing = 128.0 - weights.iter().sum::<f64>();
            if let Some(largest) = weights.iter_mut().max_by(|a, b| a.total_cmp(b)) {
                *largest += missing;
            }
        }
        weights
    })
}

/// Linear interpolation.
fn triangle(distance: f64) -> f64 {
    (1.0 - distance.abs()).max(0.0)
}

/// Keys, "Cubic Convolution Interpolation for Digital Image Processing", IEEE TASSP 1981, a = -1/2.
fn keys(distance: f64) -> f64 {
    let x = distance.abs();
    match x {
        ..1.0 => (1.5 * x - 2.5) * x * x + 1.0,
        1.0..2.0 => ((2.5 - 0.5 * x) * x - 4.0) * x + 2.0,
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_add_up_and_are_symmetric() {
        for kind in [Kind::Bilinear, Kind::Bicubic] {
            for precision in Precision::ALL {
                let [left, middle, right] = weights(kind, precision);
                for weights in [&left, &middle, &right] {
                    assert!((weights.iter().sum::<f64>() - 128.0).abs() < 1e-9);
                }
                let mirrored = left.iter().rev().zip(&right);
                assert!(mirrored.into_iter().all(|(left, right)| (left - right).abs() < 1e-9));
                assert!(middle.iter().all(|&weight| weight == 0.0 || weight == 128.0), "{middle:?}");
            }
        }
        assert_eq!(weights(Kind::Bilinear, Precision::Int8)[0], [43.0, 85.0, 0.0]);
        // Keys' kernel at 1/3, 2/3, 4/3 and 5/3 is 21/27, 9/27... of which the outer two are negative.
        let [left, ..] = weights(Kind::Bicubic, Precision::F32);
        assert!(left[0] < 0.0 && left[3] < 0.0 && left[4] == 0.0 && left[2] > left[1]);
    }
}
