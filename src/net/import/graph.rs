//! A net as other programs write it: operators between values, in a form that all formats have in common.

use std::fmt;

/// The number of a value in a [`Graph`].
pub(super) type ValueId = usize;

/// A graph with one input, the picture, and one output, the enlarged picture.
pub(super) struct Graph {
    /// In the order in which they run.
    pub nodes: Vec<Node>,
    pub input: ValueId,
    pub output: ValueId,
    /// What the integers of values stand for, by value; none of real numbers.
    pub codes: Vec<Option<Affine>>,
}

/// Code `q` stands for `step * (q - zero_point)`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Affine {
    pub step: f64,
    pub zero_point: i32,
    /// The smallest and the largest code.
    pub range: (i32, i32),
}

impl Affine {
    /// The code of 0 if codes were 0..=255.
    pub fn code_of_zero(&self) -> Option<u8> {
        u8::try_from(i64::from(self.zero_point) - i64::from(self.range.0)).ok()
    }
}

/// An operator at its place.
pub(super) struct Node {
    pub operator: Operator,
    pub inputs: Vec<ValueId>,
    pub output: ValueId,
    /// What it is called and where it stands, for people.
    pub place: Place,
}

/// Where an operator stands in its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    /// What the format counts: line, node, operator.
    pub unit: &'static str,
    pub number: usize,
    /// The operator's type in the format.
    pub kind: String,
    /// The operator's own name, if it has one.
    pub name: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} {}: {}", self.unit, self.number, printable(&self.kind))?;
        if self.name.is_empty() { Ok(()) } else { write!(f, " {:?}", printable(&self.name)) }
    }
}

/// Text of a file for a message: short, and without what a terminal might obey.
pub(super) fn printable(text: &str) -> String {
    const MOST_CHARS: usize = 60;
    let mut chars = text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c });
    let mut short: String = chars.by_ref().take(MOST_CHARS).collect();
    if chars.next().is_some() {
        short.push('…');
    }
    short
}

/// What an operator computes.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Operator {
    /// A convolution with stride 1 that keeps the picture's size and sees zeros outside.
    Convolution(Kernel),
    /// Negative values times a slope: one of all channels, or one each. ReLU has 0.
    Activation(Vec<f32>),
    /// Clamps to what lies between.
    Clip(f32, f32),
    /// Times a number.
    Times(f32),
    /// The sum of two values.
    Add,
    /// Values one after the other along the channels.
    Concatenate,
    /// Each pixel as a block of this side.
    Nearest(usize),
    /// Channels to blocks of pixels.
    PixelShuffle(usize, ShuffleOrder),
    /// Any other resizing by this factor, with its kind for people.
    Resize(f64, String),
    /// Nothing.
    Identity,
    /// What the family of nets has not, with more about it where its type says too little.
    Foreign(String),
}

/// How the channels lie before a pixel shuffle of scale s.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShuffleOrder {
    /// PyTorch's: channel `colour*s*s + dy*s + dx`.
    ColourFirst,
    /// TensorFlow's: channel `(dy*s + dx)*3 + colour`.
    BlockFirst,
}

/// A convolution's weights.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Kernel {
    pub in_channels: usize,
    pub out_channels: usize,
    /// `[out, in, 3, 3]`.
    pub weights: Vec<f32>,
    /// `[out]`.
    pub bias: Vec<f32>,
    /// The same in integers, where the file has them.
    pub integers: Option<Integers>,
}

/// A convolution's integers: weights `[out, in, 3, 3]` and bias `[out]`, the latter in units of the accumulator.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Integers {
    pub weights: Vec<i8>,
    /// `[out]`: the real value of a weight's unit.
    pub scales: Vec<f64>,
    pub bias: Vec<i32>,
}

/// Weights `[out, in, side, side]`, side 1 or 3, as `[out, in, 3, 3]`: a 1x1 kernel is the middle of a 3x3 one.
pub(super) fn to_3x3<T: Copy + Default>(weights: &[T], side: usize) -> Vec<T> {
    if side == 3 {
        return weights.to_vec();
    }
    weights
        .iter()
        .flat_map(|&weight| std::array::from_fn::<_, 9, _>(|tap| if tap == 4 { weight } else { T::default() }))
        .collect()
}
