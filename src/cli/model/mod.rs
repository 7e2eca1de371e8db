//! `abpn model`.

mod calibration;
mod import;
mod info;
mod quantize;

use super::Failure;

/// Prints weight files, and makes them from float weights
#[derive(clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(clap::Subcommand)]
enum Command {
    Import(import::Args),
    Info(info::Args),
    Quantize(quantize::Args),
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    match args.command {
        Command::Import(args) => import::run(args),
        Command::Info(args) => info::run(args),
        Command::Quantize(args) => quantize::run(args),
    }
}
