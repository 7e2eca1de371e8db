//! Weight files on disk, and the net that a command runs.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use abpn::Net;
use abpn::net::{ABPN_X3, MAX_FILE_BYTES};

use super::Failure;
use super::failure::BAD_WEIGHTS;

/// The net in the weight file `model`, or the built-in one; its scale must be `scale` if that is given.
pub fn load(model: Option<&Path>, scale: Option<u32>) -> Result<Net, Failure> {
    let net = match model {
        Some(path) => Net::read(&read(path)?).map_err(|error| Failure::from(error).context(path.display()))?,
        None => Net::read(ABPN_X3)?,
    };
    match scale {
        Some(scale) if scale as usize != net.scale() => Err(Failure::usage(match model {
            Some(path) => format!("{} upscales {} times, not {scale} times (--scale)", path.display(), net.scale()),
            None => {
                format!("the built-in net upscales {} times; for --scale {scale} name one with --model", net.scale())
            }
        })),
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
