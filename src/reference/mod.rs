//! The specification of the network as the shortest code that computes it, on unpacked data.
//!
//! Every engine must give these bytes. One file a stage, named as the stage's shader is.

pub(crate) mod border;
mod conv3x3;
#[cfg(test)]
pub(crate) mod planar;
pub(crate) mod reconstruct;
#[cfg(test)]
pub(crate) mod reduction;
pub(crate) mod requantise;

pub(crate) use conv3x3::Convolution;

use rayon::prelude::*;

use crate::frame::Rgb;
use crate::image::Sample;
use crate::net::{Layer, Net};

/// The codes between two layers, 0..=255, `[height, width, channels]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Features {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    /// The code outside the picture.
    pub zero_point: u8,
    pub codes: Vec<u8>,
}

impl Features {
    /// The first layer's input: the picture is its own code.
    pub fn of_image<S: Sample>(rgb: Rgb<S>) -> Self {
        let codes = rgb.samples.iter().map(|sample| sample.to_u8()).collect();
        Self { width: rgb.width, height: rgb.height, channels: 3, zero_point: 0, codes }
    }
}

/// A hidden layer: convolution, ReLU or PReLU, and requantisation.
pub(crate) fn hidden(input: &Features, layer: &Layer) -> Features {
    let (width, channels) = (input.width, layer.out_channels);
    let convolution = Convolution::new(layer);
    let mut codes = vec![0; input.height * width * channels];
    codes.par_chunks_mut(width * channels).enumerate().for_each_init(
        || vec![0; width * channels],
        |acc, (y, row)| {
            convolution.convolve_row(input, y, acc);
            requantise::codes(acc, layer, row);
        },
    );
    Features { width, height: input.height, channels, zero_point: layer.zero_point(), codes }
}

/// The last layer: convolution, residual, anchor, pixel shuffle and clip; `[scale*height, scale*width, 3]`.
pub(crate) fn last<S: Sample>(input: &Features, layer: &Layer, rgb: Rgb<S>, scale: usize) -> Vec<S> {
    let width = input.width;
    let convolution = Convolution::new(layer);
    let mut pixels = vec![S::default(); input.height * width * layer.out_channels];
    // One row of input pixels becomes `scale` rows of output pixels.
    pixels.par_chunks_mut(width * layer.out_channels).enumerate().for_each_init(
        || vec![0; width * layer.out_channels],
        |acc, (y, rows)| {
            convolution.convolve_row(input, y, acc);
            requantise::residuals::<S>(acc, layer);
            reconstruct::rows(acc, rgb.row(0, y, width), scale, rows);
        },
    );
    pixels
}

/// The whole network on one picture, `[height, width, 3]` to `[scale*height, scale*width, 3]`.
pub(crate) fn run<S: Sample>(net: &Net, rgb: Rgb<S>) -> Vec<S> {
    let (margin, scale) = (net.margin(), net.scale());
    if margin == 0 {
        return within_zeros(net, rgb);
    }
    let samples = border::extended(rgb, margin);
    let [width, height] = [rgb.width, rgb.height].map(|side| side + 2 * margin);
    let upscaled = within_zeros(net, Rgb { width, height, samples: &samples });
    border::inner(&upscaled, width * scale * 3, margin * scale, margin * scale * 3).flatten().copied().collect()
}

/// The same where all that is outside the picture is zero: in each layer the zero point.
pub(crate) fn within_zeros<S: Sample>(net: &Net, rgb: Rgb<S>) -> Vec<S> {
    let features = net.hidden().iter().fold(Features::of_image(rgb), |features, layer| hidden(&features, layer));
    last(&features, net.last(), rgb, net.scale())
}
