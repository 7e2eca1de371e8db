//! How fast frames are: on the GPU alone, and from pixels to pixels.

use crate::backend::FrameShape;
use crate::clock::Instant;
use crate::frame::{PixelFormat, Rgb, test_frame};
use crate::gpu::Resident;
use crate::image::{Sample, reserved, zeros};
use crate::options::Timings;
use crate::stats::Stats;
use crate::timing::Clock;
use crate::upscaler::Upscaler;
use crate::{Result, Samples};

/// What a submission takes at most, if frames are shorter: enough to hide what a submission costs.
const SUBMISSION_S: f64 = 0.1;
/// Frames in a submission are so many times fewer than all.
const SUBMISSIONS: usize = 10;

/// Times of frames of one size.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Bench {
    /// Pieces of a frame, see [`Upscaler::with_tile`].
    pub tiles: usize,
    /// Frames on the GPU alone; none where the CPU computes.
    pub resident: Option<ResidentTimes>,
    /// The most frames in work at once, from pixels to pixels.
    pub depth: usize,
    /// Nanoseconds from one finished frame to the next, from pixels to pixels: copied in, converted, computed, converted,
    /// copied out.
    pub end_to_end_ns: Stats,
    /// The host's part of that, a frame on average.
    pub host: Timings,
}

/// Times of frames whose pixels are on the GPU and stay there, many in a submission.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResidentTimes {
    /// What measured the parts.
    pub clock: Clock,
    /// Frames in a submission.
    pub batch: usize,
    /// Nanoseconds a frame by the host's clock: a submission and the wait for it.
    pub wall_ns: Stats,
    /// Nanoseconds a frame by [`ResidentTimes::clock`], conversions and all stages.
    pub frame_ns: Stats,
    /// The part of it that converts samples to the stages' words.
    pub pack_ns: Stats,
    /// The part of all stages.
    pub stages_ns: Stats,
    /// The part that converts finished pixels to samples.
    pub unpack_ns: Stats,
}

impl Upscaler {
    /// Times `frames` frames, at least one, of `width` x `height` synthetic pixels of `S` samples, twice: on the GPU alone,
    /// and with up to `depth` in work at once.
    ///
    /// # Errors
    /// As [`Upscaler::frames`].
    pub fn bench<S: Sample>(&self, width: u32, height: u32, frames: usize, depth: usize) -> Result<Bench> {
        let frames = frames.max(1);
        self.check_size(width, height)?;
        let Samples::U8(bytes) = test_frame(width, height)?.into_samples() else { unreachable!("it has 8 bits") };
        let steps = S::saturating_from(i32::MAX).to_i32() / i32::from(u8::MAX);
        let mut samples: Vec<S> = reserved(bytes.len())?;
        samples.extend(bytes.iter().map(|&byte| S::saturating_from(i32::from(byte) * steps)));
        let resident =
            self.resident(Rgb { width: width as usize, height: height as usize, samples: &samples }, frames)?;

        let mut queue = self.frames::<S>(width, height, depth)?;
        let mut large = zeros(queue.output_len())?;
        // The first frames find memory cold and the queue empty.
        let warm_up = queue.depth();
        let mut ends = Vec::with_capacity(frames + 1);
        let mut before = Timings::default();
        for pushed in 0..warm_up + frames + queue.depth() {
            if queue.is_full() {
                queue.pop(&mut large)?;
                if pushed + 1 - queue.depth() >= warm_up {
                    ends.push(Instant::now());
                }
                if ends.len() == 1 {
                    before = queue.timings();
                }
                if ends.len() > frames {
                    break;
                }
            }
            queue.push(&samples)?;
        }
        let after = queue.timings();
        let count = u32::try_from(ends.len().max(2) - 1).unwrap_or(u32::MAX);
        let host = Timings {
            upload: (after.upload - before.upload) / count,
            compute: (after.compute - before.compute) / count,
            read_back: (after.read_back - before.read_back) / count,
        };
        let end_to_end_ns = Stats::of(ends.windows(2).map(|pair| pair[1].since(pair[0]).as_secs_f64() * 1e9));
        Ok(Bench { tiles: queue.tiles(), resident, depth: queue.depth(), end_to_end_ns, host })
    }

    fn resident<S: Sample>(&self, rgb: Rgb<S>, frames: usize) -> Result<Option<ResidentTimes>> {
        let Some(engine) = self.gpu() else { return Ok(None) };
        let Rgb { width, height, .. } = rgb;
        let tiling = self.tiling(FrameShape { width, height, format: PixelFormat::rgb::<S>() })?;
        let run = engine.resident(&rgb, &tiling)?;
        let wall_ns = |run: &Resident, batch: usize| {
            let start = Instant::now();
            let frame = run.frames(batch)?;
            Ok::<_, crate::Error>((start.elapsed_ns(), frame))
        };
        // The first run finds everything cold.
        wall_ns(&run, 1)?;
        let first_ns = wall_ns(&run, 1)?.0;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
        let fitting = (SUBMISSION_S * 1e9 / first_ns) as usize;
        let batch = fitting.min(frames / SUBMISSIONS).max(1);
        let (mut wall, mut whole, mut parts) = (Vec::new(), Vec::new(), [Vec::new(), Vec::new(), Vec::new()]);
        for _ in 0..frames.div_ceil(batch) {
            let (wall_ns, frame) = wall_ns(&run, batch)?;
            wall.push(wall_ns / batch as f64);
            whole.push(frame.duration_ns() / batch as f64);
            for (part, span) in parts.iter_mut().zip(run.parts(1)?) {
                part.push(span.duration_ns());
            }
        }
        let [pack_ns, stages_ns, unpack_ns] = parts.map(Stats::of);
        let (wall_ns, frame_ns, clock) = (Stats::of(wall), Stats::of(whole), self.backend().clock());
        Ok(Some(ResidentTimes { clock, batch, wall_ns, frame_ns, pack_ns, stages_ns, unpack_ns }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::random::random_net;
    use crate::{Error, Target};

    #[test]
    fn frames_that_can_not_be_are_errors() {
        let upscaler = Upscaler::new(random_net(1, 2, &[4]).unwrap(), Target::Cpu).unwrap();
        assert!(matches!(upscaler.bench::<u8>(u32::MAX, 1, 1, 1), Err(Error::ImageSize { .. })));
        assert!(matches!(upscaler.bench::<u16>(400_000_000, 400_000_000, 1, 1), Err(Error::Memory { .. })));
        assert!(upscaler.bench::<u16>(3, 2, 1, 1).is_ok());
    }
}
