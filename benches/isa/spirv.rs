//! WGSL to SPIR-V, as wgpu does on Vulkan for a shader without run-time checks.

use std::ffi::CString;

use ash::vk;
use naga::back::spv;
use naga::valid::{Capabilities, ValidationFlags, Validator};

/// What a Vulkan driver gets of a kernel.
pub struct Kernel {
    pub spirv: Vec<u32>,
    pub entry_point: CString,
    /// Index and type of each binding.
    pub bindings: Vec<(u32, vk::DescriptorType)>,
}

pub fn translate(wgsl: &str) -> Result<Kernel, String> {
    let module = naga::front::wgsl::parse_str(wgsl).map_err(|error| error.emit_to_string(wgsl))?;
    let info = Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16_IN_FLOAT32)
        .validate(&module)
        .map_err(|error| error.emit_to_string(wgsl))?;
    let [entry] = &module.entry_points[..] else { return Err("not one entry point".to_owned()) };
    let pipeline = spv::PipelineOptions { shader_stage: entry.stage, entry_point: entry.name.clone() };
    let spirv = spv::write_vec(&module, &info, &options(), Some(&pipeline)).map_err(|error| error.to_string())?;
    let bindings = module.global_variables.iter().filter_map(|(_, global)| {
        let descriptor_type = match global.space {
            naga::AddressSpace::Uniform => vk::DescriptorType::UNIFORM_BUFFER,
            _ => vk::DescriptorType::STORAGE_BUFFER,
        };
        Some((global.binding?.binding, descriptor_type))
    });
    let entry_point = CString::new(entry.name.as_str()).map_err(|error| error.to_string())?;
    Ok(Kernel { spirv, entry_point, bindings: bindings.collect() })
}

/// Those of wgpu-hal 30's `vulkan` that matter to a compute shader.
fn options() -> spv::Options<'static> {
    let unchecked = naga::proc::BoundsCheckPolicy::Unchecked;
    let capabilities = [
        spv::Capability::Shader,
        spv::Capability::Int8,
        spv::Capability::DotProduct,
        spv::Capability::DotProductInputAll,
        spv::Capability::DotProductInput4x8Bit,
        spv::Capability::DotProductInput4x8BitPacked,
    ];
    spv::Options {
        // Vulkan 1.3.
        lang_version: (1, 6),
        flags: spv::WriterFlags::empty(),
        capabilities: Some(capabilities.into_iter().collect()),
        bounds_check_policies: naga::proc::BoundsCheckPolicies {
            index: unchecked,
            buffer: unchecked,
            image_load: unchecked,
            binding_array: unchecked,
        },
        force_loop_bounding: false,
        emit_int_div_checks: false,
        ..spv::Options::default()
    }
}
