//! Reducing a picture, one sample after the other.

use crate::image::Sample;
use crate::reduction::{rounded, taps};

/// RGB, `[height, width, 3]`, as `to` says, width and height.
pub(crate) fn reduce<S: Sample>(rgb: &[S], width: usize, to: [usize; 2]) -> Vec<S> {
    let height = rgb.len() / (3 * width);
    let weighted = |taps: &[(usize, i64)], samples: &[S], at: &dyn Fn(usize) -> usize| -> S {
        rounded(taps.iter().map(|&(index, weight)| weight * i64::from(samples[at(index)].to_i32())).sum())
    };
    let mut low = Vec::new();
    for y in 0..to[1] {
        let taps = taps(height, to[1], y);
        low.extend((0..3 * width).map(|column| weighted(&taps, rgb, &|y| y * 3 * width + column)));
    }
    let mut small = Vec::new();
    for y in 0..to[1] {
        for x in 0..to[0] {
            let taps = taps(width, to[0], x);
            small.extend((0..3).map(|colour| weighted(&taps, &low, &|x| (y * width + x) * 3 + colour)));
        }
    }
    small
}
