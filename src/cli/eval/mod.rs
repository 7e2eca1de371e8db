//! `abpn eval`.

mod compression;
mod report;

use std::fs;
use std::path::{Path, PathBuf};

use abpn::codec::{self, DEFAULT_MAX_PIXELS};
use abpn::eval::{self, Scores};
use abpn::origin::{Coding, JPEG_BLOCK_SIDE, choose, jpeg_quality_of_pixels};
use abpn::{Image, TileSize};

use super::device::DeviceArgs;
use super::message::say;
use super::net::{NetArgs, Nets};
use super::upscalers::Upscalers;
use super::{Failure, folder};
use compression::{Compression, Video};
use report::{Failed, Measured, Report, Row};

const EXAMPLES: &str = "\
Examples:
  abpn eval --hr Kodak24                            as papers measure
  abpn eval --hr Kodak24 --jpeg 30,50,75            the small pictures saved as JPEG before
  abpn eval --hr Kodak24 --jpeg 50 --net clean      by another net than the one that auto takes
  abpn eval --hr frames --video h264:23,h264:28     the frames of a clip, by ffmpeg
  abpn eval --hr Set5 --ring 12                     the outermost 12 pixels too, which papers leave out";

/// Measures a net on a picture or a folder of pictures
///
/// Each picture is reduced, upscaled again by the net and, to compare, by bicubic interpolation. Both results are
/// compared with the original: PSNR of red, green and blue together (PSNR-RGB), PSNR and SSIM of the luma (PSNR-Y,
/// SSIM-Y). The rules are those of the literature, so that the numbers can stand beside published ones: MATLAB's
/// antialiased bicubic makes the small pictures, as many pixels as the scale are shaved off each side, the luma is
/// BT.601's in limited range.
///
/// With --jpeg or --video the small pictures are compressed before they are upscaled. PSNR-B is then the luma's PSNR, lowered
/// by the blocks that are left of JPEG. The last column is the net that a picture got.
///
/// Grey counts as RGB, and 16 bits are rounded to 8; a picture with alpha is refused. A picture that can't be measured is
/// named on stderr, the others are measured all the same, the mean says over how many it goes, and the exit code is 1.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The original pictures: a folder, or one file; folders within the folder are not looked into
    #[arg(long, value_name = "HR")]
    hr: PathBuf,
    /// A folder of small pictures to upscale, instead of making them from the originals
    ///
    /// Each has its original's name, whatever the extension, or that with the scale after it: 0801.png or 0801x3.png.
    #[arg(long, value_name = "DIR")]
    lr: Option<PathBuf>,
    /// Save the small pictures as JPEG before they are upscaled: qualities, a table for each
    ///
    /// 4:2:0 and libjpeg-turbo's tables, as most programs write it.
    #[arg(long, value_name = "1..100,...", value_delimiter = ',', value_parser = clap::value_parser!(u8).range(1..=100))]
    jpeg: Vec<u8>,
    /// Encode the small pictures, in the order of their names, as the frames of a clip: codecs and constant rate factors, a
    /// table for each
    ///
    /// Codecs are h264, h265, vp9 and av1; the program ffmpeg encodes and decodes, 4:2:0 and 25 frames a second.
    #[arg(long, value_name = "CODEC:CRF,...", value_delimiter = ',')]
    video: Vec<Video>,
    #[command(flatten)]
    net: NetArgs,
    /// How many times the pictures are reduced: a built-in net of that scale, or what the net of --model must have
    #[arg(short, long, value_name = "N")]
    scale: Option<u32>,
    /// Measure also the outermost pixels alone, as many on each side: PSNR-RGB of that ring
    #[arg(long, value_name = "PIXELS", value_parser = clap::value_parser!(u16).range(1..))]
    ring: Option<u16>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print JSON: for each compression an object with compression, images, mean, failed, scale and device
    ///
    /// A PSNR is in dB, or null if the result equals the original; the mean is null if no picture could be measured.
    #[arg(long)]
    json: bool,
}

impl Args {
    /// What is measured, in order.
    fn compressions(&self) -> Vec<Compression> {
        let jpeg = self.jpeg.iter().map(|&quality| Compression::Jpeg(quality));
        let all: Vec<_> = jpeg.chain(self.video.iter().map(|&video| Compression::Video(video))).collect();
        if all.is_empty() { vec![Compression::None] } else { all }
    }
}

/// An original and its small picture.
struct Pair {
    original: Image,
    small: Image,
    /// What the small picture's file says.
    coding: Coding,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let originals = folder::pictures(&args.hr)?;
    let small = args.lr.as_deref().map(folder::pictures).transpose()?;
    let nets = Nets::new(&args.net, args.scale)?;
    let upscalers = Upscalers::new(&nets, &args.device, TileSize::Auto);
    let compressions = args.compressions();
    let measurements = originals.len() * compressions.len();
    let mut failures = 0;
    for compression in compressions {
        let report = Report::new(compression, args.ring, args.json, nets.scale(), &originals);
        failures += measure_all(&originals, small.as_deref(), compression, &upscalers, report)?;
    }
    match failures {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} of {measurements} measurements failed"))),
    }
}

/// Measures all pictures after one compression; returns how many failed.
fn measure_all(
    originals: &[PathBuf],
    small: Option<&[PathBuf]>,
    compression: Compression,
    upscalers: &Upscalers,
    mut report: Report,
) -> Result<usize, Failure> {
    report.begin()?;
    let scale = upscalers.nets.scale();
    let mut clip = match compression {
        Compression::Video(video) => Some(film(originals, small, scale, video)?.into_iter()),
        _ => None,
    };
    for path in originals {
        let name = folder::name(path);
        let pair = match &mut clip {
            // Each of a clip's frames could be read, or there would be no clip.
            Some(frames) => frames.next().ok_or_else(|| Failure::new("it is missing from the clip")),
            None => pair(path, small, scale).and_then(|pair| compressed(pair, compression)),
        };
        match pair.and_then(|pair| measure(&pair, upscalers, report.row)) {
            Ok(measured) => report.measured(Measured { name, ..measured })?,
            Err(failure) if failure.is_fatal() => return Err(failure.context(name)),
            Err(Failure { message, .. }) => {
                say(format_args!("{name}: {message}"));
                report.failed(Failed { name, message });
            }
        }
    }
    report.end()
}

/// All pictures as frames of one clip.
fn film(originals: &[PathBuf], small: Option<&[PathBuf]>, scale: usize, video: Video) -> Result<Vec<Pair>, Failure> {
    let pairs = originals
        .iter()
        .map(|path| pair(path, small, scale).map_err(|failure| failure.context(folder::name(path))))
        .collect::<Result<Vec<_>, _>>()?;
    let (originals, images): (Vec<_>, Vec<_>) = pairs.into_iter().map(|pair| (pair.original, pair.small)).unzip();
    let frames = compression::clip(&images, video)?;
    let pairs = originals.into_iter().zip(frames);
    Ok(pairs.map(|(original, small)| Pair { original, small, coding: Coding::Unstated }).collect())
}

/// An original, and its small picture as made or given.
fn pair(original: &Path, candidates: Option<&[PathBuf]>, scale: usize) -> Result<Pair, Failure> {
    let image = eval::crop(&eval::to_rgb8(&folder::read(original)?.image)?, scale)?;
    let (small, coding) = match candidates {
        None => (eval::degrade(&image, scale)?, Coding::Unstated),
        Some(candidates) => {
            let bytes =
                fs::read(counterpart(original, candidates, scale)?).map_err(|cause| Failure::new(cause.to_string()))?;
            let (picture, _) = codec::decode(&bytes, DEFAULT_MAX_PIXELS)?;
            (eval::to_rgb8(&picture.image)?, Coding::of_file(&bytes))
        }
    };
    let enlarged = [small.width(), small.height()].map(|side| u64::from(side) * scale as u64);
    let (width, height) = (image.width(), image.height());
    if enlarged != [width, height].map(u64::from) {
        let (small_width, small_height) = (small.width(), small.height());
        return Err(Failure::new(format!(
            "the small picture is {small_width}x{small_height}, which is not {width}x{height} reduced {scale} times"
        )));
    }
    Ok(Pair { original: image, small, coding })
}

fn compressed(pair: Pair, compression: Compression) -> Result<Pair, Failure> {
    let Compression::Jpeg(quality) = compression else { return Ok(pair) };
    let (small, coding) = compression::jpeg(&pair.small, quality)?;
    Ok(Pair { small, coding, ..pair })
}

/// What the net and bicubic interpolation make of a pair.
fn measure(pair: &Pair, upscalers: &Upscalers, row: Row) -> Result<Measured, Failure> {
    let scale = upscalers.nets.scale();
    let picked = upscalers.nets.pick(|| choose(pair.coding, jpeg_quality_of_pixels(&pair.small)));
    let upscaler = upscalers.get(&picked.name)?;
    let score = |image: &Image| -> Result<Figures, Failure> {
        Ok(Figures {
            scores: eval::compare(&pair.original, image, scale)?,
            psnr_b_db: row
                .blocks
                .then(|| eval::psnr_b_db(&pair.original, image, JPEG_BLOCK_SIDE * scale))
                .transpose()?,
            ring_db: row.ring.map(|ring| eval::ring_psnr_db(&pair.original, image, ring.into())).transpose()?,
        })
    };
    let (net, bicubic) = (score(&upscaler.upscale(&pair.small)?)?, score(&eval::bicubic(&pair.small, scale)?)?);
    Ok(Measured { name: String::new(), net, bicubic, picked, device: upscaler.device() })
}

/// How close a result is to its original.
#[derive(Clone, Copy)]
struct Figures {
    scores: Scores,
    /// Where blocks are measured.
    psnr_b_db: Option<f64>,
    /// Where the border is measured.
    ring_db: Option<f64>,
}

impl Figures {
    /// The mean of each; none of none.
    fn mean(all: &[Self]) -> Option<Self> {
        let scores = Scores::mean(&all.iter().map(|figures| figures.scores).collect::<Vec<_>>())?;
        let mean = |figure: fn(&Self) -> Option<f64>| {
            let sum: Option<f64> = all.iter().map(figure).sum();
            sum.map(|sum| sum / all.len() as f64)
        };
        Some(Self { scores, psnr_b_db: mean(|figures| figures.psnr_b_db), ring_db: mean(|figures| figures.ring_db) })
    }
}

/// The one small picture that belongs to an original.
fn counterpart<'a>(original: &Path, candidates: &'a [PathBuf], scale: usize) -> Result<&'a Path, Failure> {
    let stem = original.file_stem().unwrap_or_default();
    let mut stem_with_scale = stem.to_owned();
    stem_with_scale.push(format!("x{scale}"));
    let mut matches = candidates
        .iter()
        .filter(|path| path.file_stem().is_some_and(|other| other == stem || other == stem_with_scale));
    match (matches.next(), matches.next()) {
        (Some(path), None) => Ok(path),
        (None, _) => Err(Failure::new("there is no small picture of this name")),
        (Some(one), Some(other)) => {
            let (one, other) = (folder::name(one), folder::name(other));
            Err(Failure::new(format!("there are two small pictures of this name, {one} and {other}")))
        }
    }
}
