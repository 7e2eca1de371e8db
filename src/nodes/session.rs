//! Measures operators on a device.

use std::hint::black_box;

use super::layout::Planes;
use super::number::Number;
use super::operands::Operands;
use super::operator::Operator;
use super::program::{Bound, Program};
use super::tensor::Shape;
use super::{Precision, check, reference};
use crate::clock::Instant;
use crate::gpu::{self, Adapter, Clock, Context, timing};
use crate::stats::Stats;
use crate::{Error, Result};

/// The size at which an operator is compared with its plain version before it is timed: more than a workgroup of any kernel
/// along both axes, also of those that make a map of half the size; the last ones, in rows and in columns, are partly idle.
pub(super) const CHECKED_SIZE: (usize, usize) = (261, 11);
/// What the samples of one operator may take together, beyond the first two: software drivers are slow.
const BUDGET_MS: f64 = 3000.0;
/// What is timed at once, at least: shorter runs are repeated within a sample, or the clock's steps would show.
const SAMPLE_MS: f64 = 4.0;
/// The most repetitions within a sample.
const MOST_REPETITIONS: f64 = 64.0;

/// A device to measure operators on.
pub struct Session(Device);

enum Device {
    Cpu,
    Gpu(Box<Context>),
}

/// How long an operator took.
#[derive(Clone, Copy, Debug)]
pub struct Measurement {
    /// What ran.
    pub operator: Operator,
    /// With which numbers.
    pub precision: Precision,
    /// Milliseconds of a run.
    pub ms: Stats,
    /// Samples behind that.
    pub samples: usize,
}

impl Session {
    /// The plain versions on the CPU, rows of a map in parallel.
    pub fn cpu() -> Self {
        Self(Device::Cpu)
    }

    /// An adapter.
    ///
    /// # Errors
    /// [`Error::Adapter`] if it lacks what the kernels need.
    pub fn open(adapter: &Adapter) -> Result<Self> {
        Ok(Self(Device::Gpu(Box::new(Context::open(&adapter.adapter, Default::default())?))))
    }

    /// What it measures, for people.
    pub fn device(&self) -> String {
        match &self.0 {
            Device::Cpu => "CPU reference".to_owned(),
            Device::Gpu(context) => gpu::label(&context.device.adapter_info()),
        }
    }

    /// What it measures with.
    pub fn clock(&self) -> Clock {
        match &self.0 {
            Device::Cpu => Clock::Host,
            Device::Gpu(context) => context.clock(),
        }
    }

    /// Times an operator, up to `samples` times, but less often if that would take long; none if the operator does not
    /// exist in that precision.
    ///
    /// On an adapter it is first compared with the plain version, on a small map.
    ///
    /// # Errors
    /// [`Error::SelfTest`] if it computes something else; [`Error::OutOfMemory`], [`Error::DeviceLost`],
    /// [`Error::Timeout`] and [`Error::Gpu`].
    pub fn measure(&self, operator: &Operator, precision: Precision, samples: usize) -> Result<Option<Measurement>> {
        if !operator.has(precision) {
            return Ok(None);
        }
        let samples_ms = match precision {
            Precision::F32 => self.samples_ms::<f32>(operator, samples)?,
            Precision::Int8 => self.samples_ms::<i8>(operator, samples)?,
        };
        let samples = samples_ms.len();
        Ok(Some(Measurement { operator: *operator, precision, ms: Stats::of(samples_ms), samples }))
    }

    fn samples_ms<N: Number>(&self, operator: &Operator, samples: usize) -> Result<Vec<f64>> {
        if let Device::Gpu(context) = &self.0 {
            check_size(context, operator, N::PRECISION)?;
        }
        let operands = Operands::<N>::random(operator, 1);
        match &self.0 {
            Device::Cpu => sample(samples, |repetitions| {
                let start = Instant::now();
                for _ in 0..repetitions {
                    black_box(reference::run(operator, black_box(&operands)));
                }
                Ok(start.elapsed_ns() / 1e6)
            }),
            Device::Gpu(context) => {
                let program = Program::new(context, operator, N::PRECISION)?;
                let (width, height) = CHECKED_SIZE;
                check::program(context, &program, &Operator { width, height, ..*operator })?;
                let bound = program.bind(context, operator, &operands)?;
                drop(operands);
                sample(samples, |repetitions| run_ms(context, &bound, repetitions))
            }
        }
    }
}

/// Milliseconds of so many runs on a GPU.
fn run_ms(context: &Context, bound: &Bound, repetitions: usize) -> Result<f64> {
    let record = |pass: &mut wgpu::ComputePass| (0..repetitions).for_each(|_| bound.record(pass));
    let spans = timing::run(context, context.clock(), &[&record])?;
    Ok(spans.iter().map(crate::timing::Span::duration_ns).sum::<f64>() / 1e6)
}

/// Milliseconds of one run, several times; `run` says what so many repetitions took.
fn sample(samples: usize, mut run: impl FnMut(usize) -> Result<f64>) -> Result<Vec<f64>> {
    // The first run finds memory and caches cold; it only tells how often the others fit.
    let first_ms = run(1)?.max(f64::MIN_POSITIVE);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "1..=64")]
    let repetitions = (SAMPLE_MS / first_ms).ceil().clamp(1.0, MOST_REPETITIONS) as usize;
    let mut sampled = Vec::with_capacity(samples);
    let mut spent_ms = 0.0;
    while sampled.len() < samples.max(1) && (sampled.is_empty() || spent_ms < BUDGET_MS) {
        let ms = run(repetitions)?;
        spent_ms += ms;
        sampled.push(ms / repetitions as f64);
    }
    Ok(sampled)
}

/// Whether the device can have buffers of the operator's size and dispatch over them.
fn check_size(context: &Context, operator: &Operator, precision: Precision) -> Result<()> {
    let (limits, maps) = (context.device.limits(), operator.inputs().into_iter().chain(operator.outputs()));
    let fits = |shape: Shape| {
        let bytes = Planes(shape).len_words() as u64 * precision.word_bytes();
        let side = shape.width.max(shape.height);
        bytes <= limits.max_storage_buffer_binding_size && side <= limits.max_compute_workgroups_per_dimension as usize
    };
    if maps.into_iter().all(fits) {
        return Ok(());
    }
    let Operator { width, height, .. } = operator;
    let name = operator.name();
    Err(Error::Unsupported(format!("{name} at {width}x{height} needs larger buffers than the adapter has")))
}
