//! Runs a net over the tiles of pictures on one device.

use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use super::context::Context;
use super::packing::Geometry;
use super::plan::{Plan, SLOTS, tile_side};
use super::probe;
use super::shader::{Variant, layer_words};
use super::stage::Stage;
use super::timed::Timed;
use super::timing::Clock;
use super::workspace::{InFlight, Workspace};
use crate::image::{self, Rgb, Sample};
use crate::net::Net;
use crate::profile::Ceilings;
use crate::reference::Features;
use crate::selftest::Subject;
use crate::tile::Tiling;
use crate::upscaler::{TileSize, Timings};
use crate::{Error, Result};

/// Memory that idle workspaces may keep.
const IDLE_BYTES: u64 = 512 << 20;

/// A net on a device. Threads may share it: each image in work has a workspace of its own.
pub(crate) struct Engine {
    context: Context,
    info: wgpu::AdapterInfo,
    limits: wgpu::Limits,
    /// The parameters of each layer.
    layers: Vec<wgpu::Buffer>,
    /// Compiled at first use; most stages of a net share one.
    stages: Mutex<HashMap<Variant, Arc<Stage>>>,
    /// Workspaces that no thread uses just now, the last used at the end.
    idle: Mutex<Vec<Workspace>>,
}

/// The stages for pictures of one depth.
struct Program {
    variants: Vec<Variant>,
    stages: Vec<Arc<Stage>>,
}

impl Program {
    fn stages(&self) -> Vec<&Stage> {
        self.stages.iter().map(AsRef::as_ref).collect()
    }
}

impl Engine {
    /// Uploads the parameters of `net` and compiles its stages for 8-bit pictures.
    pub fn new(context: Context, net: &Net) -> Result<Self> {
        let variants = Variant::of_net(net, 8);
        let layers = context.checked(|device| {
            let upload = |(layer, variant)| {
                let words = layer_words(layer, variant);
                let buffer = device.create_buffer(&wgpu::BufferDescriptor {
                    label: Some("layer"),
                    size: words.len() as u64 * 4,
                    usage: wgpu::BufferUsages::STORAGE | wgpu::BufferUsages::COPY_DST,
                    mapped_at_creation: false,
                });
                context.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(&words));
                buffer
            };
            net.layers().iter().zip(&variants).map(upload).collect()
        })?;
        let (info, limits) = (context.device.adapter_info(), context.device.limits());
        let engine = Self { context, info, limits, layers, stages: Mutex::default(), idle: Mutex::default() };
        engine.program(net, 8)?;
        Ok(engine)
    }

    /// The adapter that it runs on.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.info
    }

    /// Adapter, driver, shaders and parameters.
    pub fn identity(&self, net: &Net) -> String {
        let shaders: Vec<_> =
            [8, 16].iter().flat_map(|&bits| Variant::of_net(net, bits)).map(|variant| variant.wgsl()).collect();
        format!("{:?}\n{shaders:?}\n{:?}", self.info, net.layers())
    }

    fn program(&self, net: &Net, bits: u32) -> Result<Program> {
        let variants = Variant::of_net(net, bits);
        let mut compiled = self.stages.lock().unwrap_or_else(PoisonError::into_inner);
        let mut stages = Vec::with_capacity(variants.len());
        for variant in &variants {
            let stage = match compiled.get(variant) {
                Some(stage) => Arc::clone(stage),
                None => {
                    let stage = Arc::new(Stage::new(&self.context, variant)?);
                    compiled.insert(*variant, Arc::clone(&stage));
                    stage
                }
            };
            stages.push(stage);
        }
        Ok(Program { variants, stages })
    }

    /// How a picture of `width` x `height` pixels is cut.
    pub fn tiling(&self, net: &Net, tile: TileSize, width: usize, height: usize, bits: u32) -> Result<Tiling> {
        let (variants, halo) = (Variant::of_net(net, bits), net.halo());
        let is_software = self.info.device_type == wgpu::DeviceType::Cpu;
        let largest = || tile_side(&variants, halo, &self.limits, is_software);
        let side = match tile {
            TileSize::Auto => largest(),
            TileSize::Whole => width.max(height),
            TileSize::Side(side) => side as usize,
        };
        let tiling = Tiling::new(width, height, side, side, halo);
        let geometry = Geometry { width: tiling.window_width, height: tiling.window_height };
        if Plan::new(&variants, geometry).fits(&self.limits) {
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
        let program = self.program(net, S::BITS)?;
        let geometry = Geometry { width: tiling.window_width, height: tiling.window_height };
        let mut workspace = self.take_workspace(&program, geometry)?;
        let stages = program.stages();
        let scale = net.scale();
        let mut picture = image::zeros(rgb.samples.len() * scale * scale)?;
        let mut in_flight = VecDeque::with_capacity(SLOTS);
        let mut tiles_done = 0;
        let mut finish = |workspace: &Workspace, tile: InFlight, timings: &mut Timings| {
            let start = Instant::now();
            tile.wait(&self.context)?;
            let waited = Instant::now();
            workspace.read_back(tile, &mut picture, rgb.width)?;
            timings.compute += waited - start;
            timings.read_back += waited.elapsed();
            tiles_done += 1;
            if done(tiles_done).is_break() { Err(Error::Cancelled) } else { Ok(()) }
        };
        for (index, tile) in tiling.tiles().enumerate() {
            if in_flight.len() == SLOTS
                && let Some(oldest) = in_flight.pop_front()
            {
                finish(&workspace, oldest, timings)?;
            }
            let start = Instant::now();
            in_flight.push_back(workspace.submit(&self.context, &stages, index, rgb, tile)?);
            timings.upload += start.elapsed();
        }
        for tile in in_flight {
            finish(&workspace, tile, timings)?;
        }
        // After an error the workspace is dropped instead: its buffers may still be mapped.
        self.give_back(workspace);
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
        let program = self.program(net, S::BITS)?;
        let geometry = Geometry { width: tiling.window_width, height: tiling.window_height };
        let mut workspace = self.take_workspace(&program, geometry)?;
        run(&mut Timed {
            context: &self.context,
            stages: program.stages(),
            workspace: &mut workspace,
            clock,
            picture: image::zeros(rgb.samples.len() * net.scale() * net.scale())?,
        })?;
        self.give_back(workspace);
        Ok(())
    }

    fn take_workspace(&self, program: &Program, geometry: Geometry) -> Result<Workspace> {
        let plan = Plan::new(&program.variants, geometry);
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(index) = idle.iter().position(|workspace| workspace.plan == plan) {
            return Ok(idle.remove(index));
        }
        drop(idle);
        Workspace::new(&self.context, &program.variants, &program.stages(), &self.layers, plan)
    }

    fn give_back(&self, workspace: Workspace) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.push(workspace);
        let mut bytes: u64 = idle.iter().map(|workspace| workspace.plan.total_bytes()).sum();
        while bytes > IDLE_BYTES {
            bytes -= idle.remove(0).plan.total_bytes();
        }
    }
}

impl Subject for Engine {
    fn label(&self) -> String {
        super::label(&self.info)
    }

    fn trace<S: Sample>(
        &self,
        net: &Net,
        rgb: Rgb<S>,
        mut check: impl FnMut(usize, &str, Features, bool) -> Result<()>,
    ) -> Result<()> {
        let program = self.program(net, S::BITS)?;
        let mut workspace = self.take_workspace(&program, Geometry { width: rgb.width, height: rgb.height })?;
        for (index, layer) in net.hidden().iter().enumerate() {
            let stage = &program.stages[index];
            let (features, ring_intact) = workspace.trace(&self.context, index, stage, rgb, layer.out_channels)?;
            check(index, &stage.label, features, ring_intact)?;
        }
        self.give_back(workspace);
        Ok(())
    }

    fn whole<S: Sample>(&self, net: &Net, rgb: Rgb<S>, tile: TileSize) -> Result<Vec<S>> {
        let tiling = self.tiling(net, tile, rgb.width, rgb.height, S::BITS)?;
        self.upscale(net, rgb, &tiling, &|_| ControlFlow::Continue(()), &mut Timings::default())
    }
}
