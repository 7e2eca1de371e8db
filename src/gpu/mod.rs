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
mod proof;
mod ring;
mod shader;
mod stage;
mod task;
#[cfg(test)]
pub(crate) mod test;
#[cfg(test)]
mod tests;
pub(crate) mod timing;
mod tuner;
mod variant;
mod wait_native;
mod workspace;

pub use crate::timing::Clock;
pub use adapter::{Adapter, Choice};
pub(crate) use compiled::Compiled;
pub(crate) use context::{Context, DeviceOptions, label};
pub(crate) use engine::{Engine, Resident, Untested};
pub use kernels::{Family, Kernel, Kernels};
pub(crate) use packing::to_u32;
pub use probe::Ceilings;
pub(crate) use shader::templates;
pub use shader::{ShaderText, shaders};
pub(crate) use task::MAX_GROUP_WORDS;
pub use task::layer_labels;
pub use tuner::{Trial, Tuning};
pub(crate) use wait_native::read_words;
pub use wait_native::{adapters, choose};
pub(crate) use wgpu::util::pipeline_cache_key as pipelines_key;
