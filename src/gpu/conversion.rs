//! The shaders that convert between samples as the host has them and the words that the stages read and write.

use super::compiled::Compiled;
use super::context::Context;
use super::packing::{Geometry, group_pixels, to_u32};
use crate::Result;
use crate::frame::PixelFormat;

/// Which way pixels go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// The window's samples to its words: before the first stage.
    Pack,
    /// Finished pixels to samples, for a net of this scale: after the last stage.
    Unpack { scale: usize },
}

/// A compiled conversion.
pub(crate) struct Conversion {
    way: Way,
    format: PixelFormat,
    compiled: Compiled,
}

impl Conversion {
    /// Compiles the conversion of pictures of this format.
    pub fn new(context: &Context, way: Way, format: PixelFormat) -> Result<Self> {
        // SAFETY: no index leaves its buffer:
        // - a thread with x < width and y < height owns group x / GROUP_PIXELS of row y, and `bytes` has
        //   `Geometry::samples_words` words, which is three for each group of each row;
        // - `image` and `anchor` are planes of the window, of which only pixels inside are written;
        // - `pixels` has width * height pixels, and x is clamped to its row.
        #[expect(unsafe_code, reason = "its proof stands here")]
        let compiled = unsafe { Compiled::proved(context, label(way, format), &wgsl(way, format)) }?;
        Ok(Self { way, format, compiled })
    }

    /// Binds buffers by the names they have in the shader.
    pub fn bind(&self, device: &wgpu::Device, buffers: &[(&str, &wgpu::Buffer)]) -> wgpu::BindGroup {
        self.compiled.bind(device, buffers)
    }

    /// Records the conversion of a window.
    pub fn record(&self, pass: &mut wgpu::ComputePass, bind_group: &wgpu::BindGroup, window: Geometry) {
        let Geometry { width, height } = match self.way {
            Way::Pack => window,
            Way::Unpack { scale } => window.upscaled(scale),
        };
        let groups = width.div_ceil(group_pixels(self.format));
        self.compiled.record(pass, bind_group, [to_u32(groups), to_u32(height), 1]);
    }
}

/// A name for people and profilers.
pub(crate) fn label(way: Way, format: PixelFormat) -> String {
    let bits = format.bits();
    match way {
        Way::Pack => format!("pack {bits}-bit"),
        Way::Unpack { scale } => format!("unpack x{scale} {bits}-bit"),
    }
}

/// The shader's text.
pub(crate) fn wgsl(way: Way, format: PixelFormat) -> String {
    let group_pixels = group_pixels(format);
    let mut text = format!("const GROUP_PIXELS = {group_pixels}u;\n");
    if let Way::Unpack { scale } = way {
        text += &format!("const SCALE = {scale}u;\n");
    }
    text += include_str!("../../shaders/window.wgsl");
    text += include_str!("../../shaders/groups.wgsl");
    text += match (way, format) {
        (Way::Pack, PixelFormat::Rgb8) => include_str!("../../shaders/pack8.wgsl"),
        (Way::Pack, PixelFormat::Rgb16) => include_str!("../../shaders/pack16.wgsl"),
        (Way::Unpack { .. }, PixelFormat::Rgb8) => include_str!("../../shaders/unpack8.wgsl"),
        (Way::Unpack { .. }, PixelFormat::Rgb16) => include_str!("../../shaders/unpack16.wgsl"),
    };
    text
}
