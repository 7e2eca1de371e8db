//! Composes a stage's WGSL from the files of `shaders/`.
//!
//! A stage is a list of files, put one after the other, and a header of `const`s; a variant swaps a file. The hot loops
//! are unrolled by a template engine, because drivers compile straight text best and a person reads the short form.

use minijinja::{Environment, context};

use crate::net::{Layer, Net, TAPS};
use crate::{Error, Result};

/// The most pixels that one thread makes: each weight that it loads serves them all. It may load as many words less one
/// beyond the ring.
pub(crate) const MAX_PIXELS: usize = 2;
/// Most words of four channels that one thread makes: more accumulators than a GPU's registers hold are slow.
const MAX_GROUP_WORDS: usize = 8;

/// A compute shader as the engine hands it to wgpu.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShaderText {
    /// What the engine calls it, as `conv3x3 7>7`; layers of one shape have equal shaders.
    pub label: String,
    /// Its whole text, with the templates expanded.
    pub wgsl: String,
    /// Input pixels that one thread makes.
    pub pixels: usize,
    /// Threads that share these pixels, each making a group of the output channels.
    pub groups: usize,
    /// Words of four channels that it reads a pixel: the trips of its loop.
    pub in_words: usize,
}

/// The shader of each layer of `net`, in order, for pictures of `bits` bits a sample, 8 or 16.
///
/// # Errors
/// [`Error::Gpu`] if a template is broken, which is a bug of abpn.
pub fn shaders(net: &Net, bits: u32) -> Result<Vec<ShaderText>> {
    let shader = |variant: Variant| {
        let wgsl = variant.wgsl().map_err(|error| Error::Gpu(error.to_string()))?;
        let Shape { groups, in_words, .. } = variant.shape;
        Ok(ShaderText { label: variant.label(), wgsl, pixels: variant.pixels(), groups, in_words })
    };
    Variant::of_net(net, bits).into_iter().map(shader).collect()
}

/// The words of a layer's feature maps, four channels each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Shape {
    /// Words a pixel that the layer reads.
    pub in_words: usize,
    /// Words a pixel that one thread makes.
    pub group_words: usize,
    /// Threads that share a pixel; a stage writes `groups * group_words` words a pixel.
    pub groups: usize,
}

impl Shape {
    /// Words a pixel that the layer writes: its channels, padded to whole words and whole groups.
    pub fn out_words(self) -> usize {
        self.group_words * self.groups
    }

    /// Every layer's shape.
    pub fn of_net(net: &Net) -> Vec<Self> {
        let mut in_words = 1;
        (0..net.layers().len())
            .map(|index| {
                let words = net.layers()[index].out_channels.div_ceil(4);
                let is_last = index + 1 == net.layers().len();
                let groups = if is_last { 1 } else { words.div_ceil(MAX_GROUP_WORDS) };
                let shape = Self { in_words, group_words: words.div_ceil(groups), groups };
                in_words = shape.out_words();
                shape
            })
            .collect()
    }
}

/// What tells one shader from another; stages with equal variants share a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Variant {
    pub shape: Shape,
    /// Whether it reads the picture instead of a feature map.
    pub reads_image: bool,
    pub end: End,
}

/// How a stage ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// Requantised codes.
    Features,
    /// Finished pixels.
    Pixels {
        /// The net's scale.
        scale: usize,
        /// Bits a sample: 8 or 16.
        bits: u32,
    },
}

impl Variant {
    /// Every stage of `net` for pictures of `bits` bits a sample.
    pub fn of_net(net: &Net, bits: u32) -> Vec<Self> {
        let shapes = Shape::of_net(net);
        let last = shapes.len() - 1;
        let end = |index| if index == last { End::Pixels { scale: net.scale(), bits } } else { End::Features };
        shapes
            .into_iter()
            .enumerate()
            .map(|(index, shape)| Self { shape, reads_image: index == 0, end: end(index) })
            .collect()
    }

    /// Input pixels that one thread makes, along x: one if its words alone are more than most.
    pub fn pixels(&self) -> usize {
        if self.shape.group_words > MAX_GROUP_WORDS { 1 } else { MAX_PIXELS }
    }

    /// A name for people and profilers, as `conv3x3 7>7`.
    pub fn label(&self) -> String {
        let Shape { in_words, .. } = self.shape;
        let out_words = self.shape.out_words();
        match self.end {
            End::Features => format!("conv3x3 {in_words}>{out_words}"),
            End::Pixels { scale, bits } => format!("reconstruct x{scale} {bits}-bit {in_words}>{out_words}"),
        }
    }

    /// The stage's WGSL.
    ///
    /// # Errors
    /// If a template is broken.
    pub fn wgsl(&self) -> std::result::Result<String, minijinja::Error> {
        let mut text = self.header();
        text += include_str!("../../shaders/window.wgsl");
        text += include_str!("../../shaders/layer.wgsl");
        text += include_str!("../../shaders/dot4.wgsl");
        text += include_str!("../../shaders/scale.wgsl");
        text += if self.reads_image {
            include_str!("../../shaders/load_image.wgsl")
        } else {
            include_str!("../../shaders/load_features.wgsl")
        };
        let main = match self.end {
            End::Features => {
                text += include_str!("../../shaders/requantize.wgsl");
                include_str!("../../shaders/conv3x3.wgsl")
            }
            End::Pixels { bits, .. } => {
                text += if bits == 8 {
                    include_str!("../../shaders/pixels8.wgsl")
                } else {
                    include_str!("../../shaders/pixels16.wgsl")
                };
                include_str!("../../shaders/reconstruct.wgsl")
            }
        };
        Ok(text + &self.unroll(main)?)
    }

    fn header(&self) -> String {
        let Shape { in_words, group_words, .. } = self.shape;
        let out_words = self.shape.out_words();
        format!(
            "const IN_WORDS = {in_words}u;\nconst OUT_WORDS = {out_words}u;\nconst GROUP_WORDS = {group_words}u;\n\
             const TAPS = {TAPS}u;\n"
        )
    }

    fn unroll(&self, template: &str) -> std::result::Result<String, minijinja::Error> {
        let scale = match self.end {
            End::Features => 0,
            End::Pixels { scale, .. } => scale,
        };
        let mut environment = Environment::empty();
        environment.add_function("range", minijinja::functions::range);
        environment.add_template("accumulate.wgsl", include_str!("../../shaders/accumulate.wgsl"))?;
        environment.render_str(template, context! { words => self.shape.group_words, pixels => self.pixels(), scale })
    }
}

/// Parameters of `layer`, which `variant` runs, in the order of `shaders/layer.wgsl`, as words.
pub(crate) fn layer_words(layer: &Layer, variant: &Variant) -> Vec<u32> {
    let shape = variant.shape;
    let is_signed = variant.end != End::Features;
    let mut words = Vec::new();
    for word in 0..shape.out_words() {
        let channels = [0, 1, 2, 3].map(|i| channel_words(layer, word * 4 + i, is_signed));
        words.extend((0..channels[0].len()).flat_map(|field| channels.map(|channel| channel[field])));
    }
    for group in 0..shape.groups {
        for in_word in 0..shape.in_words {
            for tap in 0..TAPS {
                for word in 0..shape.group_words {
                    let out = (group * shape.group_words + word) * 4;
                    words.extend([0, 1, 2, 3].map(|i| weight_word(layer, out + i, in_word, tap)));
                }
            }
        }
    }
    words
}

/// The fields of `Channels` for one output channel. A signed result has a lower limit, another is cut at 0.
fn channel_words(layer: &Layer, out: usize, is_signed: bool) -> [u32; 7] {
    if out >= layer.out_channels {
        // Padding channels give code 0: their range is 0. Shifts by `post` less a constant must stay shifts.
        return [0, 0, 0, 0, 0, 0, 9];
    }
    let (limit, pre, post) = (layer.limit[out].cast_signed(), layer.pre[out], layer.post[out]);
    let mul = u32::from(layer.mul[out]);
    let low = if is_signed { -limit >> pre } else { 0 };
    let range = (limit >> pre) - low;
    // It wraps below 0, and the sum with the product wraps back.
    let addend = low.cast_unsigned().wrapping_mul(mul).wrapping_add(1 << (post - 1));
    [
        folded_bias(layer, out).cast_unsigned(),
        pre.into(),
        low.cast_unsigned(),
        range.cast_unsigned(),
        mul,
        addend,
        post.into(),
    ]
}

/// The bias for codes that are stored minus 128. It may wrap; the accumulator wraps back.
fn folded_bias(layer: &Layer, out: usize) -> i32 {
    let weights = &layer.weights[out * layer.in_channels * TAPS..][..layer.in_channels * TAPS];
    let sum: i32 = weights.iter().map(|&weight| i32::from(weight)).sum();
    layer.bias[out].wrapping_add(128 * sum)
}

/// The weights of four input channels, lowest in the low byte; 0 for channels that are not there.
fn weight_word(layer: &Layer, out: usize, in_word: usize, tap: usize) -> u32 {
    let byte = |input: usize| {
        let exists = out < layer.out_channels && input < layer.in_channels;
        if exists { layer.weight(out, input, tap).cast_unsigned() } else { 0 }
    };
    u32::from_le_bytes([0, 1, 2, 3].map(|i| byte(in_word * 4 + i)))
}
