//! Results, on stdout.

use std::fmt::Display;
use std::io::{self, Write};

use super::Failure;

/// Prints a line.
///
/// # Errors
/// As [`print_bytes`].
pub fn print(line: impl Display) -> Result<(), Failure> {
    print_bytes(format!("{line}\n").as_bytes())
}

/// Prints text as it is.
///
/// # Errors
/// A failure that is silent and a success if the reader has closed the pipe, as `head` does: it has what it wanted.
pub fn print_bytes(text: &[u8]) -> Result<(), Failure> {
    io::stdout().lock().write_all(text).map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure { message: String::new(), code: 0 },
        _ => Failure::new(format!("stdout: {error}")),
    })
}
