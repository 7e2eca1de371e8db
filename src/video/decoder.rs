//! Frames of a film, as ffmpeg decodes them.

use std::io::{self, BufReader};
use std::path::Path;
use std::process::{ChildStdout, Stdio};

use super::error::{Error, Result};
use super::nut::{Packet, Reader, TimeBase};
use super::process::{Child, Finished, Tools, path_argument};

/// Added to all time stamps, in ticks of the stream, so that none is negative on the way.
pub const SHIFT: i64 = 1 << 24;

/// Bytes that are read at once.
const BUFFER_BYTES: usize = 1 << 20;

/// What is decoded, and how.
#[derive(Clone, Debug)]
pub struct Decoding<'a> {
    pub path: &'a Path,
    /// The stream's index in the file.
    pub stream: usize,
    /// ffmpeg's name of the planes.
    pub pix_fmt: &'a str,
    pub deinterlace: bool,
    /// Whether what a player turns is turned now.
    pub turn: bool,
    /// From where on, and how much of it, as ffmpeg takes it.
    pub start: Option<&'a str>,
    pub duration: Option<&'a str>,
    /// Only so many frames.
    pub frames: Option<u64>,
}

/// A decoder at work.
pub struct Decoder {
    child: Child,
    reader: Reader<BufReader<ChildStdout>>,
}

impl Decoder {
    /// Starts it, and waits for the first frame's headers; none if there is no frame.
    ///
    /// # Errors
    /// [`Error::Ffmpeg`] with ffmpeg's words.
    pub fn start(tools: &Tools, decoding: &Decoding) -> Result<Option<Self>> {
        let mut command = tools.ffmpeg();
        for (option, value) in [("-ss", decoding.start), ("-t", decoding.duration)] {
            if let Some(value) = value {
                command.args([option, value]);
            }
        }
        command.arg("-copyts");
        if !decoding.turn {
            command.arg("-noautorotate");
        }
        command.arg("-i").arg(path_argument(decoding.path)).args(["-map", &format!("0:{}", decoding.stream)]);
        let deinterlace = if decoding.deinterlace { ",bwdif=mode=send_frame:deint=all" } else { "" };
        command.args(["-vf", &format!("setpts=PTS+{SHIFT}{deinterlace}")]);
        if let Some(frames) = decoding.frames {
            command.args(["-frames:v", &frames.to_string()]);
        }
        command.args(["-fps_mode", "passthrough", "-enc_time_base", "-1", "-avoid_negative_ts", "disabled"]);
        // Frames of another size come as such, to be refused, instead of being resized in silence.
        command.args([
            "-autoscale",
            "0",
            "-pix_fmt",
            decoding.pix_fmt,
            "-c:v",
            "rawvideo",
            "-map_metadata",
            "-1",
            "-map_chapters",
            "-1",
            "-f",
            "nut",
            "pipe:1",
        ]);
        let mut child = Child::spawn(command.stdin(Stdio::null()))?;
        let stdout = BufReader::with_capacity(BUFFER_BYTES, child.stdout());
        match Reader::new(stdout) {
            Ok(reader) => Ok(Some(Self { child, reader })),
            Err(error) => {
                child.finish()?.success()?;
                match error.kind() {
                    io::ErrorKind::UnexpectedEof => Ok(None),
                    _ => Err(Error::Ffmpeg(error.to_string())),
                }
            }
        }
    }

    /// The unit of its time stamps.
    pub fn time_base(&self) -> TimeBase {
        self.reader.stream().time_base
    }

    /// Reads the next frame; none at the end.
    ///
    /// # Errors
    /// If its stream is damaged.
    pub fn read(&mut self, frame: &mut Vec<u8>) -> io::Result<Option<Packet>> {
        self.reader.read(frame)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(self) -> Result<Finished> {
        drop(self.reader);
        self.child.finish()
    }
}
