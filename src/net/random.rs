//! Random nets: what tests and the self-test run beside the shipped one.

use std::collections::BTreeMap;

use super::quantize::{Channel, MOST_MULTIPLIER, PreluRequantisation, Requantisation, layer, prelu_layer};
use super::{Layer, Net, TAPS};
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
        layers.push(layer(inputs, (0..outputs).map(|_| channel(&mut random, inputs, 0, requantise))));
        inputs = outputs;
    }
    layers.push(last_layer(&mut random, inputs, scale, 0));
    Net::new(scale, layers, BTreeMap::new())
}

/// The same with PReLU: slopes of either sign, of 0 and of more than 1, zero points anywhere.
///
/// # Errors
/// As [`random_net`].
pub(crate) fn random_prelu_net(seed: u64, scale: usize, hidden: &[usize]) -> Result<Net> {
    let mut random = Random::new(seed);
    let (mut inputs, mut input_zero_point) = (3, 0);
    let mut layers = Vec::new();
    for (index, &outputs) in hidden.iter().enumerate() {
        // Most about the middle, and the extremes.
        let zero_point = match (index + outputs) % 5 {
            0 => random.byte(),
            1 if random.byte().is_multiple_of(2) => u8::MAX * (random.byte() & 1),
            _ => 96 + random.byte() / 4,
        };
        let channels = (0..outputs).map(|_| {
            let slope = match random.within(0..=7) {
                0 => 0.0,
                1 => 0.05 * (random.unit() - 0.5),
                _ => 3.4 * random.unit() - 1.7,
            };
            let requantise = |deviation: f64| {
                let multiplier = (128.0 / (HIDDEN_DEVIATIONS * deviation)).min(MOST_MULTIPLIER);
                let reach = 4.0 * deviation;
                PreluRequantisation::new(multiplier, multiplier * slope, zero_point, &(-reach..=reach))
            };
            channel(&mut random, inputs, input_zero_point, requantise)
        });
        layers.push(prelu_layer(inputs, zero_point, channels.collect::<Vec<_>>()));
        (inputs, input_zero_point) = (outputs, zero_point);
    }
    layers.push(last_layer(&mut random, inputs, scale, input_zero_point));
    Net::new(scale, layers, BTreeMap::new())
}

/// The same with every other hidden layer's PReLU a ReLU, for tests of what lies between the two.
///
/// # Errors
/// As [`random_net`].
#[cfg(test)]
pub(crate) fn random_mixed_net(seed: u64, scale: usize, hidden: &[usize]) -> Result<Net> {
    let relu = random_net(seed, scale, hidden)?;
    let mut layers = random_prelu_net(seed, scale, hidden)?.layers().to_vec();
    for (index, layer) in layers.iter_mut().take(hidden.len()).enumerate().skip(1).step_by(2) {
        *layer = relu.layers()[index].clone();
    }
    Net::new(scale, layers, BTreeMap::new())
}

fn last_layer(random: &mut Random, inputs: usize, scale: usize, input_zero_point: u8) -> Layer {
    let requantise = |deviation: f64| Requantisation::residual((RESIDUAL_LEVELS / deviation).min(MOST_MULTIPLIER));
    layer(inputs, (0..3 * scale * scale).map(|_| channel(random, inputs, input_zero_point, requantise)))
}

/// A random output channel; `requantise` takes about the standard deviation of its accumulator.
fn channel<R>(random: &mut Random, inputs: usize, input_zero_point: u8, requantise: impl Fn(f64) -> R) -> Channel<R> {
    #[expect(clippy::cast_possible_truncation, reason = "-127..=127")]
    let weights: Vec<i8> = (0..inputs * TAPS).map(|_| random.within(-127..=127) as i8).collect();
    let squares: f64 = weights.iter().map(|&weight| f64::from(weight) * f64::from(weight)).sum();
    // Half of the codes' range is about the root of their mean square, in noise as in features.
    let deviation = 128.0 * squares.max(1.0).sqrt();
    // No two channels alike.
    let deviation = deviation * (0.75 + 0.5 * random.unit());
    #[expect(clippy::cast_possible_truncation, reason = "a deviation is below 2^22")]
    let bias = (deviation * (random.unit() - 0.5)) as i32;
    let bias = bias - i32::from(input_zero_point) * weights.iter().copied().map(i32::from).sum::<i32>();
    Channel { weights, bias, requantisation: requantise(deviation) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Rgb;
    use crate::reference::{Features, hidden};

    /// Counts of the codes of each layer, of noise.
    fn counts(net: &Net) -> Vec<[usize; 256]> {
        let mut random = Random::new(11);
        let samples: Vec<u8> = (0..32 * 32 * 3).map(|_| random.byte()).collect();
        let mut features = Features::of_image(Rgb { width: 32, height: 32, samples: &samples });
        let of_layer = |layer| {
            features = hidden(&features, layer);
            let mut counts = [0; 256];
            features.codes.iter().for_each(|&code| counts[usize::from(code)] += 1);
            counts
        };
        net.hidden().iter().map(of_layer).collect()
    }

    #[test]
    fn codes_of_every_layer_spread_over_their_range() {
        let net = random_net(5, 3, &[28, 12, 64, 7, 28, 28]).unwrap();
        for (index, counts) in counts(&net).into_iter().enumerate() {
            let all: usize = counts.iter().sum();
            assert!(counts[0] > all / 10 && counts[0] < all * 9 / 10, "layer {index}: {} of {all} are 0", counts[0]);
            assert!(counts[255] > all / 100 && counts[255] < all / 2, "layer {index}: {} saturate", counts[255]);
            assert!(counts.iter().filter(|&&count| count > 0).count() > 200, "layer {index}");
        }
    }

    #[test]
    fn codes_of_a_prelu_spread_over_their_range_and_its_slopes_over_both_signs() {
        let net = random_prelu_net(5, 3, &[28, 12, 64, 7, 28, 28]).unwrap();
        for (index, (counts, layer)) in counts(&net).into_iter().zip(net.hidden()).enumerate() {
            let all: usize = counts.iter().sum();
            assert!(
                counts[0] < all * 9 / 10 && counts[255] < all * 9 / 10,
                "layer {index}: {} {} of {all}",
                counts[0],
                counts[255]
            );
            // After a layer whose zero point is an extreme code, most codes are that one.
            assert!(counts.iter().filter(|&&count| count > 0).count() > 20, "layer {index}: {counts:?}");
            let slopes = &layer.prelu.as_ref().unwrap().mul_negative;
            let both_signs = slopes.iter().any(|&slope| slope < 0) && slopes.iter().any(|&slope| slope > 0);
            assert!(both_signs || slopes.len() < 12, "layer {index}: {slopes:?}");
        }
        assert!(net.hidden().iter().map(Layer::zero_point).collect::<std::collections::BTreeSet<_>>().len() > 3);
    }

    #[test]
    fn the_seed_decides() {
        assert_eq!(random_prelu_net(1, 1, &[4, 8]).unwrap(), random_prelu_net(1, 1, &[4, 8]).unwrap());
        assert_ne!(random_prelu_net(1, 1, &[4, 8]).unwrap(), random_prelu_net(2, 1, &[4, 8]).unwrap());
        assert_eq!(random_net(1, 2, &[4, 8]).unwrap(), random_net(1, 2, &[4, 8]).unwrap());
        assert_ne!(random_net(1, 2, &[4, 8]).unwrap(), random_net(2, 2, &[4, 8]).unwrap());
        assert!(random_net(1, 5, &[4]).is_err());
        assert!(random_net(1, 2, &[65]).is_err());
    }
}
