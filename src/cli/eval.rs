//! `abpn eval`.

use std::path::{Path, PathBuf};

use abpn::eval::{self, Scores};
use abpn::{Image, Upscaler};
use serde_json::{Value, json};

use super::device::{DeviceArgs, upscaler};
use super::message::say;
use super::print::print;
use super::table::Table;
use super::{Failure, folder, net};

/// Measures a net on a picture or a folder of pictures
///
/// Each picture is reduced, upscaled again by the net and, to compare, by bicubic interpolation. Both results are
/// compared with the original: PSNR of red, green and blue together (PSNR-RGB), PSNR and SSIM of the luma (PSNR-Y,
/// SSIM-Y). The rules are those of the literature, so that the numbers can stand beside published ones: MATLAB's
/// antialiased bicubic makes the small pictures, as many pixels as the scale are shaved off each side, the luma is
/// BT.601's in limited range.
///
/// Grey counts as RGB, and 16 bits are rounded to 8; a picture with alpha is refused. A picture that can't be measured is
/// named on stderr, the others are measured all the same, the mean says over how many it goes, and the exit code is 1.
#[derive(clap::Args)]
pub struct Args {
    /// The original pictures: a folder, or one file; folders within the folder are not looked into
    #[arg(long, value_name = "HR")]
    hr: PathBuf,
    /// A folder of small pictures to upscale, instead of making them from the originals
    ///
    /// Each has its original's name, whatever the extension, or that with the scale after it: 0801.png or 0801x3.png.
    #[arg(long, value_name = "DIR")]
    lr: Option<PathBuf>,
    /// A weight file to measure, instead of the built-in net
    #[arg(short, long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// How many times the pictures are reduced: the net's scale, so this only checks it
    #[arg(short, long, value_name = "N")]
    scale: Option<u32>,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print JSON: an object with images, mean, failed, scale and device
    ///
    /// A PSNR is in dB, or null if the result equals the original; the mean is null if no picture could be measured.
    #[arg(long)]
    json: bool,
}

/// A picture that was measured.
struct Measured {
    name: String,
    net: Scores,
    bicubic: Scores,
}

/// A picture that was not.
struct Failed {
    name: String,
    message: String,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let originals = folder::pictures(&args.hr)?;
    let small = args.lr.as_deref().map(folder::pictures).transpose()?;
    let upscaler = upscaler(net::load(args.model.as_deref(), args.scale)?, &args.device)?;

    let names = originals.iter().map(|path| folder::name(path));
    let table = Table::new(&HEADINGS, names.chain([mean_name(originals.len(), 1)]));
    if !args.json {
        print(table.row(&HEADINGS))?;
        print(table.rule())?;
    }
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    for original in &originals {
        let name = folder::name(original);
        match measure(original, small.as_deref(), &upscaler) {
            Ok((net, bicubic)) => {
                if !args.json {
                    print(table.row(&cells(&name, net, bicubic)))?;
                }
                measured.push(Measured { name, net, bicubic });
            }
            Err(failure) if failure.is_fatal() => return Err(failure.context(name)),
            Err(Failure { message, .. }) => {
                say(format_args!("{name}: {message}"));
                failed.push(Failed { name, message });
            }
        }
    }
    let nets: Vec<Scores> = measured.iter().map(|picture| picture.net).collect();
    let bicubics: Vec<Scores> = measured.iter().map(|picture| picture.bicubic).collect();
    let mean = Scores::mean(&nets).zip(Scores::mean(&bicubics));
    if args.json {
        print(format_args!("{:#}", report(&upscaler, &measured, mean, &failed)))?;
    } else if let Some((net, bicubic)) = mean {
        let name = mean_name(measured.len(), failed.len());
        print(table.row(&cells(&name, net, bicubic)))?;
    }
    match failed.len() {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} of {} pictures could not be measured", originals.len()))),
    }
}

/// The scores of the net and of bicubic interpolation on one picture.
fn measure(original: &Path, small: Option<&[PathBuf]>, upscaler: &Upscaler) -> Result<(Scores, Scores), Failure> {
    let scale = upscaler.net().scale();
    let original_image = eval::crop(&read(original)?, scale)?;
    let (width, height) = (original_image.width(), original_image.height());
    let small = match small {
        None => eval::degrade(&original_image, scale)?,
        Some(candidates) => read(counterpart(original, candidates, scale)?)?,
    };
    let bicubic = eval::bicubic(&small, scale)?;
    if (bicubic.width(), bicubic.height()) != (width, height) {
        let (small_width, small_height) = (small.width(), small.height());
        return Err(Failure::new(format!(
            "the small picture is {small_width}x{small_height}, which is not {width}x{height} reduced {scale} times"
        )));
    }
    let upscaled = upscaler.upscale(&small)?;
    Ok((eval::compare(&original_image, &upscaled, scale)?, eval::compare(&original_image, &bicubic, scale)?))
}

/// The picture in a file, as 8-bit RGB.
fn read(path: &Path) -> Result<Image, Failure> {
    Ok(eval::to_rgb8(&folder::read(path)?.image)?)
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

const HEADINGS: [&str; 7] = ["image", "PSNR-RGB dB", "bicubic", "PSNR-Y dB", "bicubic", "SSIM-Y", "bicubic"];

/// A row under [`HEADINGS`].
fn cells(name: &str, net: Scores, bicubic: Scores) -> [String; 7] {
    let (db, ssim) = (|value: f64| format!("{value:.3}"), |value: f64| format!("{value:.4}"));
    [
        name.to_owned(),
        db(net.psnr_rgb_db),
        db(bicubic.psnr_rgb_db),
        db(net.psnr_y_db),
        db(bicubic.psnr_y_db),
        ssim(net.ssim_y),
        ssim(bicubic.ssim_y),
    ]
}

/// The name of the last row.
fn mean_name(measured: usize, failed: usize) -> String {
    match failed {
        0 => format!("mean of {measured}"),
        _ => format!("mean of {measured} of {}", measured + failed),
    }
}

fn report(upscaler: &Upscaler, measured: &[Measured], mean: Option<(Scores, Scores)>, failed: &[Failed]) -> Value {
    // JSON knows no infinity: `json!` makes null of it.
    let scores = |scores: Scores| json!({ "psnr_rgb_db": scores.psnr_rgb_db, "psnr_y_db": scores.psnr_y_db, "ssim_y": scores.ssim_y });
    let image = |picture: &Measured| json!({ "name": picture.name, "net": scores(picture.net), "bicubic": scores(picture.bicubic) });
    json!({
        "device": upscaler.device(),
        "scale": upscaler.net().scale(),
        "images": measured.iter().map(image).collect::<Vec<_>>(),
        "mean": mean.map(|(net, bicubic)| json!({ "net": scores(net), "bicubic": scores(bicubic) })),
        "failed": failed.iter().map(|failed| json!({ "name": failed.name, "error": failed.message })).collect::<Vec<_>>(),
    })
}
