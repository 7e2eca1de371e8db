//! What start-up finds out, kept for the next time.

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

/// The name under which something of this kind is kept for what `identity` names.
pub(crate) fn name(kind: &str, identity: impl AsRef<[u8]>, extension: &str) -> String {
    let hash = Sha256::new_with_prefix(env!("CARGO_PKG_VERSION")).chain_update("\n").chain_update(identity);
    let key: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{kind}/{key}.{extension}")
}
