//! A device with its queue: what it says of work as values, and what is asked of it without waiting.
//!
//! `wait_native.rs` waits.

use std::pin::Pin;
use std::sync::{Arc, OnceLock, mpsc};
use std::task::{self, Poll, Waker};
use std::time::Duration;

use super::kernels::Abilities;
use super::pipelines::Pipelines;
use crate::timing::Clock;
use crate::{Error, Result};

/// What callers may choose of a device's use.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeviceOptions {
    /// The longest that one tile may take.
    pub timeout: Duration,
    /// Memory that idle rings may keep.
    pub idle_bytes: u64,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(120), idle_bytes: 512 << 20 }
    }
}

/// A device to run stages on.
pub(crate) struct Context {
    pub device: wgpu::Device,
    pub queue: wgpu::Queue,
    /// Where pipelines are kept, if the device has such a thing and it was asked for.
    pub pipelines: Option<Pipelines>,
    /// What stands in for cooperative matrices.
    #[cfg(test)]
    pub emulation: Option<super::emulation::Emulation>,
    /// What kernels can use.
    pub abilities: Abilities,
    pub options: DeviceOptions,
    /// Set once by the driver's callbacks; nothing works after that.
    failure: Arc<OnceLock<Failure>>,
}

/// What a callback was told.
enum Failure {
    Lost(String),
    /// An error that no error scope caught.
    Uncaptured(String),
}

impl Context {
    /// Opens `adapter` with the downlevel limits, and its own for the size of buffers and workgroup memory.
    pub async fn opened(adapter: &wgpu::Adapter, options: DeviceOptions) -> Result<Self> {
        check(adapter)?;
        // To profile, and to start faster; nothing needs them.
        let features = adapter.features() & (wgpu::Features::TIMESTAMP_QUERY | wgpu::Features::PIPELINE_CACHE);
        let request = async |features, experimental_features| {
            let descriptor = wgpu::DeviceDescriptor {
                label: Some("abpn"),
                required_features: features,
                required_limits: required_limits(&adapter.limits()),
                experimental_features,
                memory_hints: wgpu::MemoryHints::MemoryUsage,
                trace: wgpu::Trace::Off,
            };
            adapter.request_device(&descriptor).await
        };
        let mut matrix_sides = matrix_sides(adapter);
        let mut opened = None;
        if !matrix_sides.is_empty() {
            // SAFETY: what must be accepted here is that an experimental feature may have bugs in wgpu, up to undefined
            // behaviour. The one that is enabled is cooperative matrices, and only kernels of that family use it, whose
            // shaders naga has validated and whose indices are proved at `Stage::new`. Such a kernel runs on test pictures
            // first: no `Engine` with one is made but by `Untested`, once it has given the reference's bytes on this device
            // with this driver.
            #[expect(unsafe_code, reason = "its proof stands here")]
            let experimental = unsafe { wgpu::ExperimentalFeatures::enabled() };
            opened = request(features | MATRIX_FEATURES, experimental).await.ok();
        }
        let (device, queue) = match opened {
            Some(opened) => opened,
            None => {
                matrix_sides.clear();
                let opened = request(features, wgpu::ExperimentalFeatures::disabled()).await;
                opened.map_err(|error| refuse(adapter, error.to_string()))?
            }
        };
        let abilities = Abilities { limits: device.limits(), matrix_sides };
        let failure = Arc::new(OnceLock::new());
        let on_lost = Arc::clone(&failure);
        device.set_device_lost_callback(move |reason, message| {
            let _ = on_lost.set(Failure::Lost(format!("{reason:?}: {message}")));
        });
        let on_error = Arc::clone(&failure);
        device.on_uncaptured_error(Arc::new(move |error| {
            let _ = on_error.set(Failure::Uncaptured(error.to_string()));
        }));
        Ok(Self {
            device,
            queue,
            pipelines: None,
            #[cfg(test)]
            emulation: None,
            abilities,
            options,
            failure,
        })
    }

    /// Takes a device of the caller's, whose callbacks stay the caller's.
    pub fn borrow(device: wgpu::Device, queue: wgpu::Queue, options: DeviceOptions) -> Self {
        let abilities = Abilities { limits: device.limits(), matrix_sides: Vec::new() };
        Self {
            device,
            queue,
            pipelines: None,
            #[cfg(test)]
            emulation: None,
            abilities,
            options,
            failure: Arc::default(),
        }
    }

    /// Keeps compiled pipelines, beginning with those saved.
    #[must_use]
    pub fn with_pipelines(mut self, saved: &[u8]) -> Self {
        self.pipelines = Pipelines::new(&self.device, saved);
        self
    }

    /// The best clock for compute passes.
    pub fn clock(&self) -> Clock {
        if self.device.features().contains(wgpu::Features::TIMESTAMP_QUERY) { Clock::Gpu } else { Clock::Host }
    }

    /// Whether one thread at a time should use it: a GL context is one thread's, and wgpu panics when another has waited
    /// for it a few seconds.
    pub fn is_single_threaded(&self) -> bool {
        self.device.adapter_info().backend == wgpu::Backend::Gl
    }

    /// Runs `work`; what the device says of it, it may say later.
    pub fn scoped<T>(&self, work: impl FnOnce(&wgpu::Device) -> T) -> (T, Said) {
        let scopes = [wgpu::ErrorFilter::OutOfMemory, wgpu::ErrorFilter::Internal, wgpu::ErrorFilter::Validation]
            .map(|filter| self.device.push_error_scope(filter));
        let value = work(&self.device);
        let pending = scopes.into_iter().rev().map(|scope| Box::pin(scope.pop()) as ErrorFuture).collect();
        (value, Said { pending, first: None })
    }

    pub(super) fn check_alive(&self) -> Result<()> {
        match self.failure.get() {
            None => Ok(()),
            Some(Failure::Lost(detail)) => Err(Error::DeviceLost { detail: detail.clone() }),
            Some(Failure::Uncaptured(detail)) => Err(Error::Gpu(detail.clone())),
        }
    }
}

/// An error that a scope has caught, once it is known.
#[cfg(not(target_family = "wasm"))]
type ErrorFuture = Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;
#[cfg(target_family = "wasm")]
type ErrorFuture = Pin<Box<dyn Future<Output = Option<wgpu::Error>>>>;

/// What a device says of some work: native ones at once, browsers later.
pub(crate) struct Said {
    pending: Vec<ErrorFuture>,
    first: Option<wgpu::Error>,
}

impl Said {
    /// Whether the work was refused, once that is known.
    pub fn poll(&mut self, task: &mut task::Context, context: &Context) -> Poll<Result<()>> {
        while let Some(error) = self.pending.first_mut() {
            match error.as_mut().poll(task) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(error) => self.first = self.first.take().or(error),
            }
            drop(self.pending.remove(0));
        }
        Poll::Ready(context.check_alive().and_then(|()| match self.first.take() {
            None => Ok(()),
            Some(wgpu::Error::OutOfMemory { source }) => Err(Error::OutOfMemory { detail: source.to_string() }),
            Some(error) => Err(Error::Gpu(error.to_string())),
        }))
    }

    /// The same without being told later: none if it is not known yet.
    pub fn known(&mut self, context: &Context) -> Option<Result<()>> {
        match self.poll(&mut task::Context::from_waker(Waker::noop()), context) {
            Poll::Pending => None,
            Poll::Ready(outcome) => Some(outcome),
        }
    }
}

/// Hears of buffers that are being mapped; it may serve many submissions, one after the other.
pub(crate) struct Mapping {
    sender: mpsc::SyncSender<MapResult>,
    pub(super) mapped: mpsc::Receiver<MapResult>,
    /// Buffers that were asked for and not heard of.
    asked: usize,
}

pub(super) type MapResult = std::result::Result<(), wgpu::BufferAsyncError>;

impl Mapping {
    /// The most buffers of one submission: one to write and one to read.
    const MOST: usize = 2;

    /// Hears of none yet.
    pub fn new() -> Self {
        let (sender, mapped) = mpsc::sync_channel(Self::MOST);
        Self { sender, mapped, asked: 0 }
    }

    /// Asks for `buffer` to be mapped after all that was submitted.
    pub fn ask(&mut self, buffer: &wgpu::Buffer, mode: wgpu::MapMode) {
        debug_assert!(self.asked < Self::MOST);
        self.asked += 1;
        let sender = self.sender.clone();
        buffer.slice(..).map_async(mode, move |result| {
            // The receiver is gone only if the work was given up.
            let _ = sender.try_send(result);
        });
    }

    /// Takes what was heard of one buffer.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] if it can't be mapped.
    pub(super) fn take(&mut self, heard: MapResult) -> Result<()> {
        self.asked -= 1;
        heard.map_err(|error| Error::DeviceLost { detail: error.to_string() })
    }

    /// Whether all that was asked for is mapped.
    ///
    /// # Errors
    /// [`Error::DeviceLost`] if it can't be.
    pub fn is_done(&mut self) -> Result<bool> {
        while self.asked > 0 {
            let Ok(heard) = self.mapped.try_recv() else { return Ok(false) };
            self.take(heard)?;
        }
        Ok(true)
    }
}

/// Whether `adapter` has what the kernels need.
///
/// # Errors
/// [`Error::Adapter`] says what it lacks.
pub(crate) fn check(adapter: &wgpu::Adapter) -> Result<()> {
    if !adapter.get_downlevel_capabilities().flags.contains(wgpu::DownlevelFlags::COMPUTE_SHADERS) {
        return Err(refuse(adapter, "it has no compute shaders".to_owned()));
    }
    let limits = adapter.limits();
    let mut lacking = Vec::new();
    required_limits(&limits).check_limits_with_fail_fn(&limits, false, |name, needed, available| {
        lacking.push(format!("{name} is {available}, and {needed} is needed"));
    });
    if lacking.is_empty() { Ok(()) } else { Err(refuse(adapter, lacking.join("; "))) }
}

/// What kernels with cooperative matrices need.
const MATRIX_FEATURES: wgpu::Features =
    wgpu::Features::EXPERIMENTAL_COOPERATIVE_MATRIX.union(wgpu::Features::SHADER_F16).union(wgpu::Features::SUBGROUP);

/// Rows and columns of the square matrices that `adapter` multiplies, f16 times f16 added up in f32.
pub(super) fn matrix_sides(adapter: &wgpu::Adapter) -> Vec<usize> {
    use wgpu::CooperativeScalarType::{F16, F32};
    if !adapter.features().contains(MATRIX_FEATURES) {
        return Vec::new();
    }
    let properties = adapter.cooperative_matrix_properties();
    let fits = |side: &u32| {
        properties.iter().any(|matrix| {
            [matrix.m_size, matrix.n_size, matrix.k_size] == [*side; 3]
                && (matrix.ab_type, matrix.cr_type) == (F16, F32)
        })
    };
    [8_u32, 16].into_iter().filter(fits).map(|side| side as usize).collect()
}

/// Name and backend of an adapter, for people.
pub(crate) fn label(info: &wgpu::AdapterInfo) -> String {
    format!("{} ({})", info.name, info.backend)
}

fn refuse(adapter: &wgpu::Adapter, reason: String) -> Error {
    Error::Adapter { adapter: label(&adapter.get_info()), reason }
}

/// The downlevel defaults, which phones have, but buffers and workgroup memory as large as the adapter allows.
fn required_limits(adapter: &wgpu::Limits) -> wgpu::Limits {
    wgpu::Limits {
        max_buffer_size: adapter.max_buffer_size,
        max_storage_buffer_binding_size: adapter.max_storage_buffer_binding_size,
        max_compute_workgroup_storage_size: adapter.max_compute_workgroup_storage_size,
        max_uniform_buffer_binding_size: adapter.max_uniform_buffer_binding_size,
        ..wgpu::Limits::downlevel_defaults()
    }
}
