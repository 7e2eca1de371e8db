//! Which kernel runs: the best that this machine has, or the one that is asked for.

#[cfg(target_arch = "x86_64")]
use super::avx2::Avx2;
#[cfg(target_arch = "x86_64")]
use super::avx2_pairs::Avx2Pairs;
use super::kernel::Kernel;
use super::lanes::Lanes;
use super::portable::Portable;
#[cfg(target_arch = "x86_64")]
use super::sse2::Sse2;
use crate::{Error, Result};

/// The environment variable that names a kernel.
pub const CPU_VARIABLE: &str = "ABPN_CPU";

/// The kernels that this machine can run, the best first.
pub(super) fn runnable() -> Vec<Box<dyn Kernel>> {
    fn kernel<L: Lanes>() -> Option<Box<dyn Kernel>> {
        Some(Box::new(L::detect()?))
    }
    let kernels = [
        #[cfg(target_arch = "x86_64")]
        kernel::<Avx2>(),
        #[cfg(target_arch = "x86_64")]
        kernel::<Avx2Pairs>(),
        #[cfg(target_arch = "x86_64")]
        kernel::<Sse2>(),
        kernel::<Portable>(),
    ];
    kernels.into_iter().flatten().collect()
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
