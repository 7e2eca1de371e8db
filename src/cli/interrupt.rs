//! Ctrl-C and the polite signals: finish the tile, leave no half-made file, exit.

use std::io::{self, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use super::atomic;
use super::failure::INTERRUPTED;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// From now on the first signal only sets what [`requested`] tells; a second one exits at once.
pub fn install() {
    let handler = || {
        if REQUESTED.swap(true, Ordering::Relaxed) {
            let _no_new_files = atomic::remove_unfinished();
            std::process::exit(INTERRUPTED.into());
        }
    };
    // It fails where the parent had a signal ignored, as `nohup` does with the hang-up: then the parent's wish counts.
    let _ = ctrlc::try_set_handler(handler);
}

/// Whether the user wants the work to stop.
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// A writer that fails as soon as the user wants to stop.
pub struct Interruptible<W>(pub W);

impl<W: Write> Write for Interruptible<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if requested() {
            // Not `ErrorKind::Interrupted`, which means: try again.
            return Err(io::Error::other("interrupted"));
        }
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Seek> Seek for Interruptible<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}
