//! Lines for people, on stderr.

use std::fmt::Display;
use std::io::{self, Write};

/// Prints a line. Nobody can be told if that fails, and it is no reason to stop.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "abpn: {text}");
}
