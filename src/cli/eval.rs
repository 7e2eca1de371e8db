//! `abpn eval`.

use super::Failure;

/// Measures a net on a folder of pictures.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: Args) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}
