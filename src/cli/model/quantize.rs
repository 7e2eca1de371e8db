//! `abpn model quantize`.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use abpn::Image;
use abpn::net::quantize::{Calibration, Crop, FloatNet, calibrate, quantize};
use image::{ImageFormat, ImageReader, Limits};

use crate::cli::{Failure, weights};

/// Longest side of a calibration picture in pixels.
const MOST_SIDE: u32 = 1 << 15;

/// Makes an integer net from float weights.
///
/// The range of each hidden layer and a correction of the biases are chosen so that the integer net's pictures differ
/// least from the float net's on crops of the calibration pictures. The same files always give the same net.
#[derive(clap::Args)]
pub struct Args {
    /// Float weights, safetensors: conv.N.weight [out, in, 3, 3] and conv.N.bias, F32, for pixels 0..255; metadata
    /// format=abpn-float, layout=OIHW, range=0..255 and scale.
    #[arg(value_name = "FLOAT")]
    float: PathBuf,
    /// Folder of pictures to calibrate on, read as the net's inputs; its subfolders count.
    #[arg(long, value_name = "DIR")]
    calibrate: PathBuf,
    /// The weight file to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Where the weights are from, for the file's metadata.
    #[arg(long, value_name = "TEXT")]
    provenance: Option<String>,
    /// Under which licence the weights may be used, for the file's metadata.
    #[arg(long, value_name = "TEXT")]
    license: Option<String>,
    /// Crops of 96x96 pixels to calibrate on, spread evenly over the pictures.
    #[arg(long, value_name = "N", default_value_t = 18, value_parser = clap::value_parser!(u16).range(1..=1000))]
    crops: u16,
    /// Replace the output file if it exists.
    #[arg(long)]
    overwrite: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let refuse = || Failure::new("it exists; --overwrite replaces it").context(args.output.display());
    if !args.overwrite && args.output.exists() {
        return Err(refuse());
    }
    let at_weights = |error| Failure::from(error).context(args.float.display());
    let float = FloatNet::read(&weights::read(Some(&args.float))?).map_err(at_weights)?;
    let crops = crops(&args.calibrate, args.crops.into())?;
    let Calibration { net, ranges, rms_error } = calibrate(&float, &crops).map_err(at_weights)?;
    let notes = [("provenance", args.provenance), ("license", args.license)];
    let notes: BTreeMap<_, _> = notes.into_iter().filter_map(|(key, note)| Some((key.to_owned(), note?))).collect();
    let net = quantize(&net, &ranges, notes).map_err(at_weights)?;
    write(&args.output, &net.write(), args.overwrite)
        .map_err(|error| Failure::new(error.to_string()).context(args.output.display()))?;
    let ranges: Vec<_> = ranges.iter().map(|range| format!("{range:.1}")).collect();
    println!("ranges of the hidden layers: {}", ranges.join(", "));
    println!("{} crops differ from the float net's by {rms_error:.3} levels (root mean square)", crops.len());
    println!("{}", args.output.display());
    Ok(())
}

/// `count` crops, spread evenly over the pictures in `folder`.
fn crops(folder: &Path, count: usize) -> Result<Vec<Crop>, Failure> {
    let files = pictures(folder)?;
    let mut crops = Vec::with_capacity(count);
    for (index, file) in files.iter().enumerate() {
        let until = (index + 1) * count / files.len();
        if until > crops.len() {
            let picture = decode(file).map_err(|reason| Failure::new(reason).context(file.display()))?;
            crops.extend(Crop::choose(&picture, until - crops.len()));
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
        let is_picture = ImageFormat::from_path(entry.path()).is_ok_and(|format| format.reading_enabled());
        if is_picture && entry.file_type().is_file() {
            files.push(entry.into_path());
        }
    }
    files.sort();
    Ok(files)
}

/// A picture as 8-bit RGB; the error is the reason alone.
fn decode(path: &Path) -> Result<Image, String> {
    let mut reader =
        ImageReader::open(path).and_then(ImageReader::with_guessed_format).map_err(|error| error.to_string())?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MOST_SIDE);
    limits.max_image_height = Some(MOST_SIDE);
    reader.limits(limits);
    let rgb = reader.decode().map_err(|error| error.to_string())?.into_rgb8();
    Image::from_rgb8(rgb.width(), rgb.height(), rgb.into_raw()).map_err(|error| error.to_string())
}

/// Writes a file whole or not at all.
fn write(path: &Path, bytes: &[u8], overwrite: bool) -> std::io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    // As any new file: the umask decides. Temporary files are otherwise their owner's alone.
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    if overwrite {
        file.persist(path)?
    } else {
        file.persist_noclobber(path)?
    };
    Ok(())
}
