//! Maps of features as plain arrays.

use super::number::Number;
use super::operator::WORD_CHANNELS;
use crate::random::Random;

/// The shape of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
}

impl Shape {
    /// Pixels of the map.
    pub fn pixels(self) -> usize {
        self.width * self.height
    }

    /// Words a pixel, four channels each.
    pub fn words(self) -> usize {
        self.channels.div_ceil(WORD_CHANNELS)
    }
}

/// A map of features, `[height, width, channels]`.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Tensor<N> {
    pub shape: Shape,
    pub values: Vec<N>,
}

impl<N: Number> Tensor<N> {
    /// A map of zeros.
    pub fn zeros(shape: Shape) -> Self {
        Self { shape, values: vec![N::default(); shape.pixels() * shape.channels] }
    }

    /// Random values over the whole range of the type: -1..1, or all codes.
    pub fn random(shape: Shape, random: &mut Random) -> Self {
        let values = (0..shape.pixels() * shape.channels).map(|_| N::random(random)).collect();
        Self { shape, values }
    }

    /// All channels of a pixel.
    pub fn pixel(&self, x: usize, y: usize) -> &[N] {
        let channels = self.shape.channels;
        &self.values[(y * self.shape.width + x) * channels..][..channels]
    }
}
