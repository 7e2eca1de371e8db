//! A compute shader compiled for a device: what it binds and how large its workgroups are, read back from its text.

use super::context::Context;
use super::proof;
use crate::{Error, Result};

/// A shader with one entry point. Workgroup size and bindings stand in its text, and nowhere else.
pub(crate) struct Compiled {
    pub label: String,
    /// Invocations of a workgroup along x, y and z.
    pub workgroup_size: [u32; 3],
    pipeline: wgpu::ComputePipeline,
    layout: wgpu::BindGroupLayout,
    /// Name and index of each binding.
    bindings: Vec<(String, u32)>,
}

impl Compiled {
    /// Compiles `wgsl` without run-time checks, which forbid the compiler to unroll, and cost half of the speed; it is proved
    /// here that the shader's loops end and that it never divides by 0.
    ///
    /// # Safety
    /// Whatever buffers it will be bound to, the shader must not use an index beyond its buffer.
    #[expect(unsafe_code, reason = "wgpu marks the absence of checks as unsafe")]
    pub unsafe fn proved(context: &Context, label: String, wgsl: &str) -> Result<Self> {
        let module = parsed(&label, wgsl)?;
        proof::check(&module).map_err(|what| bug(&label, &what))?;
        // SAFETY: the rest is the caller's.
        unsafe { Self::of_module(context, label, module) }
    }

    /// The same for shaders whose loops depend on what they are given.
    ///
    /// # Safety
    /// Whatever buffers it will be bound to, the shader's loops must end, and it must not divide by 0 nor use an index
    /// beyond its buffer.
    #[expect(unsafe_code, reason = "wgpu marks the absence of checks as unsafe")]
    pub unsafe fn trusted(context: &Context, label: String, wgsl: &str) -> Result<Self> {
        let module = parsed(&label, wgsl)?;
        // SAFETY: the caller's.
        unsafe { Self::of_module(context, label, module) }
    }

    /// # Safety
    /// As [`Self::trusted`].
    #[expect(unsafe_code, reason = "wgpu marks the absence of checks as unsafe")]
    unsafe fn of_module(context: &Context, label: String, module: naga::Module) -> Result<Self> {
        let bug = |what: &dyn std::fmt::Display| bug(&label, what);
        let mut entries = Vec::new();
        let mut bindings = Vec::new();
        for (_, global) in module.global_variables.iter() {
            let (Some(name), Some(binding)) = (&global.name, &global.binding) else { continue };
            let ty = match global.space {
                naga::AddressSpace::Uniform => wgpu::BufferBindingType::Uniform,
                naga::AddressSpace::Storage { access } => {
                    wgpu::BufferBindingType::Storage { read_only: !access.contains(naga::StorageAccess::STORE) }
                }
                _ => return Err(bug(&"a binding that is no buffer")),
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
        let (entry_point, workgroup_size) = (entry.name.clone(), entry.workgroup_size);
        context.checked(|device| {
            let descriptor = wgpu::ShaderModuleDescriptor {
                label: Some(&label),
                source: wgpu::ShaderSource::Naga(std::borrow::Cow::Owned(module)),
            };
            // SAFETY: the caller's.
            let shader =
                unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) };
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
                cache: context.pipelines.as_ref().map(|pipelines| &pipelines.cache),
            });
            Self { label, workgroup_size, pipeline, layout, bindings }
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

    /// Records a dispatch of so many invocations along x, y and z, rounded up to whole workgroups.
    pub fn record(&self, pass: &mut wgpu::ComputePass, bind_group: &wgpu::BindGroup, invocations: [u32; 3]) {
        pass.set_pipeline(&self.pipeline);
        pass.set_bind_group(0, bind_group, &[]);
        let [x, y, z] = [0, 1, 2].map(|axis| invocations[axis].div_ceil(self.workgroup_size[axis]));
        pass.dispatch_workgroups(x, y, z);
    }
}

fn parsed(label: &str, wgsl: &str) -> Result<naga::Module> {
    naga::front::wgsl::parse_str(wgsl).map_err(|error| bug(label, &error))
}

fn bug(label: &str, what: &dyn std::fmt::Display) -> Error {
    Error::Gpu(format!("shader {label}: {what}"))
}
