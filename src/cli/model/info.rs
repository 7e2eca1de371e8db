//! `abpn model info`.

use std::path::PathBuf;

use crate::cli::Failure;

/// Prints what is in a weight file.
#[derive(clap::Args)]
pub struct Args {
    /// The weight file; the built-in net if none is given.
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(_args: Args) -> Result<(), Failure> {
    Err(Failure::new("not built yet"))
}
