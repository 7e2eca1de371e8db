//! `abpn adapters`.

use super::Failure;

/// Lists the GPU adapters.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: Args) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}
