//! Which kernel runs: the best that this machine has, or the one that is asked for.

use super::kernel::Kernel;
use super::lanes::Lanes;
use super::portable::Portable;
use crate::{Error, Result};

/// The environment variable that names a kernel.
pub const CPU_VARIABLE: &str = "ABPN_CPU";

/// The kernels that this machine can run, the best first.
pub(super) fn runnable() -> Vec<Box<dyn Kernel>> {
    fn kernel<L: Lanes>() -> Option<Box<dyn Kernel>> {
        Some(Box::new(L::detect()?))
    }
    #[cfg(target_arch = "x86_64")]
    let vectors = {
        use super::{avx_vnni::AvxVnni, avx2::Avx2, avx2_pairs::Avx2Pairs, avx512_vnni::Avx512Vnni, sse2::Sse2};
        [kernel::<Avx512Vnni>(), kernel::<AvxVnni>(), kernel::<Avx2>(), kernel::<Avx2Pairs>(), kernel::<Sse2>()]
    };
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    let vectors = {
        use super::{neon::Neon, neon_dot::NeonDot, neon_i8mm::NeonI8mm};
        [kernel::<NeonI8mm>(), kernel::<NeonDot>(), kernel::<Neon>()]
    };
    #[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
    let vectors = [kernel::<super::simd128::Simd128>()];
    #[cfg(not(any(
        target_arch = "x86_64",
        all(target_arch = "aarch64", target_endian = "little"),
        all(target_arch = "wasm32", target_feature = "simd128"),
    )))]
    let vectors = [];
    vectors.into_iter().chain([kernel::<Portable>()]).flatten().collect()
}

/// Names of the kernels that this machine can run, the best first; [`CPU_VARIABLE`] takes one.
pub fn kernels() -> Vec<&'static str> {
    runnable().iter().map(|kernel| kernel.name()).collect()
}

/// The kernel that [`CPU_VARIABLE`] names, or the best.
pub(super) fn choose() -> Result<Box<dyn Kernel>> {
    match std::env::var_os(CPU_VARIABLE).filter(|name| !name.is_empty()) {
        Some(name) => named(&name.to_string_lossy()),
        None => Ok(runnable().swap_remove(0)),
    }
}

fn named(name: &str) -> Result<Box<dyn Kernel>> {
    let unknown = || Error::CpuKernel { name: name.to_owned(), runnable: kernels().join(", ") };
    runnable().into_iter().find(|kernel| kernel.name() == name).ok_or_else(unknown)
}
