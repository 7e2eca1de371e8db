//! Frames to segments, each made by an encoder of its own.

use std::fs;
use std::io::{BufWriter, ErrorKind};
use std::process::ChildStdin;

use super::encoder::{self, Encoder};
use super::error::{Error, Result};
use super::nut::{Packet, Stream, Writer};
use super::process::{Child, Tools};
use super::segments::Folder;

/// Bytes that are written at once.
const BUFFER_BYTES: usize = 1 << 20;

/// Writes the segments of a folder, from the first that is not finished on.
pub struct SegmentWriter<'a> {
    pub tools: &'a Tools,
    pub encoder: &'a Encoder,
    /// A filter and a siting that tell the encoder of colours.
    pub filter: String,
    pub siting: String,
    /// The frames' description.
    pub stream: Stream,
    /// Frames a second, about, where that is known: what encoders plan with.
    pub rate: Option<(u64, u64)>,
    pub folder: Folder,
    /// Frames of a segment.
    pub length: u64,
    current: Option<Current>,
    /// An encoder that has all its frames, and how many, while the next one begins.
    ending: Option<(Child, u64)>,
}

struct Current {
    child: Child,
    writer: Writer<BufWriter<ChildStdin>>,
    frames: u64,
}

impl<'a> SegmentWriter<'a> {
    /// Into `folder`, in segments of `length` frames.
    pub fn new(tools: &'a Tools, encoder: &'a Encoder, stream: Stream, folder: Folder, length: u64) -> Self {
        let (filter, siting) = ("null".to_owned(), String::new());
        Self { tools, encoder, filter, siting, stream, rate: None, folder, length, current: None, ending: None }
    }

    /// Writes a frame.
    ///
    /// # Errors
    /// [`Error::Ffmpeg`] with the encoder's words if it fails; the system's.
    pub fn write(&mut self, packet: Packet, frame: &[u8]) -> Result<()> {
        if self.current.is_none() {
            let mut child = encoder::start(
                self.tools,
                self.encoder,
                &self.filter,
                &self.siting,
                &self.folder.file(&self.unfinished()),
            )?;
            let input = child.stdin().ok_or_else(|| Error::Io("the encoder has no input".to_owned()))?;
            match Writer::new(BufWriter::with_capacity(BUFFER_BYTES, input), &self.stream, self.rate) {
                Ok(writer) => self.current = Some(Current { child, writer, frames: 0 }),
                Err(error) => return Err(refused(child, &error)),
            }
        }
        let Some(current) = &mut self.current else { unreachable!("there is one now") };
        if let Err(error) = current.writer.write(packet, frame) {
            let Some(Current { child, writer, .. }) = self.current.take() else { unreachable!("it has just written") };
            drop(writer);
            return Err(refused(child, &error));
        }
        current.frames += 1;
        if current.frames == self.length { self.close() } else { Ok(()) }
    }

    /// Where the segment goes that is being made, of which the one before may not be finished.
    fn unfinished(&self) -> String {
        let index = self.folder.segments().len() + usize::from(self.ending.is_some());
        format!("{}.part", index + 1)
    }

    /// Ends the current segment, and waits for the one before.
    fn close(&mut self) -> Result<()> {
        self.settle()?;
        if let Some(Current { child, writer, frames }) = self.current.take() {
            match writer.finish() {
                Ok(input) => drop(input),
                Err(error) => return Err(refused(child, &error)),
            }
            self.ending = Some((child, frames));
        }
        Ok(())
    }

    /// Waits for the encoder that has all its frames.
    fn settle(&mut self) -> Result<()> {
        let Some((child, frames)) = self.ending.take() else { return Ok(()) };
        child.finish()?.success()?;
        let index = self.folder.segments().len();
        let (from, to) = (self.folder.file(&format!("{}.part", index + 1)), self.folder.segment_path(index));
        fs::rename(&from, &to).map_err(|error| Error::Io(format!("{}: {error}", from.display())))?;
        self.folder.finished(frames)
    }

    /// Ends the last segment, and hands the folder back.
    ///
    /// # Errors
    /// As [`SegmentWriter::write`].
    pub fn finish(mut self) -> Result<Folder> {
        self.close()?;
        self.settle()?;
        Ok(self.folder)
    }
}

/// An encoder that takes no more frames: why, in its words.
fn refused(child: Child, error: &std::io::Error) -> Error {
    match child.finish() {
        Ok(finished) if error.kind() == ErrorKind::BrokenPipe => finished.failure("stopped taking frames"),
        Ok(finished) if finished.success().is_err() => finished.failure("failed"),
        Ok(_) => Error::Io(format!("writing to the encoder: {error}")),
        Err(error) => error,
    }
}
