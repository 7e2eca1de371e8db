//! The integer network: layers, their parameters, and the proof that no step leaves 32 bits.
//!
//! [`Net::read`] and [`Net::write`] are its safetensors form, [`quantize`] makes one from float weights.

pub(crate) mod border;
mod built_in;
mod check;
mod file;
pub mod import;
pub mod quantize;
pub(crate) mod random;
mod tensors;

pub use border::Border;
pub use built_in::{ABPN_X2, ABPN_X3, ABPN_X4, BUILT_IN, BuiltIn, Degradation, built_in};
pub use file::{FORMAT, PRELU_SCHEME, SCHEME, VERSION};
pub use tensors::MAX_FILE_BYTES;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::{Error, Result};

/// Most channels of a layer.
pub const MAX_CHANNELS: usize = 64;
/// Most layers of a net.
pub const MAX_LAYERS: usize = 64;
/// Every integer up to this magnitude is an f32: 2^24.
pub const F32_EXACT: u64 = 1 << 24;
/// Taps of a 3x3 window.
pub const TAPS: usize = 9;

/// One 3x3 convolution with its requantisation; each vector but `weights` has one entry an output channel.
///
/// The accumulator is `acc = bias + sum(weight * code)` over the window, in i32. Codes are 0..=255; outside the picture a
/// code is the zero point `z` of the layer before, the code of the real number 0: that of its [`Prelu`], 0 without one and
/// for the picture itself. A code `q` stands for a multiple of `q - z`: the bias holds `-z * sum(weight)` beside the real
/// bias, so that nothing is taken off the codes.
///
/// A hidden layer without [`Prelu`] has a ReLU. It turns the accumulator into a code `q`:
///
/// ```text
/// a = clamp(acc, 0, limit) >> pre
/// q = (a * mul + (1 << (post - 1))) >> post
/// ```
///
/// One with [`Prelu`] has a multiplier for each sign of the accumulator, and its own zero point `z`. Whatever the accumulator
/// is, all of it fits an i32, and `a`, `mul` and `mul_negative` an i16:
///
/// ```text
/// a = clamp(acc >> pre, -2^15, 2^15 - 1)
/// m = mul if a >= 0, else mul_negative
/// q = clamp((a * m + (z << post) + (1 << (post - 1))) >> post, 0, 255)
/// ```
///
/// The last layer turns it into a residual `r` in levels of an 8-bit sample. With `p` below, 8-bit pictures take the
/// first form; 16-bit pictures the second, which is exactly `257 * p / 2^post` rounded:
///
/// ```text
/// p = (clamp(acc, -limit, limit) >> pre) * mul
/// r   = (p + (1 << (post - 1))) >> post
/// r16 = (p + (p >> 8) + (1 << (post - 9))) >> (post - 8)
/// ```
///
/// All shifts are arithmetic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layer {
    /// Input channels, 1 to [`MAX_CHANNELS`].
    pub in_channels: usize,
    /// Output channels, 1 to [`MAX_CHANNELS`].
    pub out_channels: usize,
    /// Weights, `[out, in, 3, 3]`, -127..=127.
    pub weights: Vec<i8>,
    /// Bias, in units of the accumulator.
    pub bias: Vec<i32>,
    /// The accumulator is clamped to it: where the result saturates. None, not one a channel, with [`Layer::prelu`].
    pub limit: Vec<u32>,
    /// Right shift, 0..=31, that brings the accumulator to 16 bits: once it is clamped below 2^16, or with [`Layer::prelu`]
    /// the part of it that matters to -2^15..2^15.
    pub pre: Vec<u8>,
    /// Multiplier; with [`Layer::prelu`] below 2^15.
    pub mul: Vec<u16>,
    /// Right shift after the multiplication, 1..=31; in the last layer 9..=31, with [`Layer::prelu`] 1..=22.
    pub post: Vec<u8>,
    /// What a hidden layer may have instead of a ReLU.
    pub prelu: Option<Prelu>,
}

/// A parametric ReLU: accumulators below 0 have a multiplier of their own, of either sign, and 0 needn't be the least code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prelu {
    /// Multiplier of accumulators below 0, -32767..=32767, one an output channel: the slope times [`Layer::mul`].
    pub mul_negative: Vec<i16>,
    /// The code of the real number 0 in what the layer gives.
    pub zero_point: u8,
}

impl Layer {
    /// One with one input channel, all weights 0 and this requantisation of its one output channel.
    #[cfg(test)]
    pub(crate) fn of_one_channel(limit: u32, pre: u8, mul: u16, post: u8) -> Self {
        Self {
            in_channels: 1,
            out_channels: 1,
            weights: vec![0; TAPS],
            bias: vec![0],
            limit: vec![limit],
            pre: vec![pre],
            mul: vec![mul],
            post: vec![post],
            prelu: None,
        }
    }

    /// The code of the real number 0 in what a hidden layer gives.
    pub fn zero_point(&self) -> u8 {
        self.prelu.as_ref().map_or(0, |prelu| prelu.zero_point)
    }

    /// The weight of output channel `out` for input channel `input` at row `tap / 3`, column `tap % 3` of the window.
    pub fn weight(&self, out: usize, input: usize, tap: usize) -> i8 {
        self.weights[(out * self.in_channels + input) * TAPS + tap]
    }

    /// Weights and biases, as papers count them.
    pub fn parameters(&self) -> usize {
        self.weights.len() + self.bias.len()
    }

    /// Multiply-accumulates an input pixel.
    pub fn macs_per_pixel(&self) -> u64 {
        self.weights.len() as u64
    }

    /// The least and the largest accumulator that output channel `out` can reach with input codes 0..=255.
    pub fn acc_range(&self, out: usize) -> RangeInclusive<i64> {
        let weights = self.channel_weights(out).iter().map(|&weight| i64::from(weight));
        let bias = i64::from(self.bias[out]);
        let least = weights.clone().filter(|&weight| weight < 0).sum::<i64>();
        let most = weights.filter(|&weight| weight > 0).sum::<i64>();
        bias + 255 * least..=bias + 255 * most
    }

    /// The largest magnitude that an accumulator of this layer can reach.
    pub fn worst_accumulator(&self) -> u64 {
        (0..self.out_channels)
            .flat_map(|out| {
                let range = self.acc_range(out);
                [range.start().unsigned_abs(), range.end().unsigned_abs()]
            })
            .max()
            .unwrap_or(0)
    }

    /// Whether f32 adds up `weight * (code - 128)` exactly, in any order: no sum of some of these products reaches
    /// [`F32_EXACT`]. The bias, with 128 times the weights' sum folded in, is added to it as an integer.
    pub fn is_exact_in_f32(&self) -> bool {
        let magnitudes =
            |out| self.channel_weights(out).iter().map(|&weight| u64::from(weight.unsigned_abs())).sum::<u64>();
        (0..self.out_channels).all(|out| 128 * magnitudes(out) < F32_EXACT)
    }

    /// The weights of output channel `out`, `[in, 3, 3]`.
    fn channel_weights(&self, out: usize) -> &[i8] {
        let len = self.in_channels * TAPS;
        &self.weights[out * len..][..len]
    }
}

/// An integer network: hidden layers with ReLU or PReLU, a last linear layer, anchor, pixel shuffle and clip.
///
/// It can only be made by checks that prove its arithmetic to stay within 32 bits, so every engine may rely on that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    scale: usize,
    layers: Vec<Layer>,
    border: Border,
    /// Free entries of the file's metadata: provenance, license and the like.
    notes: BTreeMap<String, String>,
}

impl Net {
    /// A net of the given layers: the first has 3 input channels, the last `3 * scale * scale` output channels.
    ///
    /// `notes` are free metadata for people: `provenance` and `license` are the ones that abpn prints.
    ///
    /// # Errors
    /// [`Error::Tensor`] names the first tensor whose shape or values are not fit to run and says
    /// why; [`Error::WeightFile`] if the scale is not 1 to 4, the number of layers not
    /// 1 to [`MAX_LAYERS`], or the notes exceed 64 KiB or use a name of the file format.
    pub fn new(scale: usize, layers: Vec<Layer>, notes: BTreeMap<String, String>) -> Result<Self> {
        check::net(scale, &layers)?;
        file::check_notes(&notes)?;
        Ok(Self { scale, layers, border: Border::default(), notes })
    }

    /// This net with another border; [`Net::new`] gives it zeros.
    #[must_use]
    pub fn with_border(mut self, border: Border) -> Self {
        self.border = border;
        self
    }

    /// How many times larger the output is along each axis: 1 to 4.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// All layers, at least one.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layers before the last, each followed by a ReLU or PReLU.
    pub fn hidden(&self) -> &[Layer] {
        &self.layers[..self.layers.len() - 1]
    }

    /// The last layer, which gives the residual.
    pub fn last(&self) -> &Layer {
        &self.layers[self.layers.len() - 1]
    }

    /// Whether a hidden layer has PReLU.
    pub(crate) fn has_prelu(&self) -> bool {
        self.layers.iter().any(|layer| layer.prelu.is_some())
    }

    /// This net with its residual times `strength`, 0 to 1: 0 gives the anchor alone, which is enlargement by nearest
    /// neighbour, 1 the net as it is.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if it is anything else.
    pub fn with_strength(mut self, strength: f64) -> Result<Self> {
        if !(0.0..=1.0).contains(&strength) {
            return Err(Error::Unsupported(format!("a strength of {strength}: it is a number from 0 to 1")));
        }
        let last = self.layers.len() - 1;
        for mul in &mut self.layers[last].mul {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most what it was")]
            let weaker = (f64::from(*mul) * strength).round() as u16;
            *mul = weaker;
        }
        Ok(self)
    }

    /// What it sees outside the picture.
    pub fn border(&self) -> Border {
        self.border
    }

    /// Free metadata: `provenance`, `license` and the like.
    pub fn notes(&self) -> &BTreeMap<String, String> {
        &self.notes
    }

    /// How far a result pixel sees, in input pixels: one a layer.
    pub fn halo(&self) -> usize {
        self.layers.len()
    }

    /// How far it reads the picture beyond each border.
    pub(crate) fn margin(&self) -> usize {
        self.border.margin(self.halo())
    }

    /// Weights and biases, as papers count them.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(Layer::parameters).sum()
    }

    /// Multiply-accumulates an input pixel.
    pub fn macs_per_pixel(&self) -> u64 {
        self.layers.iter().map(Layer::macs_per_pixel).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::random::random_prelu_net;
    use crate::frame::Rgb;
    use crate::random::Random;
    use crate::reference;

    #[test]
    fn strength_scales_the_residual_down_to_nothing() {
        let net = random_prelu_net(1, 2, &[6]).unwrap();
        let mut random = Random::new(1);
        let (width, height) = (9, 7);
        // So dark and so bright that hardly anything is clipped.
        let samples: Vec<u16> = (0..width * height * 3).map(|_| 0x6000 + u16::from(random.byte()) * 64).collect();
        let rgb = Rgb { width, height, samples: &samples };
        let run = |strength: f64| reference::run(&net.clone().with_strength(strength).unwrap(), rgb);
        assert_eq!(run(1.0), reference::run(&net, rgb));
        let anchor = run(0.0);
        for (i, &sample) in anchor.iter().enumerate() {
            let (x, y) = (i / 3 % (2 * width), i / 3 / (2 * width));
            assert_eq!(sample, samples[(y / 2 * width + x / 2) * 3 + i % 3]);
        }
        let (whole, quarter) = (run(1.0), run(0.25));
        let mut compared = 0;
        for ((&anchor, &whole), &quarter) in anchor.iter().zip(&whole).zip(&quarter) {
            if (1..u16::MAX).contains(&whole) {
                let [of_whole, of_quarter] = [whole, quarter].map(|sample| f64::from(sample) - f64::from(anchor));
                assert!((of_whole / 4.0 - of_quarter).abs() <= 2.0, "{of_whole} {of_quarter}");
                compared += 1;
            }
        }
        assert!(compared * 2 > whole.len(), "{compared}");
        for wrong in [-0.1, 1.1, f64::NAN, f64::INFINITY] {
            assert!(net.clone().with_strength(wrong).unwrap_err().to_string().contains("0 to 1"));
        }
    }
}
