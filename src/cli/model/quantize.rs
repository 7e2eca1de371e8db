//! `abpn model quantize`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use abpn::net::quantize::{FloatNet, calibrate, quantize};
use abpn::{Error, Net};

use super::calibration;
use crate::cli::atomic::{check_free, write_atomically};
use crate::cli::{Failure, net};

/// Makes an integer net from float weights
///
/// With --calibrate, the integers are fitted on crops of the calibration pictures, layer by layer, so that the integer net's
/// pictures differ least from the float net's. With --ranges, the ranges are those that the weights were trained for, and each
/// weight is rounded. The same files always give the same net.
#[derive(clap::Args)]
pub struct Args {
    /// Float weights
    ///
    /// A safetensors file: conv.N.weight [out, in, 3, 3] and conv.N.bias [out], F32, N from 0, for pixels 0..255, and
    /// conv.N.slope [out] where the activation is PReLU; metadata format=abpn-float, layout=OIHW, range=0..255, scale and,
    /// unless zeros, border=mirror.
    #[arg(value_name = "FLOAT")]
    float: PathBuf,

    #[command(flatten)]
    source: Source,

    /// Weight file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// Where the weights are from, for the file's metadata
    #[arg(long, value_name = "TEXT")]
    provenance: Option<String>,

    /// Under which licence the weights may be used, for the file's metadata
    #[arg(long, value_name = "TEXT")]
    license: Option<String>,

    /// Crops to calibrate on, spread evenly over the pictures
    #[arg(long, value_name = "N", default_value_t = 18, conflicts_with = "ranges",
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    crops: u16,

    /// Replace the output file if it exists
    #[arg(long)]
    overwrite: bool,
}

/// Where the ranges of the hidden layers are from.
#[derive(clap::Args)]
#[group(required = true, multiple = false)]
struct Source {
    /// Folder of pictures to calibrate on, read as the net's inputs
    ///
    /// They should be as sharp as what will be upscaled, or sharper: ranges from soft pictures clip the edges of sharp
    /// ones. `abpn degrade` makes such pictures of photos.
    #[arg(long, value_name = "DIR")]
    calibrate: Option<PathBuf>,

    /// Ranges from quantisation-aware training
    ///
    /// A JSON object: "ranges" has the real value of code 255 of each hidden layer, a positive number.
    #[arg(long, value_name = "FILE")]
    ranges: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    check_free(&args.output, args.overwrite)?;
    let at_weights = |error| Failure::from(error).context(args.float.display());
    let float = FloatNet::read(&net::read(&args.float)?).map_err(at_weights)?;
    let notes = [("provenance", args.provenance.clone()), ("license", args.license.clone())];
    let notes: BTreeMap<_, _> = notes.into_iter().filter_map(|(key, note)| Some((key.to_owned(), note?))).collect();
    match (&args.source.calibrate, &args.source.ranges) {
        (Some(folder), None) => {
            let crops = calibration::crops(folder, args.crops.into())?;
            let found = calibrate(&float, &crops, notes).map_err(at_weights)?;
            write(&args, &found.net)?;
            calibration::report(&found, crops.len())
        }
        (None, Some(file)) => {
            let ranges = read_ranges(file)?;
            write(&args, &quantize(&float, &ranges, notes).map_err(at_weights)?)?;
            calibration::report_ranges(&ranges.iter().map(|&most| (0.0, most)).collect::<Vec<_>>())
        }
        _ => Err(Failure::usage("give one of --calibrate and --ranges")),
    }
}

fn write(args: &Args, net: &Net) -> Result<(), Failure> {
    write_atomically(&args.output, args.overwrite, |file| {
        file.write_all(&net.write()).map_err(|source| Error::Io { path: args.output.clone(), source })
    })?;
    Ok(())
}

/// A file of ranges.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Ranges {
    /// The real value of code 255 of each hidden layer.
    ranges: Vec<f64>,
}

/// The ranges in a file.
fn read_ranges(path: &Path) -> Result<Vec<f64>, Failure> {
    let bytes = net::read(path)?;
    let Ranges { ranges } = serde_json::from_slice(&bytes).map_err(|error| {
        let reason = format!("it isn't {{\"ranges\": [number, ...]}}: {error}");
        Failure::from(Error::WeightFile(reason)).context(path.display())
    })?;
    Ok(ranges)
}
