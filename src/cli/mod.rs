//! The command line: text to plain values, one module a command, failures to exit codes.

mod adapters;
mod atomic;
mod bench;
mod cache;
mod degrade;
mod device;
mod eval;
mod failure;
mod folder;
mod interrupt;
mod message;
mod model;
mod net;
mod nodes;
mod print;
mod profile;
mod selftest;
mod size;
mod table;
mod tile;
mod tune;
mod upscale;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use failure::Failure;

/// Upscales images with ABPN in 8-bit integers: the same bytes on every GPU and on the CPU.
#[derive(Parser)]
#[command(name = "abpn", version, max_term_width = 100, after_help = failure::EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Upscale(upscale::Args),
    Adapters(adapters::Args),
    Selftest(selftest::Args),
    Eval(eval::Args),
    Profile(profile::Args),
    Bench(bench::Args),
    Tune(tune::Args),
    Degrade(degrade::Args),
    Model(model::Args),
    Nodes(nodes::Args),
}

/// Parses the command line, runs the command, and says how it went.
pub fn main() -> ExitCode {
    message::listen();
    let result = match Cli::parse().command {
        Command::Upscale(args) => upscale::run(args),
        Command::Adapters(args) => adapters::run(args),
        Command::Selftest(args) => selftest::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Profile(args) => profile::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Tune(args) => tune::run(args),
        Command::Degrade(args) => degrade::run(args),
        Command::Model(args) => model::run(args),
        Command::Nodes(args) => nodes::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
