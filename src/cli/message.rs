//! Lines for people on stderr, and results on stdout.

use std::fmt::Display;
use std::io::{self, Write};

use super::Failure;

/// Prints a line. Nobody can be told if that fails, and it is no reason to stop.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "abpn: {text}");
}

/// Prints a command's result.
pub fn print(text: impl Display) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let printed = writeln!(stdout, "{text}").and_then(|()| stdout.flush());
    printed.map_err(|error| Failure::new(format!("standard output: {error}")))
}
