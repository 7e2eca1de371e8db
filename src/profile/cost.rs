//! What the stages of a net compute and move, from their shapes alone.

use crate::net::{Layer, Net};

/// One stage over one window.
pub(super) struct Cost {
    pub label: String,
    pub macs: u64,
    /// Input, output and parameters once each, with nothing padded.
    pub bytes: u64,
}

/// Every stage of `net` over a window of so many input pixels of `bits` bits a sample.
pub(super) fn of_net(net: &Net, pixels: u64, bits: u32) -> Vec<Cost> {
    let last = net.layers().len() - 1;
    let sample_bytes = (bits / 8) as usize;
    let cost = |(index, layer): (usize, &Layer)| {
        let Layer { in_channels, out_channels, .. } = *layer;
        let (kind, bytes_per_pixel) = if index == last {
            // The anchor is the picture, which a net of one layer has read already, unless its input are the 8-bit codes
            // of a 16-bit picture.
            let anchor = if index == 0 && bits == 8 { 0 } else { 3 * sample_bytes };
            ("reconstruct", in_channels + anchor + out_channels * sample_bytes)
        } else {
            ("conv3x3", in_channels + out_channels)
        };
        Cost {
            label: format!("{index} {kind} {in_channels}>{out_channels}"),
            macs: layer.macs_per_pixel() * pixels,
            bytes: bytes_per_pixel as u64 * pixels + parameter_bytes(layer) as u64,
        }
    };
    net.layers().iter().enumerate().map(cost).collect()
}

fn parameter_bytes(layer: &Layer) -> usize {
    let Layer { weights, bias, limit, pre, mul, post, .. } = layer;
    [
        size_of_val(&weights[..]),
        size_of_val(&bias[..]),
        size_of_val(&limit[..]),
        size_of_val(&pre[..]),
        size_of_val(&mul[..]),
        size_of_val(&post[..]),
    ]
    .iter()
    .sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::ABPN_X3;

    #[test]
    fn the_shipped_net_costs_what_its_shapes_say() {
        let net = Net::read(ABPN_X3).unwrap();
        let costs = of_net(&net, 640 * 360, 8);
        assert_eq!(costs.iter().map(|cost| cost.macs).sum::<u64>(), net.macs_per_pixel() * 640 * 360);
        assert_eq!(costs[1].label, "1 conv3x3 28>28");
        // 28 codes in and out a pixel, 28 * 28 * 9 weights, and 12 bytes of parameters a channel.
        assert_eq!(costs[1].bytes, 56 * 640 * 360 + 28 * 28 * 9 + 28 * 12);
        // 27 codes in, the anchor, and 27 samples out.
        assert_eq!(costs[6].label, "6 reconstruct 27>27");
        assert_eq!(costs[6].bytes, (27 + 3 + 27) * 640 * 360 + 27 * 27 * 9 + 27 * 12);
        assert_eq!(of_net(&net, 1, 16)[6].bytes - of_net(&net, 1, 8)[6].bytes, 3 + 27);
    }
}
