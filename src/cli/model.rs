//! `abpn model`.

use super::Failure;

/// Weight files: print, quantise.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: Args) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}
