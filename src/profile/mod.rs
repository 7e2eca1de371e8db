//! Where the time of a run goes: the time of each stage and of the host's work, beside what a stage computes and moves.
//!
//! ```no_run
//! use abpn::{Net, Target, Upscaler, net::ABPN_X3, profile};
//!
//! let upscaler = Upscaler::new(Net::read(ABPN_X3)?, Target::Auto)?;
//! let profile = upscaler.profile(&profile::test_frame(640, 360)?, 10)?;
//! for stage in &profile.stages {
//!     println!("{}: {:.3} ms, {:.0} GOP/s", stage.label, stage.time_ns.median / 1e6, stage.gops());
//! }
//! # Ok::<(), abpn::Error>(())
//! ```

mod cost;
mod roofline;
#[cfg(test)]
mod tests;

use crate::backend::FrameShape;
use crate::clock::Instant;
pub use crate::frame::test_frame;
use crate::frame::{ImageView, Picture, PixelFormat, SamplesRef};
use crate::gpu;
use crate::image::Sample;
use crate::stats::Stats;
use crate::tile::Tiling;
pub use crate::timing::{Clock, Span, TileTimes};
use crate::upscaler::Upscaler;
use crate::{Image, Result};

pub use roofline::Ceilings;

/// What the host does for a tile on a GPU, in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    /// Copying pixels to GPU memory, where they become the words that the stages read.
    Upload,
    /// Recording and submitting the stages, and waiting for them.
    Wait,
    /// Turning finished words back to pixels there, and copying these out of GPU memory.
    ReadBack,
}

impl Phase {
    /// All phases, in their order.
    pub const ALL: [Self; 3] = [Self::Upload, Self::Wait, Self::ReadBack];

    /// A name, for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Upload => "upload",
            Self::Wait => "wait",
            Self::ReadBack => "read back",
        }
    }
}

/// When the parts of one frame ran, in nanoseconds from the beginning of the first frame.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FrameTimes {
    /// The whole frame, by the host's clock: from pixels to pixels, without files.
    pub span: Span,
    /// Its tiles, one after the other; those of its alpha after those of its colours.
    pub tiles: Vec<TileTimes>,
}

impl FrameTimes {
    /// Sums up what `spans` picks from each tile.
    fn total_ns<'a>(&'a self, spans: impl Fn(&'a TileTimes) -> Option<Span>) -> f64 {
        self.tiles.iter().filter_map(spans).map(|span| span.duration_ns()).sum()
    }
}

/// One stage of the net over a whole frame.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StageProfile {
    /// A name with its channels, as `1 conv3x3 28>28`.
    pub label: String,
    /// Multiply-accumulates that a frame takes, those of the tiles' overlaps included.
    pub macs: u64,
    /// The least bytes that a frame moves: for each tile the stage's input, output and parameters once.
    pub bytes: u64,
    /// Time a frame, all its tiles together.
    pub time_ns: Stats,
    /// Part of the frame's [`Profile::compute_ns`], 0 to 1.
    pub share: f64,
}

impl StageProfile {
    /// Operations a frame: two for a multiply-accumulate.
    pub fn ops(&self) -> f64 {
        2.0 * self.macs as f64
    }

    /// Operations for each byte that has to be moved: the arithmetic intensity.
    pub fn ops_per_byte(&self) -> f64 {
        self.ops() / self.bytes as f64
    }

    /// 10^9 operations a second, at the median time; 0 if that is shorter than a tick.
    pub fn gops(&self) -> f64 {
        per_ns(self.ops(), self.time_ns.median)
    }

    /// 10^9 bytes a second, at the median time; 0 if that is shorter than a tick.
    pub fn gb_per_s(&self) -> f64 {
        per_ns(self.bytes as f64, self.time_ns.median)
    }
}

/// An amount a nanosecond: 10^9 of it a second.
fn per_ns(amount: f64, time_ns: f64) -> f64 {
    if time_ns > 0.0 { amount / time_ns } else { 0.0 }
}

/// A net's run over one image, several times, with the time of each part.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Profile {
    /// What it ran on, as [`Upscaler::device`].
    pub device: String,
    /// What measured the stages.
    pub clock: Clock,
    /// The image's width in pixels.
    pub width: u32,
    /// The image's height in pixels.
    pub height: u32,
    /// The net's stages, in their order.
    pub stages: Vec<StageProfile>,
    /// Time of all stages of a frame, from the beginning of the first to the end of the last one of each tile.
    pub compute_ns: Stats,
    /// Time of each of the host's phases a frame, as [`Phase::ALL`]; none where the CPU computes.
    pub phases_ns: Vec<Stats>,
    /// Time of a frame by the host's clock. It is longer than an unprofiled one's: stages wait for one another, and tiles
    /// too.
    pub frame_ns: Stats,
    /// The frames, in their order.
    pub frames: Vec<FrameTimes>,
}

impl Profile {
    /// Multiply-accumulates of all stages a frame.
    pub fn macs(&self) -> u64 {
        self.stages.iter().map(|stage| stage.macs).sum()
    }

    /// The least bytes that all stages move a frame.
    pub fn bytes(&self) -> u64 {
        self.stages.iter().map(|stage| stage.bytes).sum()
    }

    /// 10^9 operations a second of all stages together, at the median time; two operations for a multiply-accumulate.
    pub fn gops(&self) -> f64 {
        per_ns(2.0 * self.macs() as f64, self.compute_ns.median)
    }

    /// 10^9 bytes a second of all stages together, at the median time.
    pub fn gb_per_s(&self) -> f64 {
        per_ns(self.bytes() as f64, self.compute_ns.median)
    }
}

impl Upscaler {
    /// Runs the net `frames` times (once if that is 0) over `image`, and once more before, unmeasured. On a GPU each stage
    /// is a pass of its own, by the GPU's timestamps if the device has them.
    ///
    /// # Errors
    /// As [`Upscaler::upscale`].
    pub fn profile(&self, image: &Image, frames: usize) -> Result<Profile> {
        self.profile_by(image, frames, self.clock())
    }

    /// The best clock for the stages.
    fn clock(&self) -> Clock {
        self.backend().clock()
    }

    /// The speeds that bound every stage on this device, measured now. None on the CPU, which has no such micro-kernels.
    ///
    /// # Errors
    /// [`Error::Gpu`](crate::Error::Gpu) if the device computes a micro-kernel wrongly; others as [`Upscaler::upscale`].
    pub fn ceilings(&self) -> Result<Option<Ceilings>> {
        self.gpu().map(gpu::Engine::ceilings).transpose()
    }

    fn profile_by(&self, image: &Image, frames: usize, clock: Clock) -> Result<Profile> {
        self.check_size(image.width(), image.height())?;
        let view = image.view();
        match view.samples() {
            SamplesRef::U8(samples) => self.profile_samples(&view, samples, frames, clock),
            SamplesRef::U16(samples) => self.profile_samples(&view, samples, frames, clock),
        }
    }

    fn profile_samples<S: Sample>(
        &self,
        image: &ImageView,
        samples: &[S],
        frames: usize,
        clock: Clock,
    ) -> Result<Profile> {
        let (width, height) = (image.width() as usize, image.height() as usize);
        let tiling = self.tiling(FrameShape { width, height, format: PixelFormat::rgb::<S>() })?;
        let run = |zero: Instant| {
            let start_ns = zero.elapsed_ns();
            let picture = Picture::new(image, samples, self.net().halo())?;
            let mut tiles = Vec::new();
            for source in picture.sources() {
                self.backend().timed(&*source, &tiling, clock, zero, &mut |times| tiles.push(times))?;
            }
            Ok(FrameTimes { span: Span { start_ns, end_ns: zero.elapsed_ns() }, tiles })
        };
        run(Instant::now())?;
        let zero = Instant::now();
        let frames = (0..frames.max(1)).map(|_| run(zero)).collect::<Result<Vec<_>>>()?;
        Ok(self.summary((image.width(), image.height()), S::BITS, &tiling, clock, frames))
    }

    fn summary(
        &self,
        (width, height): (u32, u32),
        bits: u32,
        tiling: &Tiling,
        clock: Clock,
        frames: Vec<FrameTimes>,
    ) -> Profile {
        let stats =
            |span: &dyn Fn(&TileTimes) -> Option<Span>| Stats::of(frames.iter().map(|frame| frame.total_ns(span)));
        let compute_ns = stats(&TileTimes::computing);
        let window_pixels = (tiling.window_width * tiling.window_height) as u64;
        let tiles = frames.first().map_or(0, |frame| frame.tiles.len() as u64);
        let stage = |(index, cost): (usize, cost::Cost)| {
            let time_ns = stats(&|tile| tile.stages.get(index).copied());
            StageProfile {
                label: cost.label,
                macs: cost.macs * tiles,
                bytes: cost.bytes * tiles,
                time_ns,
                share: if compute_ns.median > 0.0 { time_ns.median / compute_ns.median } else { 0.0 },
            }
        };
        let phases = if self.gpu().is_some() { &Phase::ALL[..] } else { &[] };
        Profile {
            device: self.device(),
            clock,
            width,
            height,
            stages: cost::of_net(self.net(), window_pixels, bits).into_iter().enumerate().map(stage).collect(),
            compute_ns,
            phases_ns: (0..phases.len()).map(|index| stats(&|tile| tile.phases.get(index).copied())).collect(),
            frame_ns: Stats::of(frames.iter().map(|frame| frame.span.duration_ns())),
            frames,
        }
    }
}
