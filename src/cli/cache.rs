//! The user's cache folder.

use std::path::PathBuf;

use abpn::Cache;

/// Small files in a folder. Whatever goes wrong with them only costs time.
pub struct Folder(PathBuf);

impl Folder {
    /// The program's folder; none where the system has no folder for caches.
    pub fn of_user() -> Option<Self> {
        Some(Self(dirs::cache_dir()?.join("abpn")))
    }
}

impl Cache for Folder {
    fn read(&self, name: &str) -> Option<Vec<u8>> {
        std::fs::read(self.0.join(name)).ok()
    }

    /// The file appears whole or not at all.
    fn write(&self, name: &str, bytes: &[u8]) {
        let write = || {
            let path = self.0.join(name);
            let folder = path.parent()?;
            std::fs::create_dir_all(folder).ok()?;
            let file = tempfile::NamedTempFile::new_in(folder).ok()?;
            std::fs::write(file.path(), bytes).ok()?;
            file.persist(&path).ok()
        };
        let _ = write();
    }
}
