//! `abpn profile`: where the time of a frame goes.

mod csv;
mod json;
mod svg;
mod table;
mod trace;

use std::io::{Cursor, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

use abpn::codec::{self, DEFAULT_QUALITY, Format, Picture};
use abpn::profile::{Ceilings, Clock, Profile, test_frame};
use abpn::{Error, Image, TileSize, Upscaler};

use super::atomic::{check_free, write_atomically};
use super::device::{DeviceArgs, upscaler};
use super::net::ModelArgs;
use super::print::print;
use super::{Failure, folder, size, tile};

const NOTES: &str = "\
Columns: the median, least and largest time a frame, and the range of its middle half (IQR); multiply-accumulates and \
the least bytes a stage moves (input, output and parameters once); operations (two for a multiply-accumulate) and bytes \
a second; the part of all stages' time; and how much of the roofline is reached: of the lower one of the packed int8 \
ceiling and of the bandwidth ceiling at the stage's operations a byte. The ceilings are measured by micro-kernels.

Clocks: stages are timed by the GPU's timestamps; by the host's clock, which adds submission and waiting, where the \
adapter has none, and on the CPU. The output says which.

Examples:
  abpn profile                                  640x360 on the best GPU
  abpn profile --gpu llvmpipe --frames 20       a software driver
  abpn profile photo.jpg --svg photo.svg        a photo, with reading and writing; a plot for browsers
  abpn profile --trace frame.json               for ui.perfetto.dev or chrome://tracing";

/// Times each stage of the net, and sets it beside what the device can do
///
/// A frame is one run of the net over a picture, by default a synthetic one of 640x360. Each stage is a compute pass of
/// its own, and a tile waits for the one before, so a frame takes longer than in `abpn upscale`.
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// An image to upscale, instead of a synthetic one; reading and writing it is timed too, once
    input: Option<PathBuf>,
    /// Size of the synthetic image in pixels
    #[arg(long, value_name = "WxH", default_value = size::DEFAULT, value_parser = size::parse, conflicts_with = "input")]
    size: (u32, u32),
    /// How many frames to measure; one more comes before them, unmeasured
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    frames: u16,
    #[command(flatten)]
    net: ModelArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Side of the pieces to compute at once, in input pixels: auto, whole, or a number
    #[arg(short, long, value_name = tile::VALUES, default_value = "whole", value_parser = tile::parse)]
    tile: TileSize,
    /// Print a JSON object instead of tables; the units are in its keys
    #[arg(long)]
    json: bool,
    /// Print CSV instead of tables; the units are in its headings
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Write an SVG image too: the roofline with the stages on it, and their times as bars
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Write every measured span too, as JSON in the Chrome trace format
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Replace files that are there already
    #[arg(long)]
    overwrite: bool,
}

/// All that is reported.
struct Report {
    profile: Profile,
    /// None on the CPU.
    ceilings: Option<Ceilings>,
    /// None for a synthetic image.
    files: Option<FileTimes>,
}

/// The work on files, measured once.
struct FileTimes {
    decode_ns: f64,
    encode_ns: f64,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    for path in [&args.svg, &args.trace].into_iter().flatten() {
        check_free(path, args.overwrite)?;
    }
    if args.svg.is_some() && args.svg == args.trace {
        return Err(Failure::usage("--svg and --trace name one file"));
    }
    let upscaler = upscaler(args.net.load()?, &args.device)?.with_tile(args.tile);
    let (image, files) = match &args.input {
        Some(path) => {
            let (image, files) = time_files(path, &upscaler).map_err(|failure| failure.context(path.display()))?;
            (image, Some(files))
        }
        None => (test_frame(args.size.0, args.size.1)?, None),
    };
    let profile = upscaler.profile(&image, args.frames.into())?;
    let report = Report { profile, ceilings: upscaler.ceilings()?, files };

    if let Some(path) = &args.svg {
        write(path, args.overwrite, &svg::render(&report))?;
    }
    if let Some(path) = &args.trace {
        write(path, args.overwrite, &trace::render(&report.profile).to_string())?;
    }
    match (args.json, args.csv) {
        (true, _) => print(format_args!("{:#}", json::render(&report))),
        (_, true) => csv::lines(&report).into_iter().try_for_each(print),
        _ => table::lines(&report).into_iter().try_for_each(print),
    }
}

/// Reads an image, and times that and the writing of the upscaled one, in the image's format if that is written, else PNG.
fn time_files(path: &Path, upscaler: &Upscaler) -> Result<(Image, FileTimes), Failure> {
    let start = Instant::now();
    let picture = folder::read(path)?;
    let decode_ns = ns_since(start);
    let upscaled = Picture { image: upscaler.upscale(&picture.image)?, ..picture.clone() };
    let own = Format::of_path(path).filter(|format| Format::WRITTEN.contains(format));
    let start = Instant::now();
    codec::encode(&upscaled, own.unwrap_or(Format::Png), DEFAULT_QUALITY, Cursor::new(Vec::new()))?;
    Ok((picture.image, FileTimes { decode_ns, encode_ns: ns_since(start) }))
}

fn ns_since(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e9
}

fn write(path: &Path, overwrite: bool, text: &str) -> Result<(), Failure> {
    let failed = |source| Error::Io { path: path.to_owned(), source };
    Ok(write_atomically(path, overwrite, |file| file.write_all(text.as_bytes()).map_err(failed))?)
}

impl Report {
    /// The clock, for scripts.
    fn clock(&self) -> &'static str {
        match self.profile.clock {
            Clock::Gpu => "gpu",
            Clock::Host => "host",
        }
    }

    /// The clock, for people.
    fn clock_note(&self) -> &'static str {
        match self.profile.clock {
            Clock::Gpu => "stages by the GPU's timestamps",
            Clock::Host => "stages by the host's clock",
        }
    }

    /// What was run, for people.
    fn title(&self) -> String {
        let Profile { width, height, device, frames, .. } = &self.profile;
        format!("{width}x{height} on {device}, {} frames, {}", frames.len(), self.clock_note())
    }
}
