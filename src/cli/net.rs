//! The net that a command runs.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use abpn::Net;
use abpn::net::ABPN_X3;

use super::Failure;
use super::failure::BAD_WEIGHTS;

/// Longest weight file that is read, in bytes: the largest net that can run is less than 3 MiB.
const MAX_FILE_LEN: u64 = 16 << 20;

/// The net in the weight file `model`, or the built-in one; its scale must be `scale` if that is given.
pub fn load(model: Option<&Path>, scale: Option<u32>) -> Result<Net, Failure> {
    let net = match model {
        Some(path) => read(path).map_err(|failure| failure.context(path.display()))?,
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

fn read(path: &Path) -> Result<Net, Failure> {
    let mut bytes = Vec::new();
    let bad = |reason: String| Failure { message: reason, code: BAD_WEIGHTS };
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_LEN + 1).read_to_end(&mut bytes))
        .map_err(|cause| bad(cause.to_string()))?;
    if bytes.len() as u64 > MAX_FILE_LEN {
        return Err(bad(format!("longer than {MAX_FILE_LEN} bytes, so no weight file")));
    }
    Ok(Net::read(&bytes)?)
}
