//! What the machine has to test on.

use abpn::gpu;

/// The adapters of this machine: Vulkan and GL at least on Linux.
pub fn adapters() -> Vec<gpu::Adapter> {
    let adapters = gpu::adapters();
    for backend in [wgpu::Backend::Vulkan, wgpu::Backend::Gl] {
        assert!(
            !cfg!(target_os = "linux") || adapters.iter().any(|adapter| adapter.info.backend == backend),
            "no {backend} adapter to test on: apt-get install mesa-vulkan-drivers libegl1 libgl1-mesa-dri"
        );
    }
    assert!(!adapters.is_empty(), "no adapter to test on: install a GPU driver");
    adapters
}
