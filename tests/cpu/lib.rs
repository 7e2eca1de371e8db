//! The CPU engine and what it stands on, without the rest of the library: small enough to be compiled in a minute for a
//! machine that is emulated. The tests are those of these very files.
#![allow(dead_code, unused_imports, reason = "other parts of the library use it")]

mod codec {
    /// Stands for the format of a file in errors: this crate reads none.
    #[derive(Clone, Copy, Debug)]
    pub enum Format {}

    impl std::fmt::Display for Format {
        fn fmt(&self, _: &mut std::fmt::Formatter) -> std::fmt::Result {
            match *self {}
        }
    }
}
#[path = "../../src/backend.rs"]
mod backend;
#[path = "../../src/cache.rs"]
mod cache;
#[path = "../../src/clock.rs"]
mod clock;
#[path = "../../src/cpu/mod.rs"]
mod cpu;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/frame/mod.rs"]
mod frame;
#[path = "../../src/image.rs"]
mod image;
#[path = "../../src/net/mod.rs"]
mod net;
#[path = "../../src/options.rs"]
mod options;
#[path = "../../src/random.rs"]
mod random;
#[path = "../../src/reference/mod.rs"]
mod reference;
#[path = "../../src/selftest/mod.rs"]
mod selftest;
#[path = "../../src/tile.rs"]
mod tile;
#[path = "../../src/timing.rs"]
mod timing;

pub use error::{Error, Result};
pub use image::{Image, Layout, Sample, Samples};

/// So that no kernel goes untested in silence where an emulator hasn't its instructions.
#[test]
fn the_machine_has_the_kernels_that_are_expected() {
    const VARIABLE: &str = "ABPN_EXPECTED_KERNELS";
    if let Ok(expected) = std::env::var(VARIABLE) {
        assert_eq!(cpu::kernels().join(" "), expected, "{VARIABLE}");
    }
}
