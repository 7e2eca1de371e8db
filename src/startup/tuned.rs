//! The fastest kernels, remembered: timed once for each adapter with its driver, a net's layers and a version of abpn.

use serde_json::{Value, json};

use crate::cache::{self, Cache};
use crate::gpu::{Kernels, Tuning, layer_labels};
use crate::net::Net;

/// The kernels that were the fastest on an adapter for the layers of `net`; none if they were not timed.
///
/// # Errors
/// Why what is remembered can't be used.
pub(super) fn remembered(cache: &dyn Cache, info: &wgpu::AdapterInfo, net: &Net) -> Result<Option<Kernels>, String> {
    let name = name(info, net);
    let Some(bytes) = cache.read(&name) else { return Ok(None) };
    read(&bytes, info, net).map(Some).map_err(|why| format!("{name} is ignored: {why}"))
}

/// Keeps what the tuner found out.
pub(super) fn remember(cache: &dyn Cache, info: &wgpu::AdapterInfo, net: &Net, tuning: &Tuning) {
    cache.write(&name(info, net), format!("{:#}", written(info, net, &tuning.kernels)).as_bytes());
}

/// What the choice holds for, and kernels by the labels of layers.
fn written(info: &wgpu::AdapterInfo, net: &Net, kernels: &Kernels) -> Value {
    let kernels = kernels.layers().map(|(label, kernel)| (label.to_owned(), kernel.to_string().into()));
    json!({ "identity": identity(info, net), "kernels": kernels.collect::<serde_json::Map<_, _>>() })
}

fn read(bytes: &[u8], info: &wgpu::AdapterInfo, net: &Net) -> Result<Kernels, String> {
    let choice: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    if choice.get("identity").and_then(Value::as_str) != Some(&identity(info, net)) {
        return Err("it is another adapter's".to_owned());
    }
    let Some(named) = choice.get("kernels").and_then(Value::as_object) else {
        return Err("it names no kernels".to_owned());
    };
    let mut kernels = Kernels::of_adapter(info);
    for (label, kernel) in named {
        let kernel = kernel.as_str().unwrap_or_default();
        kernels.set(label.clone(), kernel.parse().map_err(|error| format!("{kernel:?}: {error}"))?);
    }
    Ok(kernels)
}

fn identity(info: &wgpu::AdapterInfo, net: &Net) -> String {
    format!("{info:?}; {}", layer_labels(net).join(", "))
}

fn name(info: &wgpu::AdapterInfo, net: &Net) -> String {
    cache::name("kernels", identity(info, net), "json")
}
