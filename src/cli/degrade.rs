//! `abpn degrade`.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use abpn::codec::{self, DEFAULT_QUALITY, Format, Picture};
use abpn::{Error, eval};

use super::atomic::write_atomically;
use super::interrupt::{self, Interruptible};
use super::message::say;
use super::{Failure, folder};

/// Makes the small pictures that nets are measured on
///
/// A picture is cut to a multiple of the scale at its right and bottom edges and reduced as MATLAB's
/// imresize(picture, 1/scale, "bicubic") does, byte for byte: the way in which the literature makes its small pictures.
/// The result is a PNG of the same depth; grey stays grey, a picture with alpha is refused.
#[derive(clap::Args)]
pub struct Args {
    /// A picture, or a folder of pictures; folders within it are not looked into
    hr: PathBuf,
    /// Where to write: a .png file for a picture, a folder for a folder
    #[arg(short, long, value_name = "LR")]
    output: PathBuf,
    /// How many times smaller
    #[arg(short, long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..))]
    scale: u8,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    interrupt::install();
    if args.hr.is_dir() { degrade_folder(&args) } else { degrade_file(&args) }
}

fn degrade_file(args: &Args) -> Result<(), Failure> {
    if Format::of_path(&args.output) != Some(Format::Png) {
        return Err(Failure::usage(format!("{}: small pictures are PNG, name a .png file", args.output.display())));
    }
    degrade(&args.hr, &args.output, args).map_err(|failure| failure.context(args.hr.display()))
}

fn degrade_folder(args: &Args) -> Result<(), Failure> {
    let pictures = folder::pictures(&args.hr)?;
    fs::create_dir_all(&args.output).map_err(|error| Failure::new(format!("{}: {error}", args.output.display())))?;
    let mut outputs = HashSet::new();
    let mut failed = 0;
    for picture in &pictures {
        let output = picture.with_extension(Format::Png.extension());
        let output = args.output.join(output.file_name().unwrap_or_default());
        let result = if outputs.insert(output.clone()) {
            degrade(picture, &output, args)
        } else {
            Err(Failure::new(format!("another picture already gave {}", output.display())))
        };
        if let Err(failure) = result {
            if failure.is_fatal() {
                return Err(failure);
            }
            say(failure.context(picture.display()).message);
            failed += 1;
        }
    }
    match failed {
        0 => Ok(()),
        count => Err(Failure::new(format!("{count} of {} pictures could not be reduced", pictures.len()))),
    }
}

fn degrade(input: &Path, output: &Path, args: &Args) -> Result<(), Failure> {
    let picture = folder::read(input)?;
    let small = Picture { image: eval::degrade(&picture.image, args.scale.into())?, ..picture };
    let written = write_atomically(output, args.overwrite, |file| {
        codec::encode(&small, Format::Png, DEFAULT_QUALITY, Interruptible(file))
    });
    match written {
        Ok(_) => Ok(()),
        Err(_) if interrupt::requested() => Err(Error::Cancelled.into()),
        Err(error) => Err(error.into()),
    }
}
