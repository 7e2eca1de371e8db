//! Frames through the upscaler, while others are decoded and encoded.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;

use abpn::planar::{Format, PlanarFrames};
use abpn::{Samples, SamplesMut, SamplesRef};

use super::super::interrupt;
use super::input::Frames;
use super::output::Output;
use super::progress::Progress;
use crate::video::nut::Packet;
use crate::video::process::Finished;
use crate::video::{Error, Result};

/// Frames that wait between two threads at most.
const WAITING: usize = 2;

/// The frames' sizes and kinds, before and after.
pub struct Formats {
    pub small: Format,
    pub large: Format,
}

/// What came of it.
pub struct Outcome<'a> {
    /// Frames that were decoded, those that an earlier run had done among them.
    pub decoded: u64,
    /// How the decoder ended; none if it was not asked to the end.
    pub decoder: Option<Finished>,
    /// Whether the user stopped it.
    pub is_interrupted: bool,
    /// The last frame's time stamp, and its distance from the one before.
    pub last: Option<(i64, i64)>,
    pub output: Output<'a>,
}

/// Sends all frames through, but for the first `skipped`, which are there already.
///
/// # Errors
/// Whatever fails, with the frames before it written.
pub fn run<'a>(
    mut frames: Frames,
    mut queue: PlanarFrames,
    formats: &Formats,
    mut output: Output<'a>,
    skipped: u64,
    progress: &Progress,
) -> Result<Outcome<'a>> {
    let (to_net, from_decoder) = sync_channel::<(Packet, Vec<u8>)>(WAITING);
    let (to_decoder, from_net) = channel::<Vec<u8>>();
    let (to_encoder, to_write) = sync_channel::<(Packet, Samples)>(WAITING);
    let (used, written) = channel::<Samples>();
    let is_stopped = AtomicBool::new(false);
    let is_stopped = &is_stopped;
    thread::scope(|scope| {
        let decoding = scope.spawn(move || {
            let read = read(&mut frames, formats, skipped, is_stopped, &to_net, &from_net);
            drop(to_net);
            (read, frames)
        });
        let writing = scope.spawn(move || {
            let result: Result<()> = to_write.into_iter().try_for_each(|(packet, mut samples)| {
                output.write(packet, &mut samples)?;
                // Nobody may need it any more.
                let _ = used.send(samples);
                Ok(())
            });
            (result, output)
        });
        let upscaled = upscale(&mut queue, formats, &from_decoder, &to_decoder, &to_encoder, &written, progress);
        // Whoever still waits is told.
        is_stopped.store(true, Ordering::Relaxed);
        drop((from_decoder, to_encoder));
        let (read, frames) = decoding.join().expect("it does not panic");
        let (result, output) = writing.join().expect("it does not panic");
        let (last, is_interrupted) = upscaled?;
        let (decoded, is_whole) = read?;
        // Behind the decoder's own error, as ends of pipes are consequences.
        let decoder = if is_whole { frames.finish()? } else { None };
        result?;
        Ok(Outcome { decoded, decoder, is_interrupted, last, output })
    })
}

/// Reads frames until there are none, or nobody wants them; returns how many, and whether those were all.
fn read(
    frames: &mut Frames,
    formats: &Formats,
    skipped: u64,
    is_stopped: &AtomicBool,
    to_net: &SyncSender<(Packet, Vec<u8>)>,
    from_net: &Receiver<Vec<u8>>,
) -> Result<(u64, bool)> {
    let expected = formats.small.samples() * formats.small.sample_bytes();
    let mut decoded = 0;
    let mut buffer = Vec::new();
    while !is_stopped.load(Ordering::Relaxed) {
        let Some(packet) = frames.read(&mut buffer)? else { return Ok((decoded, true)) };
        if buffer.len() != expected {
            let reason = format!(
                "after {decoded} frames, the size of its frames changes from {}x{}; cut it there with --duration",
                formats.small.width(),
                formats.small.height()
            );
            return Err(Error::Refused(reason));
        }
        decoded += 1;
        if decoded > skipped {
            if to_net.send((packet, buffer)).is_err() {
                break;
            }
            buffer = from_net.try_recv().unwrap_or_default();
        }
    }
    Ok((decoded, false))
}

/// A frame's samples, as they lie in memory.
fn samples(format: &Format) -> Samples {
    match format.sample_bytes() {
        1 => Samples::U8(vec![0; format.samples()]),
        _ => Samples::U16(vec![0; format.samples()]),
    }
}

/// Takes frames through the net; returns the last one's time stamp, its distance from the one before, and whether the user
/// stopped it.
fn upscale(
    queue: &mut PlanarFrames,
    formats: &Formats,
    from_decoder: &Receiver<(Packet, Vec<u8>)>,
    to_decoder: &std::sync::mpsc::Sender<Vec<u8>>,
    to_encoder: &SyncSender<(Packet, Samples)>,
    written: &Receiver<Samples>,
    progress: &Progress,
) -> Result<(Option<(i64, i64)>, bool)> {
    let mut packets = std::collections::VecDeque::new();
    let mut last = None;
    // False if nobody takes frames any more.
    let mut pop = |queue: &mut PlanarFrames, packets: &mut std::collections::VecDeque<Packet>| -> Result<bool> {
        let mut frame = written.try_recv().unwrap_or_else(|_| samples(&formats.large));
        let memory = match &mut frame {
            Samples::U8(samples) => SamplesMut::U8(samples),
            Samples::U16(samples) => SamplesMut::U16(samples),
        };
        queue.pop(memory)?;
        let packet: Packet = packets.pop_front().expect("one for each frame in work");
        last = Some((packet.pts, last.map_or(0, |(before, _)| packet.pts - before)));
        progress.frame();
        Ok(to_encoder.send((packet, frame)).is_ok())
    };
    let mut is_interrupted = false;
    for (packet, frame) in from_decoder {
        if interrupt::requested() {
            is_interrupted = true;
            break;
        }
        if queue.is_full() && !pop(queue, &mut packets)? {
            return Ok((last, is_interrupted));
        }
        if formats.small.sample_bytes() == 1 {
            queue.push(SamplesRef::U8(&frame))?;
        } else {
            // Memory of bytes lies well for samples of two nearly always.
            let samples = bytemuck::try_cast_slice(&frame)
                .map_or_else(|_| Cow::Owned(bytemuck::pod_collect_to_vec::<u8, u16>(&frame)), Cow::Borrowed);
            queue.push(SamplesRef::U16(&samples))?;
        }
        packets.push_back(packet);
        // The decoder may have ended.
        let _ = to_decoder.send(frame);
    }
    while !queue.is_empty() {
        if !pop(queue, &mut packets)? {
            break;
        }
    }
    Ok((last, is_interrupted))
}
