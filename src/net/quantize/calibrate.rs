//! Ranges and biases that keep the integer net's pictures closest to the float net's.

use std::collections::BTreeMap;

use rayon::prelude::*;

use super::crop::Crop;
use super::float_net::FloatNet;
use super::{quantize, scales};
use crate::image::FINE_STEPS;
use crate::net::Net;
use crate::reference::border::inner;
use crate::reference::{self, Convolution, Features};
use crate::{Error, Result};

/// By how much a range is changed at a time, in one round of the search after the other.
const RATIOS: [f64; 3] = [0.75, 0.88, 0.95];

/// What [`calibrate`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The float net with corrected biases, to be given to [`quantize`].
    pub net: FloatNet,
    /// The real value of code 255 of each hidden layer, to be given to [`quantize`].
    pub ranges: Vec<f64>,
    /// Root of the mean squared difference between the two nets' pictures, in 8-bit levels.
    pub rms_error: f64,
}

/// Chooses the ranges of the hidden layers and corrects the biases, so that the integer net's pictures of `crops` differ
/// least from the float net's.
///
/// The search begins with the largest activations and changes one range at a time while that helps. A layer's biases are
/// then corrected by the mean error of its accumulators, where that helps. The same crops always give the same result.
///
/// # Errors
/// [`Error::WeightFile`] without a crop; [`Error::Tensor`] if the float net's values overflow; and as [`quantize`].
pub fn calibrate(net: &FloatNet, crops: &[Crop]) -> Result<Calibration> {
    let mut search = Search::new(net, crops)?;
    for ratio in RATIOS {
        search.improve_ranges(ratio)?;
    }
    search.correct_biases()?;
    let rms_error = search.rms_error();
    Ok(Calibration { net: search.net, ranges: search.ranges, rms_error })
}

/// A crop and the float net's picture of it.
struct Piece {
    crop: Crop,
    samples: Vec<u16>,
    wanted: Vec<u16>,
}

/// A search that keeps what lowers the error.
struct Search {
    pieces: Vec<Piece>,
    /// How many pixels along each side of a piece are there for the net to see only.
    inset: usize,
    /// Input pixels of all pieces but those.
    pixels: usize,
    /// `[layers][out]`: mean of the float net's values before the ReLU.
    means: Vec<Vec<f64>>,
    net: FloatNet,
    ranges: Vec<f64>,
    /// The error of `net` with `ranges`.
    best: u128,
}

impl Search {
    /// Where the search begins: the float net as it is, and its largest activations.
    fn new(net: &FloatNet, crops: &[Crop]) -> Result<Self> {
        let pixels: usize = crops.iter().map(Crop::pixels).sum();
        if pixels == 0 {
            return Err(Error::WeightFile("it can't be calibrated without a picture".to_owned()));
        }
        let inset = net.border().margin(net.layers().len());
        let crops: Vec<_> = crops.iter().map(|crop| crop.extended(inset)).collect();
        let samples: Vec<_> = crops.iter().map(Crop::wide_samples).collect();
        let runs = crops.par_iter().zip(&samples).map(|(crop, samples)| net.run(crop.picture(samples), inset));
        // From here on in the crops' order: a sum of floats must not depend on the threads.
        let runs = runs.collect::<Result<Vec<_>>>()?;
        let peaks = (0..net.hidden_layers()).map(|layer| runs.iter().map(|run| run.peaks[layer]).fold(0.0, f32::max));
        // A layer that never was active may have any range.
        let ranges = peaks.map(|peak| if peak > 0.0 { peak.into() } else { 1.0 }).collect();
        let mean = |layer: usize, out: usize| runs.iter().map(|run| run.sums[layer][out]).sum::<f64>() / pixels as f64;
        let layers = net.layers().iter().enumerate();
        let means =
            layers.map(|(index, layer)| (0..layer.out_channels).map(|out| mean(index, out)).collect()).collect();
        let pieces = crops.into_iter().zip(samples).zip(runs);
        let pieces = pieces.map(|((crop, samples), run)| Piece { crop, samples, wanted: run.pixels }).collect();
        let mut search = Self { pieces, inset, pixels, means, net: net.clone(), ranges, best: 0 };
        search.best = search.error(&search.integers(&search.ranges)?, 0, &search.inputs());
        Ok(search)
    }

    /// Root of the mean squared difference between the two nets' pictures, in 8-bit levels.
    fn rms_error(&self) -> f64 {
        let samples = self.pixels * 3 * self.net.scale().pow(2);
        (self.best as f64 / samples as f64).sqrt() / f64::from(FINE_STEPS)
    }

    fn integers(&self, ranges: &[f64]) -> Result<Net> {
        quantize(&self.net, ranges, BTreeMap::new())
    }

    /// What the first layer reads, for each piece.
    fn inputs(&self) -> Vec<Features> {
        self.pieces.iter().map(|piece| Features::of_image(piece.crop.picture(&piece.samples))).collect()
    }

    /// The summed squared difference between the two nets' pictures, from what the integer net's layer `first` reads.
    fn error(&self, net: &Net, first: usize, inputs: &[Features]) -> u128 {
        let errors = self.pieces.par_iter().zip(inputs).map(|(piece, input)| {
            let hidden = &net.hidden()[first..];
            let features = hidden.iter().fold(input.clone(), |features, layer| reference::hidden(&features, layer));
            let picture = piece.crop.picture(&piece.samples);
            let pixels = reference::last(&features, net.last(), picture, net.scale());
            let (row_len, inset) = (picture.width * 3 * net.scale(), self.inset * net.scale());
            let inner = |pixels| inner(pixels, row_len, inset, inset * 3).flatten();
            let squares = inner(&pixels).zip(inner(&piece.wanted)).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2));
            u128::from(squares.sum::<u64>())
        });
        errors.sum()
    }

    /// What the layer after `layer` reads, from what this one reads.
    fn advance(&self, layer: usize, inputs: &[Features]) -> Result<Vec<Features>> {
        let net = self.integers(&self.ranges)?;
        Ok(inputs.iter().map(|input| reference::hidden(input, &net.hidden()[layer])).collect())
    }

    /// Changes the ranges, one after the other, by `ratio` or its inverse as long as that helps.
    fn improve_ranges(&mut self, ratio: f64) -> Result<()> {
        let mut inputs = self.inputs();
        for layer in 0..self.ranges.len() {
            for ratio in [ratio, 1.0 / ratio] {
                loop {
                    let mut ranges = self.ranges.clone();
                    ranges[layer] *= ratio;
                    let error = self.error(&self.integers(&ranges)?, layer, &inputs);
                    if error >= self.best {
                        break;
                    }
                    (self.best, self.ranges) = (error, ranges);
                }
            }
            inputs = self.advance(layer, &inputs)?;
        }
        Ok(())
    }

    /// Corrects the biases of one layer after the other, where that helps.
    fn correct_biases(&mut self) -> Result<()> {
        let mut inputs = self.inputs();
        for layer in 0..=self.ranges.len() {
            let net = self.net.with_bias(layer, self.corrected_bias(layer, &inputs)?);
            let error = self.error(&quantize(&net, &self.ranges, BTreeMap::new())?, layer, &inputs);
            if error < self.best {
                (self.best, self.net) = (error, net);
            }
            if layer < self.ranges.len() {
                inputs = self.advance(layer, &inputs)?;
            }
        }
        Ok(())
    }

    /// A layer's bias, less the mean error of its accumulators.
    fn corrected_bias(&self, layer: usize, inputs: &[Features]) -> Result<Vec<f32>> {
        let integers = &self.integers(&self.ranges)?.layers()[layer].clone();
        let units = &scales(&self.net, &self.ranges)?[layer].units;
        let convolution = Convolution::new(integers);
        let mut sums = vec![0i64; units.len()];
        for input in inputs {
            let mut row = vec![0; input.width * units.len()];
            for y in self.inset..input.height - self.inset {
                convolution.convolve_row(input, y, &mut row);
                let (inset, pixels) = (self.inset, input.width - 2 * self.inset);
                for acc in row.chunks_exact(units.len()).skip(inset).take(pixels) {
                    sums.iter_mut().zip(acc).for_each(|(sum, &acc)| *sum += i64::from(acc));
                }
            }
        }
        let bias = &self.net.layers()[layer].bias;
        let corrected = bias.iter().zip(&sums).zip(units).zip(&self.means[layer]);
        #[expect(clippy::cast_possible_truncation, reason = "a bias is an f32")]
        let corrected =
            corrected.map(|(((bias, &sum), unit), mean)| bias + (mean - sum as f64 * unit / self.pixels as f64) as f32);
        Ok(corrected.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Image;
    use crate::net::Border;
    use crate::net::quantize::float_net::tests::random_float_net;
    use crate::random::Random;

    /// A smooth picture with some noise.
    fn crops() -> Vec<Crop> {
        let mut random = Random::new(1);
        let mut sample = |x: u32, y: u32| u8::try_from((x * 3 + y * 2) % 200).unwrap() + random.byte() / 8;
        let pixels = (0..40).flat_map(|y| (0..150).flat_map(move |x| [(x, y), (x + 20, y), (x, y + 40)]));
        let samples: Vec<u8> = pixels.map(|(x, y)| sample(x, y)).collect();
        Crop::choose(&Image::from_rgb8(150, 40, samples).unwrap(), 3).unwrap()
    }

    #[test]
    fn the_search_beats_the_largest_activations() {
        let (net, crops) = (random_float_net(4, 2, &[8, 12, 8]), crops());
        let begin = Search::new(&net, &crops).unwrap();
        let found = calibrate(&net, &crops).unwrap();
        assert!(found.rms_error < begin.rms_error(), "{} {}", found.rms_error, begin.rms_error());
        assert!(found.rms_error < 2.0, "{}", found.rms_error);
        assert_ne!(found.ranges, begin.ranges);
        // What it reports is the error of the net that its result gives.
        let net = quantize(&found.net, &found.ranges, BTreeMap::new()).unwrap();
        let error = begin.error(&net, 0, &begin.inputs());
        assert_eq!(Search { best: error, ..begin }.rms_error(), found.rms_error);
    }

    #[test]
    fn a_shifted_bias_is_corrected() {
        let (net, crops) = (random_float_net(5, 3, &[8, 8]), crops());
        for layer in 0..3 {
            let mut search = Search::new(&net, &crops).unwrap();
            let bias = net.layers()[layer].bias.clone();
            search.net = net.with_bias(layer, bias.iter().map(|bias| bias + 9.0).collect());
            search.best = search.error(&search.integers(&search.ranges).unwrap(), 0, &search.inputs());
            let shifted = search.rms_error();
            search.correct_biases().unwrap();
            assert!(search.rms_error() < shifted / 2.0, "layer {layer}: {} {shifted}", search.rms_error());
            let corrected = &search.net.layers()[layer].bias;
            let left = corrected.iter().zip(&bias).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(left < 2.0, "layer {layer}: {left}");
        }
    }

    /// What the mirrored pixels around a crop see of the zeros beyond them must not count: with more of them nothing changes.
    #[test]
    fn a_net_that_mirrors_is_calibrated_on_mirrored_crops() {
        let (net, crops) = (random_float_net(10, 2, &[8, 8]).with_border(Border::Mirror), crops());
        let search = Search::new(&net, &crops).unwrap();
        assert_eq!(search.pixels, crops.iter().map(Crop::pixels).sum::<usize>());
        assert_ne!(search.ranges, Search::new(&net.clone().with_border(Border::Zeros), &crops).unwrap().ranges);
        let integers = search.integers(&search.ranges).unwrap();
        let (wide, mut error) = (10, 0);
        for (crop, piece) in crops.iter().zip(&search.pieces) {
            let crop = crop.extended(wide);
            let samples = crop.wide_samples();
            let float = net.run(crop.picture(&samples), wide).unwrap();
            assert!(search.ranges.iter().zip(&float.peaks).all(|(&range, &peak)| range >= peak.into()));
            let picture = crop.picture(&samples);
            let inside = |pixels| inner(pixels, picture.width * 6, wide * 2, wide * 6).flatten().copied().collect();
            let (wanted, given): (Vec<_>, Vec<_>) =
                (inside(&float.pixels), inside(&reference::run(&integers, picture)));
            let squares = wanted.iter().zip(&given).map(|(&a, &b): (&u16, &u16)| u128::from(a.abs_diff(b)).pow(2));
            error += squares.sum::<u128>();
            assert_ne!(float.pixels.len(), piece.wanted.len());
        }
        assert_eq!(search.best, error);
    }

    #[test]
    fn the_number_of_threads_does_not_matter() {
        let (net, crops) = (random_float_net(6, 2, &[8, 8]), crops());
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| calibrate(&net, &crops).unwrap())
        };
        assert_eq!(on(1), on(5));
    }

    #[test]
    fn it_needs_pictures_and_finite_values() {
        let net = random_float_net(7, 2, &[8]);
        assert!(calibrate(&net, &[]).unwrap_err().to_string().contains("picture"));
        let huge = net.with_bias(0, vec![f32::MAX; 8]);
        assert!(calibrate(&huge, &crops()).unwrap_err().to_string().contains("conv.1.weight"));
    }

    #[test]
    fn a_net_without_hidden_layers_or_activity_can_be_calibrated() {
        assert!(calibrate(&random_float_net(8, 2, &[]), &crops()).unwrap().ranges.is_empty());
        let net = random_float_net(9, 2, &[4]);
        let dead = net.with_bias(0, vec![-1e9; 4]);
        assert_eq!(calibrate(&dead, &crops()).unwrap().ranges.len(), 1);
    }
}
