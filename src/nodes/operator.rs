//! The operators: their shapes, their multiply-accumulates and the bytes they move.

use super::Precision;
use super::tensor::Shape;
use crate::net::TAPS;
use crate::{Error, Result};

/// Times that resizing operators and the transposed convolution enlarge a map along each side: ABPN's.
pub const SCALE: usize = 3;
/// Channels of a picture.
pub(super) const COLOURS: usize = 3;
/// Channels of the anchor: each pixel's colours, once for each pixel that it becomes.
pub(super) const ANCHOR_CHANNELS: usize = COLOURS * SCALE * SCALE;
/// Channels a word, and a group of the grouped convolution.
pub(super) const WORD_CHANNELS: usize = 4;
/// Channel attention squeezes so many channels into one (IMDN and RCAN take 16 at 64 channels).
pub(super) const SQUEEZE: usize = 16;
/// The channels that the table can be measured at: two words, to be split, up to the widest of the nets that ABPN's family
/// runs.
const CHANNELS: std::ops::RangeInclusive<usize> = 2 * WORD_CHANNELS..=64;

/// The paper's classes of operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Moving and joining tensors.
    Tensor,
    /// Convolutions.
    Convolution,
    /// Element by element, and attention.
    Activation,
    /// Enlarging and reducing.
    Resize,
}

impl Class {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tensor => "tensor",
            Self::Convolution => "convolution",
            Self::Activation => "activation",
            Self::Resize => "resize",
        }
    }
}

/// What an operator computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The sum of two maps; in int8 each has its own scale.
    Add,
    /// The product of two maps, element by element.
    Multiply,
    /// Two maps behind each other in one.
    Concatenate,
    /// One map into two, at a whole word of channels.
    Split,
    /// Each pixel's colours nine times, as a map of its own.
    Anchor,
    /// A convolution with a square kernel, every output from every input.
    Convolution {
        /// Side of the kernel in pixels, odd.
        side: usize,
    },
    /// A 3x3 convolution within groups of four channels.
    Grouped,
    /// A 3x3 convolution of each channel on its own.
    Depthwise,
    /// A transposed convolution with stride 3: `side` / 3 taps along each axis for each pixel it makes. As every
    /// output pixel of a 3x3 block has its own taps, it is a convolution to nine times the channels and a pixel shuffle.
    Transposed {
        /// Side of the kernel in pixels.
        side: usize,
    },
    /// Negative values to 0.
    Relu,
    /// Negative values times one constant.
    LeakyRelu,
    /// Negative values times a slope of the channel's.
    Prelu,
    /// 1 / (1 + e^-x); in int8 by a table of all codes.
    Sigmoid,
    /// Mean of each channel, two 1x1 convolutions on that, sigmoid, product with the map. Float only: but for its first
    /// and last step it works on a single pixel.
    ChannelAttention,
    /// Nearest interpolation, 3 times.
    Nearest,
    /// Bilinear interpolation, 3 times, pixel centres aligned.
    Bilinear,
    /// Bicubic interpolation, 3 times, Keys' kernel with a = -1/2.
    Bicubic,
    /// 27 channels to 3x3 pixels.
    PixelShuffle,
    /// The same, plus the pixel that they replace, clipped: the anchor without a dispatch of its own.
    AnchoredShuffle,
    /// Mean of 2x2 pixels.
    AveragePool,
    /// Maximum of 2x2 pixels.
    MaxPool,
}

/// An operator on maps of a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Operator {
    /// What it computes.
    pub kind: Kind,
    /// Width of its input in pixels.
    pub width: usize,
    /// Height of its input in pixels.
    pub height: usize,
    /// Channels of its input, of each if there are two of equal shape.
    pub in_channels: usize,
    /// Channels of its output, of both together if there are two.
    pub out_channels: usize,
}

/// The table's rows at `width` x `height` pixels and `channels` channels: 8 to 64, a multiple of 4.
///
/// Feature maps have `channels` channels; what makes, takes or resizes a picture has the picture's three.
///
/// # Errors
/// [`Error::Unsupported`] for other channel counts, and for a size of 0.
pub fn operators(width: usize, height: usize, channels: usize) -> Result<Vec<Operator>> {
    if !channels.is_multiple_of(WORD_CHANNELS) || !CHANNELS.contains(&channels) {
        let (least, most) = (CHANNELS.start(), CHANNELS.end());
        return Err(Error::Unsupported(format!(
            "{channels} channels: a multiple of {WORD_CHANNELS} from {least} to {most} is needed"
        )));
    }
    if width == 0 || height == 0 {
        return Err(Error::Unsupported(format!("{width}x{height} pixels: there is nothing to compute")));
    }
    let row = |kind, in_channels, out_channels| Operator { kind, width, height, in_channels, out_channels };
    let same = |kind| row(kind, channels, channels);
    let picture = |kind| row(kind, COLOURS, COLOURS);
    Ok(vec![
        same(Kind::Add),
        same(Kind::Multiply),
        row(Kind::Concatenate, channels, 2 * channels),
        same(Kind::Split),
        row(Kind::Anchor, COLOURS, ANCHOR_CHANNELS),
        same(Kind::Convolution { side: 1 }),
        same(Kind::Convolution { side: 3 }),
        same(Kind::Convolution { side: 5 }),
        same(Kind::Depthwise),
        same(Kind::Grouped),
        row(Kind::Transposed { side: 9 }, channels, COLOURS),
        same(Kind::Relu),
        same(Kind::LeakyRelu),
        same(Kind::Prelu),
        same(Kind::Sigmoid),
        same(Kind::ChannelAttention),
        picture(Kind::Nearest),
        picture(Kind::Bilinear),
        picture(Kind::Bicubic),
        row(Kind::PixelShuffle, ANCHOR_CHANNELS, COLOURS),
        row(Kind::AnchoredShuffle, ANCHOR_CHANNELS, COLOURS),
        same(Kind::AveragePool),
        same(Kind::MaxPool),
    ])
}

impl Operator {
    /// Its class.
    pub fn class(&self) -> Class {
        match self.kind {
            Kind::Add | Kind::Multiply | Kind::Concatenate | Kind::Split | Kind::Anchor => Class::Tensor,
            Kind::Convolution { .. } | Kind::Grouped | Kind::Depthwise | Kind::Transposed { .. } => Class::Convolution,
            Kind::Relu | Kind::LeakyRelu | Kind::Prelu | Kind::Sigmoid | Kind::ChannelAttention => Class::Activation,
            _ => Class::Resize,
        }
    }

    /// A name for people, as `convolution 3x3`.
    pub fn name(&self) -> String {
        match self.kind {
            Kind::Add => "add".to_owned(),
            Kind::Multiply => "multiply".to_owned(),
            Kind::Concatenate => "concatenate".to_owned(),
            Kind::Split => "split".to_owned(),
            Kind::Anchor => "anchor (repeat 9x)".to_owned(),
            Kind::Convolution { side } => format!("convolution {side}x{side}"),
            Kind::Grouped => "grouped 3x3".to_owned(),
            Kind::Depthwise => "depthwise 3x3".to_owned(),
            Kind::Transposed { side } => format!("transposed {side}x{side}"),
            Kind::Relu => "ReLU".to_owned(),
            Kind::LeakyRelu => "leaky ReLU".to_owned(),
            Kind::Prelu => "PReLU".to_owned(),
            Kind::Sigmoid => "sigmoid".to_owned(),
            Kind::ChannelAttention => "channel attention".to_owned(),
            Kind::Nearest => "nearest x3".to_owned(),
            Kind::Bilinear => "bilinear x3".to_owned(),
            Kind::Bicubic => "bicubic x3".to_owned(),
            Kind::PixelShuffle => "pixel shuffle".to_owned(),
            Kind::AnchoredShuffle => "pixel shuffle + anchor".to_owned(),
            Kind::AveragePool => "average pool 2x2".to_owned(),
            Kind::MaxPool => "max pool 2x2".to_owned(),
        }
    }

    /// Whether it exists in `precision`.
    pub fn has(&self, precision: Precision) -> bool {
        precision == Precision::F32 || self.kind != Kind::ChannelAttention
    }

    fn map(&self, channels: usize) -> Shape {
        Shape { width: self.width, height: self.height, channels }
    }

    /// Shapes of what it reads, apart from parameters.
    pub(super) fn inputs(&self) -> Vec<Shape> {
        let input = self.map(self.in_channels);
        match self.kind {
            Kind::Add | Kind::Multiply | Kind::Concatenate => vec![input, input],
            Kind::AnchoredShuffle => vec![input, self.map(COLOURS)],
            _ => vec![input],
        }
    }

    /// Channels of the first output, where there are two: half, in whole words.
    pub(super) fn first_channels(&self) -> usize {
        (self.out_channels / 2).next_multiple_of(WORD_CHANNELS)
    }

    /// Shapes of what it writes.
    pub(super) fn outputs(&self) -> Vec<Shape> {
        let output = self.map(self.out_channels);
        match self.kind {
            Kind::Split => {
                let first = self.first_channels();
                vec![self.map(first), self.map(self.out_channels - first)]
            }
            Kind::AveragePool | Kind::MaxPool => {
                vec![Shape { width: self.width / 2, height: self.height / 2, ..output }]
            }
            Kind::Transposed { .. }
            | Kind::Nearest
            | Kind::Bilinear
            | Kind::Bicubic
            | Kind::PixelShuffle
            | Kind::AnchoredShuffle => {
                // As many pixels as the channels allow; all but the shuffles keep their channels.
                let scale = if self.is_shuffle() { (self.in_channels / self.out_channels).isqrt() } else { SCALE };
                vec![Shape { width: self.width * scale, height: self.height * scale, ..output }]
            }
            _ => vec![output],
        }
    }

    fn is_shuffle(&self) -> bool {
        matches!(self.kind, Kind::PixelShuffle | Kind::AnchoredShuffle)
    }

    /// Taps of one output value, each over [`Operator::inputs_a_tap`] channels.
    pub(super) fn taps(&self) -> usize {
        match self.kind {
            Kind::Convolution { side } => side * side,
            Kind::Grouped | Kind::Depthwise => TAPS,
            Kind::Transposed { side } => side.div_ceil(SCALE).pow(2),
            _ => 0,
        }
    }

    /// Input channels that one output channel depends on.
    pub(super) fn inputs_a_tap(&self) -> usize {
        match self.kind {
            Kind::Grouped => WORD_CHANNELS.min(self.in_channels),
            Kind::Depthwise => 1,
            _ => self.in_channels,
        }
    }

    /// Output channels of its filter: a transposed convolution has those of every pixel of a block.
    pub(super) fn filter_outputs(&self) -> usize {
        match self.kind {
            Kind::Transposed { .. } => self.out_channels * SCALE * SCALE,
            _ => self.out_channels,
        }
    }

    /// Channels that channel attention squeezes its input to.
    pub(super) fn squeezed(&self) -> usize {
        self.in_channels.div_ceil(SQUEEZE)
    }

    /// Weights and biases.
    pub fn parameters(&self) -> usize {
        match self.kind {
            Kind::Transposed { side } => self.in_channels * self.out_channels * side * side + self.out_channels,
            Kind::Convolution { .. } | Kind::Grouped | Kind::Depthwise => {
                convolution_parameters(self.taps() * self.inputs_a_tap(), self.out_channels)
            }
            Kind::Prelu => self.in_channels,
            Kind::ChannelAttention => 2 * self.in_channels * self.squeezed() + self.in_channels + self.squeezed(),
            _ => 0,
        }
    }

    /// Values that it reads and writes, parameters apart.
    pub(super) fn values(&self) -> usize {
        self.inputs().into_iter().chain(self.outputs()).map(|shape| shape.pixels() * shape.channels).sum()
    }

    /// What the table's kernels do for it: multiply-accumulates over channels padded to whole words.
    pub(super) fn padded_macs(&self) -> u64 {
        let padded = |channels: usize| if channels == 1 { 1 } else { channels.next_multiple_of(WORD_CHANNELS) };
        let per_pixel = padded(self.filter_outputs()) * self.taps() * padded(self.inputs_a_tap());
        (self.width * self.height * per_pixel) as u64
    }

    /// Multiply-accumulates of its convolutions; 0 for what has none.
    pub fn macs(&self) -> u64 {
        let pixels = self.width as u64 * self.height as u64;
        match self.kind {
            Kind::Transposed { side } => pixels * (self.in_channels * self.out_channels * side * side) as u64,
            Kind::ChannelAttention => 2 * (self.in_channels * self.squeezed()) as u64,
            _ => pixels * (self.out_channels * self.taps() * self.inputs_a_tap()) as u64,
        }
    }

    /// Bytes that it must read and write at least: its inputs and outputs once, channels padded to whole words. Margins
    /// and parameters, which stay in caches, don't count; a second reading of the input by channel attention does.
    pub fn bytes(&self, precision: Precision) -> u64 {
        let again = if self.kind == Kind::ChannelAttention { self.inputs() } else { Vec::new() };
        let maps = self.inputs().into_iter().chain(again).chain(self.outputs());
        maps.map(|shape| (shape.pixels() * shape.words()) as u64 * precision.word_bytes()).sum()
    }
}

/// Weights and biases of a convolution whose outputs are sums of `terms` products.
pub(super) fn convolution_parameters(terms: usize, out_channels: usize) -> usize {
    out_channels * (terms + 1)
}
