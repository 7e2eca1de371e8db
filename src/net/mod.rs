//! The integer network: layers, their parameters, and the proof that no step leaves 32 bits.
//!
//! [`Net::read`] and [`Net::write`] are its safetensors form, [`quantize`] makes one from float weights.

mod check;
mod file;
pub mod quantize;
pub(crate) mod random;
mod tensors;

pub use file::{FORMAT, SCHEME, VERSION};
pub use tensors::MAX_FILE_BYTES;

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::Result;

/// The net that ships with abpn: ABPN x3, [`Net::read`] takes it.
pub const ABPN_X3: &[u8] = include_bytes!("../../weights/abpn_x3.safetensors");

/// Most channels of a layer.
pub const MAX_CHANNELS: usize = 64;
/// Most layers of a net.
pub const MAX_LAYERS: usize = 64;
/// Taps of a 3x3 window.
pub const TAPS: usize = 9;

/// One 3x3 convolution with its requantisation; each vector but `weights` has one entry an output channel.
///
/// A hidden layer turns the accumulator `acc` into a code `q`, 0..=255:
///
/// ```text
/// a = clamp(acc, 0, limit) >> pre
/// q = (a * mul + (1 << (post - 1))) >> post
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
    /// The accumulator is clamped to it: where the result saturates.
    pub limit: Vec<u32>,
    /// Right shift that brings the clamped accumulator below 2^16.
    pub pre: Vec<u8>,
    /// Multiplier.
    pub mul: Vec<u16>,
    /// Right shift after the multiplication, 1..=31; in the last layer 9..=31.
    pub post: Vec<u8>,
}

impl Layer {
    /// The weight of output channel `out` for input channel `input` at row `tap / 3`, column `tap % 3` of the window.
    pub fn weight(&self, out: usize, input: usize, tap: usize) -> i8 {
        self.weights[(out * self.in_channels + input) * TAPS + tap]
    }

    /// Multiply-accumulates an input pixel.
    pub fn macs_per_pixel(&self) -> u64 {
        self.weights.len() as u64
    }

    /// The least and the largest accumulator that output channel `out` can reach with input codes 0..=255.
    pub fn acc_range(&self, out: usize) -> RangeInclusive<i64> {
        let weights = &self.weights[out * self.in_channels * TAPS..][..self.in_channels * TAPS];
        let sum = |sign: i64| weights.iter().map(|&w| (sign * i64::from(w)).max(0)).sum::<i64>() * sign * 255;
        let bias = i64::from(self.bias[out]);
        bias + sum(-1)..=bias + sum(1)
    }
}

/// An integer network: hidden layers with ReLU, a last linear layer, anchor, pixel shuffle and clip.
///
/// It can only be made by checks that prove its arithmetic to stay within 32 bits, so every engine may rely on that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Net {
    scale: usize,
    layers: Vec<Layer>,
    /// Free entries of the file's metadata: provenance, license and the like.
    notes: BTreeMap<String, String>,
}

impl Net {
    /// A net of the given layers: the first has 3 input channels, the last `3 * scale * scale` output channels.
    ///
    /// `notes` are free metadata for people: `provenance` and `license` are the ones that abpn prints.
    ///
    /// # Errors
    /// [`Error::Tensor`](crate::Error::Tensor) names the first tensor whose shape or values are not fit to run and says
    /// why; [`Error::WeightFile`](crate::Error::WeightFile) if the scale is not 2, 3 or 4, the number of layers not
    /// 1 to [`MAX_LAYERS`], or the notes exceed 64 KiB or use a name of the file format.
    pub fn new(scale: usize, layers: Vec<Layer>, notes: BTreeMap<String, String>) -> Result<Self> {
        check::net(scale, &layers)?;
        check::notes(&notes)?;
        Ok(Self { scale, layers, notes })
    }

    /// How many times larger the output is along each axis: 2, 3 or 4.
    pub fn scale(&self) -> usize {
        self.scale
    }

    /// All layers, at least one.
    pub fn layers(&self) -> &[Layer] {
        &self.layers
    }

    /// The layers before the last, each followed by a ReLU.
    pub fn hidden(&self) -> &[Layer] {
        &self.layers[..self.layers.len() - 1]
    }

    /// The last layer, which gives the residual.
    pub fn last(&self) -> &Layer {
        &self.layers[self.layers.len() - 1]
    }

    /// Free metadata: `provenance`, `license` and the like.
    pub fn notes(&self) -> &BTreeMap<String, String> {
        &self.notes
    }

    /// How far a result pixel sees, in input pixels: one a layer.
    pub fn halo(&self) -> usize {
        self.layers.len()
    }

    /// Weights and biases, as papers count them.
    pub fn parameters(&self) -> usize {
        self.layers.iter().map(|layer| layer.weights.len() + layer.bias.len()).sum()
    }

    /// Multiply-accumulates an input pixel.
    pub fn macs_per_pixel(&self) -> u64 {
        self.layers.iter().map(Layer::macs_per_pixel).sum()
    }
}
