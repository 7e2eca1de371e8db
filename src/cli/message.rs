//! Lines for people, on stderr.

use std::fmt::Display;
use std::io::{self, Write};

use log::{LevelFilter, Log, Metadata, Record};

/// Prints a line. Nobody can be told if that fails, and it is no reason to stop.
pub fn say(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "abpn: {text}");
}

/// Says what the library finds worth telling a person.
struct Said;

impl Log for Said {
    fn enabled(&self, metadata: &Metadata) -> bool {
        // Not what wgpu and others say.
        metadata.target().split("::").next() == Some("abpn")
    }

    fn log(&self, record: &Record) {
        if self.enabled(record.metadata()) {
            say(record.args());
        }
    }

    fn flush(&self) {}
}

/// Has the library's messages printed from now on.
pub fn listen() {
    if log::set_logger(&Said).is_ok() {
        log::set_max_level(LevelFilter::Info);
    }
}
