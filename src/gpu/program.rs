//! All that runs over a window, compiled: the conversions at both ends and the stages between them.

use std::collections::HashMap;
#[cfg(not(target_family = "wasm"))]
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
#[cfg(not(target_family = "wasm"))]
use std::thread::{self, ScopedJoinHandle};

use super::context::Context;
use super::conversion::{Conversion, Way};
use super::kernels::{Kernels, Parameters};
use super::stage::Stage;
use super::task::Task;
use super::variant::Variant;
use crate::Result;
use crate::frame::PixelFormat;
use crate::net::{Layer, Net};

/// A net's stages for pictures of one format.
pub(crate) struct Program {
    pub format: PixelFormat,
    pub tasks: Vec<Task>,
    pub stages: Vec<Arc<Stage>>,
    /// The parameters of each layer.
    pub layers: Vec<wgpu::Buffer>,
    pub pack: Conversion,
    pub unpack: Conversion,
}

/// The programs of one net with one choice of kernels, compiled at first use.
pub(crate) struct Programs {
    context: Arc<Context>,
    net: Arc<Net>,
    kernels: Kernels,
    compiled: Mutex<Compiled>,
}

#[derive(Default)]
struct Compiled {
    programs: HashMap<PixelFormat, Arc<Program>>,
    /// Most stages of a net share one, and so do pictures of 8 and 16 bits.
    stages: HashMap<Variant, Arc<Stage>>,
}

impl Programs {
    /// None of them compiled yet.
    pub fn new(context: Arc<Context>, net: Arc<Net>, kernels: Kernels) -> Self {
        Self { context, net, kernels, compiled: Mutex::default() }
    }

    /// The net.
    pub fn net(&self) -> &Arc<Net> {
        &self.net
    }

    /// The net's stages for pictures of `bits` bits a sample.
    pub fn variants(&self, bits: u32) -> Vec<Variant> {
        Variant::of_net(&self.net, bits, &self.kernels, &self.context.abilities)
    }

    /// The program for pictures of this format.
    pub fn get(&self, format: PixelFormat) -> Result<Arc<Program>> {
        let (context, scale) = (&*self.context, self.net.scale());
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = compiled.programs.get(&format) {
            return Ok(Arc::clone(program));
        }
        let variants = self.variants(format.bits());
        let mut missing: Vec<&Variant> = Vec::new();
        for variant in &variants {
            if !compiled.stages.contains_key(variant) && !missing.contains(&variant) {
                missing.push(variant);
            }
        }
        let stage = |variant| Stage::new(context, variant);
        let pack = || Conversion::new(context, Way::Pack, format);
        let unpack = || Conversion::new(context, Way::Unpack { scale }, format);
        let (stages, pack, unpack) = if context.is_single_threaded() {
            (missing.iter().map(|&variant| stage(variant)).collect(), pack(), unpack())
        } else {
            on_threads(&missing, stage, pack, unpack)
        };
        for (&variant, stage) in missing.into_iter().zip(stages) {
            compiled.stages.insert(variant, Arc::new(stage?));
        }
        let stages = variants.iter().map(|variant| Arc::clone(&compiled.stages[variant])).collect();
        let layers = upload_layers(context, &self.net, &variants)?;
        let tasks = variants.iter().map(|variant| variant.task).collect();
        let program = Arc::new(Program { format, tasks, stages, layers, pack: pack?, unpack: unpack? });
        compiled.programs.insert(format, Arc::clone(&program));
        Ok(program)
    }
}

/// Each layer's parameters, in the order of the kernel that computes it.
fn upload_layers(context: &Context, net: &Net, variants: &[Variant]) -> Result<Vec<wgpu::Buffer>> {
    context.checked(|device| {
        let upload = |(layer, variant): (&Layer, &Variant)| {
            let words = variant.parameters(layer);
            let usage = match variant.kernel.parameters {
                Parameters::Storage => wgpu::BufferUsages::STORAGE,
                Parameters::Uniform => wgpu::BufferUsages::UNIFORM,
            };
            let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                label: Some("layer"),
                size: words.len() as u64 * 4,
                usage: usage | wgpu::BufferUsages::COPY_DST,
                mapped_at_creation: false,
            });
            context.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&words));
            buffer
        };
        net.layers().iter().zip(variants).map(upload).collect()
    })
}

/// Compiles each on a thread of its own: drivers compile on the thread that asks. Not on those of a pool: one that waits here,
/// with the lock, might take up work that wants the lock too.
#[cfg(not(target_family = "wasm"))]
fn on_threads<V: Copy + Sync + Send, S: Send, C: Send>(
    variants: &[V],
    stage: impl Fn(V) -> S + Sync,
    pack: impl FnOnce() -> C + Send,
    unpack: impl FnOnce() -> C + Send,
) -> (Vec<S>, C, C) {
    thread::scope(|scope| {
        let stage = &stage;
        let stages: Vec<_> = variants.iter().map(|&variant| scope.spawn(move || stage(variant))).collect();
        let (pack, unpack) = (scope.spawn(pack), scope.spawn(unpack));
        (stages.into_iter().map(join).collect::<Vec<_>>(), join(pack), join(unpack))
    })
}

/// Browsers compile as they like, and their handles stay on one thread.
#[cfg(target_family = "wasm")]
fn on_threads<V: Copy, S, C>(
    variants: &[V],
    stage: impl Fn(V) -> S,
    pack: impl FnOnce() -> C,
    unpack: impl FnOnce() -> C,
) -> (Vec<S>, C, C) {
    (variants.iter().map(|&variant| stage(variant)).collect(), pack(), unpack())
}

#[cfg(not(target_family = "wasm"))]
/// The thread's value, or its panic.
fn join<T>(thread: ScopedJoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
