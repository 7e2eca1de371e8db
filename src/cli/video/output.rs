//! Where finished frames go: segments, or a pipe.

use std::io::{self, BufWriter, Stdout, Write};

use abpn::Samples;

use crate::video::nut::Packet;
use crate::video::segment_writer::SegmentWriter;
use crate::video::segments::Folder;
use crate::video::y4m;
use crate::video::{Error, Result};

/// What writes frames.
pub enum Output<'a> {
    Segments(Box<SegmentWriter<'a>>),
    Pipe { writer: BufWriter<Stdout>, bits: u32 },
}

/// What a reader that closes its pipe says: it has what it wanted.
pub const CLOSED: &str = "standard output was closed";

impl Output<'_> {
    /// Writes a frame; its bytes may change.
    ///
    /// # Errors
    /// The encoder's, the system's.
    pub fn write(&mut self, packet: Packet, frame: &mut Samples) -> Result<()> {
        let bytes: &mut [u8] = match frame {
            Samples::U8(samples) => samples,
            Samples::U16(samples) => bytemuck::cast_slice_mut(samples),
        };
        match self {
            Self::Segments(writer) => writer.write(packet, bytes),
            Self::Pipe { writer, bits } => y4m::write_frame(writer, *bits, bytes).map_err(closed),
        }
    }

    /// Writes all that is to be written; gives the folder, if there is one.
    ///
    /// # Errors
    /// As [`Output::write`].
    pub fn finish(self) -> Result<Option<Folder>> {
        match self {
            Self::Segments(writer) => writer.finish().map(Some),
            Self::Pipe { mut writer, .. } => writer.flush().map(|()| None).map_err(closed),
        }
    }
}

/// A failure of standard output.
pub fn closed(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Error::Io(CLOSED.to_owned()),
        _ => Error::Io(format!("standard output: {error}")),
    }
}
