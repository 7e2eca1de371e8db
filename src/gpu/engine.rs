//! Runs a net over the tiles of pictures on one device.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::context::{self, Context};
use super::conversion::{self, Way};
use super::kernels::{Family, Kernel, Kernels};
use super::packing::Geometry;
use super::plan::{Plan, TILES_IN_FLIGHT, tile_side};
use super::probe::{self, Ceilings};
use super::program::{Program, Programs};
use super::ring::Ring;
use super::task::Task;
use super::tuner::Tuning;
use crate::backend::{Backend, Check, Done, FrameQueue, FrameShape, PackedWords};
use crate::clock::Instant;
use crate::frame::{Copied, Extended, PixelFormat, Rgb, RowBuffer, Sink, Source, forgotten};
use crate::image::Sample;
use crate::net::Net;
use crate::options::{TileSize, Timings};
use crate::selftest::{self, Passed};

use crate::tile::{Tile, Tiling};
use crate::timing::{Clock, Span, TileTimes};
use crate::{Error, Result};

/// A net on a device. Threads may share it: each image in work has a ring of its own.
pub(crate) struct Engine {
    context: Arc<Context>,
    info: wgpu::AdapterInfo,
    /// What [`Backend::identity`] gives, once it was asked for: it takes the text of every shader.
    identity: OnceLock<Vec<u8>>,
    programs: Programs,
    /// Rings that no thread uses just now, the last used at the end.
    idle: Mutex<Vec<Ring>>,
}

/// An engine that may have kernels which need a test on this device before anyone relies on them: those with cooperative
/// matrices, which are experimental in wgpu and in drivers.
pub(crate) struct Untested(Engine);

impl Untested {
    /// Compiles the stages of `net` for 8-bit pictures, with `kernels` or those that are likely to be the best.
    pub fn new(context: Arc<Context>, net: Arc<Net>, kernels: Option<Kernels>) -> Result<Self> {
        let info = context.device.adapter_info();
        let kernels = kernels.unwrap_or_else(|| Kernels::of_adapter(&info));
        let programs = Programs::new(Arc::clone(&context), net, kernels);
        Self::of_programs(context, info, programs)
    }

    /// The same net on the same device as `engine`, with other kernels; what both need is compiled once.
    pub fn like(engine: &Engine, kernels: Kernels) -> Result<Self> {
        let programs = engine.programs.with_kernels(kernels);
        Self::of_programs(Arc::clone(&engine.context), engine.info.clone(), programs)
    }

    fn of_programs(context: Arc<Context>, info: wgpu::AdapterInfo, programs: Programs) -> Result<Self> {
        let engine = Engine { context, info, identity: OnceLock::new(), programs, idle: Mutex::default() };
        engine.program(PixelFormat::Rgb8)?;
        Ok(Self(engine))
    }

    /// The same with other kernels.
    pub fn with_kernels(&self, kernels: Kernels) -> Result<Self> {
        Self::like(&self.0, kernels)
    }

    /// Times all kernels on this device; each is tested before.
    pub fn tune(&self) -> Result<Tuning> {
        self.0.tune()
    }

    /// What the self-test runs.
    pub fn subject(&self) -> &dyn Backend {
        &self.0
    }

    /// The engine, tested now if a kernel of it needs that.
    ///
    /// # Errors
    /// [`Error::SelfTest`] if it computes wrong bytes.
    pub fn trusted(self) -> Result<Engine> {
        if self.needs_test() { self.tested() } else { Ok(self.0) }
    }

    /// The engine, tested now.
    ///
    /// # Errors
    /// [`Error::SelfTest`] if it computes wrong bytes.
    pub fn tested(self) -> Result<Engine> {
        let test = selftest::Test::new(self.0.net());
        self.tested_by(&test)
    }

    /// The same by a test that was made before, of the same net.
    ///
    /// # Errors
    /// [`Error::SelfTest`] if it computes wrong bytes.
    pub fn tested_by(self, test: &selftest::Test) -> Result<Engine> {
        let passed = test.run(&self.0)?;
        self.proven(&passed)
    }

    /// The engine, which has passed the test.
    ///
    /// # Errors
    /// [`Error::Gpu`] if that is another engine's proof.
    pub fn proven(self, passed: &Passed) -> Result<Engine> {
        if passed.is_of(&self.0) { Ok(self.0) } else { Err(Error::Gpu("the test of other kernels".to_owned())) }
    }

    fn needs_test(&self) -> bool {
        let needs_test = |(_, kernel): &(String, Kernel)| matches!(kernel.family(), Family::Matrix { .. });
        self.0.kernels().iter().any(needs_test)
    }
}

impl Engine {
    /// The kernel of each layer, by its label.
    pub fn kernels(&self) -> Vec<(String, Kernel)> {
        self.programs.variants(8).into_iter().map(|variant| (variant.task.label(), variant.kernel)).collect()
    }

    /// The compiled pipelines to save, if there are new ones.
    pub fn pipelines(&self) -> Option<Vec<u8>> {
        self.context.pipelines.as_ref()?.save()
    }

    /// The adapter that it runs on.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.info
    }

    /// The device that it runs on.
    pub(super) fn context(&self) -> &Context {
        &self.context
    }

    /// Whether it computes on the CPU: a software rasteriser.
    pub(super) fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    fn program(&self, format: PixelFormat) -> Result<Arc<Program>> {
        self.programs.get(format)
    }

    /// Measures the speeds that bound every stage.
    pub fn ceilings(&self) -> Result<Ceilings> {
        probe::ceilings(&self.context)
    }

    /// When the stages ran over the first tile of a picture.
    pub(super) fn time_stages(&self, source: &dyn Source) -> Result<Vec<Span>> {
        let tiling = self.tiling(TileSize::Auto, source.width(), source.height(), source.format())?;
        let mut ring = self.take_ring(source.format(), window(&tiling))?;
        ring.upload(&Extended::new(source, self.net()), &tiling.first())?;
        let spans = ring.workspace.time_stages(self.clock())?;
        self.give_back(ring);
        Ok(spans)
    }

    /// Puts a frame's first window on the GPU, to compute it again and again.
    pub fn resident(&self, source: &dyn Source, tiling: &Tiling) -> Result<Resident> {
        let mut ring = self.ring(source.format(), tiling, 1)?;
        ring.upload(&Extended::new(source, self.net()), &tiling.first())?;
        Ok(Resident { clock: self.clock(), ring, tiles: tiling.len() })
    }

    /// A ring for frames of one size, so many in flight.
    fn ring(&self, format: PixelFormat, tiling: &Tiling, frames: usize) -> Result<Ring> {
        let depth = frames.saturating_mul(tiling.len());
        Ring::new(Arc::clone(&self.context), self.program(format)?, window(tiling), depth)
    }

    /// A ring for the tiles of a picture, an idle one if there is any.
    fn take_ring(&self, format: PixelFormat, geometry: Geometry) -> Result<Ring> {
        let program = self.program(format)?;
        let plan = Plan::new(&program.tasks, format, geometry);
        let fits = |ring: &Ring| ring.workspace.plan == plan;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = idle.iter().position(fits) {
            return Ok(idle.remove(index));
        }
        drop(idle);
        Ring::new(Arc::clone(&self.context), program, geometry, TILES_IN_FLIGHT)
    }

    fn give_back(&self, ring: Ring) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(ring);
        let mut bytes: u64 = idle.iter().map(Ring::total_bytes).sum();
        while bytes > self.context.options.idle_bytes {
            bytes -= idle.remove(0).total_bytes();
        }
    }

    /// The words of a picture, packed by the device and by the packing's twin.
    fn packed_as<S: Sample>(&self, source: &dyn Source) -> Result<Vec<PackedWords>> {
        let (width, height) = (source.width(), source.height());
        let mut copy = Copied::new(width, height, source.format())?;
        copy.copy(source, &mut RowBuffer::default());
        let rgb = Rgb { width, height, samples: copy.samples::<S>() };
        let geometry = geometry(source);
        let mut ring = self.take_ring(source.format(), geometry)?;
        ring.upload(source, &whole(source))?;
        let (image, anchor16) = ring.workspace.read_packed()?;
        self.give_back(ring);
        let label = conversion::label(Way::Pack, source.format());
        let anchor16 = anchor16.map(|actual| (geometry.pack_anchor16(rgb), actual));
        let pairs = std::iter::once((geometry.pack_image(rgb), image)).chain(anchor16);
        Ok(pairs.map(|(expected, actual)| PackedWords { label: label.clone(), expected, actual }).collect())
    }
}

impl Backend for Engine {
    fn net(&self) -> &Net {
        self.programs.net()
    }

    fn label(&self) -> String {
        context::label(&self.info)
    }

    /// Adapter, driver, shaders and parameters.
    fn identity(&self) -> Vec<u8> {
        let ways = [Way::Pack, Way::Unpack { scale: self.net().scale() }];
        let shaders = |format: PixelFormat| {
            let conversions = ways.map(|way| conversion::wgsl(way, format));
            let stages = self.programs.variants(format.bits()).into_iter().map(|variant| variant.wgsl());
            conversions.map(Ok).into_iter().chain(stages).collect::<Vec<_>>()
        };
        let identity = || {
            let shaders: Vec<_> = PixelFormat::ALL.into_iter().flat_map(shaders).collect();
            [format!("{:?}\n{shaders:?}\n", self.info).into_bytes(), self.net().write()].concat()
        };
        self.identity.get_or_init(identity).clone()
    }

    fn tiling(&self, tile: TileSize, width: usize, height: usize, format: PixelFormat) -> Result<Tiling> {
        let (tasks, halo) = (Task::of_net(self.net(), format.bits()), self.net().halo());
        let limits = &self.context.abilities.limits;
        let largest = || tile_side(&tasks, format, halo, limits, self.is_software());
        let side = match tile {
            TileSize::Auto => largest(),
            TileSize::Whole => width.max(height),
            TileSize::Side(side) => side as usize,
        };
        let tiling = Tiling::new([width, height], [side, side], halo, self.net().margin());
        if Plan::new(&tasks, format, window(&tiling)).fits(limits) {
            Ok(tiling)
        } else {
            Err(Error::TileSize { side, largest: largest() })
        }
    }

    fn run(&self, source: &dyn Source, sink: &mut dyn Sink, tiling: &Tiling, done: Done) -> Result<Timings> {
        let source = &Extended::new(source, self.net());
        let mut ring = self.take_ring(source.format(), window(tiling))?;
        let (mut timings, mut tiles_done) = (Timings::default(), 0);
        let mut finish = |ring: &mut Ring, timings: &mut Timings| {
            ring.pop(sink, timings)?;
            tiles_done += 1;
            if done(tiles_done).is_break() { Err(Error::Cancelled) } else { Ok(()) }
        };
        for tile in tiling.tiles() {
            if ring.is_full() {
                finish(&mut ring, &mut timings)?;
            }
            ring.push(source, tile, &mut timings)?;
        }
        while !ring.is_empty() {
            finish(&mut ring, &mut timings)?;
        }
        // After an error it is dropped instead: its windows may still be in flight.
        self.give_back(ring);
        Ok(timings)
    }

    fn queue(self: Arc<Self>, frame: FrameShape, tiling: &Tiling, depth: usize) -> Result<Box<dyn FrameQueue>> {
        let ring = self.ring(frame.format, tiling, depth)?;
        Ok(Box::new(Queue { net: Arc::clone(self.programs.net()), ring, tiling: tiling.clone() }))
    }

    fn packed(&self, source: &dyn Source) -> Result<Vec<PackedWords>> {
        match source.format() {
            PixelFormat::Rgb8 => self.packed_as::<u8>(source),
            PixelFormat::Rgb16 => self.packed_as::<u16>(source),
        }
    }

    fn trace(&self, source: &dyn Source, check: Check) -> Result<()> {
        let mut ring = self.take_ring(source.format(), geometry(source))?;
        ring.upload(source, &whole(source))?;
        for (index, layer) in self.net().hidden().iter().enumerate() {
            let (features, padding_intact) = ring.workspace.trace(index, layer.out_channels, layer.zero_point())?;
            check(index, &ring.workspace.program.stages[index].label, features, padding_intact)?;
        }
        self.give_back(ring);
        Ok(())
    }

    fn clock(&self) -> Clock {
        self.context.clock()
    }

    fn timed(
        &self,
        source: &dyn Source,
        tiling: &Tiling,
        clock: Clock,
        zero: Instant,
        tile_done: &mut dyn FnMut(TileTimes),
    ) -> Result<()> {
        let scale = self.net().scale();
        let (width, height) = (source.width() * scale, source.height() * scale);
        let source = &Extended::new(source, self.net());
        let run = |sink: &mut dyn Sink| {
            let mut ring = self.take_ring(source.format(), window(tiling))?;
            for tile in tiling.tiles() {
                let start = zero.elapsed_ns();
                ring.upload(source, &tile)?;
                let uploaded = zero.elapsed_ns();
                let stages = ring.workspace.time_stages(clock)?;
                let computed = zero.elapsed_ns();
                ring.read_back(&tile, sink)?;
                let times = [start, uploaded, computed, zero.elapsed_ns()];
                let phases = times.windows(2).map(|pair| Span { start_ns: pair[0], end_ns: pair[1] }).collect();
                tile_done(TileTimes { phases, stages: stages.into_iter().map(|span| span.later(uploaded)).collect() });
            }
            self.give_back(ring);
            Ok(())
        };
        forgotten(source.format(), width, height, run)?
    }
}

/// Frames in flight, all tiles of each.
struct Queue {
    net: Arc<Net>,
    ring: Ring,
    tiling: Tiling,
}

impl FrameQueue for Queue {
    fn push(&mut self, source: &dyn Source, timings: &mut Timings) -> Result<()> {
        let source = &Extended::new(source, &self.net);
        self.tiling.tiles().try_for_each(|tile| self.ring.push(source, tile, timings))
    }

    fn pop(&mut self, sink: &mut dyn Sink, timings: &mut Timings) -> Result<()> {
        (0..self.tiling.len()).try_for_each(|_| self.ring.pop(sink, timings))
    }
}

/// A window whose samples are on the GPU and stay there.
pub(crate) struct Resident {
    clock: Clock,
    ring: Ring,
    /// Windows of a frame.
    tiles: usize,
}

impl Resident {
    /// When so many frames ran, in one submission.
    pub fn frames(&self, count: usize) -> Result<Span> {
        self.ring.time_windows(self.clock, count * self.tiles)
    }

    /// When the packing, the stages and the unpacking of so many frames ran, all of one part after all of another.
    pub fn parts(&self, count: usize) -> Result<[Span; 3]> {
        self.ring.time_parts(self.clock, count * self.tiles)
    }
}

/// The window of a picture's tiles.
fn window(tiling: &Tiling) -> Geometry {
    Geometry { width: tiling.window_width, height: tiling.window_height }
}

/// The window of a picture that is one tile.
fn geometry(source: &dyn Source) -> Geometry {
    Geometry { width: source.width(), height: source.height() }
}

/// A picture as one tile.
fn whole(source: &dyn Source) -> Tile {
    Tile { x: 0, y: 0, columns: 0..source.width(), rows: 0..source.height(), margin: 0 }
}
