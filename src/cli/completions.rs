//! `abpn completions`.

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, Failure, print};

const EXAMPLES: &str = "\
Where shells look for them:
  abpn completions bash > ~/.local/share/bash-completion/completions/abpn
  abpn completions zsh > ~/.zfunc/_abpn       with ~/.zfunc in fpath
  abpn completions fish > ~/.config/fish/completions/abpn.fish
  abpn completions powershell >> $PROFILE";

/// Prints what a shell needs to complete command lines.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The shell
    pub shell: Shell,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "abpn", &mut script);
    print::print_bytes(&script)
}
