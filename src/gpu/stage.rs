//! One compute stage: its pipeline, what it binds, and how many workgroups it takes.

use super::context::Context;
use super::packing::Geometry;
use super::shader::Variant;
use crate::{Error, Result};

/// A compiled stage. Workgroup size and bindings are read back from the shader, so they stand nowhere else.
pub(crate) struct Stage {
    pub label: String,
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    /// Name and index of each binding.
    bindings: Vec<(String, u32)>,
    /// Input pixels of a workgroup along x and y.
    pixels: [u32; 2],
    groups: u32,
}

impl Stage {
    /// Compiles `variant`.
    pub fn new(context: &Context, variant: &Variant) -> Result<Self> {
        let label = variant.label();
        let bug = |what: &dyn std::fmt::Display| Error::Gpu(format!("shader {label}: {what}"));
        let wgsl = variant.wgsl().map_err(|error| bug(&error))?;
        let module = naga::front::wgsl::parse_str(&wgsl).map_err(|error| bug(&error))?;
        let mut entries = Vec::new();
        let mut bindings = Vec::new();
        for (_, global) in module.global_variables.iter() {
            let (Some(name), Some(binding)) = (&global.name, &global.binding) else { continue };
            let ty = match global.space {
                naga::AddressSpace::Uniform => wgpu::BufferBindingType::Uniform,
                naga::AddressSpace::Storage { access } => {
                    wgpu::BufferBindingType::Storage { read_only: !access.contains(naga::StorageAccess::STORE) }
                }
                _ => continue,
            };
            entries.push(wgpu::BindGroupLayoutEntry {
                binding: binding.binding,
                visibility: wgpu::ShaderStages::COMPUTE,
                ty: wgpu::BindingType::Buffer { ty, has_dynamic_offset: false, min_binding_size: None },
                count: None,
            });
            bindings.push((name.clone(), binding.binding));
        }
        let [entry] = &module.entry_points[..] else { return Err(bug(&"not one entry point")) };
        let [workgroup_x, workgroup_y, _] = entry.workgroup_size;
        let (entry_point, pixels_x) = (entry.name.clone(), to_u32(variant.pixels()) * workgroup_x);
        context.checked(|device| {
            let shader = trusted_module(device, &label, module);
            let layout = device
                .create_bind_group_layout(&wgpu::BindGroupLayoutDescriptor { label: Some(&label), entries: &entries });
            let pipeline_layout = device.create_pipeline_layout(&wgpu::PipelineLayoutDescriptor {
                label: Some(&label),
                bind_group_layouts: &[Some(&layout)],
                immediate_size: 0,
            });
            let pipeline = device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
                label: Some(&label),
                layout: Some(&pipeline_layout),
                module: &shader,
                entry_point: Some(&entry_point),
                compilation_options: wgpu::PipelineCompilationOptions::default(),
                cache: None,
            });
            let groups = to_u32(variant.shape.groups);
            Self { label, pipeline, layout, bindings, pixels: [pixels_x, workgroup_y], groups }
        })
    }

    /// Binds buffers by the names they have in the shader, so that an order mistake can't become a wrong picture.
    pub fn bind(&self, device: &wgpu::Device, buffers: &[(&str, &wgpu::Buffer)]) -> wgpu::BindGroup {
        let entries: Vec<_> = self
            .bindings
            .iter()
            .filter_map(|(name, binding)| {
                let (_, buffer) = buffers.iter().find(|(given, _)| given == name)?;
                Some(wgpu::BindGroupEntry { binding: *binding, resource: buffer.as_entire_binding() })
            })
            .collect();
        device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(&self.label),
            layout: &self.layout,
            entries: &entries,
        })
    }

    /// Records the stage over a window.
    pub fn record(&self, pass: &mut wgpu::ComputePass, bind_group: &wgpu::BindGroup, window: Geometry) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, bind_group, &[]);
        let [x, y] = self.pixels;
        pass.dispatch_workgroups(to_u32(window.width).div_ceil(x), to_u32(window.height).div_ceil(y), self.groups);
    }
}

/// A shader module without run-time checks: they forbid the compiler to unroll, and cost half of the speed.
#[expect(unsafe_code, reason = "wgpu marks the absence of checks as unsafe")]
fn trusted_module(device: &wgpu::Device, label: &str, module: naga::Module) -> wgpu::ShaderModule {
    let descriptor = wgpu::ShaderModuleDescriptor {
        label: Some(label),
        source: wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(module)),
    };
    // SAFETY: every loop is bounded by a constant, no shader divides, and no index leaves its buffer:
    // - `layer` has the sizes that its type states, and is indexed below them by constants, IN_WORDS and `group`, which
    //   is below the dispatched number of groups;
    // - a thread with x < width and y < height reads rows y to y + 2 and columns x to x + MAX_PIXELS + 1 of each plane,
    //   inside the (height + 2) rows and the width + 1 + MAX_PIXELS columns that `Geometry` makes room for, and writes
    //   only pixels that are inside the window;
    // - `anchor` has the geometry of a plane, `output` of the last stage scale * scale entries an input pixel.
    unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
}

/// A count of pixels or groups of one window, which 32 bits always hold.
pub(crate) fn to_u32(count: usize) -> u32 {
    u32::try_from(count).expect("windows are checked against the adapter's 32-bit limits")
}
