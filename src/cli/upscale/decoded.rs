//! An input, read and decoded.

use std::io::{self, Read};
use std::time::{Duration, Instant};

use abpn::Error;
use abpn::codec::{self, Note, Picture};

use super::super::Failure;
use super::inputs::Source;

/// A picture, and what came of getting it.
pub struct Decoded {
    pub picture: Picture,
    pub notes: Vec<Note>,
    /// How long reading and decoding took.
    pub time: Duration,
}

/// Reads and decodes an input of at most `max_pixels`.
pub fn decode(source: &Source, max_pixels: u64) -> Result<Decoded, Failure> {
    let start = Instant::now();
    let result = match source {
        Source::File(path) => codec::read(path, max_pixels),
        Source::Stdin => {
            let mut bytes = Vec::new();
            io::stdin()
                .lock()
                .take(codec::max_file_len(max_pixels))
                .read_to_end(&mut bytes)
                .map_err(|cause| Failure::new(cause.to_string()).context(source))?;
            codec::decode(&bytes, max_pixels)
        }
    };
    let (picture, notes) = result.map_err(|error| match error {
        Error::Io { .. } => error.into(),
        Error::TooManyPixels { .. } => Failure::new(format!("{source}: {error}; raise it with --max-pixels")),
        _ => Failure::from(error).context(source),
    })?;
    Ok(Decoded { picture, notes, time: start.elapsed() })
}
