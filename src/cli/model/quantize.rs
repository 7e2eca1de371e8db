//! `abpn model quantize`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use abpn::Error;
use abpn::codec::{self, DEFAULT_MAX_PIXELS, Format};
use abpn::net::quantize::{Calibration, Crop, FloatNet, calibrate, quantize};

use crate::cli::atomic::{check_free, write_atomically};
use crate::cli::message::print;
use crate::cli::{Failure, net};

/// Makes an integer net from float weights
///
/// The range of each hidden layer and a correction of the biases are chosen so that the integer net's pictures differ
/// least from the float net's on crops of the calibration pictures. The same files always give the same net.
#[derive(clap::Args)]
pub struct Args {
    /// Float weights
    ///
    /// A safetensors file: conv.N.weight [out, in, 3, 3] and conv.N.bias [out], F32, N from 0, for pixels 0..255;
    /// metadata format=abpn-float, layout=OIHW, range=0..255 and scale.
    #[arg(value_name = "FLOAT")]
    float: PathBuf,

    /// Folder of pictures to calibrate on, read as the net's inputs; subfolders count
    #[arg(long, value_name = "DIR")]
    calibrate: PathBuf,

    /// Weight file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Where the weights are from, for the file's metadata
    #[arg(long, value_name = "TEXT")]
    provenance: Option<String>,

    /// Under which licence the weights may be used, for the file's metadata
    #[arg(long, value_name = "TEXT")]
    license: Option<String>,

    /// Crops to calibrate on, 96x96 pixels each, spread evenly over the pictures
    #[arg(long, value_name = "N", default_value_t = 18, value_parser = clap::value_parser!(u16).range(1..=1000))]
    crops: u16,

    /// Replace the output file if it exists
    #[arg(long)]
    overwrite: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    check_free(&args.output, args.overwrite)?;
    let at_weights = |error| Failure::from(error).context(args.float.display());
    let float = FloatNet::read(&net::read(&args.float)?).map_err(at_weights)?;
    let crops = crops(&args.calibrate, args.crops.into())?;
    let Calibration { net, ranges, rms_error } = calibrate(&float, &crops).map_err(at_weights)?;
    let notes = [("provenance", args.provenance), ("license", args.license)];
    let notes: BTreeMap<_, _> = notes.into_iter().filter_map(|(key, note)| Some((key.to_owned(), note?))).collect();
    let net = quantize(&net, &ranges, notes).map_err(at_weights)?;
    write_atomically(&args.output, args.overwrite, |file| {
        file.write_all(&net.write()).map_err(|source| Error::Io { path: args.output.clone(), source })
    })?;
    let ranges: Vec<_> = ranges.iter().map(|range| format!("{range:.1}")).collect();
    print(format!("code 255 of each hidden layer: {}", ranges.join(", ")))?;
    print(format!("difference from the float net on {} crops: {rms_error:.3} levels, root mean square", crops.len()))
}

/// `count` crops, spread evenly over the pictures in `folder`.
fn crops(folder: &Path, count: usize) -> Result<Vec<Crop>, Failure> {
    let files = pictures(folder)?;
    let mut crops = Vec::with_capacity(count);
    for (index, file) in files.iter().enumerate() {
        let until = (index + 1) * count / files.len();
        if until > crops.len() {
            let picture = codec::read(file, DEFAULT_MAX_PIXELS).map_err(|error| match error {
                Error::Io { .. } => error.into(),
                _ => Failure::from(error).context(file.display()),
            });
            crops.extend(Crop::choose(&picture?.0.image, until - crops.len()));
        }
    }
    if crops.is_empty() {
        return Err(Failure::new("there is no picture in it").context(folder.display()));
    }
    Ok(crops)
}

/// The picture files in a folder and its subfolders, sorted by path.
fn pictures(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut files = Vec::new();
    for entry in walkdir::WalkDir::new(folder).follow_links(true) {
        let entry = entry.map_err(|error| Failure::new(error.to_string()))?;
        if entry.file_type().is_file() && Format::of_path(entry.path()).is_some() {
            files.push(entry.into_path());
        }
    }
    files.sort();
    Ok(files)
}
