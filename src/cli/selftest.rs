//! `abpn selftest`.

use super::Failure;

/// Checks an adapter against the reference.
#[derive(clap::Args)]
pub struct Args {}

/// Runs the command.
pub fn run(_args: Args) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}
