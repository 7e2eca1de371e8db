//! What tests of shaders share: the adapters of this machine, and the languages that drivers take.

use std::process::Command;

use naga::back::{glsl, hlsl, msl, spv};
use naga::valid::{Capabilities, ValidationFlags, Validator};

use super::{Adapter, adapters};

const HOW_TO_INSTALL: &str = "apt-get install mesa-vulkan-drivers libegl1 libgl1-mesa-dri";

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
    let folder = tempfile::tempdir().unwrap();
    let module = naga::front::wgsl::parse_str(text).unwrap_or_else(|error| panic!("{}", error.emit_to_string(text)));
    // No capability beyond WebGPU's own, of which f16 in words is one.
    let info = Validator::new(ValidationFlags::all(), Capabilities::SHADER_FLOAT16_IN_FLOAT32)
        .validate(&module)
        .unwrap_or_else(|error| panic!("{label}: {}", error.emit_to_string(text)));
    let [entry] = &module.entry_points[..] else { panic!("{label}: one entry point") };
    assert!(entry.workgroup_size.iter().product::<u32>() <= 256, "{label}: phones have 256 invocations");
    let storage = |space| matches!(space, naga::AddressSpace::Storage { .. });
    let storage_buffers = module.global_variables.iter().filter(|(_, global)| storage(global.space)).count();
    assert!(storage_buffers <= 4, "{label}: phones have 4 storage buffers");

    let (shader_stage, entry_point) = (entry.stage, entry.name.clone());
    let capabilities =
        [spv::Capability::Shader, spv::Capability::DotProduct, spv::Capability::DotProductInput4x8BitPacked];
    let options = spv::Options {
        lang_version: (1, 3),
        capabilities: Some(capabilities.into_iter().collect()),
        force_loop_bounding: false,
        emit_int_div_checks: false,
        ..Default::default()
    };
    let pipeline = spv::PipelineOptions { shader_stage, entry_point: entry_point.clone() };
    let words = spv::write_vec(&module, &info, &options, Some(&pipeline)).unwrap();
    spirv_val(&folder.path().join("shader.spv"), &words).unwrap_or_else(|error| panic!("{label}: {error}"));

    let entry_point = Some((shader_stage, entry_point));
    let options = msl::Options { lang_version: (2, 3), ..Default::default() };
    let pipeline = msl::PipelineOptions { entry_point: entry_point.clone(), ..Default::default() };
    msl::write_string(&module, &info, &options, &pipeline).unwrap();

    let options = hlsl::Options { shader_model: hlsl::ShaderModel::V6_4, ..Default::default() };
    let pipeline = hlsl::PipelineOptions { entry_point };
    hlsl::Writer::new(&mut String::new(), &options, &pipeline).write(&module, &info, None).unwrap();

    let options =
        glsl::Options { version: glsl::Version::Embedded { version: 310, is_webgl: false }, ..Default::default() };
    let pipeline = glsl::PipelineOptions { shader_stage, entry_point: entry.name.clone(), multiview: None };
    let mut text = String::new();
    glsl::Writer::new(&mut text, &module, &info, &options, &pipeline, Default::default()).unwrap().write().unwrap();
}

/// Khronos' validator on a SPIR-V module.
pub(super) fn spirv_val(path: &std::path::Path, words: &[u32]) -> Result<(), String> {
    std::fs::write(path, bytemuck::cast_slice(words)).unwrap();
    let output = Command::new("spirv-val").args(["--target-env", "vulkan1.1"]).arg(path).output();
    let output = output.expect("spirv-val is needed to check the shaders: apt-get install spirv-tools");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}
