//! A zip archive in memory, which PyTorch's checkpoints and NumPy's `.npz` are.

use std::io::{Cursor, Read};

use zip::ZipArchive;

use super::MAX_IMPORT_BYTES;
use crate::{Error, Result};

/// What an archive begins with.
const MAGIC: &[u8] = b"PK\x03\x04";

/// An archive's entries.
pub(super) struct Archive<'a> {
    zip: ZipArchive<Cursor<&'a [u8]>>,
    /// How many bytes may still be unpacked.
    left: u64,
}

impl<'a> Archive<'a> {
    /// Whether these bytes begin like an archive.
    pub fn is(bytes: &[u8]) -> bool {
        bytes.starts_with(MAGIC)
    }

    pub fn new(bytes: &'a [u8]) -> Result<Self> {
        let zip = ZipArchive::new(Cursor::new(bytes)).map_err(|error| damaged(&error.to_string()))?;
        Ok(Self { zip, left: MAX_IMPORT_BYTES as u64 })
    }

    /// The full name of the entry of this name, in whichever folder it lies; the least deep of several.
    pub fn find(&self, name: &str) -> Option<String> {
        let fits =
            |entry: &String| entry.strip_suffix(name).is_some_and(|folder| folder.is_empty() || folder.ends_with('/'));
        self.names().into_iter().filter(fits).min_by_key(String::len)
    }

    /// All entries' names, but for those that are not text.
    pub fn names(&self) -> Vec<String> {
        (0..self.zip.len()).filter_map(|index| Some(self.zip.name_for_index(index)?.ok()?.into_owned())).collect()
    }

    /// An entry's bytes, unpacked.
    pub fn bytes(&mut self, name: &str) -> Result<Vec<u8>> {
        let entry = self.zip.by_name(name).map_err(|error| damaged(&format!("{name:?}: {error}")))?;
        let mut bytes = Vec::new();
        // What the archive says of the length is not trusted.
        entry.take(self.left + 1).read_to_end(&mut bytes).map_err(|error| damaged(&format!("{name:?}: {error}")))?;
        self.left = self.left.checked_sub(bytes.len() as u64).ok_or_else(|| damaged("it unpacks to too many bytes"))?;
        Ok(bytes)
    }
}

fn damaged(reason: &str) -> Error {
    Error::WeightFile(format!("zip: {}", super::graph::printable(reason)))
}
