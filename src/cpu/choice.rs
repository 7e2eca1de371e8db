//! Which kernel runs: the best that this machine has, or the one that is asked for.

use std::sync::Arc;

use super::engine::Engine;
use super::lanes::{Lanes, Tiles};
use super::portable::Portable;
use super::row_kernel::{Mixed, RowKernel};
use crate::net::Net;
use crate::net::random::{random_net, random_prelu_net};
use crate::{Error, Result, selftest};

/// The environment variable that names a kernel.
pub const CPU_VARIABLE: &str = "ABPN_CPU";

/// The kernels that this machine can run, the best first.
pub(super) fn runnable() -> Vec<Arc<dyn RowKernel>> {
    #[allow(dead_code, reason = "some machines have none but the portable one")]
    fn kernel<L: Lanes>() -> Option<Arc<dyn RowKernel>> {
        Some(Arc::new(L::detect()?))
    }
    fn mixed<L: Tiles>() -> Option<Arc<dyn RowKernel>> {
        Some(Arc::new(Mixed::new(L::detect()?)))
    }
    #[cfg(target_arch = "x86_64")]
    let vectors = {
        use super::{avx_vnni::AvxVnni, avx2::Avx2, avx512_vnni::Avx512Vnni, sse2::Sse2};
        [mixed::<Avx512Vnni>(), mixed::<AvxVnni>(), mixed::<Avx2>(), mixed::<Sse2>()]
    };
    #[cfg(all(target_arch = "aarch64", target_endian = "little"))]
    let vectors = {
        use super::neon::Neon;
        use super::neon_dot::{NeonDot, NeonI8mm};
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
    vectors.into_iter().chain([mixed::<Portable>()]).flatten().collect()
}

/// Names of the kernels that this machine can run, the best first; [`CPU_VARIABLE`] takes one.
pub fn kernels() -> Vec<&'static str> {
    runnable().iter().map(|kernel| kernel.name()).collect()
}

/// The kernel that [`CPU_VARIABLE`] names, or the best for nets with or without PReLU.
///
/// # Errors
/// [`Error::CpuKernel`] if the variable names something else.
pub(super) fn kernel(has_prelu: bool) -> Result<Arc<dyn RowKernel>> {
    match std::env::var_os(CPU_VARIABLE).filter(|name| !name.is_empty()) {
        Some(name) => named(&name.to_string_lossy()),
        None => first_right(runnable(), has_prelu),
    }
}

fn named(name: &str) -> Result<Arc<dyn RowKernel>> {
    let unknown = || Error::CpuKernel { name: name.to_owned(), runnable: kernels().join(", ") };
    runnable().into_iter().find(|kernel| kernel.name() == name).ok_or_else(unknown)
}

/// The first that computes what the reference does on a small net and picture, as compilers and processors have bugs, too;
/// or the last, which the self-test will refuse.
///
/// # Errors
/// None for a random net.
pub(super) fn first_right(mut kernels: Vec<Arc<dyn RowKernel>>, has_prelu: bool) -> Result<Arc<dyn RowKernel>> {
    let net = Arc::new(small_net(has_prelu)?);
    let is_right = |kernel: &Arc<dyn RowKernel>| {
        let engine = Engine::with_kernel(Arc::clone(&net), Arc::clone(kernel));
        selftest::on_picture(&net, &engine, (37, 3), selftest::TILE).is_ok()
    };
    let right = kernels.iter().position(is_right).unwrap_or(kernels.len() - 1);
    Ok(kernels.swap_remove(right))
}

/// A net that has layers of both kinds: those that a kernel computes in Winograd's way, if it can, and others.
///
/// # Errors
/// None.
pub(super) fn small_net(has_prelu: bool) -> Result<Net> {
    let random = if has_prelu { random_prelu_net } else { random_net };
    random(1, 2, &[1, 28, 28])
}
