//! The net that a command runs.

use std::path::Path;

use abpn::Net;

use super::failure::BAD_WEIGHTS;
use super::{Failure, weights};

/// The net in the weight file `model`, or the built-in one; its scale must be `scale` if that is given.
pub fn load(model: Option<&Path>, scale: Option<u32>) -> Result<Net, Failure> {
    let net = weights::load(model).map_err(|failure| Failure { code: BAD_WEIGHTS, ..failure })?;
    match scale {
        Some(scale) if scale as usize != net.scale() => Err(Failure::usage(format!(
            "{} upscales {} times; for --scale {scale} name a net that does with --model",
            weights::name(model),
            net.scale()
        ))),
        _ => Ok(net),
    }
}
