//! The proof that a net's arithmetic stays in 32 bits and its codes in 0..=255, whatever the picture.

use super::tensors::tensor_error;
use super::{Layer, MAX_CHANNELS, MAX_LAYERS, TAPS};
use crate::{Error, Result};

/// Checks a whole net; an error names the tensor and the reason.
pub(super) fn net(scale: usize, layers: &[Layer]) -> Result<()> {
    chain(scale, layers.iter().map(|layer| (layer.in_channels, layer.out_channels)))?;
    for (index, layer) in layers.iter().enumerate() {
        lengths(index, layer)?;
        for channel in 0..layer.out_channels {
            accumulator(index, layer, channel)?;
            if index + 1 == layers.len() {
                residual(index, layer, channel)?;
            } else {
                code(index, layer, channel)?;
            }
        }
    }
    Ok(())
}

/// Checks the scale alone.
pub(super) fn scale(scale: usize) -> Result<()> {
    if (2..=4).contains(&scale) {
        return Ok(());
    }
    Err(Error::WeightFile(format!("its scale is {scale}; 2, 3 and 4 can be run")))
}

/// Checks the layers' input and output channels: colours in, the pixels of a block out, and each layer reads what the
/// one before gives.
pub(super) fn chain(scale: usize, channels: impl ExactSizeIterator<Item = (usize, usize)>) -> Result<()> {
    self::scale(scale)?;
    let layers = channels.len();
    if !(1..=MAX_LAYERS).contains(&layers) {
        return Err(Error::WeightFile(format!("it has {layers} layers; 1 to {MAX_LAYERS} can be run")));
    }
    let mut given = 3;
    for (index, (inputs, outputs)) in channels.enumerate() {
        let block = 3 * scale * scale;
        let reason = if inputs != given {
            format!("it reads {inputs} channels and is given {given}")
        } else if !(1..=MAX_CHANNELS).contains(&outputs) {
            format!("it has {outputs} output channels; 1 to {MAX_CHANNELS} can be run")
        } else if index + 1 == layers && outputs != block {
            format!("the last layer of an x{scale} net has {block} output channels, not {outputs}")
        } else {
            given = outputs;
            continue;
        };
        return Err(tensor_error(index, "weight", reason));
    }
    Ok(())
}

/// Every vector has the length that the layer's channels ask for.
fn lengths(index: usize, layer: &Layer) -> Result<()> {
    let outputs = layer.out_channels;
    for (name, actual, expected) in [
        ("weight", layer.weights.len(), outputs * layer.in_channels * TAPS),
        ("bias", layer.bias.len(), outputs),
        ("limit", layer.limit.len(), outputs),
        ("pre", layer.pre.len(), outputs),
        ("mul", layer.mul.len(), outputs),
        ("post", layer.post.len(), outputs),
    ] {
        if actual != expected {
            return Err(tensor_error(index, name, format!("it has {actual} values, not {expected}")));
        }
    }
    Ok(())
}

/// Weights are in their symmetric range, and the accumulator of any picture fits an i32.
///
/// So does every partial sum from the bias on: with the codes that are still to come at 0, or at 128 when a kernel folds
/// that into the bias and adds `weight * (code - 128)`, it is the accumulator of another picture.
fn accumulator(index: usize, layer: &Layer, channel: usize) -> Result<()> {
    if layer.channel_weights(channel).contains(&i8::MIN) {
        return Err(tensor_error(
            index,
            "weight",
            format!("output channel {channel} has a weight of -128; -127 to 127 are allowed"),
        ));
    }
    let reach = layer.acc_range(channel);
    if i32::try_from(*reach.start()).is_err() || i32::try_from(*reach.end()).is_err() {
        let reason = format!("output channel {channel} can reach {} to {}, beyond 32 bits", reach.start(), reach.end());
        return Err(tensor_error(index, "bias", reason));
    }
    Ok(())
}

/// A hidden layer's requantisation fits a u32 and gives at most 255.
fn code(index: usize, layer: &Layer, channel: usize) -> Result<()> {
    let (limit, pre, mul, post) = (layer.limit[channel], layer.pre[channel], layer.mul[channel], layer.post[channel]);
    if limit > i32::MAX.cast_unsigned() {
        return Err(tensor_error(index, "limit", format!("output channel {channel} has {limit}, beyond 2^31 - 1")));
    }
    shifts(index, layer, channel, 1)?;
    let largest = u64::from(limit >> pre) * u64::from(mul) + (1 << (post - 1));
    if largest > u64::from(u32::MAX) {
        return Err(tensor_error(
            index,
            "mul",
            format!("output channel {channel} can overflow 32 bits: {limit} >> {pre}, * {mul}"),
        ));
    }
    if largest >> post > 255 {
        return Err(tensor_error(
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
        return Err(tensor_error(index, "limit", format!("output channel {channel} has {limit}, beyond 2^31 - 1")));
    }
    shifts(index, layer, channel, 9)?;
    // An arithmetic shift of the negative limit rounds away from zero.
    let largest = ((i64::from(limit) >> pre) + 1) * i64::from(mul);
    if largest + (largest >> 8) + 1 + (1 << (post - 1)) > i64::from(i32::MAX) {
        return Err(tensor_error(
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
        return Err(tensor_error(
            index,
            "pre",
            format!("output channel {channel} shifts by {pre}; 0 to 31 are allowed"),
        ));
    }
    if !(least_post..=31).contains(&post) {
        return Err(tensor_error(
            index,
            "post",
            format!("output channel {channel} shifts by {post}; {least_post} to 31 are allowed"),
        ));
    }
    if limit >> pre > 0xffff {
        return Err(tensor_error(index, "pre", format!("output channel {channel}: {limit} >> {pre} is above 65535")));
    }
    Ok(())
}
