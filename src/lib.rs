//! GPU upscaler for images: ABPN (Anchor-based Plain Net, arXiv 2105.09750) in 8-bit integers, the same bytes on every
//! GPU and on the CPU.

pub mod codec;
mod error;
pub mod eval;
pub mod gpu;
mod image;
pub mod net;
mod planes;
pub mod profile;
mod random;
mod reference;
pub mod selftest;
mod tile;
mod upscaler;

pub use error::{Error, Result};
pub use image::{Image, Layout, Samples};
pub use net::Net;
pub use upscaler::{Observer, Target, TileSize, Timings, Upscaler};
