//! What tests of shaders share: the adapters of this machine, and the languages that drivers take.

use std::process::Command;

use naga::back::{glsl, hlsl, msl, spv};
use naga::valid::{Capabilities, ModuleInfo, ValidationFlags, Validator};

use super::{Adapter, adapters};

/// What to type where one is missing, on Debian.
pub(crate) const HOW_TO_INSTALL: &str = "apt-get install mesa-vulkan-drivers libegl1 libgl1-mesa-dri";

/// The adapters to test on: all that there are, a Vulkan and a GL one at least.
pub(crate) fn test_adapters() -> Vec<Adapter> {
    let adapters = adapters();
    if cfg!(target_os = "linux") {
        for backend in [wgpu::Backend::Vulkan, wgpu::Backend::Gl] {
            let found = adapters.iter().any(|adapter| adapter.info.backend == backend);
            assert!(found, "no {backend} adapter to test on: {HOW_TO_INSTALL}");
        }
    }
    assert!(!adapters.is_empty(), "no adapter to test on: install a GPU driver");
    adapters
}

/// Checks that a shader of one entry point is valid WGSL without any capability beyond WebGPU's own, keeps to the limits of
/// phones, and can be written in SPIR-V, MSL, HLSL and GLSL.
pub(crate) fn validate(label: &str, text: &str) {
    valid_in_every_language(label, text);
}

/// The same, and that its loops end and it divides by constants alone.
pub(crate) fn validate_and_prove(label: &str, text: &str) {
    prove(label, &valid_in_every_language(label, text));
}

fn valid_in_every_language(label: &str, text: &str) -> naga::Module {
    // Of WebGPU's own capabilities naga names one: f16 in words.
    let (module, info) = valid_module(label, text, Capabilities::SHADER_FLOAT16_IN_FLOAT32);
    let dot_products = [spv::Capability::DotProduct, spv::Capability::DotProductInput4x8BitPacked];
    let words = write_spirv(&module, &info, &dot_products, (1, 3));
    spirv_val(&words, "vulkan1.1").unwrap_or_else(|error| panic!("{label}: {error}"));
    write_msl(&module, &info, (2, 3));

    let entry = &module.entry_points[0];
    let (shader_stage, entry_point) = (entry.stage, entry.name.clone());
    let options = hlsl::Options { shader_model: hlsl::ShaderModel::V6_4, ..Default::default() };
    let pipeline = hlsl::PipelineOptions { entry_point: Some((shader_stage, entry_point.clone())) };
    hlsl::Writer::new(&mut String::new(), &options, &pipeline).write(&module, &info, None).unwrap();

    let options =
        glsl::Options { version: glsl::Version::Embedded { version: 310, is_webgl: false }, ..Default::default() };
    let pipeline = glsl::PipelineOptions { shader_stage, entry_point, multiview: None };
    let mut text = String::new();
    glsl::Writer::new(&mut text, &module, &info, &options, &pipeline, Default::default()).unwrap().write().unwrap();
    module
}

fn prove(label: &str, module: &naga::Module) {
    super::proof::check(module).unwrap_or_else(|error| panic!("{label}: {error}"));
}

/// As [`validate_and_prove`] for a shader with cooperative matrices, which only Vulkan and Metal have.
pub(super) fn validate_with_matrices(label: &str, text: &str) {
    let extensions = Capabilities::COOPERATIVE_MATRIX | Capabilities::SHADER_FLOAT16 | Capabilities::SUBGROUP;
    let (module, info) = valid_module(label, text, extensions);
    prove(label, &module);
    let capabilities = [
        spv::Capability::CooperativeMatrixKHR,
        spv::Capability::Float16,
        spv::Capability::GroupNonUniform,
        spv::Capability::StorageBuffer16BitAccess,
        spv::Capability::UniformAndStorageBuffer16BitAccess,
        spv::Capability::VulkanMemoryModel,
    ];
    let words = write_spirv(&module, &info, &capabilities, (1, 6));
    let outcome = spirv_val(&words, "spv1.6");
    // Debian 12's is older than the extension; naga has checked the module all the same.
    let is_too_old = |error: &String| {
        let is_too_old = error.contains("Invalid capability operand");
        if is_too_old {
            eprintln!("{label}: spirv-val is too old for it: {error}");
        }
        is_too_old
    };
    outcome
        .or_else(|error| if is_too_old(&error) { Ok(()) } else { Err(error) })
        .unwrap_or_else(|error| panic!("{label}: {error}"));
    if text.contains("coop_mat8x8") {
        write_msl(&module, &info, (2, 4));
    }
}

/// A module of one entry point that keeps to the limits of phones.
fn valid_module(label: &str, text: &str, capabilities: Capabilities) -> (naga::Module, ModuleInfo) {
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
    let info = Validator::new(ValidationFlags::all(), capabilities)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{label}: {}", error.emit_to_string(text)));
    let [entry] = &module.entry_points[..] else { panic!("{label}: one entry point") };
    assert!(entry.workgroup_size.iter().product::<u32>() <= 256, "{label}: phones have 256 invocations");
    let storage = |space| matches!(space, naga::AddressSpace::Storage { .. });
    let storage_buffers = module.global_variables.iter().filter(|(_, global)| storage(global.space)).count();
    assert!(storage_buffers <= 4, "{label}: phones have 4 storage buffers");
    (module, info)
}

/// Writes SPIR-V with these capabilities.
fn write_spirv(
    module: &naga::Module,
    info: &ModuleInfo,
    capabilities: &[spv::Capability],
    lang_version: (u8, u8),
) -> Vec<u32> {
    let options = spv::Options {
        lang_version,
        capabilities: Some(capabilities.iter().copied().chain([spv::Capability::Shader]).collect()),
        force_loop_bounding: false,
        emit_int_div_checks: false,
        ..Default::default()
    };
    let entry = &module.entry_points[0];
    let pipeline = spv::PipelineOptions { shader_stage: entry.stage, entry_point: entry.name.clone() };
    spv::write_vec(module, info, &options, Some(&pipeline)).unwrap()
}

fn write_msl(module: &naga::Module, info: &ModuleInfo, lang_version: (u8, u8)) {
    let entry = &module.entry_points[0];
    let options = msl::Options { lang_version, ..Default::default() };
    let pipeline = msl::PipelineOptions { entry_point: Some((entry.stage, entry.name.clone())), ..Default::default() };
    msl::write_string(module, info, &options, &pipeline).unwrap();
}

/// Khronos' validator on a SPIR-V module, for an environment as it names them.
pub(super) fn spirv_val(words: &[u32], target: &str) -> Result<(), String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), bytemuck::cast_slice(words)).unwrap();
    let output = Command::new("spirv-val").args(["--target-env", target]).arg(file.path()).output();
    let output = output.expect("spirv-val is needed to check the shaders: apt-get install spirv-tools");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
