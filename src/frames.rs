//! Frame after frame: several pictures of one size in work at once.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use crate::gpu::Ring;
use crate::image::{Rgb, Sample};
use crate::tile::Tiling;
use crate::upscaler::{Engine, Timings, Upscaler};
use crate::{Error, Result};

/// A queue of frames of one size in work: RGB, `u8` or `u16` samples. The bytes are those of [`Upscaler::upscale`].
///
/// All buffers, for frames, on the GPU and for its transfers, are made at the beginning. On a GPU [`Frames::push`] returns as
/// soon as a frame is submitted, and while the GPU computes it, the host can push the next ones and pop those that are done;
/// two or three frames in flight keep both busy. The CPU computes a frame within [`Frames::pop`].
///
/// ```
/// use std::sync::Arc;
/// use abpn::{Net, Target, Upscaler, net::ABPN_X3};
///
/// # let mut video = vec![vec![7_u8; 12 * 8 * 3]; 5].into_iter();
/// let upscaler = Arc::new(Upscaler::new(Net::read(ABPN_X3)?, Target::Auto)?);
/// let mut frames = upscaler.frames::<u8>(12, 8, 3)?;
/// let mut large = vec![0; frames.output_len()];
/// for frame in video {
///     if frames.is_full() && frames.pop(&mut large)? {
///         // `large` is the oldest frame, [24, 36, 3].
///     }
///     frames.push(&frame)?;
/// }
/// while frames.pop(&mut large)? {
///     // The last ones.
/// }
/// # Ok::<(), abpn::Error>(())
/// ```
pub struct Frames<S: Sample> {
    upscaler: Arc<Upscaler>,
    width: usize,
    height: usize,
    depth: usize,
    tiling: Tiling,
    work: Work<S>,
    timings: Timings,
    /// Frames that were pushed and not popped.
    len: usize,
    /// Whether the GPU has failed: then nothing is known of the frames in flight.
    has_failed: bool,
}

enum Work<S> {
    /// Frames to compute, and memory for further ones.
    Host { waiting: VecDeque<Vec<S>>, spare: Vec<Vec<S>> },
    /// All tiles of the frames in flight.
    Gpu(Box<Ring>),
}

impl Upscaler {
    /// A queue for frames of `width` x `height` pixels, of which up to `depth`, at least one, are in work at once.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if a frame has no pixels, or its result can't be addressed; as [`Upscaler::upscale`].
    pub fn frames<S: Sample>(self: &Arc<Self>, width: u32, height: u32, depth: usize) -> Result<Frames<S>> {
        if width == 0 || height == 0 {
            return Err(Error::ImageSize { width, height, scale: self.net().scale(), reason: "it has no pixels" });
        }
        self.check_size(width, height)?;
        let (width, height, depth) = (width as usize, height as usize, depth.max(1));
        let tiling = self.tiling(width, height, S::BITS)?;
        let work = match &self.engine {
            Engine::Gpu(engine) => Work::Gpu(Box::new(engine.ring(self.net(), S::BITS, &tiling, depth)?)),
            Engine::Cpu(_) => {
                let frame = || crate::image::zeros(width * height * 3);
                let spare = (0..depth).map(|_| frame()).collect::<Result<_>>()?;
                Work::Host { waiting: VecDeque::with_capacity(depth), spare }
            }
        };
        let (upscaler, timings) = (Arc::clone(self), Timings::default());
        Ok(Frames { upscaler, width, height, depth, tiling, work, timings, len: 0, has_failed: false })
    }
}

impl<S: Sample> Frames<S> {
    /// The most frames that can be in work.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Frames that were pushed and not popped.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether one must be popped before the next is pushed.
    pub fn is_full(&self) -> bool {
        self.len == self.depth
    }

    /// Samples of a frame, `[height, width, 3]`.
    pub fn input_len(&self) -> usize {
        self.width * self.height * 3
    }

    /// Samples of an upscaled frame, `[scale*height, scale*width, 3]`.
    pub fn output_len(&self) -> usize {
        let scale = self.upscaler.net().scale();
        self.input_len() * scale * scale
    }

    /// Pieces into which each frame is cut, as [`Upscaler::with_tile`] says.
    pub fn tiles(&self) -> usize {
        self.tiling.len()
    }

    /// Where the time of all frames went so far.
    pub fn timings(&self) -> Timings {
        self.timings
    }

    /// Begins a frame, `[height, width, 3]`.
    ///
    /// # Errors
    /// [`Error::FramesFull`]; [`Error::SampleCount`] if `rgb` has another length; as [`Upscaler::upscale`]. After an error
    /// of the GPU the queue is of no use any more.
    pub fn push(&mut self, rgb: &[S]) -> Result<()> {
        self.check_alive()?;
        self.check_len(1, rgb.len())?;
        if self.is_full() {
            return Err(Error::FramesFull { depth: self.depth });
        }
        let rgb = Rgb { width: self.width, height: self.height, samples: rgb };
        match (&mut self.work, &self.upscaler.engine) {
            (Work::Gpu(ring), Engine::Gpu(engine)) => {
                let pushed = engine.push(ring, rgb, &self.tiling, &mut self.timings);
                self.has_failed = pushed.is_err();
                pushed?;
            }
            (Work::Host { waiting, spare }, _) => {
                let mut frame = spare.pop().expect("one for each frame that can be in work");
                frame.copy_from_slice(rgb.samples);
                waiting.push_back(frame);
            }
            (Work::Gpu(_), _) => unreachable!("an upscaler keeps its engine"),
        }
        self.len += 1;
        Ok(())
    }

    /// Waits for the oldest frame and writes it to `large`, `[scale*height, scale*width, 3]`; false if there is none.
    ///
    /// # Errors
    /// As [`Frames::push`].
    pub fn pop(&mut self, large: &mut [S]) -> Result<bool> {
        self.check_alive()?;
        self.check_len(self.upscaler.net().scale(), large.len())?;
        if self.is_empty() {
            return Ok(false);
        }
        match (&mut self.work, &self.upscaler.engine) {
            (Work::Gpu(ring), Engine::Gpu(engine)) => {
                let popped = engine.pop(ring, &self.tiling, large, self.width, &mut self.timings);
                self.has_failed = popped.is_err();
                popped?;
            }
            (Work::Host { waiting, spare }, Engine::Cpu(engine)) => {
                let start = Instant::now();
                let frame = waiting.pop_front().expect("there are frames");
                let rgb = Rgb { width: self.width, height: self.height, samples: &frame };
                engine.upscale_into(rgb, &self.tiling, large, &|_| ControlFlow::Continue(()))?;
                spare.push(frame);
                self.timings.compute += start.elapsed();
            }
            _ => unreachable!("an upscaler keeps its engine"),
        }
        self.len -= 1;
        Ok(true)
    }

    fn check_alive(&self) -> Result<()> {
        match self.has_failed {
            true => Err(Error::Gpu("an earlier frame failed; what was in work is lost, begin a new queue".to_owned())),
            false => Ok(()),
        }
    }

    /// That a frame, upscaled `scale` times, has so many samples.
    fn check_len(&self, scale: usize, actual: usize) -> Result<()> {
        let expected = self.input_len() * scale * scale;
        if actual == expected {
            return Ok(());
        }
        let [width, height] =
            [self.width, self.height].map(|side| u32::try_from(side * scale).expect("sizes are checked"));
        Err(Error::SampleCount { width, height, channels: 3, expected: expected as u128, actual })
    }
}
