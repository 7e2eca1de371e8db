//! The proof that a net's arithmetic stays in 32 bits and its codes in 0..=255, whatever the picture.

use std::ops::RangeInclusive;

use super::tensors::tensor_error;
use super::{Layer, MAX_CHANNELS, MAX_LAYERS, Prelu, TAPS};
use crate::{Error, Result};

/// Checks a whole net; an error names the tensor and the reason.
pub(super) fn net(scale: usize, layers: &[Layer]) -> Result<()> {
    chain(scale, layers.iter().map(|layer| (layer.in_channels, layer.out_channels)))?;
    for (index, layer) in layers.iter().enumerate() {
        lengths(index, layer)?;
        if index + 1 == layers.len() && layer.prelu.is_some() {
            return Err(tensor_error(index, "mul_negative", "the last layer gives the residual and has no PReLU"));
        }
        for channel in 0..layer.out_channels {
            accumulator(index, layer, channel)?;
            if index + 1 == layers.len() {
                residual(index, layer, channel)?;
            } else if let Some(prelu) = &layer.prelu {
                prelu_code(index, layer, prelu, channel)?;
            } else {
                code(index, layer, channel)?;
            }
        }
    }
    Ok(())
}

/// The largest `post` with a PReLU: `2^15 * (2^15 - 1)`, `255 << 22` and half a step stay below 2^31.
pub(super) const MOST_POST_PRELU: u8 = 22;

/// Checks the scale alone.
pub(super) fn scale(scale: usize) -> Result<()> {
    if (1..=4).contains(&scale) {
        return Ok(());
    }
    Err(Error::WeightFile(format!("its scale is {scale}; 1 to 4 can be run")))
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
    let mul_negative = layer.prelu.as_ref().map(|prelu| prelu.mul_negative.len());
    for (name, actual, expected) in [
        ("weight", layer.weights.len(), outputs * layer.in_channels * TAPS),
        ("bias", layer.bias.len(), outputs),
        ("limit", layer.limit.len(), if mul_negative.is_some() { 0 } else { outputs }),
        ("mul_negative", mul_negative.unwrap_or(outputs), outputs),
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
/// that into the bias and adds `weight * (code - 128)`, it is the accumulator of another picture. Zero points are codes too.
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

/// With a PReLU any shifts and multipliers of these ranges stay within an i32, whatever the accumulator and the zero point.
fn prelu_code(index: usize, layer: &Layer, prelu: &Prelu, channel: usize) -> Result<()> {
    let (mul, mul_negative) = (layer.mul[channel], prelu.mul_negative[channel]);
    shift_ranges(index, layer, channel, 1..=MOST_POST_PRELU)?;
    if mul > i16::MAX.cast_unsigned() {
        let reason = format!("output channel {channel} has {mul}; with a PReLU 0 to 32767 are allowed");
        return Err(tensor_error(index, "mul", reason));
    }
    if mul_negative == i16::MIN {
        let reason = format!("output channel {channel} has {mul_negative}; -32767 to 32767 are allowed");
        return Err(tensor_error(index, "mul_negative", reason));
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
    shift_ranges(index, layer, channel, least_post..=31)?;
    let (limit, pre) = (layer.limit[channel], layer.pre[channel]);
    if limit >> pre > 0xffff {
        return Err(tensor_error(index, "pre", format!("output channel {channel}: {limit} >> {pre} is above 65535")));
    }
    Ok(())
}

/// `pre` is a shift that 32 bits have, and `post` one of these.
fn shift_ranges(index: usize, layer: &Layer, channel: usize, posts: RangeInclusive<u8>) -> Result<()> {
    for (name, shift, allowed) in [("pre", layer.pre[channel], 0..=31), ("post", layer.post[channel], posts)] {
        if !allowed.contains(&shift) {
            let (least, most) = (allowed.start(), allowed.end());
            let reason = format!("output channel {channel} shifts by {shift}; {least} to {most} are allowed");
            return Err(tensor_error(index, name, reason));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::Rgb;
    use crate::net::Net;
    use crate::net::random::{random_net, random_prelu_net};
    use crate::random::Random;
    use crate::reference::{self, requantise};

    /// Values of all magnitudes up to `most`, with extremes more often than by chance.
    fn extreme(random: &mut Random, most: u32) -> u32 {
        let any = u32::try_from(random.bits() >> 32).unwrap() >> random.within(0..=31);
        match random.within(0..=3) {
            0 => most,
            1 => most - any % 3,
            _ => any.min(most),
        }
    }

    fn random_layer(random: &mut Random) -> Layer {
        let limit = extreme(random, i32::MAX.cast_unsigned());
        let pre = u8::try_from(random.within(0..=32)).unwrap();
        let mul = u16::try_from(extreme(random, 0xffff)).unwrap();
        let post = u8::try_from(random.within(0..=33)).unwrap();
        Layer::of_one_channel(limit, pre, mul, post)
    }

    fn accumulators(random: &mut Random, limit: u32) -> Vec<i32> {
        let limit = limit.cast_signed();
        let mut accumulators = vec![i32::MIN, i32::MIN + 1, -1, 0, 1, i32::MAX, limit, -limit, limit - 1, 1 - limit];
        accumulators.extend((0..10).map(|_| extreme(random, u32::MAX).cast_signed()));
        accumulators
    }

    #[test]
    fn codes_that_pass_the_check_are_exact_in_32_bits() {
        let (mut passed, mut refused) = (0, 0);
        for seed in 0..100_000 {
            let mut random = Random::new(seed);
            let layer = random_layer(&mut random);
            if code(0, &layer, 0).is_err() {
                refused += 1;
                continue;
            }
            passed += 1;
            let (limit, pre, mul, post) = (layer.limit[0], layer.pre[0], layer.mul[0], layer.post[0]);
            for acc in accumulators(&mut random, limit) {
                let a = i64::from(acc).clamp(0, limit.into()) >> pre;
                let exact = (a * i64::from(mul) + (1 << (post - 1))) >> post;
                assert_eq!(i64::from(requantise::code(acc, &layer, 0)), exact, "seed {seed}, acc {acc}, {layer:?}");
            }
        }
        assert!(passed > 10_000 && refused > 10_000, "{passed} passed, {refused} refused");
    }

    fn random_prelu_layer(random: &mut Random) -> Layer {
        let mul = u16::try_from(extreme(random, 0x8001)).unwrap();
        let sign = if random.byte() & 1 == 0 { 1 } else { -1 };
        let mul_negative = i32::try_from(extreme(random, 0x7fff)).unwrap() * sign - i32::from(random.byte() == 0);
        let pre = u8::try_from(random.within(0..=32)).unwrap();
        let post = u8::try_from(random.within(0..=23)).unwrap();
        let zero_point = u8::try_from(extreme(random, 255)).unwrap();
        let mul_negative = vec![i16::try_from(mul_negative.max(-0x8000)).unwrap()];
        let prelu = Some(Prelu { mul_negative, zero_point });
        Layer { limit: vec![], prelu, ..Layer::of_one_channel(0, pre, mul, post) }
    }

    #[test]
    fn codes_of_a_prelu_that_pass_the_check_are_exact_in_32_bits() {
        let (mut passed, mut refused) = (0, 0);
        for seed in 0..100_000 {
            let mut random = Random::new(seed);
            let layer = random_prelu_layer(&mut random);
            let prelu = layer.prelu.as_ref().unwrap();
            if prelu_code(0, &layer, prelu, 0).is_err() {
                refused += 1;
                continue;
            }
            passed += 1;
            let (pre, mul, post) = (layer.pre[0], i64::from(layer.mul[0]), layer.post[0]);
            for acc in accumulators(&mut random, (1 << 15) << pre.min(15)) {
                let a = (i64::from(acc) >> pre).clamp(-(1 << 15), (1 << 15) - 1);
                let m = if acc >= 0 { mul } else { prelu.mul_negative[0].into() };
                let exact = i64::from(prelu.zero_point) + ((a * m + (1 << (post - 1))) >> post);
                let code = requantise::code(acc, &layer, 0);
                assert_eq!(i64::from(code), exact.clamp(0, 255), "seed {seed}, acc {acc}, {layer:?}");
            }
        }
        assert!(passed > 10_000 && refused > 10_000, "{passed} passed, {refused} refused");
    }

    #[test]
    fn each_limit_of_a_prelu_holds_to_the_last_step() {
        let layer = |mul, mul_negative, post, zero_point| {
            let prelu = Some(Prelu { mul_negative: vec![mul_negative], zero_point });
            Layer { limit: vec![], prelu, ..Layer::of_one_channel(0, 0, mul, post) }
        };
        let check = |layer: &Layer| prelu_code(0, layer, layer.prelu.as_ref().unwrap(), 0);
        for allowed in [layer(0x7fff, -0x7fff, 22, 255), layer(0x7fff, 0x7fff, 22, 0), layer(0, 0, 1, 255)] {
            check(&allowed).unwrap();
            // Tests are compiled with checks of overflow.
            for acc in [i32::MIN, -0x8000, -1, 0, 1, 0x7fff, i32::MAX] {
                requantise::code(acc, &allowed, 0);
            }
        }
        for refused in [layer(0x8000, 0, 9, 0), layer(0, i16::MIN, 9, 0), layer(1, 1, 23, 0), layer(1, 1, 0, 0)] {
            check(&refused).unwrap_err();
        }
    }

    #[test]
    fn residuals_that_pass_the_check_are_exact_in_32_bits() {
        let (mut passed, mut refused) = (0, 0);
        for seed in 0..100_000 {
            let mut random = Random::new(seed);
            let layer = random_layer(&mut random);
            if residual(0, &layer, 0).is_err() {
                refused += 1;
                continue;
            }
            passed += 1;
            let (limit, pre, mul, post) = (i64::from(layer.limit[0]), layer.pre[0], layer.mul[0], layer.post[0]);
            for acc in accumulators(&mut random, layer.limit[0]) {
                let p = (i64::from(acc).clamp(-limit, limit) >> pre) * i64::from(mul);
                let half = 1 << (post - 1);
                let residual = requantise::residual::<u8>(acc, &layer, 0);
                assert_eq!(i64::from(residual), (p + half) >> post, "seed {seed}, acc {acc}, {layer:?}");
                let residual = requantise::residual::<u16>(acc, &layer, 0);
                assert_eq!(i64::from(residual), (257 * p + half) >> post, "seed {seed}, acc {acc}, {layer:?}");
                // The anchor comes on top.
                assert!(residual.checked_add(i32::from(u16::MAX)).is_some(), "seed {seed}, acc {acc}, {layer:?}");
            }
        }
        assert!(passed > 10_000 && refused > 10_000, "{passed} passed, {refused} refused");
    }

    #[test]
    fn each_limit_holds_to_the_last_step() {
        let most = i32::MAX.cast_unsigned();
        for (allowed, refused) in [
            // 65535 * 65408 and half a step are just below 256 << 24.
            (Layer::of_one_channel(most, 15, 65_408, 24), Layer::of_one_channel(most, 15, 65_409, 24)),
            (Layer::of_one_channel(65_407, 0, 1, 8), Layer::of_one_channel(65_408, 0, 1, 8)),
            (Layer::of_one_channel(255, 0, 2, 1), Layer::of_one_channel(256, 0, 2, 1)),
            // The product and half a step are just below 2^32.
            (Layer::of_one_channel(0xffff, 0, 49_152, 31), Layer::of_one_channel(0xffff, 0, 49_153, 31)),
            (Layer::of_one_channel(0xffff, 0, 1, 31), Layer::of_one_channel(0xffff, 0, 1, 32)),
            (Layer::of_one_channel(1, 0, 1, 1), Layer::of_one_channel(1, 0, 1, 0)),
            (Layer::of_one_channel(1, 31, 1, 1), Layer::of_one_channel(1, 32, 1, 1)),
            (Layer::of_one_channel(0xffff, 0, 1, 9), Layer::of_one_channel(0x1_0000, 0, 0, 9)),
            (Layer::of_one_channel(most, 15, 0, 8), Layer::of_one_channel(most + 1, 16, 0, 8)),
        ] {
            assert!(code(0, &allowed, 0).is_ok(), "{allowed:?}");
            assert!(code(0, &refused, 0).is_err(), "{refused:?}");
        }
        for (allowed, refused) in [
            (Layer::of_one_channel(0xffff, 0, 1, 9), Layer::of_one_channel(0xffff, 0, 1, 8)),
            (Layer::of_one_channel(0xffff, 0, 1, 31), Layer::of_one_channel(0xffff, 0, 1, 32)),
            (Layer::of_one_channel(1, 31, 1, 9), Layer::of_one_channel(1, 32, 1, 9)),
            (Layer::of_one_channel(0xffff, 0, 1, 9), Layer::of_one_channel(0x1_0000, 0, 0, 9)),
            (Layer::of_one_channel(most, 15, 0, 9), Layer::of_one_channel(most + 1, 16, 0, 9)),
            // (65536 * mul) * 257 / 256 + 257 must stay below 2^31.
            (Layer::of_one_channel(0xffff, 0, 32_640, 9), Layer::of_one_channel(0xffff, 0, 32_641, 9)),
        ] {
            assert!(residual(0, &allowed, 0).is_ok(), "{allowed:?}");
            assert!(residual(0, &refused, 0).is_err(), "{refused:?}");
        }
    }

    /// What the check says of an x2 net with two hidden layers after a change.
    fn after(change: impl FnOnce(&mut Vec<Layer>)) -> String {
        let mut layers = random_net(1, 2, &[4, 8]).unwrap().layers().to_vec();
        change(&mut layers);
        net(2, &layers).map_or_else(|error| error.to_string(), |()| String::new())
    }

    #[test]
    fn each_rule_names_the_tensor_that_breaks_it() {
        assert_eq!(after(|_| ()), "");
        let no_layers = after(Vec::clear);
        assert!(no_layers.contains("0 layers"), "{no_layers}");
        let many = after(|layers| layers.extend(vec![layers[2].clone(); MAX_LAYERS]));
        assert!(many.contains("67 layers"), "{many}");
        for index in 0..3 {
            type Change = fn(&mut Layer);
            let cases: [(&str, Change); 18] = [
                ("weight", |layer| layer.in_channels += 1),
                ("weight", |layer| layer.out_channels = 0),
                ("weight", |layer| layer.out_channels = usize::MAX),
                ("weight", |layer| layer.out_channels = MAX_CHANNELS + 1),
                ("weight", |layer| layer.weights.push(0)),
                ("weight", |layer| layer.weights[7] = -128),
                ("bias", |layer| layer.bias.push(0)),
                ("bias", |layer| layer.bias[1] = i32::MAX),
                ("bias", |layer| layer.bias[1] = i32::MIN),
                ("limit", |layer| layer.limit.clear()),
                ("limit", |layer| layer.limit[2] = 1 << 31),
                ("pre", |layer| layer.pre.push(0)),
                ("pre", |layer| layer.pre[2] = 32),
                ("pre", |layer| (layer.limit[2], layer.pre[2]) = (1 << 20, 4)),
                ("mul", |layer| layer.mul.push(0)),
                ("mul", |layer| (layer.limit[3], layer.pre[3], layer.mul[3], layer.post[3]) = (0xffff, 0, 0xffff, 31)),
                ("post", |layer| layer.post.push(0)),
                ("post", |layer| layer.post[0] = 0),
            ];
            for (name, change) in cases {
                let reason = after(|layers| change(&mut layers[index]));
                assert!(reason.contains(&format!("\"conv.{index}.{name}\"")), "layer {index}, {name}: {reason}");
            }
        }
        let code = after(|layers| layers[0].post[0] -= 1);
        assert!(code.contains("conv.0.limit") && code.contains("above 255"), "{code}");
        let block = after(|layers| {
            layers.pop();
        });
        assert!(block.contains("conv.1.weight") && block.contains("12 output channels"), "{block}");
        for scale in [0, 5, usize::MAX] {
            assert!(net(scale, random_net(1, 2, &[4]).unwrap().layers()).is_err(), "{scale}");
        }
    }

    #[test]
    fn each_rule_of_a_prelu_names_the_tensor_that_breaks_it() {
        let net = random_prelu_net(1, 1, &[4, 8]).unwrap();
        type Change = fn(&mut Layer, &mut Prelu);
        let cases: [(&str, Change); 8] = [
            ("limit", |layer, _| layer.limit.push(9)),
            ("mul_negative", |_, prelu| prelu.mul_negative.clear()),
            ("mul_negative", |_, prelu| prelu.mul_negative[3] = i16::MIN),
            ("mul", |layer, _| layer.mul[1] = 1 << 15),
            ("pre", |layer, _| layer.pre[1] = 32),
            ("post", |layer, _| layer.post[0] = 23),
            ("post", |layer, _| layer.post[0] = 0),
            ("bias", |layer, _| layer.bias[1] = i32::MIN),
        ];
        for index in 0..2 {
            for (name, change) in cases {
                let mut layers = net.layers().to_vec();
                let mut prelu = layers[index].prelu.take().unwrap();
                change(&mut layers[index], &mut prelu);
                layers[index].prelu = Some(prelu);
                let reason = super::net(1, &layers).unwrap_err().to_string();
                assert!(reason.contains(&format!("\"conv.{index}.{name}\"")), "layer {index}, {name}: {reason}");
            }
        }
        let mut layers = net.layers().to_vec();
        layers[2].prelu = Some(Prelu { mul_negative: vec![0; 3], zero_point: 0 });
        layers[2].limit.clear();
        let reason = super::net(1, &layers).unwrap_err().to_string();
        assert!(reason.contains("conv.2.mul_negative") && reason.contains("no PReLU"), "{reason}");
    }

    #[test]
    fn a_net_at_every_limit_runs_without_overflow() {
        let mut layers = random_net(1, 4, &[MAX_CHANNELS, MAX_CHANNELS, MAX_CHANNELS]).unwrap().layers().to_vec();
        let last = layers.len() - 1;
        for (index, layer) in layers.iter_mut().enumerate() {
            let largest = 255 * 127 * i32::try_from(layer.in_channels * TAPS).unwrap();
            let channels = layer.out_channels;
            layer.limit = vec![i32::MAX.cast_unsigned(); channels];
            layer.pre = vec![15; channels];
            // The extremes that `each_limit_holds_to_the_last_step` shows.
            (layer.mul, layer.post) = if index == last {
                (vec![32_640; channels], vec![9; channels])
            } else {
                (vec![65_408; channels], vec![24; channels])
            };
            for out in 0..channels {
                let weights = &mut layer.weights[out * layer.in_channels * TAPS..][..layer.in_channels * TAPS];
                weights.fill(if out % 2 == 0 { 127 } else { -127 });
                // Every other channel goes from 0 up or down to the limit, the others from the opposite limit.
                layer.bias[out] = match out % 4 {
                    0 => i32::MAX - largest,
                    1 => i32::MIN + largest,
                    2 => i32::MIN,
                    _ => i32::MAX,
                };
            }
        }
        net(4, &layers).unwrap();
        assert_eq!(layers[0].acc_range(0).end(), &i64::from(i32::MAX));
        assert_eq!(layers[0].acc_range(1).start(), &i64::from(i32::MIN));
        let net = Net::new(4, layers, std::collections::BTreeMap::new()).unwrap();
        let mut random = Random::new(2);
        for fill in [0, 255, 1] {
            let samples: Vec<u8> = (0..9 * 7 * 3).map(|_| if fill == 1 { random.byte() } else { fill }).collect();
            let wide: Vec<u16> = samples.iter().map(|&sample| u16::from(sample) * 257).collect();
            reference::run(&net, Rgb { width: 9, height: 7, samples: &samples });
            reference::run(&net, Rgb { width: 9, height: 7, samples: &wide });
        }
        // One unit more and it would overflow.
        let mut layers = net.layers().to_vec();
        layers[0].bias[0] += 1;
        assert!(super::net(4, &layers).is_err());
    }

    #[test]
    fn exactness_in_f32_is_judged_by_the_sums_of_products() {
        let mut layer = random_net(1, 2, &[MAX_CHANNELS]).unwrap().last().clone();
        layer.weights.fill(-127);
        layer.bias.fill(i32::MAX);
        assert!(layer.is_exact_in_f32());
        // No net has so many input channels.
        layer.in_channels *= 2;
        layer.weights = vec![114; layer.in_channels * layer.out_channels * TAPS];
        assert!(!layer.is_exact_in_f32());
        layer.weights.fill(113);
        assert!(layer.is_exact_in_f32());
    }
}
