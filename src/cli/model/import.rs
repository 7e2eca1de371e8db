//! `abpn model import`.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use abpn::net::import::{self, ChannelOrder, Imported, MAX_IMPORT_BYTES, Options, ShuffleOrder, ValueRange};
use abpn::net::quantize::{Crop, calibrate};
use abpn::{Error, Net};
use sha2::{Digest, Sha256};

use super::calibration;
use crate::cli::Failure;
use crate::cli::atomic::{check_free, write_atomically};
use crate::cli::failure::BAD_WEIGHTS;
use crate::cli::print::print;

const EXAMPLES: &str = "\
Examples:
  abpn model import realesr-animevideov3-x4.param -o anime.safetensors
  abpn model import net.pth -o net.safetensors --calibrate pictures
  abpn model import net.onnx -o net_float.safetensors --float";

/// Makes a weight file of another program's net
///
/// The net must be plain: 3x3 convolutions with ReLU or PReLU, pixel shuffle, and the picture added, enlarged by nearest
/// neighbour. What a file has beyond that is named, operator by operator. The format is told by the content.
///
/// A net of real numbers is quantised: its integers are fitted on crops of pictures, layer by layer, so that the integer
/// net's pictures differ least from the float net's. With --float it is kept in real numbers, for `abpn model quantize`. The
/// integers of a quantised net are kept.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The net
    ///
    /// ncnn's .param, with its .bin beside it under the same name.
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// Weight file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,

    /// The .bin of an ncnn .param, if it has another name
    #[arg(long, value_name = "FILE")]
    bin: Option<PathBuf>,

    /// Folder of pictures to calibrate on, as they will be upscaled; without it, on a few built-in pieces of photos and film
    #[arg(long, value_name = "DIR", conflicts_with = "float")]
    calibrate: Option<PathBuf>,

    /// Crops to calibrate on, spread evenly over the pictures
    #[arg(long, value_name = "N", default_value_t = 18, requires = "calibrate",
        value_parser = clap::value_parser!(u16).range(1..=1000))]
    crops: u16,

    /// Keep the net in real numbers, as `abpn model quantize` reads them
    #[arg(long)]
    float: bool,

    /// Quantise a net anew that has integers of its own, instead of keeping these
    #[arg(long, conflicts_with = "float")]
    requantise: bool,

    /// The values of pixels, where the file doesn't say: 0..1 or 0..255
    #[arg(long, value_name = "0..1|0..255")]
    range: Option<ValueRange>,

    /// The order of colours, where the file doesn't say: rgb or bgr
    #[arg(long, value_name = "rgb|bgr")]
    channels: Option<ChannelOrder>,

    /// The order of channels before the pixel shuffle, where the file doesn't say: pytorch or tensorflow
    #[arg(long, value_name = "pytorch|tensorflow")]
    shuffle: Option<ShuffleOrder>,

    /// What activations multiply negative values with whose slopes the file doesn't have; ReLU is 0
    #[arg(long, value_name = "SLOPE", allow_negative_numbers = true)]
    negative_slope: Option<f32>,

    /// Where names don't tell the layers' order: what the layers' names begin with, in the net's order
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    map: Vec<String>,

    /// Under which licence the weights may be used, for the file's metadata
    #[arg(long, value_name = "TEXT")]
    license: Option<String>,

    /// Replace the output file if it exists
    #[arg(long)]
    overwrite: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    check_free(&args.output, args.overwrite)?;
    let bytes = read(&args.file)?;
    let bin = match &args.bin {
        Some(path) => Some(path.clone()),
        None => args.file.extension().is_some_and(|ext| ext == "param").then(|| args.file.with_extension("bin")),
    };
    let bin = bin.as_deref().map(read).transpose()?;
    let mut options = Options::default();
    (options.range, options.channels, options.shuffle) = (args.range, args.channels, args.shuffle);
    (options.negative_slope, options.layers) = (args.negative_slope, args.map.clone());
    let at_file = |error| Failure::from(error).context(args.file.display());
    let imported = import::read(&bytes, bin.as_deref(), &options).map_err(at_file)?;
    let notes = notes(&args, &imported, &bytes, bin.as_deref());
    let Imported { format, float, integers, findings, .. } = imported;
    let layers = float.hidden_layers() + 1;
    print(format!("{}: {format}, x{}, {layers} layers", args.file.display(), float.scale()))?;
    findings.iter().try_for_each(print)?;
    match integers {
        _ if args.float => write(&args, &float.with_notes(notes).map_err(at_file)?.write()),
        Some(net) if !args.requantise => {
            let net = Net::new(net.scale(), net.layers().to_vec(), notes).map_err(at_file)?.with_border(net.border());
            write(&args, &net.write())
        }
        _ => {
            let crops = match &args.calibrate {
                Some(folder) => calibration::crops(folder, args.crops.into())?,
                None => Crop::built_in()?,
            };
            let found = calibrate(&float, &crops, notes).map_err(at_file)?;
            write(&args, &found.net.write())?;
            calibration::report(&found, crops.len())
        }
    }
}

/// What the metadata says of where the net is from.
fn notes(args: &Args, imported: &Imported, bytes: &[u8], bin: Option<&[u8]>) -> BTreeMap<String, String> {
    let name = args.file.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let mut notes = BTreeMap::from([
        ("provenance".to_owned(), format!("imported from {name}, {}", imported.format)),
        ("source-sha256".to_owned(), sha256(bytes)),
    ]);
    if let Some(bin) = bin {
        notes.insert("source-weights-sha256".to_owned(), sha256(bin));
    }
    if let Some(factor) = imported.resized_to {
        notes.insert("source-scale".to_owned(), factor.to_string());
    }
    if let Some(license) = &args.license {
        notes.insert("license".to_owned(), license.clone());
    }
    notes
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn write(args: &Args, bytes: &[u8]) -> Result<(), Failure> {
    write_atomically(&args.output, args.overwrite, |file| {
        file.write_all(bytes).map_err(|source| Error::Io { path: args.output.clone(), source })
    })?;
    Ok(())
}

/// The bytes of a file; of one that is too long, just enough to be refused.
fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_IMPORT_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|cause| Failure { message: format!("{}: {cause}", path.display()), code: BAD_WEIGHTS })?;
    Ok(bytes)
}
