//! The command line: text to plain values, one module a command, failures to exit codes.

mod adapters;
mod atomic;
mod bench;
mod completions;
mod degrade;
mod device;
mod eval;
mod failure;
mod folder;
mod interrupt;
mod man;
mod message;
mod model;
mod net;
mod nets;
mod nodes;
mod print;
mod profile;
mod selftest;
mod size;
mod table;
mod tile;
mod tune;
mod upscale;
mod upscalers;
mod video;

use std::path::Path;
use std::process::ExitCode;

use abpn::codec::Format;
use clap::error::{ContextKind, ContextValue};
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
    Video(Box<video::Args>),
    Adapters(adapters::Args),
    Selftest(selftest::Args),
    Eval(eval::Args),
    Profile(profile::Args),
    Bench(bench::Args),
    Tune(tune::Args),
    Degrade(degrade::Args),
    Model(model::Args),
    Nets(nets::Args),
    Nodes(nodes::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Parses the command line, runs the command, and says how it went.
pub fn main() -> ExitCode {
    message::listen();
    // Windows' shells leave `*.png` to the program.
    let cli = match Cli::try_parse_from(wild::args_os()) {
        Ok(cli) => cli,
        Err(error) => match forgotten_command(&error) {
            Some(failure) => return failure.report(),
            None => error.exit(),
        },
    };
    let result = match cli.command {
        Command::Upscale(args) => upscale::run(args),
        Command::Video(args) => video::run(*args),
        Command::Adapters(args) => adapters::run(args),
        Command::Selftest(args) => selftest::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Profile(args) => profile::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Tune(args) => tune::run(args),
        Command::Degrade(args) => degrade::run(args),
        Command::Model(args) => model::run(args),
        Command::Nets(args) => nets::run(args),
        Command::Nodes(args) => nodes::run(args),
        Command::Completions(args) => completions::run(args),
        Command::Man(args) => man::run(args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}

/// What to say to `abpn photo.jpg`.
fn forgotten_command(error: &clap::Error) -> Option<Failure> {
    let Some(ContextValue::String(name)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    let path = Path::new(name);
    let is_input = path.exists() || Format::of_path(path).is_some() || name == "-";
    is_input.then(|| Failure::usage(format!("{name} is no command; to upscale it: abpn upscale {name}")))
}
