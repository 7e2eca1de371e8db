//! Compiled pipelines that outlive the program, where the driver leaves their keeping to it.

use sha2::{Digest, Sha256};
use wgpu::{Device, PipelineCache, PipelineCacheDescriptor};

/// Bytes of the digest that stands before the driver's data.
const DIGEST_BYTES: usize = 32;

/// The driver's cache of pipelines.
pub(crate) struct Pipelines {
    pub cache: PipelineCache,
    /// Bytes of the saved data that it began with.
    loaded_bytes: usize,
    identity: String,
}

impl Pipelines {
    /// A cache that begins with what [`Self::save`] gave earlier, if that is whole and of this device, driver and version;
    /// none if the device has no such caches.
    pub fn new(device: &Device, saved: &[u8]) -> Option<Self> {
        if !device.features().contains(wgpu::Features::PIPELINE_CACHE) {
            return None;
        }
        let identity = format!("{}\n{:?}", env!("CARGO_PKG_VERSION"), device.adapter_info());
        let data = open(&identity, saved);
        let descriptor = PipelineCacheDescriptor { label: Some("abpn"), data, fallback: true };
        // SAFETY: the data must be what `get_data` gave. It is what stands behind a digest of itself and of this device,
        // driver and version, which `save` alone writes, before just such data; any accident on the way there and back
        // would show. Who forges the digest has the rights of the program already.
        #[expect(unsafe_code, reason = "its proof stands here")]
        let cache = unsafe { device.create_pipeline_cache(&descriptor) };
        Some(Self { cache, loaded_bytes: data.map_or(0, <[u8]>::len), identity })
    }

    /// The compiled pipelines, for [`Self::new`]; none if that would only give what it began with.
    pub fn save(&self) -> Option<Vec<u8>> {
        let data = self.cache.get_data()?;
        (data.len() != self.loaded_bytes).then(|| seal(&self.identity, &data))
    }
}

fn digest(identity: &str, data: &[u8]) -> [u8; DIGEST_BYTES] {
    Sha256::new().chain_update(identity.len().to_le_bytes()).chain_update(identity).chain_update(data).finalize().into()
}

fn seal(identity: &str, data: &[u8]) -> Vec<u8> {
    [&digest(identity, data), data].concat()
}

/// The data that [`seal`] was given under this identity.
fn open<'a>(identity: &str, saved: &'a [u8]) -> Option<&'a [u8]> {
    let (stored, data) = saved.split_at_checked(DIGEST_BYTES)?;
    (digest(identity, data) == stored).then_some(data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_sealed_is_opened() {
        let sealed = seal("a", b"data");
        assert_eq!(open("a", &sealed), Some(&b"data"[..]));
        assert_eq!(open("b", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(open("a", &changed), None, "{at}");
            assert_eq!(open("a", &sealed[..at]), None, "{at}");
        }
        assert_eq!(open("a", &[&sealed[..], b"x"].concat()), None);
    }
}
