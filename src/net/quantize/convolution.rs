//! The 3x3 convolution on real numbers.
//!
//! On whole numbers it is exact as long as the sums stay below [`F32_EXACT`](crate::net::F32_EXACT), so it also gives the
//! accumulators of integer layers.

use rayon::prelude::*;

use crate::net::TAPS;

/// Output channels that are summed at once.
const OUTPUTS: usize = 8;
/// Pixels that are summed at once: with the output channels, as many sums as registers hold.
const PIXELS: usize = 4;

/// Real numbers, `[height, width, channels]`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Maps {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub values: Vec<f32>,
}

impl Maps {
    /// The values of the pixels that are `inset` from each side, `channels` each.
    pub fn inner(&self, inset: usize) -> impl Iterator<Item = &[f32]> {
        let rows = self.values.chunks_exact(self.width * self.channels);
        let columns = inset * self.channels..(self.width - inset) * self.channels;
        let rows = rows.take(self.height - inset).skip(inset);
        rows.flat_map(move |row| row[columns.clone()].chunks_exact(self.channels))
    }
}

/// Weights in the order in which the convolution reads them.
pub(crate) struct Convolution {
    in_channels: usize,
    out_channels: usize,
    /// `[out / 8, tap, in, 8]`.
    weights: Vec<[f32; OUTPUTS]>,
    /// `[out / 8, 8]`.
    bias: Vec<[f32; OUTPUTS]>,
}

impl Convolution {
    /// Of weights `[out, in, 3, 3]` and a bias `[out]`.
    pub fn new(in_channels: usize, weights: &[f32], bias: &[f32]) -> Self {
        let out_channels = bias.len();
        let blocks = out_channels.div_ceil(OUTPUTS);
        let mut packed = vec![[0.0; OUTPUTS]; blocks * TAPS * in_channels];
        for (i, &weight) in weights.iter().enumerate() {
            let (out, input, tap) = (i / TAPS / in_channels, i / TAPS % in_channels, i % TAPS);
            packed[(out / OUTPUTS * TAPS + tap) * in_channels + input][out % OUTPUTS] = weight;
        }
        let bias = bias.chunks(OUTPUTS).map(|chunk| std::array::from_fn(|i| chunk.get(i).copied().unwrap_or(0.0)));
        Self { in_channels, out_channels, weights: packed, bias: bias.collect() }
    }

    /// The sums of all pixels; outside the picture every input is `outside`.
    pub fn apply(&self, input: &Maps, outside: f32) -> Maps {
        let (width, height, inputs, outputs) = (input.width, input.height, self.in_channels, self.out_channels);
        // One pixel more on each side, and so many on the right that blocks of pixels may run over.
        let stride = (width.next_multiple_of(PIXELS) + 2) * inputs;
        let mut padded = vec![outside; (height + 2) * stride];
        for (row, values) in padded.chunks_exact_mut(stride).skip(1).zip(input.values.chunks_exact(width * inputs)) {
            row[inputs..][..width * inputs].copy_from_slice(values);
        }
        let mut values = vec![0.0; height * width * outputs];
        values.par_chunks_exact_mut(width * outputs).enumerate().for_each(|(y, row)| {
            let rows = &padded[y * stride..][..3 * stride];
            for (x, pixels) in row.chunks_mut(PIXELS * outputs).enumerate() {
                let window = &rows[x * PIXELS * inputs..];
                for (block, (weights, bias)) in self.weights.chunks_exact(TAPS * inputs).zip(&self.bias).enumerate() {
                    let sums = block_sums(window, stride, inputs, weights, bias);
                    for (pixel, sums) in pixels.chunks_exact_mut(outputs).zip(sums) {
                        let to = &mut pixel[block * OUTPUTS..];
                        let len = to.len().min(OUTPUTS);
                        to[..len].copy_from_slice(&sums[..len]);
                    }
                }
            }
        });
        Maps { width, height, channels: outputs, values }
    }
}

/// The sums of [`PIXELS`] neighbours; `window` begins with the value above and left of the first.
fn block_sums(
    window: &[f32],
    stride: usize,
    inputs: usize,
    weights: &[[f32; OUTPUTS]],
    bias: &[f32; OUTPUTS],
) -> [[f32; OUTPUTS]; PIXELS] {
    let mut sums = [*bias; PIXELS];
    for (tap, weights) in weights.chunks_exact(inputs).enumerate() {
        let values = &window[tap / 3 * stride + tap % 3 * inputs..][..PIXELS * inputs];
        for (input, weights) in weights.iter().enumerate() {
            for (pixel, sums) in sums.iter_mut().enumerate() {
                let value = values[pixel * inputs + input];
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
            }
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    /// Whole numbers: the order of the sums does not matter.
    #[test]
    fn sums_are_the_definition() {
        let mut random = Random::new(1);
        for (width, height, inputs, outputs) in [(1, 1, 1, 1), (5, 3, 3, 12), (9, 4, 17, 8), (4, 2, 2, 27)] {
            let mut whole =
                |count: usize| -> Vec<f32> { (0..count).map(|_| f32::from(random.byte()) - 90.0).collect() };
            let input = Maps { width, height, channels: inputs, values: whole(width * height * inputs) };
            let (weights, bias, outside) = (whole(outputs * inputs * TAPS), whole(outputs), 7.0);
            let given = Convolution::new(inputs, &weights, &bias).apply(&input, outside);
            assert_eq!((given.width, given.height, given.channels), (width, height, outputs));
            for (i, &sum) in given.values.iter().enumerate() {
                let (x, y, out) = (i / outputs % width, i / outputs / width, i % outputs);
                let mut expected = bias[out];
                for (channel, tap) in (0..inputs).flat_map(|channel| (0..TAPS).map(move |tap| (channel, tap))) {
                    let (row, column) = ((y + tap / 3).wrapping_sub(1), (x + tap % 3).wrapping_sub(1));
                    let inside = row < height && column < width;
                    let value = if inside { input.values[(row * width + column) * inputs + channel] } else { outside };
                    expected += value * weights[(out * inputs + channel) * TAPS + tap];
                }
                assert_eq!(sum, expected, "{width}x{height}, {inputs} to {outputs}, {x} {y} {out}");
            }
        }
    }

    #[test]
    fn the_inside_of_maps_is_without_their_border() {
        let maps = Maps { width: 4, height: 3, channels: 2, values: (0..24u8).map(f32::from).collect() };
        assert_eq!(maps.inner(1).collect::<Vec<_>>(), [[10.0, 11.0], [12.0, 13.0]]);
        assert_eq!(maps.inner(0).count(), 12);
    }
}
