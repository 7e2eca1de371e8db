//! Waiting for a GPU, as native programs do: the one place of the library that blocks, but for the pool's threads.
//!
//! What computes pictures records, submits and asks without waiting; a host whose threads must not block drives that by
//! itself. Instruments (timing, tracing, probes) wait here too.

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::adapter::{self, Adapter, Choice};
use super::context::{Context, DeviceOptions, Mapping};
use super::ring::Ring;
use crate::clock::Instant;
use crate::frame::Sink;
use crate::options::Timings;
use crate::{Error, Result};

/// The adapters, in a stable order. `WGPU_BACKEND` restricts them to some backends, as `vulkan,gl`.
pub fn adapters() -> Vec<Adapter> {
    pollster::block_on(adapter::found(wgpu::Backends::all()))
}

/// Takes one of [`adapters`].
///
/// # Errors
/// [`Error::NoAdapter`] if none fits, with the list of those that there are.
pub fn choose(choice: &Choice) -> Result<Adapter> {
    pollster::block_on(adapter::chosen(choice))
}

impl Context {
    /// Opens `adapter` with the downlevel limits, and its own for the size of buffers and workgroup memory.
    pub fn open(adapter: &wgpu::Adapter, options: DeviceOptions) -> Result<Self> {
        pollster::block_on(Self::opened(adapter, options))
    }

    /// Runs `work` and returns what the device says of it as an error instead of a panic.
    pub fn checked<T>(&self, work: impl FnOnce(&wgpu::Device) -> T) -> Result<T> {
        let (value, mut said) = self.scoped(work);
        pollster::block_on(poll_fn(|task| said.poll(task, self))).map(|()| value)
    }

    /// Waits until a submission is done and its callbacks have run.
    pub fn wait(&self, submission: wgpu::SubmissionIndex) -> Result<()> {
        let timeout = self.options.timeout;
        let poll = wgpu::PollType::Wait { submission_index: Some(submission), timeout: Some(timeout) };
        // wgpu panics if the device is lost while it polls; for us that is an error like any other.
        let polled = catch_unwind(AssertUnwindSafe(|| self.device.poll(poll)));
        self.check_alive()?;
        match polled {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(wgpu::PollError::Timeout)) => Err(Error::Timeout { seconds: timeout.as_secs() }),
            Ok(Err(error)) => Err(Error::Gpu(error.to_string())),
            Err(_) => Err(Error::DeviceLost { detail: "while waiting for it".to_owned() }),
        }
    }
}

impl Mapping {
    /// Waits until `submission` is done and all that was asked for is mapped.
    pub fn wait(&mut self, context: &Context, submission: wgpu::SubmissionIndex) -> Result<()> {
        context.wait(submission)?;
        while !self.is_done()? {
            // Another thread that polls at the same time may be the one that runs the callback, a moment later.
            match self.mapped.recv_timeout(context.options.timeout) {
                Ok(heard) => self.take(heard)?,
                Err(_) => return Err(Error::Gpu("a finished buffer was not mapped".to_owned())),
            }
        }
        Ok(())
    }
}

impl Ring {
    /// Waits for the oldest window and gives `sink` what its tile gives; the ring must not be empty.
    pub fn pop(&mut self, sink: &mut dyn Sink, timings: &mut Timings) -> Result<()> {
        let start = Instant::now();
        self.wait()?;
        timings.compute += start.elapsed();
        match self.try_pop(sink, timings)? {
            true => Ok(()),
            false => Err(Error::Gpu("a finished window can't be read".to_owned())),
        }
    }
}

/// The words of a buffer, once what was submitted before is done.
pub(crate) fn read_words(context: &Context, buffer: &wgpu::Buffer) -> Result<Vec<u32>> {
    let mut mapping = Mapping::new();
    let (read_back, submission) = context.checked(|device| {
        let read_back = device.create_buffer(&wgpu::BufferDescriptor {
            label: Some("read back"),
            size: buffer.size(),
            usage: wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("read back") });
        encoder.copy_buffer_to_buffer(buffer, 0, &read_back, 0, buffer.size());
        let submission = context.queue.submit([encoder.finish()]);
        mapping.ask(&read_back, wgpu::MapMode::Read);
        (read_back, submission)
    })?;
    mapping.wait(context, submission)?;
    let view = read_back.slice(..).get_mapped_range().map_err(|error| Error::Gpu(error.to_string()))?;
    Ok(bytemuck::cast_slice(&view).to_vec())
}
