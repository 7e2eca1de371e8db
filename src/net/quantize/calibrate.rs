//! Integers that keep the net's pictures closest to the float net's, found layer by layer on pieces of pictures.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use rayon::prelude::*;

use super::MOST_BIAS;
use super::codes::Codes;
use super::convolution::Maps;
use super::crop::Crop;
use super::equalise::equalise;
use super::float_net::{FloatLayer, FloatNet, image_maps, reconstruct};
use super::integers::{ScaledLayer, ScaledNet};
use super::least_squares::{Normal, cholesky};
use super::rounding::{Rounded, Rounding};
use crate::image::FINE_STEPS;
use crate::net::{Net, TAPS};
use crate::reference::border;
use crate::{Error, Result};

/// How far channels are equalised; each is tried.
const EXPONENTS: [f64; 2] = [0.5, 0.75];

/// How much further accumulators may reach than those of the pieces do.
const MORE: f64 = 1.5;

/// Most pixels that a layer's weights are fitted to, spread evenly over the inside of all pieces.
const SAMPLES: usize = 16_384;

/// What [`calibrate`] found.
#[derive(Clone, Debug, PartialEq)]
pub struct Calibration {
    /// The integer net.
    pub net: Net,
    /// The real values of codes 0 and 255 of each hidden layer.
    pub ranges: Vec<(f64, f64)>,
    /// Root of the mean squared difference between the two nets' pictures, in 8-bit levels.
    pub rms_error: f64,
}

/// Chooses the integers of all layers so that the integer net's pictures of `crops` differ least from the float net's.
///
/// First the channels of each hidden layer are equalised. Then, layer by layer, the weights are those of least squared
/// error from the codes that the layer really gets to the sums that the float net has there, rounded together; the bias
/// corrects what is left in the mean; and the codes of the result are those of least squared error, weighted by how much
/// the next layer makes of each channel. The same crops always give the same result.
///
/// # Errors
/// [`Error::WeightFile`] without a crop; [`Error::Tensor`] if the float net's values overflow, or integers can't follow
/// them; and as [`Net::new`].
pub fn calibrate(net: &FloatNet, crops: &[Crop], notes: BTreeMap<String, String>) -> Result<Calibration> {
    if crops.iter().map(Crop::pixels).sum::<usize>() == 0 {
        return Err(Error::WeightFile("it can't be calibrated without a picture".to_owned()));
    }
    let pieces = Pieces::new(net, crops);
    let peaks = pieces.peaks(net)?;
    let wanted = pieces.pictures(net)?;
    let mut best: Option<(ScaledNet, u128)> = None;
    for exponent in EXPONENTS {
        let equal = net.with_layers(equalise(net.layers(), &peaks, exponent));
        let (found, residuals) = pieces.fit(&equal)?;
        let error = pieces.error(&pieces.reconstructed(&residuals, net.scale()), &wanted);
        if best.as_ref().is_none_or(|(_, least)| error < *least) {
            best = Some((found, error));
        }
    }
    let (scaled, _) = best.ok_or_else(|| Error::WeightFile("it has no integers".to_owned()))?;
    let net = scaled.net(notes)?;
    // By the reference: what is reported is what engines compute.
    let pictures = pieces.pieces.iter().map(|(crop, samples)| {
        let picture = crop.picture(samples);
        let pixels = crate::reference::within_zeros(&net, picture);
        pieces.inside(&pixels, picture.width, net.scale())
    });
    let pictures: Vec<_> = pictures.collect();
    let samples: usize = pictures.iter().map(Vec::len).sum();
    let rms_error = (pieces.error(&pictures, &wanted) as f64 / samples as f64).sqrt() / f64::from(FINE_STEPS);
    let ranges = scaled.layers[..net.hidden().len()].iter().map(|layer| layer.codes.range());
    Ok(Calibration { ranges: ranges.collect(), net, rms_error })
}

/// What a net is calibrated on.
struct Pieces {
    /// 16 bits: what the net sees is the same, and its result is finer.
    pieces: Vec<(Crop, Vec<u16>)>,
    /// How many pixels along each side of a piece are there for the net to see only.
    inset: usize,
}

impl Pieces {
    fn new(net: &FloatNet, crops: &[Crop]) -> Self {
        let inset = net.border().margin(net.layers().len());
        let crops = crops.iter().map(|crop| crop.extended(inset));
        Self { pieces: crops.map(|crop| (crop.clone(), crop.wide_samples())).collect(), inset }
    }

    /// What the first layer reads.
    fn inputs(&self) -> Vec<Maps> {
        self.pieces.iter().map(|(crop, samples)| image_maps(crop.picture(samples))).collect()
    }

    /// The largest magnitude of each hidden channel, `[hidden layers][out]`.
    fn peaks(&self, net: &FloatNet) -> Result<Vec<Vec<f32>>> {
        let mut maps = self.inputs();
        let mut peaks = Vec::new();
        for (index, layer) in net.hidden().iter().enumerate() {
            maps = activated(layer, sums(index, layer, &maps)?);
            let mut peak = vec![0.0f32; layer.out_channels];
            for pixel in maps.iter().flat_map(|maps| maps.inner(self.inset)) {
                peak.iter_mut().zip(pixel).for_each(|(peak, value)| *peak = peak.max(value.abs()));
            }
            peaks.push(peak);
        }
        Ok(peaks)
    }

    /// The float net's pictures, without the inset.
    fn pictures(&self, net: &FloatNet) -> Result<Vec<Vec<u16>>> {
        let mut maps = self.inputs();
        for (index, layer) in net.hidden().iter().enumerate() {
            maps = activated(layer, sums(index, layer, &maps)?);
        }
        let residuals = sums(net.hidden_layers(), net.last(), &maps)?;
        Ok(self.reconstructed(&residuals, net.scale()))
    }

    fn reconstructed(&self, residuals: &[Maps], scale: usize) -> Vec<Vec<u16>> {
        let pictures = self.pieces.par_iter().zip(residuals).map(|((crop, samples), residuals)| {
            let picture = crop.picture(samples);
            self.inside(&reconstruct(residuals, picture, scale), picture.width, scale)
        });
        pictures.collect()
    }

    /// A piece's picture without the inset; `width` is the piece's.
    fn inside(&self, pixels: &[u16], width: usize, scale: usize) -> Vec<u16> {
        let inset = self.inset * scale;
        border::inner(pixels, width * scale * 3, inset, inset * 3).flatten().copied().collect()
    }

    /// The summed squared difference from the wanted pictures.
    fn error(&self, pictures: &[Vec<u16>], wanted: &[Vec<u16>]) -> u128 {
        let pairs = pictures.iter().flatten().zip(wanted.iter().flatten());
        pairs.map(|(&a, &b)| u128::from(a.abs_diff(b)).pow(2)).sum()
    }

    /// The integers of all layers of an equalised net, and the residuals that they give.
    fn fit(&self, net: &FloatNet) -> Result<(ScaledNet, Vec<Maps>)> {
        let mut float = self.inputs();
        // Less the zero point, so that what is outside the picture is 0.
        let mut codes = float.clone();
        let mut input = Codes::PICTURE;
        let mut layers = Vec::new();
        for (index, layer) in net.layers().iter().enumerate() {
            let wanted = sums(index, layer, &float)?;
            let mut fitted = self.fit_weights(layer, input, &codes, &wanted);
            let given = fitted.real_sums(&codes);
            fitted.reach = Some(self.reach(&fitted, &given));
            if index == net.hidden_layers() {
                fitted.codes = Codes::PICTURE;
                layers.push(fitted);
                return Ok((ScaledNet { scale: net.scale(), layers, border: net.border() }, given));
            }
            float = activated(layer, wanted);
            let given = activated(layer, given);
            let next = &net.layers()[index + 1];
            fitted.codes = self.fit_codes(&given, next, fitted.finest_step());
            input = fitted.codes;
            codes = given;
            codes
                .par_iter_mut()
                .for_each(|maps| maps.values.iter_mut().for_each(|value| *value = input.centred(*value)));
            layers.push(fitted);
        }
        Err(Error::WeightFile("it has no layer".to_owned()))
    }

    /// Weights and bias of a layer that reads these codes and should give these sums.
    fn fit_weights(&self, layer: &FloatLayer, input: Codes, codes: &[Maps], wanted: &[Maps]) -> ScaledLayer {
        let terms = layer.in_channels * TAPS;
        let (mut rows, mut targets) = (Vec::new(), Vec::new());
        for place in self.sampled() {
            window(&codes[place.piece], place.x, place.y, &mut rows);
            let wanted = &wanted[place.piece];
            let at = (place.y * wanted.width + place.x) * wanted.channels;
            targets.extend_from_slice(&wanted.values[at..][..wanted.channels]);
        }
        let normal = Normal::new(&rows, terms, &targets, layer.out_channels);
        let factor = cholesky(&normal.gram, terms);
        let rounding = Rounding::new(&normal.gram, &factor, terms);
        let channels = (0..layer.out_channels).into_par_iter().map(|out| {
            let near: Vec<f64> = layer.channel_weights(out).iter().map(|&w| f64::from(w) * input.step).collect();
            let real = normal.weights(out, &near, &factor);
            let bias = normal.bias(out, real.iter().copied()).abs().max(f64::from(layer.bias[out].abs()));
            let Rounded { weights, scale } = rounding.round(&real, bias / MOST_BIAS);
            let bias = normal.bias(out, weights.iter().map(|&weight| f64::from(weight) * scale));
            #[expect(clippy::cast_possible_truncation, reason = "bounded by MOST_BIAS, twice at most")]
            let bias =
                if scale == 0.0 { 0 } else { (bias / scale).round().clamp(-2.0 * MOST_BIAS, 2.0 * MOST_BIAS) as i32 };
            (weights, bias, scale)
        });
        let channels: Vec<_> = channels.collect();
        ScaledLayer {
            in_channels: layer.in_channels,
            out_channels: layer.out_channels,
            weights: channels.iter().flat_map(|(weights, ..)| weights).copied().collect(),
            bias: channels.iter().map(|&(_, bias, _)| bias).collect(),
            units: channels.iter().map(|&(.., scale)| scale).collect(),
            slopes: layer.slopes.clone(),
            reach: None,
            codes: Codes::PICTURE,
        }
    }

    /// What accumulators are expected to reach: somewhat more than in the pieces.
    fn reach(&self, layer: &ScaledLayer, sums: &[Maps]) -> Vec<RangeInclusive<f64>> {
        let mut ends = vec![(0.0f32, 0.0f32); layer.out_channels];
        for pixel in sums.iter().flat_map(|maps| maps.inner(self.inset)) {
            for ((least, most), &value) in ends.iter_mut().zip(pixel) {
                (*least, *most) = (least.min(value), most.max(value));
            }
        }
        let reach = ends.iter().zip(&layer.units).map(|(&(least, most), &unit)| {
            let unit = if unit > 0.0 { unit } else { 1.0 };
            f64::from(least) / unit * MORE..=f64::from(most) / unit * MORE
        });
        reach.collect()
    }

    /// The codes for these values, which `next` reads.
    fn fit_codes(&self, values: &[Maps], next: &FloatLayer, finest: f64) -> Codes {
        let channels = next.in_channels;
        let mut importance = vec![0.0; channels];
        for (i, &weight) in next.weights.iter().enumerate() {
            importance[i / TAPS % channels] += f64::from(weight).powi(2);
        }
        let mut samples = Vec::new();
        for place in self.sampled() {
            let maps = &values[place.piece];
            samples.extend_from_slice(&maps.values[(place.y * maps.width + place.x) * channels..][..channels]);
        }
        Codes::fit(&samples, &importance, finest)
    }

    /// At most [`SAMPLES`] pixels of the pieces' insides.
    fn sampled(&self) -> impl Iterator<Item = Place> {
        let inset = self.inset;
        let sizes = self.pieces.iter().map(move |(crop, samples)| {
            let picture = crop.picture(samples);
            (picture.width - 2 * inset, picture.height - 2 * inset)
        });
        let sizes: Vec<_> = sizes.collect();
        let all: usize = sizes.iter().map(|(width, height)| width * height).sum();
        let count = all.min(SAMPLES);
        let (mut piece, mut before) = (0, 0);
        (0..count).map(move |index| {
            let at = index * all / count;
            while at - before >= sizes[piece].0 * sizes[piece].1 {
                before += sizes[piece].0 * sizes[piece].1;
                piece += 1;
            }
            let (width, at) = (sizes[piece].0, at - before);
            Place { piece, x: at % width + inset, y: at / width + inset }
        })
    }
}

/// A pixel.
struct Place {
    piece: usize,
    x: usize,
    y: usize,
}

/// Appends the values of the 3x3 window around a pixel, `[in, 3, 3]`, 0 outside the picture.
fn window(maps: &Maps, x: usize, y: usize, to: &mut Vec<f32>) {
    let begin = to.len();
    to.resize(begin + maps.channels * TAPS, 0.0);
    for tap in 0..TAPS {
        let (row, column) = ((y + tap / 3).wrapping_sub(1), (x + tap % 3).wrapping_sub(1));
        if row < maps.height && column < maps.width {
            let values = &maps.values[(row * maps.width + column) * maps.channels..][..maps.channels];
            let places = to[begin + tap..].iter_mut().step_by(TAPS);
            places.zip(values).for_each(|(to, &value)| *to = value);
        }
    }
}

fn sums(index: usize, layer: &FloatLayer, inputs: &[Maps]) -> Result<Vec<Maps>> {
    inputs.iter().map(|maps| layer.convolve(index, maps)).collect()
}

fn activated(layer: &FloatLayer, mut sums: Vec<Maps>) -> Vec<Maps> {
    sums.par_iter_mut().for_each(|maps| layer.activate(maps));
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Image;
    use crate::net::Border;
    use crate::net::quantize::float_net::tests::random_float_net;
    use crate::net::quantize::quantize;
    use crate::random::Random;
    use crate::reference;

    /// A smooth picture with some noise.
    fn crops() -> Vec<Crop> {
        let mut random = Random::new(1);
        let mut sample = |x: u32, y: u32| u8::try_from((x * 3 + y * 2) % 200).unwrap() + random.byte() / 8;
        let pixels = (0..40).flat_map(|y| (0..150).flat_map(move |x| [(x, y), (x + 20, y), (x, y + 40)]));
        let samples: Vec<u8> = pixels.map(|(x, y)| sample(x, y)).collect();
        Crop::choose(&Image::from_rgb8(150, 40, samples).unwrap(), 3).unwrap()
    }

    /// A net with slopes of any sign and size.
    fn random_prelu_net(seed: u64, scale: usize, hidden: &[usize]) -> FloatNet {
        let net = random_float_net(seed, scale, hidden);
        let mut random = Random::new(seed);
        let mut layers = net.layers().to_vec();
        #[expect(clippy::cast_possible_truncation, reason = "any f32 will do")]
        let mut slope = || (random.unit() * 3.0 - 1.4) as f32;
        layers.iter_mut().take(hidden.len()).for_each(|layer| layer.slopes.iter_mut().for_each(|s| *s = slope()));
        net.with_layers(layers)
    }

    /// Root of the mean squared difference from the float net, in levels, as the reference computes it.
    fn rms_error(float: &FloatNet, net: &Net, crops: &[Crop]) -> f64 {
        let (mut squares, mut count) = (0.0, 0.0);
        for crop in crops {
            let samples = crop.wide_samples();
            let picture = crop.picture(&samples);
            for (a, b) in float.run(picture).unwrap().into_iter().zip(reference::run(net, picture)) {
                squares += f64::from(a.abs_diff(b)).powi(2);
                count += 1.0;
            }
        }
        (squares / count).sqrt() / f64::from(FINE_STEPS)
    }

    #[test]
    fn fitted_integers_beat_rounded_weights_and_the_report_is_true() {
        for border in [Border::Zeros, Border::Mirror] {
            let (float, crops) = (random_float_net(4, 2, &[8, 12, 8]).with_border(border), crops());
            let found = calibrate(&float, &crops, BTreeMap::new()).unwrap();
            assert_eq!(found.net.border(), border);
            assert!((rms_error(&float, &found.net, &crops) - found.rms_error).abs() < 1e-9);
            let ranges: Vec<_> = found.ranges.iter().map(|&(_, most)| most).collect();
            let rounded = quantize(&float, &ranges, BTreeMap::new()).unwrap();
            let alone = rms_error(&float, &rounded, &crops);
            assert!(found.rms_error < alone && found.rms_error < 1.5, "{border}: {} {alone}", found.rms_error);
            assert!(found.net.hidden().iter().all(|layer| layer.prelu.is_none()));
        }
    }

    #[test]
    fn nets_with_prelu_of_every_scale_come_close() {
        let crops = crops();
        for (scale, hidden) in [(1, &[6, 9][..]), (2, &[8, 5, 8]), (3, &[12]), (4, &[7, 64])] {
            let float = random_prelu_net(scale as u64, scale, hidden);
            let found = calibrate(&float, &crops, BTreeMap::new()).unwrap();
            assert!(found.net.hidden().iter().all(|layer| layer.prelu.is_some()));
            assert!((rms_error(&float, &found.net, &crops) - found.rms_error).abs() < 1e-9);
            // Random nets of so few channels amplify what is lost.
            assert!(found.rms_error < 3.0, "x{scale}: {}", found.rms_error);
            assert!(found.ranges.iter().any(|&(least, _)| least < 0.0));
        }
    }

    #[test]
    fn the_number_of_threads_does_not_matter() {
        let (net, crops) = (random_prelu_net(6, 2, &[8, 8]), crops());
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| calibrate(&net, &crops, BTreeMap::new()).unwrap())
        };
        assert_eq!(on(1), on(5));
    }

    #[test]
    fn it_needs_pictures_and_finite_values() {
        let net = random_float_net(7, 2, &[8]);
        let reason = |net: &FloatNet, crops: &[Crop]| calibrate(net, crops, BTreeMap::new()).unwrap_err().to_string();
        assert!(reason(&net, &[]).contains("picture"));
        assert!(reason(&net.with_bias(0, vec![f32::MAX; 8]), &crops()).contains("conv.1.weight"));
    }

    #[test]
    fn nets_without_hidden_layers_or_activity_can_be_calibrated() {
        let calibrated = |net: &FloatNet| calibrate(net, &crops(), BTreeMap::new()).unwrap();
        assert!(calibrated(&random_float_net(8, 2, &[])).ranges.is_empty());
        let dead = random_float_net(9, 2, &[4]).with_bias(0, vec![-1e9; 4]);
        assert_eq!(calibrated(&dead).ranges.len(), 1);
        let empty = random_float_net(9, 2, &[4]).with_weights(0, |_| 0.0).with_bias(0, vec![0.0; 4]);
        assert!(calibrated(&empty).rms_error < 1.0);
    }

    #[test]
    fn nets_of_any_magnitude_give_a_net_or_an_error() {
        let crops = &crops()[..1];
        for seed in 0..40 {
            let mut random = Random::new(seed);
            let mut net = random_prelu_net(seed, 2, &[4, 4]);
            for layer in 0..3 {
                #[expect(clippy::cast_possible_truncation, reason = "any f32 will do")]
                let factor = 2f64.powf(random.unit() * 160.0 - 80.0) as f32;
                net = net.with_weights(layer, |weight| weight * factor);
            }
            let _ = calibrate(&net, crops, BTreeMap::new());
        }
    }
}
