//! The progress bar.

use std::io::{self, IsTerminal};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

const REDRAWN_EVERY: Duration = Duration::from_millis(250);

/// Frames, frames a second, speed and time left, on stderr if that is a terminal.
pub struct Progress {
    bar: ProgressBar,
    done: AtomicU64,
    start: Instant,
    /// Frames a second that it plays with, if known.
    rate: Option<f64>,
}

impl Progress {
    /// For `frames` frames in all, of which `done` are there already.
    pub fn new(frames: Option<u64>, done: u64, rate: Option<f64>, wanted: bool) -> Self {
        let bar = if wanted && io::stderr().is_terminal() {
            let bar = frames.map_or_else(ProgressBar::no_length, ProgressBar::new).with_position(done);
            let template = "{bar:30} {pos}/{len} frames  {msg}  {eta} left";
            bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
            bar.enable_steady_tick(REDRAWN_EVERY);
            bar.reset_eta();
            bar
        } else {
            ProgressBar::hidden()
        };
        Self { bar, done: AtomicU64::new(0), start: Instant::now(), rate }
    }

    /// One more frame is upscaled.
    pub fn frame(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
        let fps = self.frames_per_second();
        let speed = self.rate.map(|rate| format!(", {:.2}x", fps / rate)).unwrap_or_default();
        self.bar.set_message(format!("{fps:.1} fps{speed}"));
        self.bar.inc(1);
    }

    /// Frames that were upscaled.
    pub fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// How many a second.
    pub fn frames_per_second(&self) -> f64 {
        self.done() as f64 / self.start.elapsed().as_secs_f64().max(1e-3)
    }

    /// Removes the bar.
    pub fn clear(&self) {
        self.bar.finish_and_clear();
    }
}
