//! One upscaler for each net that is needed, made when it first is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use abpn::{TileSize, Upscaler};

use super::Failure;
use super::device::{DeviceArgs, upscaler};
use super::net::Nets;

/// The upscalers of all nets that pictures have asked for so far; threads may share it.
pub struct Upscalers<'a> {
    pub nets: &'a Nets,
    device: &'a DeviceArgs,
    tile: TileSize,
    /// By the nets' names.
    ready: Mutex<BTreeMap<String, Arc<Upscaler>>>,
}

impl<'a> Upscalers<'a> {
    pub fn new(nets: &'a Nets, device: &'a DeviceArgs, tile: TileSize) -> Self {
        Self { nets, device, tile, ready: Mutex::default() }
    }

    /// The upscaler of the net of this name.
    ///
    /// # Errors
    /// As [`upscaler`].
    pub fn get(&self, name: &str) -> Result<Arc<Upscaler>, Failure> {
        // Whoever needs the same net waits, instead of compiling it too.
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(upscaler) = ready.get(name) {
            return Ok(Arc::clone(upscaler));
        }
        let upscaler = Arc::new(upscaler(self.nets.load(name)?, self.device)?.with_tile(self.tile));
        ready.insert(name.to_owned(), Arc::clone(&upscaler));
        Ok(upscaler)
    }
}
