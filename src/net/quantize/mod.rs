//! Float weights to an integer net.

mod requantisation;

pub(super) use requantisation::{MOST_MULTIPLIER, Requantisation};

use super::Layer;

/// The metadata entry `format` of a file of float weights.
pub const FORMAT: &str = "abpn-float";

/// One output channel of a layer.
pub(super) struct Channel {
    /// `[in, 3, 3]`, -127..=127.
    pub weights: Vec<i8>,
    pub bias: i32,
    pub requantisation: Requantisation,
}

/// The layer of these output channels.
pub(super) fn layer(in_channels: usize, channels: impl IntoIterator<Item = Channel>) -> Layer {
    let mut layer = Layer {
        in_channels,
        out_channels: 0,
        weights: Vec::new(),
        bias: Vec::new(),
        limit: Vec::new(),
        pre: Vec::new(),
        mul: Vec::new(),
        post: Vec::new(),
    };
    for Channel { weights, bias, requantisation: Requantisation { limit, pre, mul, post } } in channels {
        layer.out_channels += 1;
        layer.weights.extend(weights);
        layer.bias.push(bias);
        layer.limit.push(limit);
        layer.pre.push(pre);
        layer.mul.push(mul);
        layer.post.push(post);
    }
    layer
}
