//! Frame after frame of planes.

use std::collections::VecDeque;
use std::fmt;

use super::format::Format;
use super::{from_rgb, to_rgb};
use crate::frame::{Rgb, SamplesMut, SamplesRef};
use crate::frames::Frames;
use crate::image::{Sample, zeros};
use crate::options::Timings;
use crate::reduction::Reduction;
use crate::upscaler::Upscaler;
use crate::{Error, Result};

/// A queue of frames of planes, as [`Frames`] is one of RGB.
///
/// ```
/// use abpn::planar::{Format, Matrix, Planes, Range, Siting};
/// use abpn::{Net, SamplesMut, SamplesRef, Target, Upscaler, net::ABPN_X3};
///
/// let siting = [Siting::First, Siting::Middle];
/// let planes = Planes::Yuv { matrix: Matrix::Bt709, range: Range::Limited, across: 2, down: 2, siting };
/// let small = Format::new(planes, 8, 16, 8)?;
/// let large = small.resized(48, 24)?;
/// let upscaler = Upscaler::new(Net::read(ABPN_X3)?, Target::Auto)?;
/// let mut frames = upscaler.planar_frames(small, large, 2)?;
/// let mut result = vec![0; large.samples()];
/// frames.push(SamplesRef::U8(&vec![128; small.samples()]))?;
/// assert!(frames.pop(SamplesMut::U8(&mut result))?);
/// assert!(result.iter().all(|&sample| sample.abs_diff(128) <= 2));
/// # Ok::<(), abpn::Error>(())
/// ```
pub struct PlanarFrames {
    input: Format,
    output: Format,
    work: Work,
}

/// The net's side, in RGB of either depth.
enum Work {
    U8(Stage<u8>),
    U16(Stage<u16>),
}

/// A queue of RGB, with memory for a frame before and after it.
struct Stage<R: Sample> {
    frames: Frames<R>,
    /// Of each frame that was pushed and not popped, whether it is the one before again.
    repeated: VecDeque<bool>,
    depth: usize,
    /// Whether `small` is the frame that was pushed last.
    has_last: bool,
    small: Vec<R>,
    next: Vec<R>,
    /// The last result.
    large: Vec<R>,
    width: usize,
    /// What makes the result smaller than the net does, if that is wanted, and where to.
    reduction: Option<(Reduction, Vec<R>)>,
}

impl fmt::Debug for PlanarFrames {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self { input, output, .. } = self;
        let mut fields = formatter.debug_struct("PlanarFrames");
        fields.field("input", input).field("output", output).field("len", &self.len()).finish_non_exhaustive()
    }
}

impl Upscaler {
    /// A queue for frames of `input`, of which up to `depth` are in work at once, that gives frames of `output`.
    ///
    /// Planes, depth, matrix, range and siting of the two need not be the same. Nor need the output's size be what the net
    /// gives: it may be smaller, along both axes, and is then reduced, with antialiased bicubic weights; or larger by less
    /// than four pixels along an axis, for encoders that want a multiple of them, and is then extended by its last column and row.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if the output has another size; as [`Upscaler::frames`].
    pub fn planar_frames(&self, input: Format, output: Format, depth: usize) -> Result<PlanarFrames> {
        let work = match (input.bits(), output.bits()) {
            (8, 8) => Work::U8(Stage::new(self, &input, &output, depth)?),
            _ => Work::U16(Stage::new(self, &input, &output, depth)?),
        };
        Ok(PlanarFrames { input, output, work })
    }
}

/// Runs an expression for a stage of either depth.
macro_rules! with {
    ($work:expr, $stage:ident => $body:expr) => {
        match $work {
            Work::U8($stage) => $body,
            Work::U16($stage) => $body,
        }
    };
}

impl PlanarFrames {
    /// Frames that were pushed and not popped.
    pub fn len(&self) -> usize {
        with!(&self.work, stage => stage.repeated.len())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether one must be popped before the next is pushed.
    pub fn is_full(&self) -> bool {
        with!(&self.work, stage => stage.repeated.len() == stage.depth)
    }

    /// Where the net's time of all frames went so far.
    pub fn timings(&self) -> Timings {
        with!(&self.work, stage => stage.frames.timings())
    }

    /// Begins a frame: [`Format::samples`] of the input, `u8` if it has 8 bits, else `u16`. One that is the same as the one
    /// before is not computed again.
    ///
    /// # Errors
    /// [`Error::FramesFull`];
    /// [`Error::Unsupported`] if the samples are of the other type or another number; as [`Frames::push`].
    pub fn push(&mut self, frame: SamplesRef) -> Result<()> {
        let input = &self.input;
        with!(&mut self.work, stage => match frame {
            SamplesRef::U8(frame) if matches(input, 8, frame.len()) => stage.push(input, frame),
            SamplesRef::U16(frame) if matches(input, 16, frame.len()) => stage.push(input, frame),
            _ => Err(mismatch(input)),
        })
    }

    /// Waits for the oldest frame and writes it to `frame`, [`Format::samples`] of the output; false if there is none.
    ///
    /// # Errors
    /// As [`PlanarFrames::push`].
    pub fn pop(&mut self, frame: SamplesMut) -> Result<bool> {
        let output = &self.output;
        with!(&mut self.work, stage => match frame {
            SamplesMut::U8(frame) if matches(output, 8, frame.len()) => stage.pop(output, frame),
            SamplesMut::U16(frame) if matches(output, 16, frame.len()) => stage.pop(output, frame),
            _ => Err(mismatch(output)),
        })
    }
}

/// Whether so many samples of a type of so many bits are a frame.
fn matches(format: &Format, sample_bits: u32, samples: usize) -> bool {
    (format.bits() == 8) == (sample_bits == 8) && samples == format.samples()
}

fn mismatch(format: &Format) -> Error {
    let (samples, bits) = (format.samples(), 8 * format.sample_bytes());
    Error::Unsupported(format!("a frame has {samples} samples of {bits} bits, and was given another number or type"))
}

impl<R: Sample> Stage<R> {
    fn new(upscaler: &Upscaler, input: &Format, output: &Format, depth: usize) -> Result<Self> {
        let side = |side: usize| u32::try_from(side).expect("formats have sides of 32 bits");
        let frames = upscaler.frames::<R>(side(input.width()), side(input.height()), depth)?;
        let scale = upscaler.net().scale();
        let (width, height) = (input.width() * scale, input.height() * scale);
        let (to_width, to_height) = (output.width(), output.height());
        let is_extended = |to: usize, from: usize| (from..from + 4).contains(&to);
        let reduction = if is_extended(to_width, width) && is_extended(to_height, height) {
            None
        } else if to_width <= width && to_height <= height {
            let reduction = Reduction::new([width, height], [to_width, to_height])?;
            Some((reduction, zeros(to_width * to_height * 3)?))
        } else {
            let reason = format!("the net gives {width}x{height} pixels, which can't become {to_width}x{to_height}");
            return Err(Error::Unsupported(reason));
        };
        let (small, next, large) =
            (zeros(frames.input_len())?, zeros(frames.input_len())?, zeros(frames.output_len())?);
        let depth = frames.depth();
        let repeated = VecDeque::with_capacity(depth);
        Ok(Self { frames, repeated, depth, has_last: false, small, next, large, width, reduction })
    }

    fn push<S: Sample>(&mut self, input: &Format, frame: &[S]) -> Result<()> {
        if self.repeated.len() == self.depth {
            return Err(Error::FramesFull { depth: self.depth });
        }
        to_rgb(input, frame, &mut self.next);
        let is_repeated = self.has_last && self.next == self.small;
        if !is_repeated {
            self.frames.push(&self.next)?;
            std::mem::swap(&mut self.small, &mut self.next);
            self.has_last = true;
        }
        self.repeated.push_back(is_repeated);
        Ok(())
    }

    fn pop<T: Sample>(&mut self, output: &Format, frame: &mut [T]) -> Result<bool> {
        let Some(is_repeated) = self.repeated.pop_front() else { return Ok(false) };
        if !is_repeated {
            self.frames.pop(&mut self.large)?;
        }
        let (width, samples) = match &mut self.reduction {
            None => (self.width, &self.large),
            Some((reduction, reduced)) => {
                if !is_repeated {
                    reduction.apply(&self.large, reduced);
                }
                (output.width(), &*reduced)
            }
        };
        from_rgb(Rgb { width, height: samples.len() / (3 * width), samples }, output, frame);
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Planes, Range};
    use super::*;
    use crate::net::random::random_net;
    use crate::startup::Target;

    #[test]
    fn repeated_frames_have_the_bytes_of_the_first_at_every_depth() {
        let upscaler = Upscaler::new(random_net(5, 2, &[6]).unwrap(), Target::Cpu).unwrap();
        let small = Format::new(Planes::Grey(Range::Full), 8, 5, 4).unwrap();
        let pictures =
            [0_u8, 90, 91].map(|first| (0..20).map(|step| first + step % 7 * (step % 3)).collect::<Vec<u8>>());
        for (width, height) in [(10, 8), (12, 9), (7, 7)] {
            let large = small.resized(width, height).unwrap();
            let alone = pictures.each_ref().map(|picture| {
                let mut result = vec![0; large.samples()];
                let mut queue = upscaler.planar_frames(small, large, 1).unwrap();
                queue.push(SamplesRef::U8(picture)).unwrap();
                assert!(queue.pop(SamplesMut::U8(&mut result)).unwrap());
                result
            });
            assert_ne!(alone[1], alone[2]);
            for depth in 1..4 {
                let mut queue = upscaler.planar_frames(small, large, depth).unwrap();
                let (mut result, mut popped) = (vec![0; large.samples()], Vec::new());
                let order = [0, 0, 1, 1, 1, 2, 0, 2, 2];
                for picture in order {
                    if queue.is_full() {
                        let error = queue.push(SamplesRef::U8(&pictures[picture])).unwrap_err();
                        assert!(matches!(error, Error::FramesFull { .. }));
                        assert!(queue.pop(SamplesMut::U8(&mut result)).unwrap());
                        popped.push(result.clone());
                    }
                    queue.push(SamplesRef::U8(&pictures[picture])).unwrap();
                }
                while queue.pop(SamplesMut::U8(&mut result)).unwrap() {
                    popped.push(result.clone());
                }
                assert!(queue.is_empty());
                assert_eq!(popped, order.map(|picture| alone[picture].clone()), "{width} {depth}");
            }
        }
    }

    #[test]
    fn frames_of_another_kind_or_size_are_refused() {
        let upscaler = Upscaler::new(random_net(5, 2, &[6]).unwrap(), Target::Cpu).unwrap();
        let small = Format::new(Planes::Rgb, 8, 3, 3).unwrap();
        for (width, height) in [(10, 6), (6, 10), (5, 8), (8, 5)] {
            let large = small.resized(width, height).unwrap();
            assert!(matches!(upscaler.planar_frames(small, large, 1), Err(Error::Unsupported(_))), "{width}x{height}");
        }
        let mut queue = upscaler.planar_frames(small, small.resized(6, 6).unwrap(), 1).unwrap();
        assert!(matches!(queue.push(SamplesRef::U8(&[0; 26])), Err(Error::Unsupported(_))));
        assert!(matches!(queue.push(SamplesRef::U16(&[0; 27])), Err(Error::Unsupported(_))));
        assert!(queue.push(SamplesRef::U8(&[0; 27])).is_ok());
        assert!(matches!(queue.pop(SamplesMut::U8(&mut [0; 107])), Err(Error::Unsupported(_))));
        assert!(queue.pop(SamplesMut::U8(&mut [0; 108])).unwrap());
    }
}
