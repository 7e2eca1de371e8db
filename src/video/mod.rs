//! Films: ffmpeg as child processes, YUV4MPEG2 pipes, and the segments that a film is made of.

pub mod colour;
pub mod decoder;
pub mod encoder;
pub mod error;
pub mod join;
pub mod nut;
pub mod pixel_format;
pub mod probe;
pub mod process;
pub mod segment_writer;
pub mod segments;
pub mod y4m;

pub use error::{Error, Result};
