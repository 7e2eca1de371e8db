//! Channels equalised: a channel's values times a factor, and the weights that read it divided by it, give the same net,
//! as ReLU and PReLU commute with a positive factor.

use super::float_net::FloatLayer;
use crate::net::TAPS;

/// Multiplies each hidden channel's values by a factor and undoes that in the next layer. `peaks` are the channels' largest
/// magnitudes, `[hidden layers][out]`.
///
/// All channels of a layer share a step, so a channel of small values has few codes. With `exponent` 1 all channels get the
/// same range, at the price of weights of very different sizes in the next layer; with 0 nothing changes.
pub(super) fn equalise(layers: &[FloatLayer], peaks: &[Vec<f32>], exponent: f64) -> Vec<FloatLayer> {
    let mut layers = layers.to_vec();
    for (index, peaks) in peaks.iter().enumerate() {
        let [layer, next, ..] = &mut layers[index..] else { break };
        let largest = peaks.iter().copied().fold(0.0, f32::max);
        for (out, &peak) in peaks.iter().enumerate() {
            #[expect(clippy::cast_possible_truncation, reason = "the root of a ratio of f32")]
            let factor = f64::from(largest / peak).powf(exponent) as f32;
            // A channel that is never active, or hardly.
            if !(factor.is_finite() && factor < MOST_FACTOR) {
                continue;
            }
            let terms = layer.in_channels * TAPS;
            layer.weights[out * terms..][..terms].iter_mut().for_each(|weight| *weight *= factor);
            layer.bias[out] *= factor;
            for weights in next.weights.chunks_exact_mut(next.in_channels * TAPS) {
                weights[out * TAPS..][..TAPS].iter_mut().for_each(|weight| *weight /= factor);
            }
        }
    }
    layers
}

/// A channel whose values are so much smaller than its layer's largest is left alone.
const MOST_FACTOR: f32 = 1024.0;

#[cfg(test)]
mod tests {
    use super::super::convolution::Maps;
    use super::super::float_net::tests::random_float_net;
    use super::*;

    #[test]
    fn the_net_stays_the_same_and_its_ranges_come_closer() {
        let net = random_float_net(3, 2, &[6, 5]);
        let input = Maps { width: 4, height: 3, channels: 3, values: (0..36u8).map(|i| f32::from(i * 7)).collect() };
        // The values of all layers, and the peaks of the hidden ones.
        let run = |layers: &[FloatLayer]| {
            let (mut maps, mut peaks) = (input.clone(), Vec::new());
            for (index, layer) in layers.iter().enumerate() {
                maps = layer.convolve(index, &maps).unwrap();
                if index < 2 {
                    layer.activate(&mut maps);
                    let peak =
                        |out| maps.values.iter().skip(out).step_by(maps.channels).fold(0.0, |a: f32, b| a.max(b.abs()));
                    peaks.push((0..maps.channels).map(peak).collect::<Vec<_>>());
                }
            }
            (maps, peaks)
        };
        let (before, mut peaks) = run(net.layers());
        peaks[0][2] = 0.0;
        let (after, equal) = run(&equalise(net.layers(), &peaks, 1.0));
        assert!(before.values.iter().zip(&after.values).all(|(a, b)| (a - b).abs() < 0.01));
        for (index, peak) in equal[0].iter().enumerate() {
            let largest = peaks[0].iter().copied().fold(0.0, f32::max);
            assert!(index == 2 || (peak / largest - 1.0).abs() < 1e-3, "{index}: {peak} of {largest}");
        }
        assert_eq!(equalise(net.layers(), &peaks, 0.0), net.layers());
    }
}
