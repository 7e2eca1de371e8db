//! Results, on stdout.

use std::fmt::Display;
use std::io::{self, Write};

use super::Failure;

/// Prints a line.
///
/// # Errors
/// A failure that is silent and a success if the reader has closed the pipe, as `head` does: it has what it wanted.
pub fn print(line: impl Display) -> Result<(), Failure> {
    writeln!(io::stdout().lock(), "{line}").map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure { message: String::new(), code: 0 },
        _ => Failure::new(format!("stdout: {error}")),
    })
}
