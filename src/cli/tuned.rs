//! Remembers in the user's cache folder which kernels are the fastest on an adapter, so that they are timed once for each
//! with a driver, a net's layers and a version of abpn.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::PathBuf;

use abpn::Net;
use abpn::gpu::{self, Adapter, Kernels, Tuning};
use serde::{Deserialize, Serialize};

use super::cache;
use super::message::say;

/// A remembered choice.
#[derive(Serialize, Deserialize)]
struct Choice {
    /// The adapter, its driver and the layers: what the choice holds for.
    identity: String,
    /// Kernels by the labels of layers.
    kernels: BTreeMap<String, String>,
}

/// The kernels that were the fastest on `adapter` for the layers of `net`, if they were timed. A file that can't be used is
/// reported and counts for nothing.
pub fn remembered(adapter: &Adapter, net: &Net) -> Option<Kernels> {
    let path = path(adapter, net)?;
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => return ignore(&path, &error),
    };
    let choice: Choice = match serde_json::from_slice(&bytes) {
        Ok(choice) => choice,
        Err(error) => return ignore(&path, &error),
    };
    if choice.identity != identity(adapter, net) {
        return ignore(&path, &"it is another adapter's");
    }
    let mut kernels = Kernels::of_adapter(&adapter.info);
    for (label, kernel) in choice.kernels {
        match kernel.parse() {
            Ok(kernel) => kernels.set(label, kernel),
            Err(error) => return ignore(&path, &format!("{kernel:?}: {error}")),
        }
    }
    Some(kernels)
}

/// Keeps what the tuner found out on `adapter` for the layers of `net`.
pub fn remember(adapter: &Adapter, net: &Net, tuning: &Tuning) {
    let kernels = tuning.kernels.layers().map(|(label, kernel)| (label.to_owned(), kernel.to_string())).collect();
    if let Ok(bytes) = serde_json::to_vec_pretty(&Choice { identity: identity(adapter, net), kernels }) {
        cache::write(path(adapter, net), &bytes);
    }
}

fn ignore(path: &std::path::Path, why: &dyn std::fmt::Display) -> Option<Kernels> {
    say(format_args!("{}: ignored: {why}; --retune writes it anew", path.display()));
    None
}

fn identity(adapter: &Adapter, net: &Net) -> String {
    format!("{:?}; {}", adapter.info, gpu::layer_labels(net).join(", "))
}

/// The file for this adapter and these layers; none where there is no cache folder.
fn path(adapter: &Adapter, net: &Net) -> Option<PathBuf> {
    cache::path("kernels", identity(adapter, net), "json")
}
