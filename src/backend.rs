//! What runs a net: the CPU or a GPU, behind one interface.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::Result;
use crate::clock::Instant;
use crate::frame::{PixelFormat, Sink, Source};
use crate::net::Net;
use crate::options::{TileSize, Timings};
use crate::reference::Features;
use crate::tile::Tiling;
use crate::timing::{Clock, TileTimes};

/// A net, ready to run. Threads may share it, each with a picture of its own.
pub(crate) trait Backend: Send + Sync {
    /// The net.
    fn net(&self) -> &Net;

    /// What it runs on, for people.
    fn label(&self) -> String;

    /// All that the self-test's outcome depends on.
    fn identity(&self) -> Vec<u8>;

    /// How a picture is cut.
    ///
    /// # Errors
    /// [`Error::TileSize`](crate::Error::TileSize) if tiles of that size can't be had.
    fn tiling(&self, tile: TileSize, width: usize, height: usize, format: PixelFormat) -> Result<Tiling>;

    /// Runs the net over all tiles of `source`, and gives what comes out to `sink`. `done` hears how many tiles are finished,
    /// each time that there is one more, and may stop the work.
    ///
    /// # Errors
    /// [`Error::Cancelled`](crate::Error::Cancelled) if it does; whatever the device refuses.
    fn run(&self, source: &dyn Source, sink: &mut dyn Sink, tiling: &Tiling, done: Done) -> Result<Timings>;

    /// A queue for so many pictures of one size, cut so.
    ///
    /// # Errors
    /// Whatever the device refuses.
    fn queue(self: Arc<Self>, frame: FrameShape, tiling: &Tiling, depth: usize) -> Result<Box<dyn FrameQueue>>;

    /// The words into which the device packs `source`, beside those that they should be; none where it packs none.
    ///
    /// # Errors
    /// Whatever the device refuses.
    fn packed(&self, source: &dyn Source) -> Result<Vec<PackedWords>>;

    /// Runs the hidden stages one after the other on `source`, and hands each one's index, label and codes to `check`, and
    /// whether nothing was written outside the features.
    ///
    /// # Errors
    /// Those of `check`; whatever the device refuses.
    fn trace(&self, source: &dyn Source, check: Check) -> Result<()>;

    /// The best clock for stages.
    fn clock(&self) -> Clock;

    /// Runs the net tile by tile, with the time of each stage by `clock` and of the host's phases, in nanoseconds from `zero`.
    ///
    /// # Errors
    /// Whatever the device refuses.
    fn timed(
        &self,
        source: &dyn Source,
        tiling: &Tiling,
        clock: Clock,
        zero: Instant,
        tile_done: &mut dyn FnMut(TileTimes),
    ) -> Result<()>;
}

/// Hears how many tiles are finished.
pub(crate) type Done<'a> = &'a (dyn Fn(usize) -> ControlFlow<()> + Sync);

/// Takes a hidden stage's index, label and codes, and whether it left the padding alone.
pub(crate) type Check<'a> = &'a mut dyn FnMut(usize, &str, Features, bool) -> Result<()>;

/// A picture in words.
pub(crate) struct PackedWords {
    /// The stage that packs.
    pub label: String,
    pub expected: Vec<u32>,
    pub actual: Vec<u32>,
}

/// What all frames of a queue have in common.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FrameShape {
    /// Width in input pixels.
    pub width: usize,
    /// Height in input pixels.
    pub height: usize,
    pub format: PixelFormat,
}

/// Pictures of one size in work, the oldest first. Who uses it counts them.
pub(crate) trait FrameQueue: Send {
    /// Begins a picture; there is room for it.
    ///
    /// # Errors
    /// Whatever the device refuses; the queue is of no use then.
    fn push(&mut self, source: &dyn Source, timings: &mut Timings) -> Result<()>;

    /// Waits for the oldest picture, which there is, and gives it to `sink`.
    ///
    /// # Errors
    /// Whatever the device refuses; the queue is of no use then.
    fn pop(&mut self, sink: &mut dyn Sink, timings: &mut Timings) -> Result<()>;
}
