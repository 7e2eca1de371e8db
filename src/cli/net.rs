//! Weight files on disk, and the net that a command runs.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use abpn::Net;
use abpn::net::{ABPN_X3, MAX_FILE_BYTES, built_in};

use super::Failure;
use super::failure::BAD_WEIGHTS;

/// The net in the weight file `model`, whose scale must be `scale` if that is given; without a file the built-in one of that
/// scale, or of 3.
pub fn load(model: Option<&Path>, scale: Option<u32>) -> Result<Net, Failure> {
    let Some(path) = model else {
        let bytes = scale.map_or(Some(ABPN_X3), |scale| built_in(scale as usize));
        let none =
            || Failure::usage(format!("no built-in net upscales {} times; name one with --model", scale.unwrap_or(0)));
        return Ok(Net::read(bytes.ok_or_else(none)?)?);
    };
    let net = Net::read(&read(path)?).map_err(|error| Failure::from(error).context(path.display()))?;
    match scale {
        Some(scale) if scale as usize != net.scale() => Err(Failure::usage(format!(
            "{} upscales {} times, not {scale} times (--scale)",
            path.display(),
            net.scale()
        ))),
        _ => Ok(net),
    }
}

/// The bytes of a weight file; of one that is too long, just enough for the parser to refuse it.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|cause| Failure { message: format!("{}: {cause}", path.display()), code: BAD_WEIGHTS })?;
    Ok(bytes)
}
