//! Composes a stage's WGSL from the files of `shaders/`.
//!
//! A stage is a list of files, put one after the other, and a header of `const`s; a variant swaps a file. The hot loops
//! are unrolled by a template engine, because drivers compile straight text best and a person reads the short form.

use minijinja::{Environment, context};

use super::kernels::{Abilities, Family, Kernel, Kernels, Words};
use crate::net::{Layer, Net, TAPS};
use crate::{Error, Result};

/// Most words of four channels that one thread makes of a feature map: more accumulators than a GPU's registers hold are
/// slow.
const MAX_GROUP_WORDS: usize = 8;

/// A compute shader as the engine hands it to wgpu.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShaderText {
    /// What the engine calls it, as `conv3x3 7>7`; layers of one shape have equal shaders.
    pub label: String,
    /// How it is computed.
    pub kernel: Kernel,
    /// Its whole text, with the templates expanded.
    pub wgsl: String,
    /// Input pixels that one thread makes.
    pub pixels: usize,
    /// Threads that share these pixels, each making a group of the output channels.
    pub groups: usize,
    /// Words of four channels that it reads a pixel: the trips of its loop, or of the outer one if it has two.
    pub in_words: usize,
}

/// The shader of each layer of `net`, in order, for pictures of `bits` bits a sample, 8 or 16, where `kernels` computes it on
/// a device with the limits of phones.
///
/// # Errors
/// [`Error::Gpu`] if a template is broken, which is a bug of abpn.
pub fn shaders(net: &Net, bits: u32, kernels: &Kernels) -> Result<Vec<ShaderText>> {
    let shader = |variant: Variant| {
        let wgsl = variant.wgsl().map_err(|error| Error::Gpu(error.to_string()))?;
        let Variant { task, kernel } = variant;
        Ok(ShaderText {
            label: task.label(),
            kernel,
            wgsl,
            pixels: variant.pixels(),
            groups: variant.groups(),
            in_words: task.in_words,
        })
    };
    let abilities = Abilities { limits: wgpu::Limits::downlevel_defaults(), matrix_sides: Vec::new() };
    Variant::of_net(net, bits, kernels, &abilities).into_iter().map(shader).collect()
}

/// The label of each layer of `net`, as [`Kernels::set`] takes it, for 8-bit pictures.
pub fn layer_labels(net: &Net) -> Vec<String> {
    Task::of_net(net, 8).iter().map(Task::label).collect()
}

/// What a stage computes, however it does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    /// Words of four channels a pixel that it reads.
    pub in_words: usize,
    /// Words a pixel that it writes, or has residuals for: its channels, padded to whole words and whole groups.
    pub out_words: usize,
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

impl Task {
    /// Every stage of `net` for pictures of `bits` bits a sample.
    pub fn of_net(net: &Net, bits: u32) -> Vec<Self> {
        let last = net.layers().len() - 1;
        let mut in_words = 1;
        let task = |(index, layer): (usize, &Layer)| {
            let words = layer.out_channels.div_ceil(4);
            let end = if index == last { End::Pixels { scale: net.scale(), bits } } else { End::Features };
            let task =
                Self { in_words, out_words: words.next_multiple_of(groups(words, end)), reads_image: index == 0, end };
            in_words = task.out_words;
            task
        };
        net.layers().iter().enumerate().map(task).collect()
    }

    /// A name for people and profilers, as `conv3x3 7>7`.
    pub fn label(&self) -> String {
        let Self { in_words, out_words, .. } = self;
        match self.end {
            End::Features => format!("conv3x3 {in_words}>{out_words}"),
            End::Pixels { scale, bits } => format!("reconstruct x{scale} {bits}-bit {in_words}>{out_words}"),
        }
    }
}

/// The groups into which so many output words are cut for threads that make a group each. Finished pixels need all words.
fn groups(words: usize, end: End) -> usize {
    if end == End::Features { words.div_ceil(MAX_GROUP_WORDS) } else { 1 }
}

/// Codes that separate the pixels of a tile, so that the columns of a matrix lie in different banks of the memory.
const CODES_PADDING: usize = 8;

/// Sizes of what a workgroup keeps of its tile for matrices, in elements; `shaders/matrix.wgsl` says of what.
struct MatrixTile {
    /// Pixels along x and y.
    width: usize,
    height: usize,
    codes_stride: usize,
    codes_len: usize,
    sums_len: usize,
}

/// What tells one shader from another; stages with equal variants share a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Variant {
    pub task: Task,
    pub kernel: Kernel,
}

impl Variant {
    /// Every stage of `net` for pictures of `bits` bits a sample, on a device with these abilities.
    pub fn of_net(net: &Net, bits: u32, kernels: &Kernels, abilities: &Abilities) -> Vec<Self> {
        let variant = |task| Self { task, kernel: kernels.kernel(task, abilities) };
        Task::of_net(net, bits).into_iter().map(variant).collect()
    }

    /// Threads that share a pixel.
    pub fn groups(&self) -> usize {
        match self.kernel.words {
            Words::Group if self.kernel.side > 0 => 1,
            Words::Group => groups(self.task.out_words, self.task.end),
            Words::One => self.task.out_words,
        }
    }

    /// Words a pixel that one thread makes.
    pub fn group_words(&self) -> usize {
        self.task.out_words / self.groups()
    }

    /// Input pixels that one thread makes, along x: one if its words alone are more than most.
    pub fn pixels(&self) -> usize {
        if self.group_words() > MAX_GROUP_WORDS { 1 } else { self.kernel.pixels }
    }

    /// Input and output channels in whole matrices, as matrices; zeros where there are none.
    pub fn blocks(&self) -> [usize; 2] {
        [self.task.in_words, self.task.out_words].map(|words| {
            (4 * words).checked_div(self.kernel.side).map_or(0, |_| (4 * words).div_ceil(self.kernel.side))
        })
    }

    /// What a workgroup keeps of its tile for matrices.
    fn tile(&self) -> MatrixTile {
        let [in_blocks, out_blocks] = self.blocks();
        let [width, height] = self.kernel.workgroup.map(|threads| threads as usize);
        let width = width * self.pixels();
        let codes_stride = in_blocks * self.kernel.side + CODES_PADDING;
        MatrixTile {
            width,
            height,
            codes_stride,
            codes_len: (height + 2) * (width + 2) * codes_stride,
            sums_len: height * out_blocks * self.kernel.side * width,
        }
    }

    /// Invocations of a workgroup along x and y. Subgroups are numbered only in those of one dimension.
    fn workgroup_size(&self) -> [u32; 2] {
        let [x, y] = self.kernel.workgroup;
        if self.kernel.side == 0 { [x, y] } else { [x * y, 1] }
    }

    /// Invocations along x, y and z that compute a window of so many pixels.
    pub fn invocations(&self, width: usize, height: usize) -> [usize; 3] {
        if self.kernel.side == 0 {
            [width.div_ceil(self.pixels()), height, self.groups()]
        } else {
            let (tile, [threads, _]) = (self.tile(), self.workgroup_size());
            [width.div_ceil(tile.width) * threads as usize, height.div_ceil(tile.height), 1]
        }
    }

    /// Bytes of a workgroup's memory.
    pub fn workgroup_bytes(&self) -> usize {
        let MatrixTile { codes_len, sums_len, .. } = self.tile();
        if self.kernel.side == 0 { 0 } else { 2 * codes_len + 4 * sums_len }
    }

    /// The stage's WGSL.
    ///
    /// # Errors
    /// If a template is broken.
    pub fn wgsl(&self) -> std::result::Result<String, minijinja::Error> {
        let mut text = self.header();
        text += include_str!("../../shaders/window.wgsl");
        text += match self.kernel.family() {
            Family::Dot4 => include_str!("../../shaders/dot4.wgsl"),
            Family::Fma => include_str!("../../shaders/fma.wgsl"),
            Family::Matrix => include_str!("../../shaders/matrix.wgsl"),
        };
        text += include_str!("../../shaders/layer.wgsl");
        text += include_str!("../../shaders/scale.wgsl");
        text += if self.task.reads_image {
            include_str!("../../shaders/load_image.wgsl")
        } else {
            include_str!("../../shaders/load_features.wgsl")
        };
        text += match self.task.end {
            End::Features => {
                concat!(include_str!("../../shaders/requantise.wgsl"), include_str!("../../shaders/conv3x3.wgsl"))
            }
            End::Pixels { bits: 8, .. } => {
                concat!(include_str!("../../shaders/pixels8.wgsl"), include_str!("../../shaders/reconstruct.wgsl"))
            }
            End::Pixels { .. } => {
                concat!(include_str!("../../shaders/pixels16.wgsl"), include_str!("../../shaders/reconstruct.wgsl"))
            }
        };
        self.unroll(&text)
    }

    fn header(&self) -> String {
        let Task { in_words, out_words, .. } = self.task;
        let group_words = self.group_words();
        let (extensions, weights) = if self.kernel.side == 0 {
            ("", in_words * out_words * TAPS)
        } else {
            let weights = self.blocks().iter().product::<usize>() * self.kernel.side.pow(2) * TAPS;
            ("enable f16;\nenable wgpu_cooperative_matrix;\n", weights)
        };
        format!(
            "{extensions}const IN_WORDS = {in_words}u;\nconst OUT_WORDS = {out_words}u;\nconst GROUP_WORDS = {group_words}u;\n\
             const TAPS = {TAPS}u;\nconst WEIGHTS = {weights}u;\n"
        )
    }

    fn unroll(&self, template: &str) -> std::result::Result<String, minijinja::Error> {
        let scale = match self.task.end {
            End::Features => 0,
            End::Pixels { scale, .. } => scale,
        };
        let Kernel { rows, parameters, side, .. } = self.kernel;
        let mut environment = Environment::empty();
        environment.add_function("range", minijinja::functions::range);
        let accumulate = if side == 0 {
            include_str!("../../shaders/accumulate.wgsl")
        } else {
            include_str!("../../shaders/accumulate_matrix.wgsl")
        };
        environment.add_template("accumulate.wgsl", accumulate)?;
        environment.add_template("invocation.wgsl", include_str!("../../shaders/invocation.wgsl"))?;
        let space = parameters.space();
        let (words, groups, pixels) = (self.group_words(), self.groups(), self.pixels());
        let [in_blocks, out_blocks] = self.blocks();
        let MatrixTile { width, height, codes_stride, codes_len, sums_len } = self.tile();
        let matrix = context! {
            side, in_blocks, out_blocks, tile_width => width, tile_height => height, codes_stride, codes_len, sums_len
        };
        let workgroup_size = self.workgroup_size();
        environment
            .render_str(template, context! { words, groups, pixels, scale, rows, workgroup_size, space, ..matrix })
    }
}
