//! Frames of film as films have them: planes of luma and colour differences, of 8 to 16 bits.
//!
//! A net sees RGB. What turns planes into that and back is integer arithmetic, which [`Format`] fixes to the byte:
//! `src/reference/planar.rs` is its definition. Frames of 8 bits become RGB of 8 bits, others RGB of 16, to which the net adds
//! its residual in steps of 1/257 of a level.
//!
//! [`Upscaler::planar_frames`](crate::Upscaler::planar_frames) upscales them.

mod chroma;
mod coefficients;
mod format;
mod frames;
mod from_rgb;
mod to_rgb;

#[cfg(test)]
pub(crate) use coefficients::{FromRgb, ToRgb};
pub use format::{Format, Matrix, Planes, Range, Siting};
pub use frames::PlanarFrames;
use from_rgb::from_rgb;
use to_rgb::to_rgb;

#[cfg(test)]
mod tests;
