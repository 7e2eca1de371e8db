//! Windows in flight: while the GPU computes some, the host fills the next and takes finished ones out.
//!
//! All buffers are made once. The host copies samples into and out of mapped memory, row by row; every conversion is the
//! GPU's.

use std::sync::Arc;

use super::context::{Context, Mapping, Said};
use super::packing::Geometry;
use super::plan::Plan;
use super::program::Program;
use super::timing::{self, Record};
use super::workspace::Workspace;
use crate::clock::Instant;
use crate::frame::{PixelFormat, RowBuffer, Sink, Source};
use crate::options::Timings;
use crate::tile::Tile;
use crate::timing::{Clock, Span};
use crate::{Error, Result};

/// A queue of windows of one size, oldest first.
pub(crate) struct Ring {
    pub workspace: Workspace,
    slots: Vec<Slot>,
    /// The slot of the oldest window in flight.
    oldest: usize,
    /// Windows in flight.
    len: usize,
    row: RowBuffer,
}

/// The memory of one window that the host and the GPU both see.
struct Slot {
    /// The window's samples; mapped, unless the window is in flight.
    input: wgpu::Buffer,
    /// The result's samples; mapped once the window is done.
    output: wgpu::Buffer,
    mapping: Mapping,
    in_flight: Option<InFlight>,
}

/// A window that was submitted.
struct InFlight {
    tile: Tile,
    submission: wgpu::SubmissionIndex,
    said: Said,
}

impl Ring {
    /// A ring of `depth` windows of `geometry`, at least one.
    pub fn new(context: Arc<Context>, program: Arc<Program>, geometry: Geometry, depth: usize) -> Result<Self> {
        use wgpu::BufferUsages as Usage;
        let workspace = Workspace::new(context, program, geometry)?;
        let plan = &workspace.plan;
        let slots = workspace.context.checked(|device| {
            let buffer = |label, words: usize, usage, mapped_at_creation| {
                let size = words as u64 * 4;
                device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation })
            };
            let slot = |_| Slot {
                input: buffer("upload", plan.input_samples_words(), Usage::MAP_WRITE | Usage::COPY_SRC, true),
                output: buffer("read back", plan.output_samples_words(), Usage::MAP_READ | Usage::COPY_DST, false),
                mapping: Mapping::new(),
                in_flight: None,
            };
            (0..depth.max(1)).map(slot).collect()
        })?;
        Ok(Self { workspace, slots, oldest: 0, len: 0, row: RowBuffer::default() })
    }

    /// The most windows that can be in flight.
    pub fn depth(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of its buffers.
    pub fn total_bytes(&self) -> u64 {
        self.workspace.plan.total_bytes(self.depth())
    }

    /// Whether no window is in flight.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a window must be popped before the next one is pushed.
    pub fn is_full(&self) -> bool {
        self.len == self.depth()
    }

    /// Sends a tile's window of `source` on its way; the ring must not be full.
    pub fn push(&mut self, source: &dyn Source, tile: Tile, timings: &mut Timings) -> Result<()> {
        debug_assert!(!self.is_full() && source.format() == self.workspace.program.format);
        let start = Instant::now();
        let depth = self.depth();
        let Self { workspace, slots, row, .. } = self;
        let slot = &mut slots[(self.oldest + self.len) % depth];
        slot.fill(source, &tile, workspace.plan.geometry, row)?;
        let filled = Instant::now();
        let context = &workspace.context;
        let (submission, mut said) = context.scoped(|device| {
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("window") });
            workspace.record_input(&mut encoder, &slot.input);
            workspace.record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
            workspace.record_output(&mut encoder, &slot.output);
            let submission = context.queue.submit([encoder.finish()]);
            slot.mapping.ask(&slot.input, wgpu::MapMode::Write);
            slot.mapping.ask(&slot.output, wgpu::MapMode::Read);
            submission
        });
        // Native devices say at once whether they take it.
        said.known(context).transpose()?;
        slot.in_flight = Some(InFlight { tile, submission, said });
        self.len += 1;
        timings.upload += filled.since(start);
        // Some drivers compute within the submission.
        timings.compute += filled.elapsed();
        Ok(())
    }

    /// Waits for the oldest window; the ring must not be empty.
    pub(super) fn wait(&mut self) -> Result<()> {
        let slot = &mut self.slots[self.oldest];
        let Some(in_flight) = &slot.in_flight else { return Err(Error::Gpu("no window is in flight".to_owned())) };
        slot.mapping.wait(&self.workspace.context, in_flight.submission.clone())
    }

    /// Gives `sink` what the oldest window's tile gives, if there is one and it is done.
    pub fn try_pop(&mut self, sink: &mut dyn Sink, timings: &mut Timings) -> Result<bool> {
        let Self { workspace, slots, oldest, .. } = self;
        let slot = &mut slots[*oldest];
        let Some(in_flight) = &mut slot.in_flight else { return Ok(false) };
        let Some(said) = in_flight.said.known(&workspace.context) else { return Ok(false) };
        said?;
        if !slot.mapping.is_done()? {
            return Ok(false);
        }
        let start = Instant::now();
        let tile = in_flight.tile.clone();
        slot.drain(&tile, &workspace.plan, workspace.program.format, sink)?;
        slot.in_flight = None;
        self.oldest = (self.oldest + 1) % self.slots.len();
        self.len -= 1;
        timings.read_back += start.elapsed();
        Ok(true)
    }

    /// Copies a tile's window to the GPU and packs it, and waits for that; the ring must be empty, here and below.
    pub fn upload(&mut self, source: &dyn Source, tile: &Tile) -> Result<()> {
        let Self { workspace, slots, oldest, row, .. } = self;
        let slot = &mut slots[*oldest];
        slot.fill(source, tile, workspace.plan.geometry, row)?;
        let submission = workspace.context.checked(|device| {
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("upload") });
            workspace.record_input(&mut encoder, &slot.input);
            workspace.record_pack(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
            let submission = workspace.context.queue.submit([encoder.finish()]);
            slot.mapping.ask(&slot.input, wgpu::MapMode::Write);
            submission
        })?;
        slot.mapping.wait(&workspace.context, submission)
    }

    /// Runs the uploaded window so many times, as one pass, and says when that was.
    pub fn time_windows(&self, clock: Clock, count: usize) -> Result<Span> {
        let record = |pass: &mut wgpu::ComputePass| (0..count).for_each(|_| self.workspace.record(pass));
        let [span] = self.timed(clock, [&record])?;
        Ok(span)
    }

    /// Runs the packing, all stages and the unpacking so many times each, and says when each was.
    pub fn time_parts(&self, clock: Clock, count: usize) -> Result<[Span; 3]> {
        let workspace = &self.workspace;
        let pack = |pass: &mut wgpu::ComputePass| (0..count).for_each(|_| workspace.record_pack(pass));
        let stages = |pass: &mut wgpu::ComputePass| (0..count).for_each(|_| workspace.record_stages(pass));
        let unpack = |pass: &mut wgpu::ComputePass| (0..count).for_each(|_| workspace.record_unpack(pass));
        self.timed(clock, [&pack, &stages, &unpack])
    }

    /// When each of some passes ran.
    fn timed<const N: usize>(&self, clock: Clock, passes: [Record; N]) -> Result<[Span; N]> {
        let spans = timing::run(&self.workspace.context, clock, &passes)?;
        spans.try_into().map_err(|_| Error::Gpu("a pass was not timed".to_owned()))
    }

    /// Unpacks what the stages gave, and gives it to `sink` as [`Self::pop`] does.
    pub fn read_back(&mut self, tile: &Tile, sink: &mut dyn Sink) -> Result<()> {
        let Self { workspace, slots, oldest, .. } = self;
        let slot = &mut slots[*oldest];
        let submission = workspace.context.checked(|device| {
            let mut encoder =
                device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("read back") });
            workspace.record_unpack(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
            workspace.record_output(&mut encoder, &slot.output);
            let submission = workspace.context.queue.submit([encoder.finish()]);
            slot.mapping.ask(&slot.output, wgpu::MapMode::Read);
            submission
        })?;
        slot.mapping.wait(&workspace.context, submission)?;
        slot.drain(tile, &workspace.plan, workspace.program.format, sink)
    }
}

impl Slot {
    /// Copies a tile's window into the mapped input, and hands that over to the GPU.
    fn fill(&self, source: &dyn Source, tile: &Tile, window: Geometry, buffer: &mut RowBuffer) -> Result<()> {
        let mut view = self.input.slice(..).get_mapped_range_mut().map_err(|error| Error::Gpu(error.to_string()))?;
        let row_bytes = window.row_bytes(source.format());
        for y in 0..window.height {
            let row = source.row(tile.x, tile.y + y, window.width, buffer);
            view.slice(y * row_bytes..).slice(..row.len()).copy_from_slice(row);
        }
        drop(view);
        self.input.unmap();
        Ok(())
    }

    /// Gives `sink` what a tile gives out of the mapped output, and hands that back to the GPU.
    fn drain(&self, tile: &Tile, plan: &Plan, format: PixelFormat, sink: &mut dyn Sink) -> Result<()> {
        let view = self.output.slice(..).get_mapped_range().map_err(|error| Error::Gpu(error.to_string()))?;
        let (scale, row_bytes) = (plan.scale, plan.upscaled().row_bytes(format));
        let pixel_bytes = format.pixel_bytes();
        let first_byte = (tile.columns.start + tile.margin - tile.x) * scale * pixel_bytes;
        let len = tile.columns.len() * scale * pixel_bytes;
        for y in tile.rows.start * scale..tile.rows.end * scale {
            let row = &view[(y + tile.margin * scale - tile.y * scale) * row_bytes + first_byte..][..len];
            sink.row(tile.columns.start * scale, y, row);
        }
        drop(view);
        self.output.unmap();
        Ok(())
    }
}
