//! Values that callers choose or are told, below everything that uses them.

use std::ops::ControlFlow;
use std::time::Duration;

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

/// Where the time of one [`Upscaler::upscale_observed`](crate::Upscaler::upscale_observed) went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Timings {
    /// Copying pixels to memory that the GPU sees; zero on the CPU.
    pub upload: Duration,
    /// Computing: on a GPU, the time that the host took to submit it and waited for it. Some drivers compute within the
    /// submission.
    pub compute: Duration,
    /// Copying finished pixels out of memory that the GPU sees; zero on the CPU.
    pub read_back: Duration,
}

impl std::ops::AddAssign for Timings {
    fn add_assign(&mut self, other: Self) {
        self.upload += other.upload;
        self.compute += other.compute;
        self.read_back += other.read_back;
    }
}

/// Hears of each finished tile once, as `(done, total)` with `done` counting from 1 to `total`, and may stop the work.
pub type Observer<'a> = &'a (dyn Fn(usize, usize) -> ControlFlow<()> + Sync);

/// When something is done that takes a while at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Not at all.
    Never,
    /// Unless a cache remembers the outcome.
    Once,
    /// Whatever a cache remembers.
    Always,
}
