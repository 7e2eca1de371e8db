//! A net of the shape of Real-ESRGAN's compact ones (`SRVGGNetCompact`: 64 channels with PReLU, x4): shaders depend on shapes alone,
//! so its weights are all alike and one body layer stands for sixteen.

use std::collections::BTreeMap;

use abpn::Net;
use abpn::net::{Layer, Prelu, TAPS};

const CHANNELS: usize = 64;
const SCALE: usize = 4;

/// The net.
pub fn net() -> abpn::Result<Net> {
    let layer = |in_channels, out_channels, prelu: bool| Layer {
        in_channels,
        out_channels,
        weights: vec![1; out_channels * in_channels * TAPS],
        bias: vec![0; out_channels],
        limit: if prelu { Vec::new() } else { vec![0xffff; out_channels] },
        pre: vec![0; out_channels],
        mul: vec![1; out_channels],
        post: vec![16; out_channels],
        prelu: prelu.then(|| Prelu { mul_negative: vec![-1; out_channels], zero_point: 128 }),
    };
    let layers =
        vec![layer(3, CHANNELS, true), layer(CHANNELS, CHANNELS, true), layer(CHANNELS, 3 * SCALE * SCALE, false)];
    Net::new(SCALE, layers, BTreeMap::new())
}
