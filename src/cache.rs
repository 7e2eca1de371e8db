//! What start-up finds out, kept for the next time.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

/// Keeps what an upscaler's start finds out, so that the next one is faster: the outcome of the self-test, the fastest
/// kernels, compiled pipelines. Whatever goes wrong with it only costs time.
///
/// Names are relative paths of one folder and one file, as `kernels/0f3a….json`, of letters that every file system takes.
/// They depend on all that the contents depend on (adapter, driver, net, version of abpn): nothing that is kept becomes
/// wrong, and all of it may be deleted at any time. Who can write here decides which adapters are trusted.
pub trait Cache: Send + Sync {
    /// What was last kept under this name, if it is still there.
    fn read(&self, name: &str) -> Option<Vec<u8>>;

    /// Keeps this under a name, or doesn't.
    fn write(&self, name: &str, bytes: &[u8]);
}

/// A [`Cache`] of files in a folder, which is made when it is first written to.
///
/// ```
/// use abpn::{FolderCache, Net, Upscaler, net::ABPN_X3};
///
/// # let folder = tempfile::tempdir().unwrap();
/// # let folder = folder.path();
/// let cache = FolderCache::new(folder.join("abpn"));
/// let upscaler = Upscaler::builder(Net::read(ABPN_X3)?).cache(&cache).build()?;
/// # Ok::<(), abpn::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct FolderCache(PathBuf);

impl FolderCache {
    /// Keeps its files in this folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// Writes a file so that it appears whole or not at all, whoever else writes it.
    fn place(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        static WRITTEN: AtomicU64 = AtomicU64::new(0);
        let unique = format!("{}-{}.tmp", std::process::id(), WRITTEN.fetch_add(1, Ordering::Relaxed));
        let temporary = path.with_extension(unique);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let placed = std::fs::write(&temporary, bytes).and_then(|()| std::fs::rename(&temporary, path));
        if placed.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        placed
    }
}

impl Cache for FolderCache {
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.0.join(name)).ok()
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        if let Err(error) = Self::place(&self.0.join(name), bytes) {
            log::debug!("{name} can't be kept in {}: {error}", self.0.display());
        }
    }
}

/// The name under which something of this kind is kept for what `identity` names.
pub(crate) fn name(kind: &str, identity: impl AsRef<[u8]>, extension: &str) -> String {
    let hash = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION")).chain_update("\n").chain_update(identity);
    let key: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}/{key}.{extension}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_keeps_what_was_last_written() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FolderCache::new(folder.path().join("made"));
        assert_eq!(cache.read("kind/name.bin"), None);
        cache.write("kind/name.bin", b"first");
        cache.write("kind/name.bin", b"second");
        assert_eq!(cache.read("kind/name.bin").unwrap(), b"second");
        // Nothing temporary is left.
        assert_eq!(std::fs::read_dir(folder.path().join("made/kind")).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_made_only_costs_time() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        std::fs::write(&file, "").unwrap();
        let cache = FolderCache::new(file);
        cache.write("kind/name.bin", b"lost");
        assert_eq!(cache.read("kind/name.bin"), None);
    }
}
