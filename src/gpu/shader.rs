//! Composes a stage's WGSL from the files of `shaders/`.
//!
//! A stage is a list of files, put one after the other, and a header of `const`s; a variant swaps a file. The hot loops
//! are unrolled by a template engine, because drivers compile straight text best and a person reads the short form.

use minijinja::{Environment, context};

use super::kernels::{Abilities, Family, Kernel, Kernels};
use super::task::{Activation, End, Task};
use super::variant::{Matrices, Variant};
use crate::net::{Net, TAPS};
use crate::{Error, Result};

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

/// The template engine, with the one function that the shaders call.
pub(crate) fn templates() -> Environment<'static> {
    let mut environment = Environment::empty();
    environment.add_function("range", minijinja::functions::range);
    environment
}

impl Variant {
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
            Family::Matrix { .. } => include_str!("../../shaders/matrix.wgsl"),
        };
        text += include_str!("../../shaders/layer.wgsl");
        text += if self.task.reads_image {
            include_str!("../../shaders/load_image.wgsl")
        } else {
            include_str!("../../shaders/load_features.wgsl")
        };
        text += match self.task.end {
            End::Features { activation: Activation::Relu, .. } => {
                concat!(include_str!("../../shaders/scale.wgsl"), include_str!("../../shaders/requantise.wgsl"))
            }
            End::Features { activation: Activation::Prelu, .. } => include_str!("../../shaders/requantise_prelu.wgsl"),
            End::Pixels { bits: 8, .. } => {
                concat!(include_str!("../../shaders/scale.wgsl"), include_str!("../../shaders/pixels8.wgsl"))
            }
            End::Pixels { .. } => {
                concat!(include_str!("../../shaders/scale.wgsl"), include_str!("../../shaders/pixels16.wgsl"))
            }
        };
        text += match self.task.end {
            End::Features { pads: false, .. } => include_str!("../../shaders/conv3x3.wgsl"),
            End::Features { pads: true, .. } => {
                concat!(include_str!("../../shaders/padding.wgsl"), include_str!("../../shaders/conv3x3.wgsl"))
            }
            End::Pixels { .. } => include_str!("../../shaders/reconstruct.wgsl"),
        };
        self.unroll(&text)
    }

    fn header(&self) -> String {
        let Task { in_words, out_words, .. } = self.task;
        let group_words = self.group_words();
        let (extensions, weights) = match self.matrices() {
            None => ("", in_words * out_words * TAPS),
            Some(matrices) => ("enable f16;\nenable wgpu_cooperative_matrix;\n", matrices.weights_per_tap() * TAPS),
        };
        let loaded = match self.load_words() {
            1 => "u32".to_owned(),
            words => format!("vec{words}<u32>"),
        };
        format!(
            "{extensions}alias Loaded = {loaded};\nconst IN_WORDS = {in_words}u;\nconst OUT_WORDS = {out_words}u;\nconst GROUP_WORDS = {group_words}u;\n\
             const TAPS = {TAPS}u;\nconst WEIGHTS = {weights}u;\n"
        )
    }

    fn unroll(&self, template: &str) -> std::result::Result<String, minijinja::Error> {
        let (scale, pads) = match self.task.end {
            End::Features { pads, .. } => (0, pads),
            End::Pixels { scale, .. } => (scale, false),
        };
        let Kernel { rows, parameters, subgroup_rows, .. } = self.kernel;
        let mut environment = templates();
        environment.add_template("invocation.wgsl", include_str!("../../shaders/invocation.wgsl"))?;
        let space = parameters.space();
        let (words, groups, pixels) = (self.group_words(), self.groups(), self.pixels());
        let workgroup_size = self.workgroup_size();
        let load_words = self.load_words();
        let values = context! { words, groups, pixels, scale, pads, rows, load_words, workgroup_size, space };
        let Some(matrices) = self.matrices() else {
            environment.add_template("accumulate.wgsl", include_str!("../../shaders/accumulate.wgsl"))?;
            return environment.render_str(template, values);
        };
        environment.add_template("accumulate.wgsl", include_str!("../../shaders/accumulate_matrix.wgsl"))?;
        let Matrices { side, in_blocks, out_blocks, tile_width, tile_height, codes_stride, codes_len, sums_len } =
            matrices;
        let matrices =
            context! { side, in_blocks, out_blocks, tile_width, tile_height, codes_stride, codes_len, sums_len };
        environment.render_str(template, context! { ..context! { subgroup_rows }, ..values, ..matrices })
    }
}
