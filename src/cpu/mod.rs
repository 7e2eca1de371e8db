//! The net on the CPU, as fast as it goes; the bytes are the reference's.
//!
//! What differs between instruction sets is one file each: `avx2.rs` and its neighbours, behind the trait of `lanes.rs`.
//! `convolve.rs` is every kernel's hot loop, or `winograd.rs` where that takes fewer instructions; `row_kernel.rs` makes a layer's
//! rows, `sweep.rs` takes rows through the layers.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512_vnni;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
mod choice;
mod convolve;
mod engine;
mod groups;
#[cfg(any(
    target_arch = "x86_64",
    all(target_arch = "aarch64", target_endian = "little"),
    all(target_arch = "wasm32", target_feature = "simd128"),
))]
mod intrinsics;
mod lanes;
#[cfg(test)]
mod model;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon_dot;
mod packing;
mod portable;
mod queue;
mod reconstruct;
mod requantise;
mod row_kernel;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(target_arch = "x86_64")]
mod sse2;
mod sweep;
#[cfg(test)]
mod tests;
mod watch;
mod winograd;

pub use choice::{CPU_VARIABLE, kernels};
pub(crate) use engine::Engine;
