//! Weight files: safetensors.
use super::Net;
use crate::Result;

impl Net {
    /// Reads a weight file's bytes.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let _ = bytes;
        todo!()
    }
}
