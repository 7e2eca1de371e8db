//! One stage of a net: its shader, and how many invocations it takes over a window.

use super::compiled::Compiled;
use super::context::Context;
use super::packing::{Geometry, to_u32};
use super::variant::Variant;
use crate::{Error, Result};

/// A compiled stage.
pub(crate) struct Stage {
    pub label: String,
    compiled: Compiled,
    variant: Variant,
}

impl Stage {
    /// Compiles `variant`.
    pub fn new(context: &Context, variant: &Variant) -> Result<Self> {
        let label = variant.task.label();
        let name = format!("{label} {}", variant.kernel);
        let wgsl = variant.wgsl().map_err(|error| Error::Gpu(format!("shader {name}: {error}")))?;
        #[cfg(test)]
        let wgsl = context.emulation.map_or(wgsl.clone(), |emulation| super::emulation::emulate(&wgsl, emulation));
        // SAFETY: no index leaves its buffer:
        // - `layer` has the sizes that its type states, and is indexed below them by constants, IN_WORDS and `group`, which
        //   is below the dispatched number of groups;
        // - a thread with x < width and y < height reads rows y to y + 2 and columns x to x + MAX_PIXELS + 1 of each plane,
        //   inside the (height + 2) rows and the width + 1 + MAX_PIXELS columns that `Geometry` makes room for, and writes
        //   only pixels that are inside the window, or in a net with PReLU next to its border: in rows 0 to height + 1 and columns
        //   0 to width + 1 of the planes that it makes; one that loads two or four words at once begins at a multiple of as many,
        //   as rows and planes do, so that the last of them hold a column of these and lie within the row too;
        // - in a kernel with matrices, threads beyond the window load only words of the planes too, rows below height + 2 and
        //   columns below the stride; `codes` and `sums` have room for the whole tile, as `Matrices` says, and `weights` for
        //   whole matrices, as `parameters_words` says;
        // - `anchor` has the geometry of a plane, `output` of the last stage scale * scale entries an input pixel.
        #[expect(unsafe_code, reason = "its proof stands here")]
        let compiled = unsafe { Compiled::proved(context, name, &wgsl) }?;
        Ok(Self { label, compiled, variant: *variant })
    }

    /// Binds buffers by the names they have in the shader.
    pub fn bind(&self, device: &wgpu::Device, buffers: &[(&str, &wgpu::Buffer)]) -> wgpu::BindGroup {
        self.compiled.bind(device, buffers)
    }

    /// Records the stage over a window.
    pub fn record(&self, pass: &mut wgpu::ComputePass, bind_group: &wgpu::BindGroup, window: Geometry) {
        let invocations = self.variant.invocations(window.width, window.height);
        self.compiled.record(pass, bind_group, invocations.map(to_u32));
    }
}
