//! How the fewer samples of colour and the picture's pixels correspond along an axis.
//!
//! Up, a pixel's colour is interpolated linearly between the two samples it lies between. Down, a sample is the mean of what
//! its width covers: as many pixels as share it, with half of the two at the ends where those are cut through the middle.
//! Outside the picture its edge is repeated.

use super::format::Siting;

/// One axis.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Axis {
    /// Pixels that share a sample: 1, 2 or 4.
    shared: usize,
    siting: Siting,
    pixels: usize,
    samples: usize,
}

/// The most pixels that make a sample.
pub(crate) const MOST_TAPS: usize = 5;

impl Axis {
    /// Of `pixels` pixels, `shared` of which share a sample.
    pub fn new(shared: u8, siting: Siting, pixels: usize) -> Self {
        let shared = usize::from(shared);
        Self { shared, siting, pixels, samples: pixels.div_ceil(shared) }
    }

    /// The sum of weights, for both directions: a power of two.
    pub fn unit(&self) -> i64 {
        if self.shared == 1 { 1 } else { 2 * self.shared.cast_signed() as i64 }
    }

    /// How far right of the first pixel that shares it a sample lies, in half pixels.
    fn offset(&self) -> i64 {
        let last = self.shared.cast_signed() as i64 - 1;
        match self.siting {
            Siting::First => 0,
            Siting::Middle => last,
            Siting::Last => 2 * last,
        }
    }

    /// The two samples that pixel `at` lies between, with their weights.
    pub fn up(&self, at: usize) -> [(usize, i64); 2] {
        if self.shared == 1 {
            return [(at, 1), (at, 0)];
        }
        let unit = self.unit();
        // In half pixels: where the pixel is, from sample 0 on.
        let place = 2 * at.cast_signed() as i64 - self.offset();
        let (before, offset) = (place.div_euclid(unit), place.rem_euclid(unit));
        [(clamped(before, self.samples), unit - offset), (clamped(before + 1, self.samples), offset)]
    }

    /// The pixels that make sample `at`, with their weights; some may be 0. `pixels` is how many there are, at most as many as
    /// the axis has.
    pub fn down(&self, at: usize, pixels: usize) -> [(usize, i64); MOST_TAPS] {
        debug_assert!(pixels <= self.pixels);
        let mut taps = [(0, 0); MOST_TAPS];
        if self.shared == 1 {
            taps[0] = (at.min(pixels - 1), 1);
            return taps;
        }
        let shared = self.shared.cast_signed() as i64;
        let middle = 2 * at.cast_signed() as i64 * shared + self.offset();
        // From half a width before the sample to half a width behind it.
        let (first, last) = ((middle - shared).div_euclid(2) + 1, (middle + shared).div_euclid(2));
        let is_even = (middle - shared).rem_euclid(2) == 0;
        let first = if is_even { first - 1 } else { first };
        for (tap, i) in taps.iter_mut().zip(0..=last - first) {
            let is_cut = is_even && (i == 0 || i == last - first);
            *tap = (clamped(first + i, pixels), if is_cut { 1 } else { 2 });
        }
        taps
    }
}

#[expect(clippy::cast_sign_loss, clippy::cast_possible_truncation, reason = "clamped to 0..len")]
fn clamped(at: i64, len: usize) -> usize {
    at.clamp(0, len.cast_signed() as i64 - 1) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_the_unit_and_centre_where_the_sample_lies() {
        for shared in [1, 2, 4] {
            for siting in [Siting::First, Siting::Middle, Siting::Last] {
                for pixels in 1..20 {
                    let axis = Axis::new(shared, siting, pixels);
                    for at in 0..pixels {
                        assert_eq!(axis.up(at).iter().map(|&(_, weight)| weight).sum::<i64>(), axis.unit());
                        assert!(axis.up(at).iter().all(|&(sample, weight)| sample < axis.samples && weight >= 0));
                    }
                    for at in 0..axis.samples {
                        assert_eq!(axis.down(at, pixels).iter().map(|&(_, weight)| weight).sum::<i64>(), axis.unit());
                    }
                }
                // Inside, a ramp stays the same ramp, both ways.
                let axis = Axis::new(shared, siting, 64);
                let offset = axis.offset() as f64 / 2.0;
                let place = |sample: usize| sample as f64 * f64::from(shared) + offset;
                let mean = |taps: &[(usize, i64)], place: &dyn Fn(usize) -> f64| {
                    taps.iter().map(|&(at, weight)| place(at) * weight as f64).sum::<f64>() / axis.unit() as f64
                };
                for at in 8..56 {
                    assert_eq!(mean(&axis.up(at), &place), at as f64);
                }
                for at in 2..axis.samples - 2 {
                    assert_eq!(mean(&axis.down(at, 64), &|pixel| pixel as f64), place(at));
                }
            }
        }
    }
}
