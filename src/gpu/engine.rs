//! Runs a net over the tiles of pictures on one device.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use super::context::Context;
use super::conversion::{self, Way};
use super::kernels::{Abilities, Kernel, Kernels};
use super::packing::Geometry;
use super::plan::{Plan, TILES_IN_FLIGHT, tile_side};
use super::probe;
use super::program::{Program, Programs};
use super::ring::Ring;
use super::shader::{Task, Variant};
use super::timed::Timed;
use super::timing::{Clock, Span};
use crate::image::{self, Rgb, Sample};
use crate::net::Net;
use crate::profile::Ceilings;
use crate::reference::Features;
use crate::selftest::{PackedWords, Subject};
use crate::tile::{Tile, Tiling};
use crate::upscaler::{TileSize, Timings};
use crate::{Error, Result};

/// Memory that idle rings may keep.
const IDLE_BYTES: u64 = 512 << 20;

/// A net on a device. Threads may share it: each image in work has a ring of its own.
pub(crate) struct Engine {
    context: Arc<Context>,
    info: wgpu::AdapterInfo,
    kernels: Kernels,
    programs: Programs,
    /// Rings that no thread uses just now, the last used at the end.
    idle: Mutex<Vec<Ring>>,
}

impl Engine {
    /// Compiles the stages of `net` for 8-bit pictures, with `kernels` or those that are likely to be the best.
    pub fn new(context: Arc<Context>, net: &Net, kernels: Option<Kernels>) -> Result<Self> {
        let info = context.device.adapter_info();
        let kernels = kernels.unwrap_or_else(|| Kernels::of_adapter(&info));
        let engine = Self { context, info, kernels, programs: Programs::default(), idle: Mutex::default() };
        engine.program(net, 8)?;
        Ok(engine)
    }

    /// Another engine on the same device.
    pub fn with_kernels(&self, net: &Net, kernels: Kernels) -> Result<Self> {
        Self::new(Arc::clone(&self.context), net, Some(kernels))
    }

    /// The kernel of each layer of `net`, by its label.
    pub fn kernels(&self, net: &Net) -> Vec<(String, Kernel)> {
        self.variants(net, 8).into_iter().map(|variant| (variant.task.label(), variant.kernel)).collect()
    }

    /// The compiled pipelines to save, if there are new ones.
    pub fn pipelines(&self) -> Option<Vec<u8>> {
        self.context.pipelines.as_ref()?.save()
    }

    /// The adapter that it runs on.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.info
    }

    /// Adapter, driver, shaders and parameters.
    pub fn identity(&self, net: &Net) -> Vec<u8> {
        let conversions = |bits| [Way::Pack, Way::Unpack { scale: net.scale() }].map(|way| conversion::wgsl(way, bits));
        let stages = |bits| self.variants(net, bits).into_iter().map(|variant| variant.wgsl());
        let shaders: Vec<_> =
            [8, 16].into_iter().flat_map(|bits| conversions(bits).map(Ok).into_iter().chain(stages(bits))).collect();
        [format!("{:?}\n{shaders:?}\n", self.info).into_bytes(), net.write()].concat()
    }

    /// What its device offers to kernels.
    pub(super) fn abilities(&self) -> &Abilities {
        &self.context.abilities
    }

    /// Whether it computes on the CPU: a software rasteriser.
    pub(super) fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    fn variants(&self, net: &Net, bits: u32) -> Vec<Variant> {
        Variant::of_net(net, bits, &self.kernels, &self.context.abilities)
    }

    fn program(&self, net: &Net, bits: u32) -> Result<Arc<Program>> {
        self.programs.get(&self.context, net, bits, &self.kernels)
    }

    /// How a picture of `width` x `height` pixels is cut.
    pub fn tiling(&self, net: &Net, tile: TileSize, width: usize, height: usize, bits: u32) -> Result<Tiling> {
        let (tasks, halo) = (Task::of_net(net, bits), net.halo());
        let largest = || tile_side(&tasks, halo, &self.abilities().limits, self.is_software());
        let side = match tile {
            TileSize::Auto => largest(),
            TileSize::Whole => width.max(height),
            TileSize::Side(side) => side as usize,
        };
        let tiling = Tiling::new(width, height, side, side, halo);
        if Plan::new(&tasks, window(&tiling)).fits(&self.abilities().limits) {
            Ok(tiling)
        } else {
            Err(Error::TileSize { side, largest: largest() })
        }
    }

    /// Upscales `[height, width, 3]` to `[scale*height, scale*width, 3]`.
    pub fn upscale<S: Sample>(
        &self,
        net: &Net,
        rgb: Rgb<S>,
        tiling: &Tiling,
        done: &dyn Fn(usize) -> ControlFlow<()>,
        timings: &mut Timings,
    ) -> Result<Vec<S>> {
        let scale = net.scale();
        let mut picture = image::zeros(rgb.samples.len() * scale * scale)?;
        let mut ring = self.take_ring(net, S::BITS, window(tiling))?;
        let mut tiles_done = 0;
        let mut finish = |ring: &mut Ring, timings: &mut Timings| {
            ring.pop(&self.context, &mut picture, rgb.width, timings)?;
            tiles_done += 1;
            if done(tiles_done).is_break() { Err(Error::Cancelled) } else { Ok(()) }
        };
        for tile in tiling.tiles() {
            if ring.is_full() {
                finish(&mut ring, timings)?;
            }
            ring.push(&self.context, rgb, tile, timings)?;
        }
        while !ring.is_empty() {
            finish(&mut ring, timings)?;
        }
        // After an error it is dropped instead: its windows may still be in flight.
        self.give_back(ring);
        Ok(picture)
    }

    /// The best clock for compute passes.
    pub fn clock(&self) -> Clock {
        self.context.clock()
    }

    /// Measures the speeds that bound every stage.
    pub fn ceilings(&self) -> Result<Ceilings> {
        probe::ceilings(&self.context)
    }

    /// Has `run` upscale a picture tile by tile, with the means to time each stage.
    pub fn timed<S: Sample>(
        &self,
        net: &Net,
        rgb: Rgb<S>,
        tiling: &Tiling,
        clock: Clock,
        run: impl FnOnce(&mut Timed<S>) -> Result<()>,
    ) -> Result<()> {
        let mut ring = self.take_ring(net, S::BITS, window(tiling))?;
        run(&mut Timed {
            context: &self.context,
            ring: &mut ring,
            clock,
            picture: image::zeros(rgb.samples.len() * net.scale() * net.scale())?,
        })?;
        self.give_back(ring);
        Ok(())
    }

    /// A ring for frames of one size, so many in flight.
    pub fn ring(&self, net: &Net, bits: u32, tiling: &Tiling, frames: usize) -> Result<Ring> {
        let depth = frames.saturating_mul(tiling.len());
        Ring::new(&self.context, self.program(net, bits)?, window(tiling), depth)
    }

    /// Sends a frame's tiles on their way; the ring has room for them.
    pub fn push<S: Sample>(&self, ring: &mut Ring, rgb: Rgb<S>, tiling: &Tiling, timings: &mut Timings) -> Result<()> {
        tiling.tiles().try_for_each(|tile| ring.push(&self.context, rgb, tile, timings))
    }

    /// Waits for the tiles of the oldest frame, of `width` input pixels, and copies what they give.
    pub fn pop<S: Sample>(
        &self,
        ring: &mut Ring,
        tiling: &Tiling,
        frame: &mut [S],
        width: usize,
        timings: &mut Timings,
    ) -> Result<()> {
        (0..tiling.len()).try_for_each(|_| ring.pop(&self.context, frame, width, timings))
    }

    /// Puts a frame's first window on the GPU, to compute it again and again.
    pub fn resident<S: Sample>(&self, net: &Net, rgb: Rgb<S>, tiling: &Tiling) -> Result<Resident<'_>> {
        let mut ring = self.ring(net, S::BITS, tiling, 1)?;
        let first = tiling.tiles().next().ok_or_else(|| Error::Gpu("a frame has tiles".to_owned()))?;
        ring.upload(&self.context, rgb, &first)?;
        Ok(Resident { context: &self.context, ring, tiles: tiling.len() })
    }

    /// A ring for the tiles of a picture, an idle one if there is any.
    fn take_ring(&self, net: &Net, bits: u32, geometry: Geometry) -> Result<Ring> {
        let program = self.program(net, bits)?;
        let plan = Plan::new(&program.tasks, geometry);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = idle.iter().position(|ring| *ring.plan() == plan) {
            return Ok(idle.remove(index));
        }
        drop(idle);
        Ring::new(&self.context, program, geometry, TILES_IN_FLIGHT)
    }

    fn give_back(&self, ring: Ring) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(ring);
        let mut bytes: u64 = idle.iter().map(Ring::total_bytes).sum();
        while bytes > IDLE_BYTES {
            bytes -= idle.remove(0).total_bytes();
        }
    }
}

impl Subject for Engine {
    fn label(&self) -> String {
        super::label(&self.info)
    }

    fn packed<S: Sample>(&self, net: &Net, rgb: Rgb<S>) -> Result<Vec<PackedWords>> {
        let geometry = Geometry { width: rgb.width, height: rgb.height };
        let mut ring = self.take_ring(net, S::BITS, geometry)?;
        ring.upload(&self.context, rgb, &whole(rgb))?;
        let (image, anchor16) = ring.read_packed(&self.context)?;
        self.give_back(ring);
        let label = conversion::label(Way::Pack, S::BITS);
        let anchor16 = anchor16.map(|actual| (geometry.pack_anchor16(rgb), actual));
        let pairs = std::iter::once((geometry.pack_image(rgb), image)).chain(anchor16);
        Ok(pairs.map(|(expected, actual)| PackedWords { label: label.clone(), expected, actual }).collect())
    }

    fn trace<S: Sample>(
        &self,
        net: &Net,
        rgb: Rgb<S>,
        mut check: impl FnMut(usize, &str, Features, bool) -> Result<()>,
    ) -> Result<()> {
        let program = self.program(net, S::BITS)?;
        let mut ring = self.take_ring(net, S::BITS, Geometry { width: rgb.width, height: rgb.height })?;
        ring.upload(&self.context, rgb, &whole(rgb))?;
        for (index, layer) in net.hidden().iter().enumerate() {
            let (features, padding_intact) = ring.trace(&self.context, index, layer.out_channels)?;
            check(index, &program.stages[index].label, features, padding_intact)?;
        }
        self.give_back(ring);
        Ok(())
    }

    fn whole<S: Sample>(&self, net: &Net, rgb: Rgb<S>, tile: TileSize) -> Result<Vec<S>> {
        let tiling = self.tiling(net, tile, rgb.width, rgb.height, S::BITS)?;
        self.upscale(net, rgb, &tiling, &|_| ControlFlow::Continue(()), &mut Timings::default())
    }
}

/// A window whose samples are on the GPU and stay there.
pub(crate) struct Resident<'a> {
    context: &'a Context,
    ring: Ring,
    /// Windows of a frame.
    tiles: usize,
}

impl Resident<'_> {
    /// When so many frames ran, in one submission.
    pub fn frames(&self, count: usize) -> Result<Span> {
        self.ring.time_windows(self.context, self.context.clock(), count * self.tiles)
    }

    /// When the packing, the stages and the unpacking of so many frames ran, all of one part after all of another.
    pub fn parts(&self, count: usize) -> Result<[Span; 3]> {
        self.ring.time_parts(self.context, self.context.clock(), count * self.tiles)
    }
}

/// The window of a picture's tiles.
fn window(tiling: &Tiling) -> Geometry {
    Geometry { width: tiling.window_width, height: tiling.window_height }
}

/// A picture as one tile.
fn whole<S>(rgb: Rgb<S>) -> Tile {
    Tile { x: 0, y: 0, columns: 0..rgb.width, rows: 0..rgb.height }
}
