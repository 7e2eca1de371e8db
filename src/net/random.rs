//! Random nets: what tests and the self-test run beside the shipped one.

use std::collections::BTreeMap;

use super::quantize::{Channel, MOST_MULTIPLIER, Requantisation, layer};
use super::{Net, TAPS};
use crate::Result;
use crate::random::Random;

/// Standard deviations of a hidden accumulator at which its code saturates: codes of all layers then spread over 0..=255.
const HIDDEN_DEVIATIONS: f64 = 1.25;

/// Standard deviation of the residual in 8-bit levels: pictures stay pictures, and every kind of pixel is clipped here
/// and there.
const RESIDUAL_LEVELS: f64 = 60.0;

/// A net of random weights without any symmetry, with hidden layers of the given widths; the same seed gives the same net.
///
/// # Errors
/// As [`Net::new`], for a scale, a width or a number of layers that can't be run.
pub(crate) fn random_net(seed: u64, scale: usize, hidden: &[usize]) -> Result<Net> {
    let mut random = Random::new(seed);
    let mut inputs = 3;
    let mut layers = Vec::new();
    for &outputs in hidden {
        let requantise =
            |deviation: f64| Requantisation::code((255.0 / (HIDDEN_DEVIATIONS * deviation)).min(MOST_MULTIPLIER));
        layers.push(layer(inputs, (0..outputs).map(|_| channel(&mut random, inputs, requantise))));
        inputs = outputs;
    }
    let requantise = |deviation: f64| Requantisation::residual((RESIDUAL_LEVELS / deviation).min(MOST_MULTIPLIER));
    layers.push(layer(inputs, (0..3 * scale * scale).map(|_| channel(&mut random, inputs, requantise))));
    Net::new(scale, layers, BTreeMap::new())
}

/// A random output channel; `requantise` takes about the standard deviation of its accumulator.
fn channel(random: &mut Random, inputs: usize, requantise: impl Fn(f64) -> Requantisation) -> Channel {
    #[expect(clippy::cast_possible_truncation, reason = "-127..=127")]
    let weights: Vec<i8> = (0..inputs * TAPS).map(|_| random.within(-127..=127) as i8).collect();
    let squares: f64 = weights.iter().map(|&weight| f64::from(weight) * f64::from(weight)).sum();
    // Half of the codes' range is about the root of their mean square, in noise as in features.
    let deviation = 128.0 * squares.max(1.0).sqrt();
    // No two channels alike.
    let deviation = deviation * (0.75 + 0.5 * random.unit());
    #[expect(clippy::cast_possible_truncation, reason = "a deviation is below 2^22")]
    let bias = (deviation * (random.unit() - 0.5)) as i32;
    Channel { weights, bias, requantisation: requantise(deviation) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Rgb;
    use crate::reference::{Features, hidden};

    #[test]
    fn codes_of_every_layer_spread_over_their_range() {
        let mut random = Random::new(11);
        let net = random_net(5, 3, &[28, 12, 64, 7, 28, 28]).unwrap();
        let samples: Vec<u8> = (0..32 * 32 * 3).map(|_| random.byte()).collect();
        let mut features = Features::of_image(Rgb { width: 32, height: 32, samples: &samples });
        for (index, layer) in net.hidden().iter().enumerate() {
            features = hidden(&features, layer);
            let mut counts = [0; 256];
            features.codes.iter().for_each(|&code| counts[usize::from(code)] += 1);
            let all = features.codes.len();
            assert!(counts[0] > all / 10 && counts[0] < all * 9 / 10, "layer {index}: {} of {all} are 0", counts[0]);
            assert!(counts[255] > all / 100 && counts[255] < all / 2, "layer {index}: {} saturate", counts[255]);
            assert!(counts.iter().filter(|&&count| count > 0).count() > 200, "layer {index}");
        }
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(random_net(1, 2, &[4, 8]).unwrap(), random_net(1, 2, &[4, 8]).unwrap());
        assert_ne!(random_net(1, 2, &[4, 8]).unwrap(), random_net(2, 2, &[4, 8]).unwrap());
        assert!(random_net(1, 5, &[4]).is_err());
        assert!(random_net(1, 2, &[65]).is_err());
    }
}
