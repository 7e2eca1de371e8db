//! `abpn upscale`.

use super::Failure;

/// Upscales images.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: Args) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}
