//! The progress bar.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// The bar's length is this for each image, so that it moves within a large one too.
const STEPS_PER_IMAGE: u64 = 1000;

const REDRAWN_EVERY: Duration = Duration::from_millis(250);

/// A bar on stderr over all images, if that is a terminal; else nothing.
pub struct Progress {
    bar: ProgressBar,
    images: usize,
    finished: AtomicUsize,
    /// Pixels of results computed so far.
    pixels: AtomicU64,
    start: Instant,
}

impl Progress {
    pub fn new(images: usize, wanted: bool) -> Self {
        let bar = if wanted && io::stderr().is_terminal() {
            let bar = ProgressBar::new(images as u64 * STEPS_PER_IMAGE);
            let style = ProgressStyle::with_template("{bar:30} {percent:>3}%  {msg}  {eta} left");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(REDRAWN_EVERY);
            bar
        } else {
            ProgressBar::hidden()
        };
        let (finished, pixels) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { bar, images, finished, pixels, start: Instant::now() }
    }

    /// The part of the bar that belongs to the next image; it is full when the result is dropped.
    pub fn image(&self) -> Share<'_> {
        Share { progress: self, steps: AtomicU64::new(0) }
    }

    /// Runs `print` while the bar is out of the way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        self.bar.suspend(print)
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }

    fn advance(&self, steps: u64) {
        let finished = self.finished.load(Ordering::Relaxed);
        let megapixels_per_s =
            self.pixels.load(Ordering::Relaxed) as f64 / 1e6 / self.start.elapsed().as_secs_f64().max(1e-3);
        self.bar.set_message(format!("{finished}/{} images, {megapixels_per_s:.1} Mpixel/s", self.images));
        self.bar.inc(steps);
    }
}

/// An image's part of the bar.
pub struct Share<'a> {
    progress: &'a Progress,
    steps: AtomicU64,
}

impl Share<'_> {
    /// `done` of `total` tiles are computed, of a result of `pixels`.
    pub fn tiles(&self, done: usize, total: usize, pixels: u64) {
        let steps = STEPS_PER_IMAGE * done as u64 / total.max(1) as u64;
        let new = steps.saturating_sub(self.steps.swap(steps, Ordering::Relaxed));
        self.progress.pixels.fetch_add(pixels * new / STEPS_PER_IMAGE, Ordering::Relaxed);
        self.progress.advance(new);
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.progress.finished.fetch_add(1, Ordering::Relaxed);
        self.progress.advance(STEPS_PER_IMAGE.saturating_sub(self.steps.load(Ordering::Relaxed)));
    }
}
