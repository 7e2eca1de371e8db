//! What went wrong, for people and for scripts.

use std::process::ExitCode;

use abpn::Error;

use super::message::say;

/// Exit code: some or all inputs failed.
const INPUT_FAILED: u8 = 1;
/// Exit code: the options can't be meant.
const USAGE: u8 = 2;
/// Exit code: no adapter fits what was asked for, or it lacks what the kernels need.
pub const NO_ADAPTER: u8 = 3;
/// Exit code: the weight file can't be used.
pub const BAD_WEIGHTS: u8 = 6;
/// Exit code: ffmpeg is missing or failed.
pub const FFMPEG: u8 = 7;
/// Exit code: interrupted, as shells report the signal of Ctrl-C.
pub const INTERRUPTED: u8 = 130;

/// The table that `--help` ends with.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  everything succeeded
  1  some or all inputs failed
  2  usage
  3  no adapter fits what was asked for
  4  the self-test found wrong bytes on the adapter
  5  the GPU failed: lost, out of memory, or too slow to answer
  6  the weight file can't be used
  7  ffmpeg is missing or failed
  130  interrupted";

/// A command's failure: a message and an exit code.
#[derive(Debug)]
pub struct Failure {
    /// For people, on stderr.
    pub message: String,
    /// For scripts.
    pub code: u8,
}

impl Failure {
    /// An input or output failed, or something with no exit code of its own.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: INPUT_FAILED }
    }

    /// The options contradict each other.
    pub fn usage(message: impl Into<String>) -> Self {
        Self { message: message.into(), code: USAGE }
    }

    /// Whether it concerns more than one input: other images would fail alike, or the user wants to stop.
    pub fn is_fatal(&self) -> bool {
        self.code != INPUT_FAILED
    }

    /// Prints the message and gives the exit code.
    pub fn report(self) -> ExitCode {
        if !self.message.is_empty() {
            say(self.message);
        }
        ExitCode::from(self.code)
    }

    /// Puts what was being done before the message.
    #[must_use]
    pub fn context(mut self, context: impl std::fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message);
        self
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let code = match &error {
            Error::NoAdapter { .. } | Error::Adapter { .. } => NO_ADAPTER,
            Error::SelfTest { .. } => 4,
            Error::TileSize { .. } => USAGE,
            Error::OutOfMemory { .. } | Error::DeviceLost { .. } | Error::Timeout { .. } | Error::Gpu(_) => 5,
            Error::WeightFile(_) | Error::Tensor { .. } => BAD_WEIGHTS,
            Error::Cancelled => INTERRUPTED,
            _ => INPUT_FAILED,
        };
        Self { message: format!("{error}{}", remedy(&error)), code }
    }
}

/// What to do about an error, in terms of this program's options; nothing where the cause says it.
fn remedy(error: &Error) -> String {
    const SMALLER: &str = "use smaller tiles (--tile 128)";
    match error {
        Error::NoAdapter { seen, .. } if seen.is_empty() => {
            "; install your GPU's Vulkan driver (or, to test, Debian's \
             mesa-vulkan-drivers), or use --device cpu"
                .to_owned()
        }
        Error::NoAdapter { wanted: None, .. } => "; name one with --gpu, or use --device cpu".to_owned(),
        Error::TileSize { largest, .. } => format!(": use --tile {largest} or less"),
        Error::SelfTest { .. } => {
            "; use --device cpu, another adapter or driver; on the CPU, ABPN_CPU=portable".to_owned()
        }
        Error::OutOfMemory { .. } | Error::Timeout { .. } => format!(": {SMALLER}, or --device cpu"),
        Error::DeviceLost { .. } => {
            format!(": {SMALLER}, close other programs that use it, or --device cpu")
        }
        _ => String::new(),
    }
}
