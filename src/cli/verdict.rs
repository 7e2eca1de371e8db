//! Remembers in the user's cache folder which adapters and CPU kernels passed the self-test, so that it runs once for
//! each with a driver, a net and a version of abpn.

use std::path::PathBuf;

use abpn::{Error, Upscaler};
use serde::{Deserialize, Serialize};

use super::{Failure, cache};

/// A remembered outcome.
#[derive(Serialize, Deserialize)]
struct Verdict {
    /// For people who look into the file.
    device: String,
    /// What was wrong; none if everything was right.
    failure: Option<Mismatch>,
}

#[derive(Serialize, Deserialize)]
struct Mismatch {
    adapter: String,
    stage: String,
    detail: String,
}

/// The self-test's outcome for `upscaler`: remembered, or found out now and remembered.
pub fn remembered(upscaler: &Upscaler) -> Result<(), Failure> {
    let read = |path: PathBuf| serde_json::from_slice::<Verdict>(&std::fs::read(path).ok()?).ok();
    match path(upscaler).and_then(read) {
        Some(Verdict { failure: None, .. }) => Ok(()),
        Some(Verdict { failure: Some(Mismatch { adapter, stage, detail }), .. }) => {
            Err(Error::SelfTest { adapter, stage, detail }.into())
        }
        None => fresh(upscaler),
    }
}

/// Runs the self-test and remembers its outcome.
pub fn fresh(upscaler: &Upscaler) -> Result<(), Failure> {
    let outcome = upscaler.self_test();
    let failure = match &outcome {
        Ok(()) => None,
        Err(Error::SelfTest { adapter, stage, detail }) => {
            Some(Mismatch { adapter: adapter.clone(), stage: stage.clone(), detail: detail.clone() })
        }
        // A device that was lost or busy may work the next time.
        Err(_) => return Ok(outcome?),
    };
    remember(upscaler, &Verdict { device: upscaler.device(), failure });
    Ok(outcome?)
}

/// Writes a verdict. A cache that can't be written only costs the next run a self-test.
fn remember(upscaler: &Upscaler, verdict: &Verdict) {
    if let Ok(bytes) = serde_json::to_vec(verdict) {
        cache::write(path(upscaler), &bytes);
    }
}

/// The file for this device and net; none where there is no cache folder.
fn path(upscaler: &Upscaler) -> Option<PathBuf> {
    cache::path("selftest", upscaler.identity(), "json")
}
