//! Segments and all that a film has beside its pictures, in one file.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use super::colour::Colour;
use super::decoder::SHIFT;
use super::error::{Error, Result};
use super::nut::{Packet, TimeBase, Writer};
use super::pixel_format::Layout;
use super::probe::Film;
use super::process::{Child, Tools, path_argument, run};
use super::segments::{self, Folder};

/// What the joined film takes over.
#[derive(Clone, Debug)]
pub struct Joining<'a> {
    /// Where the other streams come from, with what is known of it; none for frames from a pipe.
    pub source: Option<(&'a Path, &'a Film)>,
    pub colour: &'a Colour,
    pub layout: Layout,
    /// Whether players are told to turn it as they turn the source.
    pub keeps_rotation: bool,
    pub start: Option<&'a str>,
    pub duration: Option<&'a str>,
    /// The unit of the source's time stamps, to which [`SHIFT`] was added.
    pub time_base: TimeBase,
    /// The extension of the output.
    pub extension: &'a str,
}

/// A position as ffmpeg takes it, in seconds.
pub fn seconds(text: &str) -> Option<f64> {
    let mut total = 0.0;
    for part in text.split(':') {
        total = total * 60.0 + part.parse::<f64>().ok().filter(|part| part.is_finite() && *part >= 0.0)?;
    }
    Some(total)
}

impl Joining<'_> {
    /// Kinds of data that ffmpeg makes anew of other things, or that nobody can copy.
    fn is_copied(stream: &super::probe::Stream) -> bool {
        match &*stream.codec_type {
            "data" => !matches!(&*stream.codec_name, "" | "none" | "unknown" | "bin_data"),
            "" => false,
            _ => true,
        }
    }

    /// Streams that are left out.
    pub fn left_out(film: &Film) -> Vec<usize> {
        let left = film.streams.iter().filter(|stream| !Self::is_copied(stream) && stream.codec_tag_string != "tmcd");
        left.map(|stream| stream.index).collect()
    }

    /// Frames a second, if that doesn't vary.
    fn rate(&self) -> Option<(u64, u64)> {
        let stream = self.source?.1.stream();
        stream.rate().filter(|_| stream.avg_frame_rate == stream.r_frame_rate)
    }

    /// Options after the first input, the pictures.
    fn add_options(&self, command: &mut Command, until: Option<f64>) {
        let Some((path, film)) = self.source else {
            command.args(["-map", "0:v:0"]);
            return;
        };
        for (option, value) in [("-ss", self.start), ("-t", self.duration)] {
            if let Some(value) = value {
                command.args([option, value]);
            }
        }
        command.arg("-i").arg(path_argument(path));
        let mut outputs = 0;
        for (place, stream) in film.streams.iter().enumerate() {
            if place == film.video {
                command.args(["-map", "0:v:0"]);
                command.args([&format!("-disposition:{outputs}"), &stream.dispositions()]);
                if self.keeps_rotation
                    && let Some(rotation) = stream.rotation()
                {
                    let degrees = rotation.rem_euclid(360.0);
                    command.args([&format!("-metadata:s:{outputs}"), &format!("rotate={degrees}")]);
                }
            } else if Self::is_copied(stream) {
                command.args(["-map", &format!("1:{}", stream.index)]);
            } else {
                continue;
            }
            // Once one stream's is named, ffmpeg copies no other's by itself.
            command.args([&format!("-map_metadata:s:{outputs}"), &format!("1:s:{}", stream.index)]);
            outputs += 1;
        }
        command.args(["-map_metadata", "1", "-map_chapters", "1"]);
        if let Some(start) = self.start.and_then(seconds) {
            command.args(["-output_ts_offset", &format!("{:.6}", -(start + film.start))]);
        }
        if let Some(until) = until {
            command.args(["-to", &format!("{until:.6}")]);
        }
    }

    /// Options of the output.
    fn add_output(&self, command: &mut Command, output: &Path) {
        command.args(["-c", "copy"]).args(self.colour.options(self.layout));
        if matches!(self.extension, "mp4" | "m4v" | "mov") && self.time_base.num == 1 {
            let den = self.time_base.den;
            // Time stamps as fine as the source's, the first one too.
            if den <= u64::from(u32::MAX / 2) {
                command.args(["-movie_timescale", &den.to_string(), "-video_track_timescale", &den.to_string()]);
            }
        }
        if matches!(self.extension, "ts" | "m2ts" | "mts") {
            // It would begin 1.4 s later by itself.
            command.args(["-mpegts_copyts", "1", "-muxpreload", "0", "-muxdelay", "0"]);
        }
        command.arg(path_argument(output));
    }

    /// That the container takes all streams: joins them with two frames of black.
    ///
    /// # Errors
    /// [`Error::Ffmpeg`] with ffmpeg's words if not.
    pub fn trial(&self, tools: &Tools, encoder: &[String], output: &Path) -> Result<()> {
        let mut command = tools.ffmpeg();
        command.args(["-copyts", "-f", "lavfi", "-i", "color=black:size=64x64:rate=25:duration=0.08"]);
        self.add_options(&mut command, None);
        command.args(["-t", "0.1", "-c", "copy"]);
        let encoder: Vec<&String> = encoder.iter().collect();
        command.args(encoder).arg(path_argument(output));
        run(&mut command).map(|_| ())
    }

    /// Joins all segments; `until` is where a film that is not whole ends, in seconds.
    ///
    /// # Errors
    /// [`Error::Ffmpeg`] with ffmpeg's words.
    pub fn join(&self, tools: &Tools, folder: &Folder, output: &Path, until: Option<f64>) -> Result<()> {
        let stream = segments::stream(&folder.segment_path(0))?;
        // The shift in this stream's ticks, which divide the source's.
        let ticks = |num: i128, den: i128| i64::try_from(num / den).unwrap_or(i64::MAX);
        let (own, of_source) = (stream.time_base, self.time_base);
        let shift = ticks(
            i128::from(SHIFT) * i128::from(of_source.num) * i128::from(own.den),
            i128::from(of_source.den) * i128::from(own.num),
        );
        // Negative time stamps become so in ffmpeg: NUT has none.
        let mut first = i64::MAX;
        if let Some(segment) = folder.segments().first() {
            let mut least = |packet: Packet, _: &[u8]| {
                first = first.min(packet.pts);
                Ok(())
            };
            segments::read(&folder.file(&segment.file), segment.frames, &stream, &mut least)?;
        }
        let is_negative = first < shift;
        let mut command = tools.ffmpeg();
        command.args(["-copyts", "-f", "nut", "-i", "pipe:0"]);
        self.add_options(&mut command, until);
        if is_negative {
            command.args(["-bsf:v:0", &format!("setts=pts=PTS-{shift}:dts=DTS-{shift}")]);
        }
        self.add_output(&mut command, output);
        let mut child = Child::spawn(command.stdin(Stdio::piped()))?;
        let input = child.stdin().ok_or_else(|| Error::Io("ffmpeg has no input".to_owned()))?;
        let written = (|| {
            let mut writer = Writer::new(BufWriter::with_capacity(1 << 20, input), &stream, self.rate())
                .map_err(|error| Error::Io(error.to_string()))?;
            for segment in folder.segments() {
                let mut write = |packet: Packet, data: &[u8]| {
                    let pts = packet.pts - if is_negative { 0 } else { shift };
                    writer.write(Packet { pts, ..packet }, data)
                };
                segments::read(&folder.file(&segment.file), segment.frames, &stream, &mut write)?;
            }
            let mut output = writer.finish().map_err(|error| Error::Io(error.to_string()))?;
            output.flush().map_err(|error| Error::Io(error.to_string()))
        })();
        let finished = child.finish()?;
        // If ffmpeg failed, a broken pipe is only the consequence.
        finished.success()?;
        written
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_seconds_or_clocks() {
        assert_eq!(seconds("1.5"), Some(1.5));
        assert_eq!(seconds("1:02:03.25"), Some(3723.25));
        assert_eq!(seconds("x"), None);
        assert_eq!(seconds("-1"), None);
    }
}
