//! All that runs over a window, compiled: the conversions at both ends and the stages between them.

use std::collections::HashMap;
use std::hash::Hash;
#[cfg(not(target_family = "wasm"))]
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError, Weak};
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
    pub pack: Arc<Conversion>,
    pub unpack: Arc<Conversion>,
}

/// The programs of one net with one choice of kernels, compiled at first use.
pub(crate) struct Programs {
    context: Arc<Context>,
    net: Arc<Net>,
    kernels: Kernels,
    programs: Mutex<HashMap<PixelFormat, Arc<Program>>>,
    stages: Arc<Pool<Variant, Stage>>,
    conversions: Arc<Pool<(Way, PixelFormat), Conversion>>,
}

impl Programs {
    /// None of them compiled yet.
    pub fn new(context: Arc<Context>, net: Arc<Net>, kernels: Kernels) -> Self {
        Self { context, net, kernels, programs: Mutex::default(), stages: Arc::default(), conversions: Arc::default() }
    }

    /// Those of the same net on the same device with other kernels.
    pub fn with_kernels(&self, kernels: Kernels) -> Self {
        Self {
            context: Arc::clone(&self.context),
            net: Arc::clone(&self.net),
            kernels,
            programs: Mutex::default(),
            stages: Arc::clone(&self.stages),
            conversions: Arc::clone(&self.conversions),
        }
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
        let context = &*self.context;
        let mut programs = self.programs.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = programs.get(&format) {
            return Ok(Arc::clone(program));
        }
        let variants = self.variants(format.bits());
        let mut distinct: Vec<Variant> = Vec::new();
        for &variant in &variants {
            if !distinct.contains(&variant) {
                distinct.push(variant);
            }
        }
        let stage = |variant: Variant| self.stages.get(variant, || Stage::new(context, &variant));
        let conversion = |way| self.conversions.get((way, format), || Conversion::new(context, way, format));
        let pack = || conversion(Way::Pack);
        let unpack = || conversion(Way::Unpack { scale: self.net.scale() });
        let (stages, pack, unpack) = if context.is_single_threaded() {
            (distinct.iter().map(|&variant| stage(variant)).collect(), pack(), unpack())
        } else {
            on_threads(&distinct, stage, pack, unpack)
        };
        let stages: HashMap<_, _> = distinct.into_iter().zip(stages.into_iter().collect::<Result<Vec<_>>>()?).collect();
        let stages = variants.iter().map(|variant| Arc::clone(&stages[variant])).collect();
        let layers = upload_layers(context, &self.net, &variants)?;
        let tasks = variants.iter().map(|variant| variant.task).collect();
        let program = Arc::new(Program { format, tasks, stages, layers, pack: pack?, unpack: unpack? });
        programs.insert(format, Arc::clone(&program));
        Ok(program)
    }
}

/// What was compiled for one device, as long as somebody has it. Most stages of a net share one, and so do pictures of 8 and
/// 16 bits, and programs that differ in the kernels of some layers.
struct Pool<Key, Made>(Mutex<HashMap<Key, Weak<Made>>>);

impl<Key, Made> Default for Pool<Key, Made> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<Key: Copy + Eq + Hash, Made> Pool<Key, Made> {
    /// What is there under `key`, or what `make` makes for it. Threads that ask for the same at the same time may both make it.
    fn get(&self, key: Key, make: impl FnOnce() -> Result<Made>) -> Result<Arc<Made>> {
        let lock = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = lock().get(&key).and_then(Weak::upgrade);
        if let Some(known) = known {
            return Ok(known);
        }
        let made = Arc::new(make()?);
        lock().insert(key, Arc::downgrade(&made));
        Ok(made)
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
        let (pack, unpack) = (scope.spawn(pack), scope.spawn(unpack));
        (each_on_a_thread(variants, stage), join(pack), join(unpack))
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

/// What `make` makes of each item, on a thread of its own.
#[cfg(not(target_family = "wasm"))]
pub(super) fn each_on_a_thread<T: Copy + Send, M: Send>(items: &[T], make: impl Fn(T) -> M + Sync) -> Vec<M> {
    thread::scope(|scope| {
        let make = &make;
        let made: Vec<_> = items.iter().map(|&item| scope.spawn(move || make(item))).collect();
        made.into_iter().map(join).collect()
    })
}

/// What `make` makes of each item.
#[cfg(target_family = "wasm")]
pub(super) fn each_on_a_thread<T: Copy, M>(items: &[T], make: impl Fn(T) -> M) -> Vec<M> {
    items.iter().map(|&item| make(item)).collect()
}

#[cfg(not(target_family = "wasm"))]
/// The thread's value, or its panic.
fn join<T>(thread: ScopedJoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_somebody_has_is_made_once() {
        let pool = Pool::<u8, u8>::default();
        let first = pool.get(1, || Ok(5)).unwrap();
        let again = pool.get(1, || panic!("it is there")).unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        assert_eq!(*pool.get(2, || Ok(6)).unwrap(), 6);
        drop((first, again));
        assert_eq!(*pool.get(1, || Ok(7)).unwrap(), 7);
        assert!(pool.get(3, || Err(crate::Error::Cancelled)).is_err());
        assert!(pool.get(3, || Ok(8)).is_ok());
    }
}
