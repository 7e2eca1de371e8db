//! Image in, image out: the library's main type.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::image::{Image, Rgb, Sample, Samples};
use crate::net::{Border, Net};
use crate::tile::Tiling;
use crate::{Error, Result};
use crate::{cpu, gpu, planes, selftest};

/// What runs the net.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum Target {
    /// The best real GPU if there is one and it passes the self-test, else the CPU; never a software rasteriser, unless
    /// `WGPU_ADAPTER_NAME` names it.
    #[default]
    Auto,
    /// The CPU: always there, the same bytes. The environment variable [`cpu::CPU_VARIABLE`] names one of its kernels.
    Cpu,
    /// This adapter, whatever it is; one of [`gpu::adapters`].
    Adapter(wgpu::Adapter),
    /// A device of the caller's. Its callbacks for lost devices and uncaptured errors stay the caller's.
    Device(wgpu::Device, wgpu::Queue),
}

/// What is known of a GPU from earlier: it only changes how fast it starts and computes.
#[derive(Clone, Debug, Default)]
pub struct GpuOptions<'a> {
    /// What [`Upscaler::pipelines`] gave, so that less has to be compiled. What is damaged, or of another adapter, driver
    /// or version, counts for nothing.
    pub pipelines: &'a [u8],
    /// Which kernel computes which layer, as [`Upscaler::tune`] found out; none for those that are likely to be the best.
    pub kernels: Option<gpu::Kernels>,
}

/// How large the pieces are into which a picture is cut; the result never depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TileSize {
    /// Chosen from the adapter's limits and a memory budget.
    #[default]
    Auto,
    /// The whole picture at once.
    Whole,
    /// At most this many input pixels along each side.
    Side(u32),
}

/// Where the time of one [`Upscaler::upscale_observed`] went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// Copying pixels to memory that the GPU sees; zero on the CPU.
    pub upload: Duration,
    /// Computing: on a GPU, the time that the host took to submit it and waited for it. Some drivers compute within the
    /// submission.
    pub compute: Duration,
    /// Copying finished pixels out of memory that the GPU sees; zero on the CPU.
    pub read_back: Duration,
}

/// Hears of each finished tile, `(done, total)`, and may stop the work.
pub type Observer<'a> = &'a (dyn Fn(usize, usize) -> ControlFlow<()> + Sync);

/// Upscales images with one net on one device. It can be shared by threads, each upscaling its own image.
pub struct Upscaler {
    net: Net,
    pub(crate) engine: Engine,
    tile: TileSize,
}

pub(crate) enum Engine {
    Cpu(Box<cpu::Engine>),
    Gpu(Box<gpu::Engine>),
}

impl Upscaler {
    /// An upscaler that runs `net` on `target`.
    ///
    /// An adapter or device of the caller's is not tested: see [`Upscaler::self_test`].
    ///
    /// # Errors
    /// [`Error::Adapter`] if the adapter lacks what the kernels need, [`Error::OutOfMemory`], [`Error::DeviceLost`] or
    /// [`Error::Gpu`] if it refuses them. [`Target::Auto`] takes the CPU instead. [`Error::CpuKernel`] if `ABPN_CPU` names
    /// a kernel that this machine can't run.
    pub fn new(net: Net, target: Target) -> Result<Self> {
        Self::with_options(net, target, GpuOptions::default())
    }

    /// As [`Upscaler::new`], with what is known of the GPU from earlier; nothing of it counts for [`Target::Auto`] and the
    /// CPU.
    ///
    /// # Errors
    /// As [`Upscaler::new`].
    pub fn with_options(net: Net, target: Target, options: GpuOptions) -> Result<Self> {
        if net.border() != Border::Zeros {
            let reason = format!("this version of abpn can't run a net whose border is {}", net.border());
            return Err(Error::WeightFile(reason));
        }
        let context = match target {
            Target::Auto => return Self::auto(net),
            Target::Cpu => {
                let engine = Engine::Cpu(Box::new(cpu::Engine::new(&net)?));
                return Ok(Self { net, engine, tile: TileSize::Auto });
            }
            Target::Adapter(adapter) => gpu::Context::open(&adapter)?,
            Target::Device(device, queue) => gpu::Context::borrow(device, queue),
        };
        let context = Arc::new(context.with_pipelines(options.pipelines));
        let engine = Engine::Gpu(Box::new(gpu::Engine::new(context, &net, options.kernels)?));
        Ok(Self { net, engine, tile: TileSize::Auto })
    }

    /// The pipelines compiled so far, as the driver keeps them, to save for [`GpuOptions::pipelines`] under
    /// [`gpu::pipelines_key`]. None if there is nothing new to save, or the backend has no such thing: Vulkan has it, on a
    /// device of the caller's if that has [`wgpu::Features::PIPELINE_CACHE`].
    pub fn pipelines(&self) -> Option<Vec<u8>> {
        match &self.engine {
            Engine::Gpu(engine) => engine.pipelines(),
            Engine::Cpu(_) => None,
        }
    }

    /// Times every kernel on this GPU, layer by layer, and checks each against the reference; none on the CPU, whose kernel
    /// depends on its instruction set alone. It takes a second or two on a real GPU, and a minute on a software driver.
    ///
    /// # Errors
    /// As [`Upscaler::upscale`].
    pub fn tune(&self) -> Result<Option<gpu::Tuning>> {
        match &self.engine {
            Engine::Gpu(engine) => engine.tune(&self.net).map(Some),
            Engine::Cpu(_) => Ok(None),
        }
    }

    /// Computes with these kernels from now on; on the CPU nothing changes. The bytes never depend on them.
    ///
    /// # Errors
    /// As [`Upscaler::new`].
    pub fn with_kernels(mut self, kernels: gpu::Kernels) -> Result<Self> {
        if let Engine::Gpu(engine) = &mut self.engine {
            **engine = engine.with_kernels(&self.net, kernels)?;
        }
        Ok(self)
    }

    /// Which kernel computes which layer, by the layer's label, for 8-bit pictures; none on the CPU.
    pub fn kernels(&self) -> Vec<(String, gpu::Kernel)> {
        match &self.engine {
            Engine::Gpu(engine) => engine.kernels(&self.net),
            Engine::Cpu(_) => Vec::new(),
        }
    }

    fn auto(net: Net) -> Result<Self> {
        let on_gpu = || {
            let adapter = gpu::choose(&gpu::Choice::from_env())?.adapter;
            let upscaler = Self::new(net.clone(), Target::Adapter(adapter))?;
            upscaler.self_test()?;
            Ok::<_, Error>(upscaler)
        };
        on_gpu().or_else(|_| {
            let upscaler = Self::new(net.clone(), Target::Cpu)?;
            upscaler.self_test()?;
            Ok(upscaler)
        })
    }

    /// Runs test pictures through every stage, and compares each with the reference.
    ///
    /// # Errors
    /// [`Error::SelfTest`] names the first stage whose bytes differ: this device must not be used. Other errors as
    /// [`Upscaler::upscale`].
    pub fn self_test(&self) -> Result<()> {
        match &self.engine {
            Engine::Cpu(engine) => selftest::run(&self.net, &**engine),
            Engine::Gpu(engine) => selftest::run(&self.net, &**engine),
        }
    }

    /// All that the self-test's outcome depends on, as bytes: a program may remember the outcome under it.
    pub fn identity(&self) -> Vec<u8> {
        match &self.engine {
            Engine::Cpu(engine) => engine.identity(&self.net),
            Engine::Gpu(engine) => engine.identity(&self.net),
        }
    }

    /// Sets the tile size.
    #[must_use]
    pub fn with_tile(mut self, tile: TileSize) -> Self {
        self.tile = tile;
        self
    }

    /// The net it runs.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// What it runs on, for people: an adapter's name and backend, or `CPU` with its kernel.
    pub fn device(&self) -> String {
        match &self.engine {
            Engine::Cpu(engine) => engine.label(),
            Engine::Gpu(engine) => gpu::label(engine.info()),
        }
    }

    /// Upscales `image`, `[height, width, channels]`, to `[scale*height, scale*width, channels]`, same layout and depth.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if the result can't be addressed; on a GPU [`Error::OutOfMemory`], [`Error::DeviceLost`],
    /// [`Error::Timeout`] and [`Error::Gpu`].
    pub fn upscale(&self, image: &Image) -> Result<Image> {
        self.upscale_observed(image, &|_, _| ControlFlow::Continue(())).map(|(image, _)| image)
    }

    /// As [`Upscaler::upscale`], telling `observer` of each tile, and the caller where the time went.
    ///
    /// # Errors
    /// As [`Upscaler::upscale`]; [`Error::Cancelled`] if `observer` breaks.
    pub fn upscale_observed(&self, image: &Image, observer: Observer) -> Result<(Image, Timings)> {
        let scale = self.net.scale();
        let (width, height) = self.check_size(image.width(), image.height())?;
        let (samples, timings) = match image.samples() {
            Samples::U8(samples) => {
                let (samples, timings) = self.upscale_planes(image, samples, observer)?;
                (Samples::U8(samples), timings)
            }
            Samples::U16(samples) => {
                let (samples, timings) = self.upscale_planes(image, samples, observer)?;
                (Samples::U16(samples), timings)
            }
        };
        debug_assert_eq!(width as usize, image.width() as usize * scale);
        Image::new(width, height, image.layout(), samples).map(|image| (image, timings))
    }

    /// The result's width and height.
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(u32, u32)> {
        let scale = self.net.scale();
        let error = |reason| Error::ImageSize { width, height, scale, reason };
        #[expect(clippy::cast_possible_truncation, reason = "2 to 4")]
        let scaled = |length: u32| length.checked_mul(scale as u32).ok_or(error("a side would exceed 2^32 - 1 pixels"));
        let (out_width, out_height) = (scaled(width)?, scaled(height)?);
        let bytes = u128::from(out_width) * u128::from(out_height) * 4 * 2;
        if bytes > isize::MAX as u128 {
            return Err(error("the result exceeds this machine's address space"));
        }
        Ok((out_width, out_height))
    }

    /// Carries an image of any layout through the RGB net.
    fn upscale_planes<S: Sample>(&self, image: &Image, samples: &[S], observer: Observer) -> Result<(Vec<S>, Timings)> {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let planes = planes::split(samples, width, image.layout(), self.net.halo());
        let tiling = self.tiling(width, height, S::BITS)?;
        let runs = 1 + usize::from(planes.alpha.is_some());
        let mut timings = Timings::default();
        let mut upscale = |samples: &[S], run: usize| {
            let done = |tile: usize| observer(run * tiling.len() + tile, runs * tiling.len());
            self.upscale_rgb(Rgb { width, height, samples }, &tiling, &done, &mut timings)
        };
        let colours = upscale(&planes.colours, 0)?;
        let alpha = planes.alpha.as_ref().map(|alpha| upscale(alpha, 1)).transpose()?;
        Ok((planes.join(colours, alpha, self.net.scale()), timings))
    }

    pub(crate) fn tiling(&self, width: usize, height: usize, bits: u32) -> Result<Tiling> {
        match &self.engine {
            Engine::Cpu(engine) => Ok(engine.tiling(self.tile, width, height)),
            Engine::Gpu(engine) => engine.tiling(&self.net, self.tile, width, height, bits),
        }
    }

    /// Runs the net over all tiles; `[height, width, 3]` to `[scale*height, scale*width, 3]`.
    pub(crate) fn upscale_rgb<S: Sample>(
        &self,
        rgb: Rgb<S>,
        tiling: &Tiling,
        done: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
        timings: &mut Timings,
    ) -> Result<Vec<S>> {
        match &self.engine {
            Engine::Cpu(engine) => {
                let start = Instant::now();
                let picture = engine.upscale(rgb, tiling, done);
                timings.compute += start.elapsed();
                picture
            }
            Engine::Gpu(engine) => engine.upscale(&self.net, rgb, tiling, done, timings),
        }
    }
}
