//! Frame after frame: several pictures of one size in work at once.

use std::collections::VecDeque;
use std::fmt;
use std::marker::PhantomData;

use crate::backend::{FrameQueue, FrameShape};
use crate::frame::{PixelFormat, Rgb, RgbSink, is_neutral};
use crate::image::Sample;
use crate::options::Timings;
use crate::upscaler::Upscaler;
use crate::{Error, Result};

/// A queue of frames of one size in work: RGB, `u8` or `u16` samples. The bytes are those of [`Upscaler::upscale`].
///
/// All buffers, for frames, on the GPU and for its transfers, are made at the beginning. On a GPU [`Frames::push`] returns as
/// soon as a frame is submitted, and while the GPU computes it, the host can push the next ones and pop those that are done;
/// two or three frames in flight keep both busy. The CPU computes a frame within [`Frames::pop`].
///
/// ```
/// use abpn::{Net, Target, Upscaler, net::ABPN_X3};
///
/// # let mut video = vec![vec![7_u8; 12 * 8 * 3]; 5].into_iter();
/// let upscaler = Upscaler::new(Net::read(ABPN_X3)?, Target::Auto)?;
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
    queue: Box<dyn FrameQueue>,
    shape: FrameShape,
    scale: usize,
    depth: usize,
    tiles: usize,
    timings: Timings,
    /// Of each frame that was pushed and not popped, whether it has no colours.
    neutral: VecDeque<bool>,
    /// Whether the device has failed: then nothing is known of the frames in flight.
    has_failed: bool,
    samples: PhantomData<fn(S) -> S>,
}

impl<S: Sample> fmt::Debug for Frames<S> {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self { shape, scale, depth, tiles, timings, has_failed, .. } = self;
        let mut fields = formatter.debug_struct("Frames");
        fields.field("shape", shape).field("scale", scale).field("depth", depth).field("tiles", tiles);
        fields
            .field("timings", timings)
            .field("len", &self.len())
            .field("has_failed", has_failed)
            .finish_non_exhaustive()
    }
}

impl Upscaler {
    /// A queue for frames of `width` x `height` pixels, of which up to `depth`, at least one, are in work at once.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if a frame has no pixels, or its result can't be addressed; as [`Upscaler::upscale`].
    pub fn frames<S: Sample>(&self, width: u32, height: u32, depth: usize) -> Result<Frames<S>> {
        let scale = self.net().scale();
        if width == 0 || height == 0 {
            return Err(Error::ImageSize { width, height, scale, reason: "it has no pixels" });
        }
        self.check_size(width, height)?;
        let depth = depth.max(1);
        let shape = FrameShape { width: width as usize, height: height as usize, format: PixelFormat::rgb::<S>() };
        let tiling = self.tiling(shape)?;
        let queue = self.backend().clone().queue(shape, &tiling, depth)?;
        let (tiles, timings) = (tiling.len(), Timings::default());
        Ok(Frames {
            queue,
            shape,
            scale,
            depth,
            tiles,
            timings,
            neutral: VecDeque::with_capacity(depth),
            has_failed: false,
            samples: PhantomData,
        })
    }
}

impl<S: Sample> Frames<S> {
    /// The most frames that can be in work.
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// Frames that were pushed and not popped.
    pub fn len(&self) -> usize {
        self.neutral.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.neutral.is_empty()
    }

    /// Whether one must be popped before the next is pushed.
    pub fn is_full(&self) -> bool {
        self.len() == self.depth
    }

    /// Samples of a frame, `[height, width, 3]`.
    pub fn input_len(&self) -> usize {
        self.shape.width * self.shape.height * 3
    }

    /// Samples of an upscaled frame, `[scale*height, scale*width, 3]`.
    pub fn output_len(&self) -> usize {
        self.input_len() * self.scale * self.scale
    }

    /// Pieces into which each frame is cut, as [`Upscaler::with_tile`] says.
    pub fn tiles(&self) -> usize {
        self.tiles
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
        let is_neutral = is_neutral(rgb, 3);
        let rgb = Rgb { width: self.shape.width, height: self.shape.height, samples: rgb };
        let pushed = self.queue.push(&rgb, &mut self.timings);
        self.has_failed = pushed.is_err();
        pushed?;
        self.neutral.push_back(is_neutral);
        Ok(())
    }

    /// Waits for the oldest frame and writes it to `large`, `[scale*height, scale*width, 3]`; false if there is none.
    ///
    /// # Errors
    /// As [`Frames::push`].
    pub fn pop(&mut self, large: &mut [S]) -> Result<bool> {
        self.check_alive()?;
        self.check_len(self.scale, large.len())?;
        let width = self.shape.width * self.scale;
        let mut sink = match self.neutral.pop_front() {
            None => return Ok(false),
            Some(true) => RgbSink::neutral(large, width),
            Some(false) => RgbSink::new(large, width),
        };
        let popped = self.queue.pop(&mut sink, &mut self.timings);
        self.has_failed = popped.is_err();
        popped.map(|_| true)
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
            [self.shape.width, self.shape.height].map(|side| u32::try_from(side * scale).expect("sizes are checked"));
        Err(Error::SampleCount { width, height, channels: 3, expected: expected as u128, actual })
    }
}
