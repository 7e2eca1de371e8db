//! `abpn man`.

use std::path::{Path, PathBuf};
use std::{fs, io};

use clap::{Command, CommandFactory};
use clap_mangen::Man;

use super::{Cli, Failure, print};

const EXAMPLES: &str = "\
Examples:
  abpn man | man -l -            the page of abpn
  abpn man upscale | man -l -    the page of a command
  abpn man -o share/man/man1     all pages, as files";

/// Prints a manual page.
#[derive(clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct Args {
    /// The command whose page to print, with its own commands if it has some
    #[arg(value_name = "COMMAND")]
    pub path: Vec<String>,
    /// Write the pages of all commands into this folder instead
    #[arg(short, long, value_name = "FOLDER", conflicts_with = "path")]
    pub output: Option<PathBuf>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let mut root = Cli::command().disable_help_subcommand(true);
    root.build();
    if let Some(folder) = args.output {
        let failed = |error| Failure::new(format!("{}: {error}", folder.display()));
        fs::create_dir_all(&folder).and_then(|()| write_all(&root, &folder)).map_err(failed)?;
        return Ok(());
    }
    let mut command = &root;
    for name in &args.path {
        let unknown = || Failure::usage(format!("there is no command {name:?} of {}", command.get_name()));
        command = command.find_subcommand(name).ok_or_else(unknown)?;
    }
    let page = page(command).map_err(|error| Failure::new(error.to_string()))?;
    print::print_bytes(&page)
}

/// Writes the pages of a command and of all within it.
fn write_all(command: &Command, folder: &Path) -> io::Result<()> {
    fs::write(folder.join(Man::new(command.clone()).get_filename()), page(command)?)?;
    command.get_subcommands().try_for_each(|within| write_all(within, folder))
}

/// The page of a command. Of what its help ends with, lists keep their lines.
fn page(command: &Command) -> io::Result<Vec<u8>> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if let Some(text) = command.get_after_help() {
        page.extend(b".SH NOTES\n");
        for line in text.to_string().lines() {
            let is_listed = line.starts_with("  ") || line.ends_with(':');
            let line = line.replace('\\', "\\\\").replace('-', "\\-");
            // A line that begins with a point would be a command to roff.
            page.extend(
                match &*line {
                    "" => ".PP\n".to_owned(),
                    line if is_listed => format!(".nf\n\\&{line}\n.fi\n"),
                    line => format!("\\&{line}\n"),
                }
                .into_bytes(),
            );
        }
    }
    Ok(page)
}
