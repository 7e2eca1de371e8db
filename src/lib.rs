//! GPU upscaler for images: ABPN (Anchor-based Plain Net, arXiv 2105.09750) in 8-bit integers, the same bytes on every
//! GPU and on the CPU.
//!
//! An [`Upscaler`] runs a [`Net`] on a [`Target`]; it takes an [`Image`] and gives one that is [`Net::scale`] times as
//! wide and high, with the same layout and depth.
//!
//! ```
//! use abpn::{Image, Net, Target, Upscaler, net::ABPN_X3};
//!
//! // The best GPU that passes the self-test, or the CPU.
//! let upscaler = Upscaler::new(Net::read(ABPN_X3)?, Target::Auto)?;
//! // Two pixels, [height 1, width 2, 3].
//! let image = Image::from_rgb8(2, 1, vec![200, 180, 40, 20, 60, 210])?;
//! let large = upscaler.upscale(&image)?;
//! assert_eq!((large.width(), large.height()), (6, 3));
//! # Ok::<(), abpn::Error>(())
//! ```
//!
//! On a device that the caller owns, say a renderer's:
//!
//! ```
//! use abpn::{Net, Target, Upscaler, gpu, net::ABPN_X3};
//!
//! # fn device() -> (wgpu::Device, wgpu::Queue) {
//! #     let adapter = gpu::adapters().remove(0).adapter;
//! #     pollster::block_on(adapter.request_device(&wgpu::DeviceDescriptor {
//! #         required_limits: wgpu::Limits::downlevel_defaults(),
//! #         ..Default::default()
//! #     })).unwrap()
//! # }
//! let (device, queue) = device();
//! let upscaler = Upscaler::new(Net::read(ABPN_X3)?, Target::Device(device, queue))?;
//! // Drivers miscompile now and then; better an error now than a wrong picture later.
//! upscaler.self_test()?;
//! # Ok::<(), abpn::Error>(())
//! ```
//!
//! Frame after frame, with several in work at once: [`Upscaler::frames`].
//!
//! Image files, with their ICC profiles and EXIF data, are read and written by [`codec`]; [`origin`] takes the built-in net
//! that fits a picture; [`eval`] measures nets; [`net::quantize`] makes integer nets from float weights; [`profile`] says
//! where the time of a run goes, [`nodes`] what the operators of light nets cost.
//!
//! The feature `cli`, on by default, is the program `abpn`; the library does without it.

mod backend;
pub mod bench;
mod cache;
mod clock;
pub mod codec;
pub mod cpu;
mod error;
pub mod eval;
mod frame;
mod frames;
pub mod gpu;
mod image;
pub mod net;
pub mod nodes;
mod number;
mod options;
pub mod origin;
pub mod planar;
pub mod profile;
mod random;
mod reduction;
mod reference;
pub mod selftest;
mod startup;
mod stats;
mod tile;
mod timing;
mod upscaler;

pub use cache::{Cache, FolderCache};
pub use error::{Error, Result};
pub use frame::{ImageView, ImageViewMut, SamplesMut, SamplesRef};
pub use frames::Frames;
pub use image::{Image, Layout, Sample, Samples};
pub use net::Net;
pub use options::{Observer, TileSize, Timings, When};
pub use startup::{Builder, Startup, Target};
pub use stats::Stats;
pub use upscaler::Upscaler;
/// The version that devices, adapters and textures of the caller's must be of.
pub use wgpu;
