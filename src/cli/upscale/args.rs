//! The options of `abpn upscale`.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use abpn::TileSize;
use abpn::codec::{DEFAULT_MAX_PIXELS, DEFAULT_QUALITY, Format, Options};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::super::device::DeviceArgs;
use super::super::net::NetArgs;
use super::super::{Failure, tile};
use super::inputs::{Job, Sink, Source};

/// What `-` is called in messages.
const STREAM: &str = "-";

const EXAMPLES: &str = "\
Examples:
  abpn upscale photo.jpg                           writes photo_x3.jpg beside it
  abpn upscale photo.jpg -o large.png              writes large.png
  abpn upscale *.png -o large -f webp              many files into one folder, as WebP
  abpn upscale frames -o large --net light         a film's frames, which don't say how they were compressed
  abpn upscale shots -o large -r --skip-existing   a folder and all in it; run again, it goes on
  curl -s URL | abpn upscale - | display           from standard input to standard output

Names: without -o, NAME.EXT becomes NAME_x3.EXT beside it (with the net's scale); in a folder OUT it keeps its name. \
The extension decides the format; --format changes both. BMP, GIF and JPEG XL are read but not written: they become PNG. From folders, \
files with the extension of a known format are taken in the order of their names, hidden ones are not, and pictures of \
formats that abpn doesn't read are counted. Results are not upscaled again: neither a NAME_x3 whose NAME is among the \
inputs, nor an output folder within an input. A NAME_x3 alone is an image like others.

Nets: --net auto takes for each image the built-in net that fits its compression: by a JPEG's quantisation tables or a \
lossy WebP's quantiser, else by the traces of an earlier JPEG in the pixels. -v and --json say which one, and why. Frames \
of a film show nothing; --net light is for them.

What is kept: layout, 16 bits, ICC profile, colour description, EXIF, XMP, IPTC, resolution (dpi) and texts, as far as \
the format has a place for them; abpn says what it could not keep. The orientation in EXIF data is applied to the \
pixels. The number of dots per inch stays, so the picture prints larger. Results have the inputs' file permissions.

Failures: an image that fails is reported, the others go on, and the exit code is 1. No output is left half-written, \
and none is replaced without --overwrite. `abpn --help` lists the exit codes.";

/// Upscales images.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// Image files and folders; `-` is standard input
    #[arg(required = true, value_name = "INPUT")]
    pub inputs: Vec<PathBuf>,
    /// Output file, or folder: one that exists, ends with a slash, or takes several inputs; `-` is standard output
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Take the folders within folders too, and keep them in the output folder
    #[arg(short, long)]
    pub recursive: bool,
    /// Output format, instead of what the extension says
    #[arg(short, long, value_parser = format_parser())]
    pub format: Option<Format>,
    #[arg(long, value_name = "1..100", help = format!("Quality of JPEG output [default: {DEFAULT_QUALITY}]"), value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: Option<u8>,
    /// Replace outputs that are there already
    #[arg(long)]
    pub overwrite: bool,
    /// Pass over images whose output is there already
    #[arg(long, conflicts_with = "overwrite")]
    pub skip_existing: bool,
    /// Leave out all metadata but what the colours need (ICC profile, PNG's colour chunks)
    #[arg(long)]
    pub strip: bool,
    /// Give results the time of the last change of their inputs
    #[arg(long)]
    pub keep_time: bool,
    /// Say what would be read and written, and do nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How many times larger: a built-in net of that scale, or what the net of --model must have
    #[arg(short, long, value_parser = clap::value_parser!(u32).range(2..=4))]
    pub scale: Option<u32>,
    #[command(flatten)]
    pub net: NetArgs,
    #[command(flatten)]
    pub device: DeviceArgs,
    /// Side of the pieces to compute at once, in input pixels: auto, whole, or a number. Smaller ones need less memory;
    /// the result is the same
    #[arg(short, long, value_name = tile::VALUES, default_value = "auto", value_parser = tile::parse)]
    pub tile: TileSize,
    /// Images in work at the same time: while one computes, others are read and written. Each needs memory of its own
    #[arg(short, long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..))]
    pub jobs: u8,
    /// Refuse inputs of more pixels
    #[arg(long, value_name = "N", default_value_t = DEFAULT_MAX_PIXELS)]
    pub max_pixels: u64,
    /// Take a JPEG, PNG or TIFF that is damaged or cut short as far as it goes; what is missing becomes grey (JPEG),
    /// black or transparent
    #[arg(long)]
    pub partial: bool,
    /// One line of JSON an image on standard output
    #[arg(long)]
    pub json: bool,
    /// Say nothing but errors
    #[arg(short, long)]
    pub quiet: bool,
    /// Say also each image's size and where the time went
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,
    /// No progress bar; there is none anyway unless standard error is a terminal
    #[arg(long)]
    pub no_progress: bool,
}

impl Args {
    /// JPEG's quality.
    pub fn quality(&self) -> u8 {
        self.quality.unwrap_or(DEFAULT_QUALITY)
    }

    /// How inputs are decoded.
    pub fn decoding(&self) -> Options {
        Options { max_pixels: self.max_pixels, partial: self.partial }
    }

    /// Whether an image needs no work, as its output is there already.
    pub fn skips(&self, job: &Job) -> bool {
        self.skip_existing && matches!(&job.sink, Sink::File(path) if path.exists())
    }

    /// Refuses what can't be meant, now that it is known what will be read and written.
    pub fn check(&self, jobs: &[Job]) -> Result<(), Failure> {
        let to_stdout = jobs.iter().any(|job| job.sink == Sink::Stdout);
        if to_stdout && self.json {
            return Err(Failure::usage("--json and an image can't both go to standard output; give -o FILE"));
        }
        if to_stdout && !self.dry_run && io::stdout().is_terminal() {
            return Err(Failure::usage("standard output is a terminal: pipe the image on, or give -o FILE"));
        }
        if jobs.iter().any(|job| job.source == Source::Stdin) && io::stdin().is_terminal() {
            return Err(Failure::usage("standard input is a terminal: pipe an image in, or name a file"));
        }
        if self.quality.is_some() && !jobs.is_empty() && jobs.iter().all(|job| job.format != Format::Jpeg) {
            return Err(Failure::usage("--quality is for JPEG, and no output is JPEG; give --format jpeg"));
        }
        Ok(())
    }
}

/// Whether a path stands for standard input or output.
pub fn is_stream(path: &Path) -> bool {
    path == Path::new(STREAM)
}

fn format_parser() -> impl TypedValueParser<Value = Format> {
    let values = Format::WRITTEN.map(|format| {
        let value = PossibleValue::new(format.name());
        if format.extension() == format.name() { value } else { value.alias(format.extension()) }
    });
    PossibleValuesParser::new(values).try_map(|name| {
        let named = |format: &Format| [format.name(), format.extension()].contains(&&*name);
        Format::WRITTEN.into_iter().find(named).ok_or("not a format that is written")
    })
}
