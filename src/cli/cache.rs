//! Small files in the user's cache folder. Whatever goes wrong with them only costs time.

use std::path::PathBuf;

use sha2::{Digest, Sha256};

/// The file of this kind for what `identity` names; none where there is no cache folder.
pub fn path(kind: &str, identity: impl AsRef<[u8]>, extension: &str) -> Option<PathBuf> {
    let hash = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION")).chain_update("\n").chain_update(identity);
    let key: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Some(dirs::cache_dir()?.join("abpn").join(kind).join(key).with_extension(extension))
}

/// Writes a file, so that it appears whole or not at all.
pub fn write(path: Option<PathBuf>, bytes: &[u8]) {
    let Some(path) = path else { return };
    let write = || {
        let folder = path.parent()?;
        std::fs::create_dir_all(folder).ok()?;
        let file = tempfile::NamedTempFile::new_in(folder).ok()?;
        std::fs::write(file.path(), bytes).ok()?;
        file.persist(&path).ok()
    };
    let _ = write();
}
