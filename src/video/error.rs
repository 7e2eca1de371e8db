//! What can go wrong with a film.

use std::fmt;

/// An error, with its cause in words.
#[derive(Debug)]
pub enum Error {
    /// ffmpeg or ffprobe is not there, or too old.
    Missing(String),
    /// ffmpeg failed; its own words are in it.
    Ffmpeg(String),
    /// The film, or what is wanted of it, is not for abpn.
    Refused(String),
    /// The upscaler failed.
    Upscaler(abpn::Error),
    /// A file or pipe failed.
    Io(String),
}

/// This module's result.
pub type Result<T> = std::result::Result<T, Error>;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Missing(text) | Self::Ffmpeg(text) | Self::Refused(text) | Self::Io(text) => f.write_str(text),
            Self::Upscaler(error) => error.fmt(f),
        }
    }
}

impl From<abpn::Error> for Error {
    fn from(error: abpn::Error) -> Self {
        Self::Upscaler(error)
    }
}
