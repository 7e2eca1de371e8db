//! The two kinds of numbers that operators compute with.
//!
//! int8 codes are signed with zero point 0. What an operator does with them is defined here, and only here.

use std::fmt::Debug;

use super::layout::requantisation_words;
use crate::random::Random;

/// Single precision or 8-bit integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Precision {
    /// Single precision.
    F32,
    /// Signed 8-bit codes, four channels a word.
    Int8,
}

impl Precision {
    /// Both.
    pub const ALL: [Self; 2] = [Self::F32, Self::Int8];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::Int8 => "int8",
        }
    }

    /// Bytes of four channels of a pixel.
    pub fn word_bytes(self) -> u64 {
        match self {
            Self::F32 => 16,
            Self::Int8 => 4,
        }
    }
}

/// Slope of the leaky ReLU in 1/128: 0.05 as IDN's and IMDN's, as near as int8 comes.
pub(super) const LEAKY_SLOPE_128: i8 = 6;
/// Scales of the two maps that an int8 addition joins, in 1 / 2^[`ADD_SHIFT`] of the sum's.
pub(super) const ADD_SCALES: [i32; 2] = [14_746, 22_118];
/// See [`ADD_SCALES`].
pub(super) const ADD_SHIFT: u32 = 15;
/// Codes of an int8 sigmoid's input a unit; its output is in 1/256, stored minus 128.
const SIGMOID_CODES: f64 = 16.0;

/// Requantisation of a channel of an int8 convolution: `(clamp(acc, -limit, limit) >> pre) * mul`, rounded, `>> post`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Requantisation {
    pub bias: i32,
    pub limit: i32,
    pub pre: u32,
    pub mul: i32,
    pub post: u32,
}

/// What an operator can do with a number.
pub(super) trait Number: Copy + Default + Debug + PartialEq + Send + Sync + 'static {
    const PRECISION: Precision;
    /// A sum of products.
    type Sum: Copy + Send + Sync;
    /// What becomes of an output channel's sum.
    type Channel: Copy + Send + Sync;

    fn random(random: &mut Random) -> Self;
    /// A weight of a sum of `terms` products.
    fn random_weight(random: &mut Random, terms: usize) -> Self;
    fn random_channel(random: &mut Random, terms: usize) -> Self::Channel;

    fn add(self, other: Self) -> Self;
    fn multiply(self, other: Self) -> Self;
    fn leaky_slope() -> Self;
    /// `self` where it is positive, else `self` times `slope`.
    fn prelu(self, slope: Self) -> Self;
    fn sigmoid(self) -> Self;
    fn maximum(self, other: Self) -> Self;
    fn average(four: [Self; 4]) -> Self;
    /// The number itself.
    fn real(self) -> f32;
    /// Times a factor in 0..1.
    fn gated(self, gate: f32) -> Self;
    /// A finished pixel of a residual.
    fn plus_anchor(self, anchor: Self) -> Self;

    fn begin(channel: &Self::Channel) -> Self::Sum;
    fn plus_product(sum: Self::Sum, value: Self, weight: Self) -> Self::Sum;
    fn finish(sum: Self::Sum, channel: &Self::Channel) -> Self;
    /// A sum over values with weights along x and along y, both in 1/128.
    fn interpolate(terms: impl Iterator<Item = (Self, f64, f64)>) -> Self;

    /// Four channels to the words of the shaders, and back.
    fn pack(four: [Self; 4], words: &mut Vec<u32>);
    fn unpack(words: &[u32]) -> [Self; 4];
    /// A number on its own, as a float or a 32-bit integer.
    fn widened(self) -> u32;
    /// Weights `[out, in]` of four channels for four channels.
    fn pack_matrix(rows: [[Self; 4]; 4], words: &mut Vec<u32>);
    /// What becomes of the sums of up to four output channels.
    fn pack_channels(channels: &[Self::Channel], words: &mut Vec<u32>);
}

#[expect(clippy::cast_possible_truncation, reason = "f64 to the nearest f32")]
impl Number for f32 {
    const PRECISION: Precision = Precision::F32;
    type Sum = Self;
    /// The bias.
    type Channel = Self;

    fn random(random: &mut Random) -> Self {
        (2.0 * random.unit() - 1.0) as Self
    }

    /// Sums stay within -1..1, whatever the values.
    fn random_weight(random: &mut Random, terms: usize) -> Self {
        ((2.0 * random.unit() - 1.0) / terms as f64) as Self
    }

    fn random_channel(random: &mut Random, _: usize) -> Self {
        Self::random(random)
    }

    fn add(self, other: Self) -> Self {
        self + other
    }

    fn multiply(self, other: Self) -> Self {
        self * other
    }

    fn leaky_slope() -> Self {
        Self::from(LEAKY_SLOPE_128) / 128.0
    }

    fn prelu(self, slope: Self) -> Self {
        if self > 0.0 { self } else { self * slope }
    }

    fn sigmoid(self) -> Self {
        1.0 / (1.0 + (-self).exp())
    }

    fn maximum(self, other: Self) -> Self {
        self.max(other)
    }

    fn average(four: [Self; 4]) -> Self {
        four.iter().sum::<Self>() / 4.0
    }

    fn real(self) -> f32 {
        self
    }

    fn gated(self, gate: f32) -> Self {
        self * gate
    }

    fn plus_anchor(self, anchor: Self) -> Self {
        (self + anchor).clamp(0.0, 1.0)
    }

    fn begin(bias: &Self) -> Self {
        *bias
    }

    fn plus_product(sum: Self, value: Self, weight: Self) -> Self {
        sum + value * weight
    }

    fn finish(sum: Self, _: &Self) -> Self {
        sum
    }

    fn interpolate(terms: impl Iterator<Item = (Self, f64, f64)>) -> Self {
        terms.map(|(value, along_x, along_y)| f64::from(value) * along_x * along_y / f64::from(1 << 14)).sum::<f64>()
            as Self
    }

    fn pack(four: [Self; 4], words: &mut Vec<u32>) {
        words.extend(four.map(Self::to_bits));
    }

    fn unpack(words: &[u32]) -> [Self; 4] {
        [0, 1, 2, 3].map(|i| Self::from_bits(words[i]))
    }

    fn widened(self) -> u32 {
        self.to_bits()
    }

    /// Column by column, as WGSL stores a matrix: all outputs of an input.
    fn pack_matrix(rows: [[Self; 4]; 4], words: &mut Vec<u32>) {
        words.extend((0..4).flat_map(|input| rows.map(|row| row[input].to_bits())));
    }

    fn pack_channels(biases: &[Self], words: &mut Vec<u32>) {
        words.extend([0, 1, 2, 3].map(|i| biases.get(i).copied().unwrap_or_default().to_bits()));
    }
}

impl Number for i8 {
    const PRECISION: Precision = Precision::Int8;
    type Sum = i32;
    type Channel = Requantisation;

    fn random(random: &mut Random) -> Self {
        random.byte().cast_signed()
    }

    fn random_weight(random: &mut Random, _: usize) -> Self {
        Self::random(random).max(-Self::MAX)
    }

    #[expect(clippy::cast_possible_truncation, reason = "a multiplier is below 2^16, a limit below 2^28")]
    fn random_channel(random: &mut Random, terms: usize) -> Requantisation {
        let (pre, post) = (2, 20);
        // Codes and weights have a mean square of 128^2 / 3; three standard deviations saturate, more or less.
        let deviation = (terms as f64).sqrt() * 128.0 * 128.0 / 3.0;
        let scale = 128.0 / (3.0 * deviation) * (0.75 + 0.5 * random.unit());
        let steps = f64::from(1_u32 << (pre + post));
        let mul = (scale * steps).max(1.0) as i32;
        let limit = (130.0 * steps / f64::from(mul)) as i32;
        Requantisation { bias: (deviation * (random.unit() - 0.5)) as i32, limit, pre, mul, post }
    }

    fn add(self, other: Self) -> Self {
        let [a, b] = ADD_SCALES;
        saturated((i32::from(self) * a + i32::from(other) * b + (1 << (ADD_SHIFT - 1))) >> ADD_SHIFT)
    }

    fn multiply(self, other: Self) -> Self {
        saturated((i32::from(self) * i32::from(other) + 64) >> 7)
    }

    fn leaky_slope() -> Self {
        LEAKY_SLOPE_128
    }

    fn prelu(self, slope: Self) -> Self {
        if self > 0 { self } else { self.multiply(slope) }
    }

    #[expect(clippy::cast_possible_truncation, reason = "0..=256, and saturated")]
    fn sigmoid(self) -> Self {
        let value = 1.0 / (1.0 + (-f64::from(self) / SIGMOID_CODES).exp());
        saturated((value * 256.0).round() as i32 - 128)
    }

    fn maximum(self, other: Self) -> Self {
        self.max(other)
    }

    fn average(four: [Self; 4]) -> Self {
        saturated((four.into_iter().map(i32::from).sum::<i32>() + 2) >> 2)
    }

    fn real(self) -> f32 {
        self.into()
    }

    #[expect(clippy::cast_possible_truncation, reason = "a factor below 1 leaves it a code")]
    fn gated(self, gate: f32) -> Self {
        (self.real() * gate).round() as Self
    }

    fn plus_anchor(self, anchor: Self) -> Self {
        self.saturating_add(anchor)
    }

    fn begin(channel: &Requantisation) -> i32 {
        channel.bias
    }

    fn plus_product(sum: i32, value: Self, weight: Self) -> i32 {
        // An addition that is not checked is one that compilers vectorise; 25 taps of 64 channels stay below 2^25.
        sum.wrapping_add(i32::from(value) * i32::from(weight))
    }

    fn finish(sum: i32, channel: &Requantisation) -> Self {
        let Requantisation { limit, pre, mul, post, .. } = *channel;
        saturated(((sum.clamp(-limit, limit) >> pre) * mul + (1 << (post - 1))) >> post)
    }

    #[expect(clippy::cast_possible_truncation, reason = "weights are whole numbers up to 128")]
    fn interpolate(terms: impl Iterator<Item = (Self, f64, f64)>) -> Self {
        let sum: i32 = terms.map(|(value, along_x, along_y)| i32::from(value) * along_x as i32 * along_y as i32).sum();
        saturated((sum + (1 << 13)) >> 14)
    }

    fn pack(four: [Self; 4], words: &mut Vec<u32>) {
        words.push(u32::from_le_bytes(four.map(Self::cast_unsigned)));
    }

    fn unpack(words: &[u32]) -> [Self; 4] {
        words[0].to_le_bytes().map(u8::cast_signed)
    }

    fn widened(self) -> u32 {
        i32::from(self).cast_unsigned()
    }

    /// A word an output.
    fn pack_matrix(rows: [[Self; 4]; 4], words: &mut Vec<u32>) {
        rows.into_iter().for_each(|row| Self::pack(row, words));
    }

    fn pack_channels(channels: &[Requantisation], words: &mut Vec<u32>) {
        requantisation_words(channels, words);
    }
}

/// The nearest code.
#[expect(clippy::cast_possible_truncation, reason = "it is clamped")]
fn saturated(value: i32) -> i8 {
    value.clamp(i8::MIN.into(), i8::MAX.into()) as i8
}
