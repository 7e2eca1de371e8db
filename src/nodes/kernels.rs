//! Composes the WGSL of operators from the files of `shaders/nodes/`, with the template engine that the net's shaders have.

use minijinja::{Value, context};

use super::Precision;
use super::interpolation::weights;
use super::layout::{MARGIN_X, MARGIN_Y};
use super::number::{ADD_SCALES, ADD_SHIFT, LEAKY_SLOPE_128};
use super::operator::{Kind, Operator, SCALE, WORD_CHANNELS};
use crate::gpu::{self, MAX_GROUP_WORDS};

/// Pixels that one thread of a dense convolution makes: those of the net's first kernel.
const DENSE_PIXELS: usize = gpu::Kernel::DOT4_UNIFORM.pixels;
/// Pixels that one thread of a grouped or depthwise convolution makes: it has one word only.
const GROUPED_PIXELS: usize = 4;
/// The most bytes of four output channels' parameters, weights apart: `Channels` of `shaders/nodes/layer_int8.wgsl`.
const MOST_CHANNELS_BYTES: u64 = 80;
/// Workgroups a plane that add up a map.
const BLOCKS: usize = 16;

/// One dispatch of an operator; its text does not depend on the size of the maps.
pub(super) struct Kernel {
    pub label: String,
    pub wgsl: String,
    pub grid: Grid,
}

/// How many invocations a kernel takes.
#[derive(Clone, Copy)]
pub(super) enum Grid {
    /// One for each so many pixels of a row, each row and each so many planes of the map that a kernel walks over.
    Map {
        /// Which map.
        of: Walked,
        pixels: usize,
        words: usize,
    },
    /// So many workgroups along x for each plane of the input.
    Planes(usize),
    /// One workgroup.
    One,
}

/// The map that a kernel's threads share out.
#[derive(Clone, Copy)]
pub(super) enum Walked {
    Input,
    Output,
}

/// Output words of one thread of a dense convolution: the largest share that leaves no rest.
pub(super) fn group_words(operator: &Operator) -> usize {
    let words = operator.filter_outputs().div_ceil(WORD_CHANNELS);
    match operator.kind {
        Kind::Grouped | Kind::Depthwise => 1,
        // A thread makes a whole block of pixels.
        Kind::Transposed { .. } => words,
        _ => (1..=MAX_GROUP_WORDS).rev().find(|&share| words.is_multiple_of(share)).unwrap_or(1),
    }
}

/// The kernels of an operator, in their order. A convolution's parameters lie in a uniform buffer if they fit into
/// `uniform_bytes`.
///
/// # Errors
/// If a template is broken.
pub(super) fn kernels(
    operator: &Operator,
    precision: Precision,
    uniform_bytes: u64,
) -> Result<Vec<Kernel>, minijinja::Error> {
    let composer = Composer { operator, precision, uniform_bytes };
    let kernel = match operator.kind {
        Kind::Add => composer.pointwise("add(a, b)", true, "")?,
        Kind::Multiply => composer.pointwise("multiply(a, b)", true, "")?,
        Kind::Relu => composer.pointwise("relu(a)", false, "")?,
        Kind::LeakyRelu => composer.pointwise("leaky_relu(a)", false, "")?,
        Kind::Prelu => {
            composer.pointwise("prelu(a, parameters[word])", false, include_str!("../../shaders/nodes/slopes.wgsl"))?
        }
        Kind::Sigmoid => {
            let table = if precision == Precision::Int8 { include_str!("../../shaders/nodes/table.wgsl") } else { "" };
            composer.pointwise("sigmoid(a)", false, table)?
        }
        Kind::ChannelAttention => return composer.channel_attention(),
        Kind::Concatenate => composer.packs(include_str!("../../shaders/nodes/concatenate.wgsl"), Walked::Output)?,
        Kind::Split => composer.packs(include_str!("../../shaders/nodes/split.wgsl"), Walked::Input)?,
        Kind::Anchor => composer.anchor()?,
        Kind::Convolution { .. } | Kind::Grouped | Kind::Depthwise | Kind::Transposed { .. } => {
            composer.convolution()?
        }
        Kind::Nearest => composer.blocks(include_str!("../../shaders/nodes/nearest.wgsl"), context! {})?,
        Kind::Bilinear | Kind::Bicubic => composer.interpolation()?,
        Kind::PixelShuffle | Kind::AnchoredShuffle => composer.shuffle()?,
        Kind::AveragePool => composer.pool("average")?,
        Kind::MaxPool => composer.pool("maximum")?,
    };
    Ok(vec![kernel])
}

/// The texts of one operator.
struct Composer<'a> {
    operator: &'a Operator,
    precision: Precision,
    uniform_bytes: u64,
}

impl Composer<'_> {
    fn is_packed(&self) -> bool {
        self.precision == Precision::Int8
    }

    /// Pixels of a pack: the sixteen bytes that a thread of a pointwise kernel makes.
    fn pack_pixels(&self) -> usize {
        if self.is_packed() { WORD_CHANNELS } else { 1 }
    }

    fn in_words(&self) -> usize {
        self.operator.inputs_a_tap().div_ceil(WORD_CHANNELS)
    }

    fn out_words(&self) -> usize {
        self.operator.filter_outputs().div_ceil(WORD_CHANNELS)
    }

    /// What every kernel begins with.
    fn common(&self) -> String {
        let mut text = format!("const MARGIN_X = {MARGIN_X}u;\nconst MARGIN_Y = {MARGIN_Y}u;\n");
        text += &format!("const PACK_PIXELS = {}u;\n", self.pack_pixels());
        if self.is_packed() {
            let [a, b] = ADD_SCALES;
            text += &format!("const ADD_SCALE_A = {a};\nconst ADD_SCALE_B = {b};\nconst ADD_SHIFT = {ADD_SHIFT}u;\n");
            text += &format!("const LEAKY_SLOPE = {LEAKY_SLOPE_128};\n");
            text += include_str!("../../shaders/nodes/int8.wgsl");
        } else {
            text += &format!("const LEAKY_SLOPE = {:?};\n", f32::from(LEAKY_SLOPE_128) / 128.0);
            text += include_str!("../../shaders/nodes/f32.wgsl");
        }
        text + include_str!("../../shaders/nodes/maps.wgsl")
    }

    fn kernel(&self, parts: &str, template: &str, values: Value, grid: Grid) -> Result<Kernel, minijinja::Error> {
        let mut environment = gpu::templates();
        environment.add_template("block.wgsl", include_str!("../../shaders/nodes/block.wgsl"))?;
        let main = environment.render_str(template, values)?;
        let label = format!("{} {}", self.operator.name(), self.precision.name());
        Ok(Kernel { label, wgsl: self.common() + parts + &main, grid })
    }

    fn pointwise(&self, call: &str, binary: bool, parts: &str) -> Result<Kernel, minijinja::Error> {
        let lanes = if self.is_packed() { vec![".x", ".y", ".z", ".w"] } else { vec![""] };
        let grid = Grid::Map { of: Walked::Input, pixels: self.pack_pixels(), words: 1 };
        let template = include_str!("../../shaders/nodes/pointwise.wgsl");
        self.kernel(parts, template, context! { call, binary, lanes }, grid)
    }

    fn packs(&self, template: &str, of: Walked) -> Result<Kernel, minijinja::Error> {
        let first = format!("const FIRST_WORDS = {}u;\n", self.operator.first_channels().div_ceil(WORD_CHANNELS));
        self.kernel(&first, template, context! {}, Grid::Map { of, pixels: self.pack_pixels(), words: 1 })
    }

    fn anchor(&self) -> Result<Kernel, minijinja::Error> {
        let channels = self.operator.out_channels;
        let last = channels - (self.out_words() - 1) * WORD_CHANNELS;
        let repeat = if self.is_packed() {
            include_str!("../../shaders/nodes/repeat_int8.wgsl")
        } else {
            include_str!("../../shaders/nodes/repeat_f32.wgsl")
        };
        let parts = format!("const LAST_CHANNELS = {last}u;\n{repeat}");
        let values = context! { words => self.out_words(), copies => channels / self.operator.in_channels };
        let grid = Grid::Map { of: Walked::Input, pixels: self.pack_pixels(), words: 1 };
        self.kernel(&parts, include_str!("../../shaders/nodes/anchor.wgsl"), values, grid)
    }

    fn convolution(&self) -> Result<Kernel, minijinja::Error> {
        let words = group_words(self.operator);
        let (planes_a_group, pixels, scale) = match self.operator.kind {
            Kind::Grouped | Kind::Depthwise => (1, GROUPED_PIXELS, 1),
            Kind::Transposed { .. } => (0, DENSE_PIXELS, SCALE),
            _ => (0, DENSE_PIXELS, 1),
        };
        let weights = self.in_words() * self.out_words() * self.operator.taps();
        let mut parts = format!(
            "const IN_WORDS = {}u;\nconst OUT_WORDS = {}u;\nconst WEIGHTS = {weights}u;\n",
            self.in_words(),
            self.out_words()
        );
        parts += match (self.operator.kind, self.precision) {
            (Kind::Depthwise, Precision::F32) => include_str!("../../shaders/nodes/depthwise_f32.wgsl"),
            (Kind::Depthwise, Precision::Int8) => include_str!("../../shaders/nodes/depthwise_int8.wgsl"),
            (_, Precision::F32) => include_str!("../../shaders/nodes/dense_f32.wgsl"),
            (_, Precision::Int8) => include_str!("../../shaders/nodes/dense_int8.wgsl"),
        };
        let layer = match self.precision {
            Precision::F32 => include_str!("../../shaders/nodes/layer_f32.wgsl"),
            Precision::Int8 => include_str!("../../shaders/nodes/layer_int8.wgsl"),
        };
        parts += &gpu::templates().render_str(layer, context! { space => self.filter_space(weights) })?;
        let side = self.operator.taps().isqrt();
        let values = context! {
            side, words, pixels, planes_a_group, scale, packed => self.is_packed(), anchor => false
        };
        // A transposed convolution's groups are counted by the words of its filter, of which one thread makes all.
        let of = if scale > 1 { Walked::Input } else { Walked::Output };
        let words = if scale > 1 { self.in_words() } else { words };
        let grid = Grid::Map { of, pixels, words };
        self.kernel(&parts, include_str!("../../shaders/nodes/convolution.wgsl"), values, grid)
    }

    /// The address space of a filter of so many `Weight`s.
    fn filter_space(&self, weights: usize) -> &'static str {
        let word_bytes = self.precision.word_bytes();
        let weight_bytes =
            if self.operator.kind == Kind::Depthwise { word_bytes } else { WORD_CHANNELS as u64 * word_bytes };
        let bytes = weights as u64 * weight_bytes + self.out_words() as u64 * MOST_CHANNELS_BYTES;
        // What a uniform buffer's arrays hold is a multiple of 16 bytes.
        if weight_bytes.is_multiple_of(16) && bytes <= self.uniform_bytes { "uniform" } else { "storage, read" }
    }

    /// A kernel whose threads make a block of pixels for each word of the input.
    fn blocks(&self, template: &str, values: Value) -> Result<Kernel, minijinja::Error> {
        let values = context! { scale => SCALE, packed => self.is_packed(), ..values };
        self.kernel("", template, values, Grid::Map { of: Walked::Input, pixels: 1, words: 1 })
    }

    fn interpolation(&self) -> Result<Kernel, minijinja::Error> {
        let weights = weights(self.operator.kind, self.precision);
        let phases: Vec<Vec<Value>> = weights
            .iter()
            .map(|weights| {
                let first = weights.iter().position(|&weight| weight != 0.0);
                let one = |(tap, &weight): (usize, &f64)| {
                    let text = if self.is_packed() { format!("{weight}") } else { format!("{:?}", weight / 128.0) };
                    context! { used => weight != 0.0, follows => Some(tap) != first, text }
                };
                weights.iter().enumerate().map(one).collect()
            })
            .collect();
        let values = context! { taps => weights[0].len(), weights => phases };
        self.blocks(include_str!("../../shaders/nodes/resize.wgsl"), values)
    }

    fn shuffle(&self) -> Result<Kernel, minijinja::Error> {
        let words = self.operator.in_channels.div_ceil(WORD_CHANNELS);
        let anchor = self.operator.kind == Kind::AnchoredShuffle;
        let values = context! { scale => SCALE, packed => self.is_packed(), words, anchor };
        let grid = Grid::Map { of: Walked::Input, pixels: 1, words };
        self.kernel("", include_str!("../../shaders/nodes/pixel_shuffle.wgsl"), values, grid)
    }

    fn pool(&self, call: &str) -> Result<Kernel, minijinja::Error> {
        let grid = Grid::Map { of: Walked::Output, pixels: self.pack_pixels(), words: 1 };
        let values = context! { call, packed => self.is_packed() };
        self.kernel("", include_str!("../../shaders/nodes/pool.wgsl"), values, grid)
    }

    fn channel_attention(&self) -> Result<Vec<Kernel>, minijinja::Error> {
        let constants = format!(
            "const IN_WORDS = {}u;\nconst SQUEEZED = {}u;\nconst BLOCKS = {BLOCKS}u;\n",
            self.in_words(),
            self.operator.squeezed()
        );
        let sums = include_str!("../../shaders/nodes/global_sums.wgsl");
        let gates = include_str!("../../shaders/nodes/gates.wgsl");
        Ok(vec![
            self.kernel(&constants, sums, context! {}, Grid::Planes(BLOCKS))?,
            self.kernel(&constants, gates, context! {}, Grid::One)?,
            self.pointwise("multiply(a, gates[word])", false, include_str!("../../shaders/nodes/gated.wgsl"))?,
        ])
    }
}

/// Words that the first step of channel attention leaves to the second: [word, block].
pub(super) fn sums_words(operator: &Operator) -> usize {
    operator.in_channels.div_ceil(WORD_CHANNELS) * BLOCKS
}
