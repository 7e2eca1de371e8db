//! Pictures to calibrate on, and what came of it.

use std::path::Path;

use abpn::eval::to_rgb8;
use abpn::net::quantize::{Calibration, Crop};

use crate::cli::print::print;
use crate::cli::{Failure, folder};

/// `count` crops, spread evenly over the pictures in `folder`.
pub fn crops(folder: &Path, count: usize) -> Result<Vec<Crop>, Failure> {
    let files = folder::pictures(folder)?;
    let mut crops = Vec::with_capacity(count);
    for (index, file) in files.iter().enumerate() {
        let until = (index + 1) * count / files.len();
        if until > crops.len() {
            let chosen = choose(file, until - crops.len()).map_err(|failure| failure.context(file.display()))?;
            crops.extend(chosen);
        }
    }
    Ok(crops)
}

/// `count` crops of the picture in a file.
fn choose(file: &Path, count: usize) -> Result<Vec<Crop>, Failure> {
    Ok(Crop::choose(&to_rgb8(&folder::read(file)?.image)?, count)?)
}

/// Says how close the integer net is to the float net.
pub fn report(calibration: &Calibration, crops: usize) -> Result<(), Failure> {
    let Calibration { ranges, rms_error, .. } = calibration;
    report_ranges(ranges)?;
    let psnr_db = 20.0 * (255.0 / rms_error).log10();
    print(format!(
        "difference from the float net on {crops} crops: {rms_error:.3} levels, root mean square; PSNR {psnr_db:.2} dB"
    ))
}

/// Says what the codes stand for: the real values of 0 and 255, of each hidden layer.
pub fn report_ranges(ranges: &[(f64, f64)]) -> Result<(), Failure> {
    let ranges: Vec<_> = ranges.iter().map(|(least, most)| format!("{least:.1}..{most:.1}")).collect();
    print(format!("codes 0 to 255 of each hidden layer: {}", ranges.join(", ")))
}
