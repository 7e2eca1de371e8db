//! Weight files on disk.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use abpn::Net;
use abpn::net::{ABPN_X3, MAX_FILE_BYTES};

use super::Failure;

/// How messages call the net that ships with abpn.
const BUILT_IN: &str = "the built-in net";

/// The bytes of a weight file, or of the built-in net if no path is given.
pub fn read(path: Option<&Path>) -> Result<Vec<u8>, Failure> {
    let Some(path) = path else { return Ok(ABPN_X3.to_vec()) };
    let mut bytes = Vec::new();
    // One byte more than a net can have is enough for the parser to refuse it.
    let most = MAX_FILE_BYTES as u64 + 1;
    let read = File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes));
    read.map_err(|error| Failure::new(error.to_string()).context(path.display()))?;
    Ok(bytes)
}

/// The net of a weight file, or the built-in one if no path is given.
pub fn load(path: Option<&Path>) -> Result<Net, Failure> {
    parse(path, &read(path)?)
}

/// The net in `bytes`, which [`read`] gave for `path`.
pub fn parse(path: Option<&Path>, bytes: &[u8]) -> Result<Net, Failure> {
    Net::read(bytes).map_err(|error| Failure::from(error).context(name(path)))
}

/// What messages call the file.
pub fn name(path: Option<&Path>) -> String {
    path.map_or_else(|| BUILT_IN.to_owned(), |path| path.display().to_string())
}
