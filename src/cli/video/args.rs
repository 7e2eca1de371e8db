//! The options of `abpn video`.

use std::path::PathBuf;

use abpn::TileSize;

use super::super::device::DeviceArgs;
use super::super::net::NetArgs;
use super::super::{size, tile};

const EXAMPLES: &str = "\
Examples:
  abpn video film.mp4                          writes film_x3.mp4 beside it
  abpn video film.mkv -o large.mkv --crf 16    with fewer losses
  abpn video film.mkv -o large.mkv --resume    goes on where an interrupted run has stopped
  abpn video film.mp4 --still 1:05 -o try.png  one frame, to choose settings by
  ffmpeg -i URL -f yuv4mpegpipe - | abpn video - -o - | mpv -

What is kept: every frame with its time stamp; sound, subtitles, chapters, attachments, metadata and dispositions, which are \
copied; the shape of pixels, rotation, range, colour description, and 8 to 16 bits. Pictures are refused, in words, that would be \
ruined: high dynamic range (PQ, HLG), interlaced ones without --deinterlace, and those with alpha without --no-alpha.

Files: ffmpeg reads and writes them, so what it knows is known; OUT's extension names the container. `-` is a pipe of YUV4MPEG2. The \
film is made in segments in a folder OUT.abpn, and joined at the end. Ctrl-C joins what is there. --resume goes on from \
finished segments, and gives the same film as a run that was never interrupted.

Nets: --net auto takes `clean` for film without losses, else `light`, or `strong` for film of few bits a pixel; -v says why.";

/// Upscales films, with ffmpeg
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The film; `-` is YUV4MPEG2 on standard input
    #[arg(value_name = "INPUT")]
    pub input: PathBuf,
    /// The result; `-` is YUV4MPEG2 on standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Replace an output that is there already, and what an interrupted run has left of it
    #[arg(long, conflicts_with = "resume")]
    pub overwrite: bool,
    /// Go on with what an interrupted run has left, if there is something
    #[arg(long)]
    pub resume: bool,
    /// How many times larger: a built-in net of that scale, or what the net of --model must have
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(2..=4))]
    pub scale: Option<u32>,
    /// Reduce what the net gives to this size
    #[arg(long, value_name = "WxH", value_parser = size::parse, conflicts_with = "height")]
    pub size: Option<(u32, u32)>,
    /// Reduce what the net gives to this height, and a width that fits
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u32).range(1..=65536))]
    pub height: Option<u32>,
    #[command(flatten)]
    pub net: NetArgs,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Side of the pieces to compute at once, in input pixels: auto, whole, or a number; the result is the same
    #[arg(short, long, value_name = tile::VALUES, default_value = "auto", value_parser = tile::parse)]
    pub tile: TileSize,
    /// The encoder: one of `ffmpeg -encoders`, or auto, a hardware encoder that works, else libx264
    #[arg(long, value_name = "auto|NAME", default_value = "auto")]
    pub encoder: String,
    /// The encoder's quality, as x264 counts: less is better [default: 18]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=63))]
    pub crf: Option<u32>,
    /// The encoder's preset, as veryfast or slow
    #[arg(long, value_name = "NAME")]
    pub preset: Option<String>,
    /// The encoder's pixel format, of `ffmpeg -pix_fmts`; by default what loses nothing
    #[arg(long, value_name = "NAME")]
    pub pix_fmt: Option<String>,
    /// More options for the encoder, as ffmpeg takes them, separated by spaces
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    pub ffmpeg_args: Option<String>,
    /// ffmpeg, if not the one on the search path; ffprobe is looked for beside it
    #[arg(long, value_name = "PATH")]
    pub ffmpeg: Option<PathBuf>,
    /// Begin there: seconds, or h:m:s
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub start: Option<String>,
    /// Only so much: seconds, or h:m:s
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub duration: Option<String>,
    /// Write one frame, the one at this time, as a picture
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["start", "duration", "resume"])]
    pub still: Option<String>,
    /// Make whole frames of interlaced ones (bwdif)
    #[arg(long)]
    pub deinterlace: bool,
    /// Leave out alpha
    #[arg(long)]
    pub no_alpha: bool,
    /// Take a film that is damaged or cut short as far as ffmpeg decodes it
    #[arg(long)]
    pub partial: bool,
    /// Frames of a segment
    #[arg(long, value_name = "N", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub segment: u64,
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Say also why which net, and where the time went
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// No progress bar; there is none anyway unless standard error is a terminal
    #[arg(long)]
    pub no_progress: bool,
}

/// A time that ffmpeg takes.
fn time(text: &str) -> Result<String, String> {
    match crate::video::join::seconds(text) {
        Some(_) => Ok(text.to_owned()),
        None => Err("it is a number of seconds, or hours, minutes and seconds as 1:02:03.5".to_owned()),
    }
}
