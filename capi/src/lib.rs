//! The C interface: thin, no arithmetic of its own. `include/abpn.h` is made of these files, and is its documentation.
//!
//! Every function catches what would unwind into C, checks each pointer for null and alignment before it is read, and says
//! what it relies on where a check is impossible.
#![allow(unsafe_code, reason = "it is called from C")]

mod adapters;
mod error;
mod frames;
mod image;
mod nets;
mod options;
mod pointer;
mod upscaler;

pub use adapters::*;
pub use error::*;
pub use frames::*;
pub use image::*;
pub use nets::*;
pub use options::*;
pub use upscaler::*;

use std::ffi::c_char;

/// The version of this interface: it changes when a program that was compiled against an older header no longer works.
pub const ABPN_ABI_VERSION: u32 = 1;

/// ABPN_ABI_VERSION of the library that is loaded.
#[unsafe(no_mangle)]
pub extern "C" fn abpn_abi_version() -> u32 {
    ABPN_ABI_VERSION
}

/// The library's version, as "1.2.3". It lives as long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn abpn_version() -> *const c_char {
    const VERSION: &std::ffi::CStr =
        match std::ffi::CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
            Ok(version) => version,
            Err(_) => unreachable!(),
        };
    VERSION.as_ptr()
}
