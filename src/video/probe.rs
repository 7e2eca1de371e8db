//! What ffprobe says of a film.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;

use super::error::{Error, Result};
use super::nut::TimeBase;
use super::process::{Tools, path_argument, run};

/// A film's streams, of which one is upscaled.
#[derive(Clone, Debug)]
pub struct Film {
    pub streams: Vec<Stream>,
    /// The place of the stream to upscale among them.
    pub video: usize,
    /// Seconds, where that is known.
    pub duration: Option<f64>,
    /// When the first of all streams begins, in seconds.
    pub start: f64,
    /// Bits a second of all streams.
    pub bit_rate: Option<f64>,
}

/// A stream, with ffprobe's names.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Stream {
    pub index: usize,
    pub codec_name: String,
    pub codec_type: String,
    pub codec_tag_string: String,
    pub width: u32,
    pub height: u32,
    pub pix_fmt: String,
    pub sample_aspect_ratio: String,
    pub color_range: String,
    pub color_space: String,
    pub color_transfer: String,
    pub color_primaries: String,
    pub chroma_location: String,
    pub field_order: String,
    pub avg_frame_rate: String,
    pub r_frame_rate: String,
    pub time_base: String,
    pub start_pts: i64,
    pub start_time: String,
    pub duration: String,
    pub bit_rate: String,
    pub nb_frames: String,
    pub disposition: BTreeMap<String, u8>,
    pub side_data_list: Vec<SideData>,
}

/// Data beside a stream.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SideData {
    pub side_data_type: String,
    /// Degrees, anticlockwise.
    pub rotation: Option<f64>,
    pub displaymatrix: Option<String>,
}

/// What ffprobe prints.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Answer {
    streams: Vec<Stream>,
    frames: Vec<Frame>,
    packets: Vec<Packet>,
    format: Container,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Container {
    duration: String,
    start_time: String,
    bit_rate: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Frame {
    interlaced_frame: u8,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Packet {
    flags: String,
}

/// Frames that are looked at for interlacing.
const FRAMES: u32 = 8;

impl Film {
    /// Asks ffprobe about a file.
    ///
    /// # Errors
    /// [`Error::Refused`] with ffprobe's words, or if there is no video in it.
    pub fn probe(tools: &Tools, path: &Path) -> Result<Self> {
        let mut command = tools.ffprobe();
        command.args(["-show_streams", "-show_format"]).arg("-i").arg(path_argument(path));
        // Whatever it says is about the file.
        let answer = ask(&mut command).map_err(|error| match error {
            Error::Ffmpeg(words) => Error::Refused(words),
            error => error,
        })?;
        let is_film = |stream: &Stream| stream.codec_type == "video" && !stream.is("attached_pic") && stream.width > 0;
        let video = answer.streams.iter().position(is_film);
        let video = video.ok_or_else(|| Error::Refused("there is no video in it".to_owned()))?;
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        let Container { duration, start_time, bit_rate } = &answer.format;
        let (duration, bit_rate) = (number(duration), number(bit_rate));
        Ok(Self { video, duration, start: number(start_time).unwrap_or(0.0), bit_rate, streams: answer.streams })
    }

    /// The stream to upscale.
    pub fn stream(&self) -> &Stream {
        &self.streams[self.video]
    }

    /// Bits a pixel of the stream to upscale; without a figure of its own, of all streams.
    pub fn bits_per_pixel(&self) -> Option<f64> {
        let stream = self.stream();
        let rate = stream.bit_rate.parse().ok().or(self.bit_rate)?;
        let pixels = f64::from(stream.width) * f64::from(stream.height) * stream.frame_rate()?;
        Some(rate / pixels).filter(|bits| bits.is_finite())
    }

    /// How many frames there are, as the file says or as its duration and frame rate suggest.
    pub fn frames(&self) -> Option<u64> {
        let stream = self.stream();
        let seconds = stream.duration.parse().ok().or(self.duration);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a progress bar's length")]
        let guess = || Some((seconds? * stream.frame_rate()?).round() as u64);
        stream.announced().or_else(guess)
    }
}

/// Packets of stream `index` that are meant to be shown.
///
/// # Errors
/// [`Error::Ffmpeg`] with ffprobe's words.
pub fn shown_packets(tools: &Tools, path: &Path, index: usize) -> Result<u64> {
    let mut command = tools.ffprobe();
    command.args(["-select_streams", &index.to_string(), "-show_entries", "packet=flags"]);
    let answer = ask(command.arg("-i").arg(path_argument(path)))?;
    Ok(answer.packets.iter().filter(|packet| !packet.flags.contains('D')).count() as u64)
}

/// Whether one of the first frames of stream `index` is interlaced.
///
/// # Errors
/// [`Error::Ffmpeg`] with ffprobe's words.
pub fn is_interlaced(tools: &Tools, path: &Path, stream: &Stream) -> Result<bool> {
    if matches!(&*stream.field_order, "tt" | "bb" | "tb" | "bt") {
        return Ok(true);
    }
    let mut command = tools.ffprobe();
    command.args(["-select_streams", &stream.index.to_string(), "-show_entries", "frame=interlaced_frame"]);
    command.args(["-read_intervals", &format!("%+#{FRAMES}")]).arg("-i").arg(path_argument(path));
    Ok(ask(&mut command)?.frames.iter().any(|frame| frame.interlaced_frame == 1))
}

fn ask(command: &mut std::process::Command) -> Result<Answer> {
    let answer = run(command)?;
    serde_json::from_slice(&answer)
        .map_err(|error| Error::Ffmpeg(format!("ffprobe said something unexpected: {error}")))
}

impl Stream {
    /// Whether it has a disposition.
    pub fn is(&self, disposition: &str) -> bool {
        self.disposition.get(disposition) == Some(&1)
    }

    /// Its dispositions, as ffmpeg's options take them.
    pub fn dispositions(&self) -> String {
        let set: Vec<&str> = self.disposition.iter().filter(|(_, set)| **set == 1).map(|(name, _)| &**name).collect();
        if set.is_empty() { "0".to_owned() } else { set.join("+") }
    }

    /// The unit of its time stamps.
    pub fn time_base(&self) -> Option<TimeBase> {
        let (num, den) = self.time_base.split_once('/')?;
        let (num, den) = (num.parse().ok()?, den.parse().ok()?);
        (num > 0 && den > 0).then_some(TimeBase { num, den })
    }

    /// Frames a second, on average, as a fraction.
    pub fn rate(&self) -> Option<(u64, u64)> {
        let rate = |text: &str| {
            let (num, den) = text.split_once('/')?;
            Some((num.parse().ok()?, den.parse().ok()?)).filter(|&(num, den)| num > 0 && den > 0)
        };
        rate(&self.avg_frame_rate).or_else(|| rate(&self.r_frame_rate))
    }

    /// Frames a second, on average.
    pub fn frame_rate(&self) -> Option<f64> {
        self.rate().map(|(num, den): (u64, u64)| num as f64 / den as f64)
    }

    /// How many frames the file says that there are.
    pub fn announced(&self) -> Option<u64> {
        self.nb_frames.parse().ok().filter(|&frames| frames > 0)
    }

    /// Width and height of a pixel; 0 and 0 if unknown.
    pub fn aspect(&self) -> (u64, u64) {
        let sides = self.sample_aspect_ratio.split_once(':');
        let sides = sides.and_then(|(width, height)| Some((width.parse().ok()?, height.parse().ok()?)));
        sides.filter(|&(width, height)| width > 0 && height > 0).unwrap_or((0, 0))
    }

    /// By how many degrees a player turns it, anticlockwise, if a player turns it.
    pub fn rotation(&self) -> Option<f64> {
        self.side_data_list.iter().find_map(|data| data.rotation).filter(|&degrees| degrees != 0.0)
    }
    /// Whether a player shows its mirror image, turned or not.
    pub fn is_mirrored(&self) -> bool {
        // Rows of `00000000:   0   65536   0`.
        let rows = |text: &str| -> Vec<Vec<f64>> {
            let row = |line: &str| {
                line.split_once(':').map_or("", |(_, row)| row).split_whitespace().map(str::to_owned).collect()
            };
            let rows = text.lines().map(row).filter(|row: &Vec<String>| row.len() == 3);
            rows.map(|row| row.iter().map(|number| number.parse().unwrap_or(0.0)).collect()).collect()
        };
        let matrix = self.side_data_list.iter().find_map(|data| data.displaymatrix.as_deref()).map(rows);
        matrix.is_some_and(|rows| rows.len() == 3 && rows[0][0] * rows[1][1] < rows[0][1] * rows[1][0])
    }
}
