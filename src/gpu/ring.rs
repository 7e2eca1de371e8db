//! Windows in flight: while the GPU computes some, the host fills the next and takes finished ones out.
//!
//! All buffers are made once. The host copies samples into and out of mapped memory, row by row; every conversion is the
//! GPU's.

use std::sync::Arc;
use std::time::Instant;

use super::context::{Context, Mapping};
use super::packing::Geometry;
use super::plan::Plan;
use super::program::Program;
use super::timing::{self, Clock, Record, Span};
use super::workspace::Workspace;
use crate::image::{Rgb, Sample};
use crate::reference::Features;
use crate::tile::Tile;
use crate::upscaler::Timings;
use crate::{Error, Result};

/// A queue of windows of one size, oldest first.
pub(crate) struct Ring {
    program: Arc<Program>,
    workspace: Workspace,
    slots: Vec<Slot>,
    /// The slot of the oldest window in flight.
    oldest: usize,
    /// Windows in flight.
    len: usize,
}

/// The memory of one window that the host and the GPU both see.
struct Slot {
    /// The window's samples; mapped, unless the window is in flight.
    input: wgpu::Buffer,
    /// The result's samples; mapped once the window is done.
    output: wgpu::Buffer,
    mapping: Mapping,
    in_flight: Option<(Tile, wgpu::SubmissionIndex)>,
}

impl Ring {
    /// A ring of `depth` windows of `geometry`, at least one.
    pub fn new(context: &Context, program: Arc<Program>, geometry: Geometry, depth: usize) -> Result<Self> {
        use wgpu::BufferUsages as Usage;
        let workspace = Workspace::new(context, &program, geometry)?;
        let plan = &workspace.plan;
        let slots = context.checked(|device| {
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
        Ok(Self { program, workspace, slots, oldest: 0, len: 0 })
    }

    /// The sizes of its buffers.
    pub fn plan(&self) -> &Plan {
        &self.workspace.plan
    }

    /// The most windows that can be in flight.
    pub fn depth(&self) -> usize {
        self.slots.len()
    }

    /// Bytes of its buffers.
    pub fn total_bytes(&self) -> u64 {
        self.plan().total_bytes(self.depth())
    }

    /// Whether no window is in flight.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether a window must be popped before the next one is pushed.
    pub fn is_full(&self) -> bool {
        self.len == self.depth()
    }

    /// Sends a tile's window of `rgb` on its way; the ring must not be full.
    pub fn push<S: Sample>(&mut self, context: &Context, rgb: Rgb<S>, tile: Tile, timings: &mut Timings) -> Result<()> {
        debug_assert!(!self.is_full() && S::BITS == self.program.bits);
        let start = Instant::now();
        let depth = self.depth();
        let Self { program, workspace, slots, .. } = self;
        let slot = &mut slots[(self.oldest + self.len) % depth];
        slot.fill(rgb, &tile, workspace.plan.geometry)?;
        let filled = Instant::now();
        let submission = context.checked(|device| {
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("window") });
            workspace.record_input(&mut encoder, &slot.input);
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                workspace.record_pack(&mut pass, program);
                workspace.record_stages(&mut pass, program);
                workspace.record_unpack(&mut pass, program);
            }
            workspace.record_output(&mut encoder, &slot.output);
            let submission = context.queue.submit([encoder.finish()]);
            slot.mapping.ask(&slot.input, wgpu::MapMode::Write);
            slot.mapping.ask(&slot.output, wgpu::MapMode::Read);
            submission
        })?;
        slot.in_flight = Some((tile, submission));
        self.len += 1;
        timings.upload += filled - start;
        // Some drivers compute within the submission.
        timings.compute += filled.elapsed();
        Ok(())
    }

    /// Waits for the oldest window and copies what its tile gives into the upscaled picture of `width` input pixels,
    /// `[.., scale*width, 3]`; the ring must not be empty.
    pub fn pop<S: Sample>(
        &mut self,
        context: &Context,
        picture: &mut [S],
        width: usize,
        timings: &mut Timings,
    ) -> Result<()> {
        let start = Instant::now();
        let slot = &mut self.slots[self.oldest];
        let Some((tile, submission)) = slot.in_flight.take() else {
            return Err(Error::Gpu("no window is in flight".to_owned()));
        };
        slot.mapping.wait(context, submission)?;
        let waited = Instant::now();
        slot.drain(&tile, &self.workspace.plan, picture, width)?;
        self.oldest = (self.oldest + 1) % self.slots.len();
        self.len -= 1;
        timings.compute += waited - start;
        timings.read_back += waited.elapsed();
        Ok(())
    }

    /// Copies a tile's window to the GPU and packs it, and waits for that; the ring must be empty, here and below.
    pub fn upload<S: Sample>(&mut self, context: &Context, rgb: Rgb<S>, tile: &Tile) -> Result<()> {
        let Self { program, workspace, slots, oldest, .. } = self;
        let slot = &mut slots[*oldest];
        slot.fill(rgb, tile, workspace.plan.geometry)?;
        let submission = context.checked(|device| {
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("upload") });
            workspace.record_input(&mut encoder, &slot.input);
            workspace.record_pack(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()), program);
            let submission = context.queue.submit([encoder.finish()]);
            slot.mapping.ask(&slot.input, wgpu::MapMode::Write);
            submission
        })?;
        slot.mapping.wait(context, submission)
    }

    /// Runs all stages on the uploaded window, each as a pass of its own, and says when each ran.
    pub fn time_stages(&self, context: &Context, clock: Clock) -> Result<Vec<Span>> {
        self.workspace.time_stages(context, &self.program, clock)
    }

    /// Runs the uploaded window so many times, as one pass, and says when that was.
    pub fn time_windows(&self, context: &Context, clock: Clock, count: usize) -> Result<Span> {
        let record = |pass: &mut wgpu::ComputePass| {
            for _ in 0..count {
                self.workspace.record_pack(pass, &self.program);
                self.workspace.record_stages(pass, &self.program);
                self.workspace.record_unpack(pass, &self.program);
            }
        };
        let [span] = timed(context, clock, [&record])?;
        Ok(span)
    }

    /// Runs the packing, all stages and the unpacking so many times each, and says when each was.
    pub fn time_parts(&self, context: &Context, clock: Clock, count: usize) -> Result<[Span; 3]> {
        let (workspace, program) = (&self.workspace, &*self.program);
        let pack = |pass: &mut wgpu::ComputePass| (0..count).for_each(|_| workspace.record_pack(pass, program));
        let stages = |pass: &mut wgpu::ComputePass| (0..count).for_each(|_| workspace.record_stages(pass, program));
        let unpack = |pass: &mut wgpu::ComputePass| (0..count).for_each(|_| workspace.record_unpack(pass, program));
        timed(context, clock, [&pack, &stages, &unpack])
    }

    /// Unpacks what the stages gave, and copies it into the picture as [`Self::pop`] does.
    pub fn read_back<S: Sample>(
        &mut self,
        context: &Context,
        tile: &Tile,
        picture: &mut [S],
        width: usize,
    ) -> Result<()> {
        let Self { program, workspace, slots, oldest, .. } = self;
        let slot = &mut slots[*oldest];
        let submission = context.checked(|device| {
            let mut encoder =
                device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("read back") });
            workspace.record_unpack(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()), program);
            workspace.record_output(&mut encoder, &slot.output);
            let submission = context.queue.submit([encoder.finish()]);
            slot.mapping.ask(&slot.output, wgpu::MapMode::Read);
            submission
        })?;
        slot.mapping.wait(context, submission)?;
        slot.drain(tile, &workspace.plan, picture, width)
    }

    /// The uploaded window's words, and its anchor's where that has words of its own.
    pub fn read_packed(&self, context: &Context) -> Result<(Vec<u32>, Option<Vec<u32>>)> {
        self.workspace.read_packed(context)
    }

    /// Runs hidden stage `index` alone, and gives the codes it wrote, and whether it left the padding of its planes alone.
    pub fn trace(&self, context: &Context, index: usize, channels: usize) -> Result<(Features, bool)> {
        self.workspace.trace(context, &self.program, index, channels)
    }
}

/// When each of some passes ran.
fn timed<const N: usize>(context: &Context, clock: Clock, passes: [Record; N]) -> Result<[Span; N]> {
    let spans = timing::run(context, clock, &passes)?;
    spans.try_into().map_err(|_| Error::Gpu("a pass was not timed".to_owned()))
}

impl Slot {
    /// Copies a tile's window into the mapped input, and hands that over to the GPU.
    fn fill<S: Sample>(&self, rgb: Rgb<S>, tile: &Tile, window: Geometry) -> Result<()> {
        let mut view = self.input.slice(..).get_mapped_range_mut().map_err(|error| Error::Gpu(error.to_string()))?;
        let row_bytes = window.row_bytes(S::BITS);
        for y in 0..window.height {
            let row: &[u8] = bytemuck::cast_slice(rgb.row(tile.x, tile.y + y, window.width));
            view.slice(y * row_bytes..).slice(..row.len()).copy_from_slice(row);
        }
        drop(view);
        self.input.unmap();
        Ok(())
    }

    /// Copies what a tile gives out of the mapped output into the picture, and hands the output back to the GPU.
    fn drain<S: Sample>(&self, tile: &Tile, plan: &Plan, picture: &mut [S], width: usize) -> Result<()> {
        let view = self.output.slice(..).get_mapped_range().map_err(|error| Error::Gpu(error.to_string()))?;
        let (scale, row_bytes) = (plan.scale, plan.upscaled().row_bytes(S::BITS));
        let first_byte = (tile.columns.start - tile.x) * scale * 3 * size_of::<S>();
        for y in tile.rows.start * scale..tile.rows.end * scale {
            let target = &mut picture[(y * width + tile.columns.start) * scale * 3..][..tile.columns.len() * scale * 3];
            let target: &mut [u8] = bytemuck::cast_slice_mut(target);
            target.copy_from_slice(&view[(y - tile.y * scale) * row_bytes + first_byte..][..target.len()]);
        }
        drop(view);
        self.output.unmap();
        Ok(())
    }
}
