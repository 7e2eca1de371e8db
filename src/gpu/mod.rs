//! The net as compute shaders: adapters, the composed WGSL, stages, and the engine that runs them over tiles.

mod adapter;
mod compiled;
mod context;
mod conversion;
#[cfg(test)]
mod emulation;
mod engine;
mod kernels;
mod packing;
mod parameters;
mod pipelines;
mod plan;
mod probe;
mod program;
mod ring;
mod shader;
mod stage;
#[cfg(test)]
pub(crate) mod test;
#[cfg(test)]
mod tests;
mod timed;
pub(crate) mod timing;
mod tuner;
mod workspace;

pub(crate) use adapter::label;
pub use adapter::{Adapter, Choice, adapters, choose};
pub(crate) use compiled::Compiled;
pub(crate) use context::{Context, read_words};
pub(crate) use engine::{Engine, Resident};
pub use kernels::{Family, Kernel, Kernels};
pub(crate) use ring::Ring;
pub use shader::{ShaderText, layer_labels, shaders};
pub(crate) use stage::to_u32;
pub use timing::Clock;
pub use tuner::{Trial, Tuning};
pub use wgpu::util::pipeline_cache_key as pipelines_key;
