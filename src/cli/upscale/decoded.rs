//! An input, read and decoded.

use std::fs::File;
use std::io::{self, Read};
use std::time::{Duration, Instant};

use abpn::Error;
use abpn::codec::{self, Note, Picture};
use abpn::origin::Coding;

use super::super::Failure;
use super::inputs::Source;

/// A picture, and what came of getting it.
pub struct Decoded {
    pub picture: Picture,
    pub notes: Vec<Note>,
    /// What the file says of its compression.
    pub coding: Coding,
    /// How long reading and decoding took.
    pub time: Duration,
}

/// An input's bytes.
pub struct Encoded {
    bytes: Vec<u8>,
    /// What they say of their compression.
    pub coding: Coding,
    /// How long reading took.
    time: Duration,
}

/// Reads an input, no more of it than a picture of `max_pixels` can need.
pub fn read(source: &Source, max_pixels: u64) -> Result<Encoded, Failure> {
    let start = Instant::now();
    let most = codec::max_file_len(max_pixels);
    let mut bytes = Vec::new();
    let read = match source {
        Source::File(path) => File::open(path).and_then(|file| file.take(most).read_to_end(&mut bytes)),
        Source::Stdin => io::stdin().lock().take(most).read_to_end(&mut bytes),
    };
    read.map_err(|cause| Failure::new(cause.to_string()).context(source))?;
    let coding = Coding::of_file(&bytes);
    Ok(Encoded { bytes, coding, time: start.elapsed() })
}

/// Decodes what was read.
pub fn decode(source: &Source, encoded: &Encoded, options: &codec::Options) -> Result<Decoded, Failure> {
    let start = Instant::now();
    let (picture, notes) = codec::decode_with(&encoded.bytes, options).map_err(|error| match error {
        Error::TooManyPixels { .. } => Failure::new(format!("{source}: {error}; raise it with --max-pixels")),
        _ => Failure::from(error).context(source),
    })?;
    Ok(Decoded { picture, notes, coding: encoded.coding, time: encoded.time + start.elapsed() })
}
