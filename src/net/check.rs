//! The proof that a net's arithmetic stays in 32 bits and its codes in 0..=255, whatever the picture.

use super::{Layer, MAX_CHANNELS, MAX_LAYERS, TAPS};
use crate::{Error, Result};

/// Checks a whole net; an error names the tensor and the reason.
pub(super) fn net(scale: usize, layers: &[Layer]) -> Result<()> {
    if !(2..=4).contains(&scale) {
        return Err(Error::WeightFile(format!("its scale is {scale}; 2, 3 and 4 can be run")));
    }
    if layers.is_empty() || layers.len() > MAX_LAYERS {
        return Err(Error::WeightFile(format!("it has {} layers; 1 to {MAX_LAYERS} can be run", layers.len())));
    }
    let mut channels = 3;
    for (index, layer) in layers.iter().enumerate() {
        let is_last = index + 1 == layers.len();
        shapes(index, layer, channels)?;
        if is_last && layer.out_channels != 3 * scale * scale {
            return Err(tensor(
                index,
                "weight",
                format!(
                    "the last layer of an x{scale} net has {} output channels, not {}",
                    3 * scale * scale,
                    layer.out_channels
                ),
            ));
        }
        for channel in 0..layer.out_channels {
            accumulator(index, layer, channel)?;
            if is_last {
                residual(index, layer, channel)?;
            } else {
                code(index, layer, channel)?;
            }
        }
        channels = layer.out_channels;
    }
    Ok(())
}

/// The error for tensor `conv.{index}.{name}`.
fn tensor(index: usize, name: &str, reason: impl Into<String>) -> Error {
    Error::Tensor { tensor: format!("conv.{index}.{name}"), reason: reason.into() }
}

fn shapes(index: usize, layer: &Layer, in_channels: usize) -> Result<()> {
    let outputs = layer.out_channels;
    if layer.in_channels != in_channels {
        let reason = format!("it reads {} channels, and the layer before gives {in_channels}", layer.in_channels);
        return Err(tensor(index, "weight", reason));
    }
    if outputs == 0 || outputs > MAX_CHANNELS {
        return Err(tensor(
            index,
            "weight",
            format!("it has {outputs} output channels; 1 to {MAX_CHANNELS} can be run"),
        ));
    }
    for (name, actual, expected) in [
        ("weight", layer.weights.len(), outputs * in_channels * TAPS),
        ("bias", layer.bias.len(), outputs),
        ("limit", layer.limit.len(), outputs),
        ("pre", layer.pre.len(), outputs),
        ("mul", layer.mul.len(), outputs),
        ("post", layer.post.len(), outputs),
    ] {
        if actual != expected {
            return Err(tensor(index, name, format!("it has {actual} values, not {expected}")));
        }
    }
    Ok(())
}

/// The accumulator of any picture fits an i32, and so does every weight its symmetric range.
fn accumulator(index: usize, layer: &Layer, channel: usize) -> Result<()> {
    let weights = &layer.weights[channel * layer.in_channels * TAPS..][..layer.in_channels * TAPS];
    if weights.contains(&i8::MIN) {
        return Err(tensor(
            index,
            "weight",
            format!("output channel {channel} has a weight of -128; -127 to 127 are allowed"),
        ));
    }
    let reach = layer.acc_range(channel);
    if i32::try_from(*reach.start()).is_err() || i32::try_from(*reach.end()).is_err() {
        let reason = format!("output channel {channel} can reach {} to {}, beyond 32 bits", reach.start(), reach.end());
        return Err(tensor(index, "bias", reason));
    }
    Ok(())
}

/// A hidden layer's requantisation fits a u32 and gives at most 255.
fn code(index: usize, layer: &Layer, channel: usize) -> Result<()> {
    let (limit, pre, mul, post) = (layer.limit[channel], layer.pre[channel], layer.mul[channel], layer.post[channel]);
    if limit > i32::MAX.cast_unsigned() {
        return Err(tensor(index, "limit", format!("output channel {channel} has {limit}, beyond 2^31 - 1")));
    }
    shifts(index, layer, channel, 1)?;
    let largest = u64::from(limit >> pre) * u64::from(mul) + (1 << (post - 1));
    if largest > u64::from(u32::MAX) {
        return Err(tensor(
            index,
            "mul",
            format!("output channel {channel} can overflow 32 bits: {limit} >> {pre}, * {mul}"),
        ));
    }
    if largest >> post > 255 {
        return Err(tensor(
            index,
            "limit",
            format!("output channel {channel} can give code {}, above 255", largest >> post),
        ));
    }
    Ok(())
}

/// The last layer's requantisation fits an i32, for 8-bit and for 16-bit pictures.
fn residual(index: usize, layer: &Layer, channel: usize) -> Result<()> {
    let (limit, pre, mul, post) = (layer.limit[channel], layer.pre[channel], layer.mul[channel], layer.post[channel]);
    if limit > i32::MAX.cast_unsigned() {
        return Err(tensor(index, "limit", format!("output channel {channel} has {limit}, beyond 2^31 - 1")));
    }
    shifts(index, layer, channel, 9)?;
    // An arithmetic shift of the negative limit rounds away from zero.
    let largest = ((i64::from(limit) >> pre) + 1) * i64::from(mul);
    if largest + (largest >> 8) + 1 + (1 << (post - 1)) > i64::from(i32::MAX) {
        return Err(tensor(
            index,
            "mul",
            format!("output channel {channel} can overflow 32 bits: {limit} >> {pre}, * {mul}"),
        ));
    }
    Ok(())
}

/// `pre` and `post` are shifts that 32 bits have, and `pre` brings the limit below 2^16.
fn shifts(index: usize, layer: &Layer, channel: usize, least_post: u8) -> Result<()> {
    let (limit, pre, post) = (layer.limit[channel], layer.pre[channel], layer.post[channel]);
    if pre > 31 {
        return Err(tensor(index, "pre", format!("output channel {channel} shifts by {pre}; 0 to 31 are allowed")));
    }
    if !(least_post..=31).contains(&post) {
        return Err(tensor(
            index,
            "post",
            format!("output channel {channel} shifts by {post}; {least_post} to 31 are allowed"),
        ));
    }
    if limit >> pre > 0xffff {
        return Err(tensor(index, "pre", format!("output channel {channel}: {limit} >> {pre} is above 65535")));
    }
    Ok(())
}
