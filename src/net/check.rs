//! The proof that a net's arithmetic stays in 32 bits and its codes in 0..=255, whatever the picture.

use std::collections::BTreeMap;

use super::file::RESERVED;
use super::{Layer, MAX_CHANNELS, MAX_LAYERS, TAPS};
use crate::{Error, Result};

/// Most bytes of all notes together: JSON may take six for one, and the header of a file has its own limit.
const MAX_NOTES_BYTES: usize = 64 << 10;

/// Checks a whole net; an error names the tensor and the reason.
pub(super) fn net(scale: usize, layers: &[Layer]) -> Result<()> {
    self::scale(scale)?;
    if layers.is_empty() || layers.len() > MAX_LAYERS {
        return Err(Error::WeightFile(format!("it has {} layers; 1 to {MAX_LAYERS} can be run", layers.len())));
    }
    let mut channels = 3;
    for (index, layer) in layers.iter().enumerate() {
        let is_last = index + 1 == layers.len();
        shapes(index, layer, channels)?;
        if is_last && layer.out_channels != 3 * scale * scale {
            return Err(tensor_error(
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

/// Checks the scale alone.
pub(super) fn scale(scale: usize) -> Result<()> {
    if (2..=4).contains(&scale) {
        return Ok(());
    }
    Err(Error::WeightFile(format!("its scale is {scale}; 2, 3 and 4 can be run")))
}

/// Checks that the notes don't stand in for the file's own metadata, and that a file can hold them.
pub(super) fn notes(notes: &BTreeMap<String, String>) -> Result<()> {
    if let Some(key) = RESERVED.into_iter().find(|&key| notes.contains_key(key)) {
        return Err(Error::WeightFile(format!("a note can't be called {key:?}: the file format uses that name")));
    }
    let bytes: usize = notes.iter().map(|(key, value)| key.len() + value.len()).sum();
    if bytes > MAX_NOTES_BYTES {
        return Err(Error::WeightFile(format!("its notes have {bytes} bytes; {MAX_NOTES_BYTES} are the most")));
    }
    Ok(())
}

/// How a layer's tensor is called in files and messages.
pub(super) fn tensor_name(layer: usize, name: &str) -> String {
    format!("conv.{layer}.{name}")
}

/// The error for a layer's tensor.
pub(super) fn tensor_error(layer: usize, name: &str, reason: impl Into<String>) -> Error {
    Error::Tensor { tensor: tensor_name(layer, name), reason: reason.into() }
}

fn shapes(index: usize, layer: &Layer, in_channels: usize) -> Result<()> {
    let outputs = layer.out_channels;
    if layer.in_channels != in_channels {
        let reason = format!("it reads {} channels, and the layer before gives {in_channels}", layer.in_channels);
        return Err(tensor_error(index, "weight", reason));
    }
    if outputs == 0 || outputs > MAX_CHANNELS {
        return Err(tensor_error(
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
            return Err(tensor_error(index, name, format!("it has {actual} values, not {expected}")));
        }
    }
    Ok(())
}

/// The accumulator of any picture fits an i32, and so does every weight its symmetric range.
fn accumulator(index: usize, layer: &Layer, channel: usize) -> Result<()> {
    let weights = &layer.weights[channel * layer.in_channels * TAPS..][..layer.in_channels * TAPS];
    if weights.contains(&i8::MIN) {
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
