//! Requantisation of many pixels at once. It says the same as `src/reference/requantise.rs`, in a form that compilers
//! vectorise: one channel a loop, nothing checked that the net's checks have proved.

use super::lanes::{MOST_LANES, Tiles};
use crate::image::Sample;
use crate::net::{Layer, Prelu};

/// Accumulators of one hidden channel to codes, put into `words` of `codes` codes as code `code`.
#[inline(always)]
pub(super) fn codes(acc: &[i32], layer: &Layer, channel: usize, codes: usize, code: usize, words: &mut [u32]) {
    let bits = 32 / codes;
    let shift = code * bits;
    let others = !(u32::MAX >> (32 - bits) << shift);
    if let Some(prelu) = &layer.prelu {
        return prelu_codes(acc, layer, prelu, channel, shift, others, words);
    }
    let limit = layer.limit[channel].cast_signed();
    let (pre, post) = (u32::from(layer.pre[channel]), u32::from(layer.post[channel]));
    let (mul, half) = (u32::from(layer.mul[channel]), 1 << (post - 1));
    for (&acc, word) in acc.iter().zip(words) {
        let a = acc.clamp(0, limit).cast_unsigned() >> pre;
        *word = *word & others | (a.wrapping_mul(mul).wrapping_add(half) >> post) << shift;
    }
}

/// The same with a PReLU, put into words at `shift`, where `others` are the other codes.
#[inline(always)]
fn prelu_codes(
    acc: &[i32],
    layer: &Layer,
    prelu: &Prelu,
    channel: usize,
    shift: usize,
    others: u32,
    words: &mut [u32],
) {
    let (pre, post) = (u32::from(layer.pre[channel]), u32::from(layer.post[channel]));
    let (mul, mul_negative) = (i32::from(layer.mul[channel]), i32::from(prelu.mul_negative[channel]));
    let addend = (i32::from(prelu.zero_point) << post) + (1 << (post - 1));
    for (&acc, word) in acc.iter().zip(words) {
        let a = (acc >> pre).clamp(i16::MIN.into(), i16::MAX.into());
        let m = if a < 0 { mul_negative } else { mul };
        let code = (a.wrapping_mul(m).wrapping_add(addend) >> post).clamp(0, u8::MAX.into());
        *word = *word & others | code.cast_unsigned() << shift;
    }
}

/// A hidden channel's requantisation in lanes of 16 bits, of accumulators times 64: shift right with the sign, clamp to
/// 0..=`limit`, take the upper half of the product with `mul`, add `half`, take the upper half of the product with `down`.
/// But for the shift it is u16, each twice in an i32, as loading those into all lanes takes no instruction on x86.
///
/// `(a * mul + 2^(post - 1)) >> post` is that, for `post` of 17 and more: its half of a step has no part in the lower half.
/// The same channel with a smaller `post` has an accumulator times a power of two, if that fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Narrow {
    /// For each lane, so that it is a vector in memory: shifts by a number that is the same for all lanes take two
    /// instructions on x86, those by vectors one.
    pub shift: [i32; MOST_LANES],
    pub limit: i32,
    pub mul: i32,
    pub half: i32,
    /// `2^(16 - n)` to shift right by `n`.
    pub down: i32,
}

/// How often the accumulators are doubled that [`Narrow`] takes.
pub(super) const DOUBLED: u32 = 6;

impl Narrow {
    /// None for a channel that doesn't fit: of those that this crate makes from float weights, none.
    pub fn new(layer: &Layer, channel: usize) -> Option<Self> {
        let (limit, pre, post) = (layer.limit[channel], u32::from(layer.pre[channel]), u32::from(layer.post[channel]));
        let up = 17_u32.saturating_sub(post);
        // By at least 1, so that no instruction set overflows that takes 2^15 off what it shifted.
        if up > 0 && pre > 0 || up >= DOUBLED || DOUBLED + pre - up > 31 {
            return None;
        }
        let limit = (limit >> pre).checked_mul(1 << up).filter(|&limit| limit <= u16::MAX.into())?;
        Some(Self {
            shift: [i32::try_from(DOUBLED + pre - up).ok()?; MOST_LANES],
            limit: twice(limit),
            mul: twice(layer.mul[channel].into()),
            half: twice(1 << (post + up - 17)),
            down: twice(1 << (32 - (post + up))),
        })
    }
}

/// The same with a PReLU: shift right with the sign, saturate to i16, take the upper half of the product with `mul`, or with
/// `mul ^ bend` if it is below 0, add `addend`, take the upper half of the product with `down`, clamp to 0..=`most`. All of
/// it is i16: of `a * m` the upper half is below 2^14, and with a `post` of 18 to 22 the zero point and half of a step, of
/// which none is in the lower half, are below 2^14.
///
/// The same channel with a smaller `post` has an accumulator times a power of two, if that fits.
#[derive(Clone, Copy, Debug)]
pub(super) struct NarrowPrelu {
    pub shift: [i32; MOST_LANES],
    pub mul: i32,
    pub bend: i32,
    pub addend: i32,
    pub down: i32,
    pub most: i32,
}

impl NarrowPrelu {
    /// None for a channel that doesn't fit, of accumulators that stay below 2^25.
    pub fn new(layer: &Layer, prelu: &Prelu, channel: usize) -> Option<Self> {
        let (pre, post) = (u32::from(layer.pre[channel]), u32::from(layer.post[channel]));
        let (mul, mul_negative) = (i32::from(layer.mul[channel]), i32::from(prelu.mul_negative[channel]));
        let up = 18_u32.saturating_sub(post);
        if up > 0 && (pre > 0 || up >= DOUBLED || !fits_doubled(layer, prelu, channel, up)) {
            return None;
        }
        let post = post + up;
        let addend = i32::from(prelu.zero_point) << (post - 16) | 1 << (post - 17);
        Some(Self {
            // An accumulator below 2^25 that is shifted by 25 is its sign alone, as by more.
            shift: [i32::try_from((DOUBLED + pre - up).min(31)).ok()?; MOST_LANES],
            mul: twice(mul.cast_unsigned()),
            bend: twice((mul ^ mul_negative).cast_unsigned() & 0xffff),
            addend: twice(addend.cast_unsigned()),
            down: twice(1 << (32 - post)),
            most: twice(u8::MAX.into()),
        })
    }
}

/// Whether a channel's accumulators, without a shift and doubled `up` times, may saturate to i16: because none does, or all
/// that do have the extreme code that they have anyway.
fn fits_doubled(layer: &Layer, prelu: &Prelu, channel: usize, up: u32) -> bool {
    let range = layer.acc_range(channel);
    let (zero_point, post) = (i64::from(prelu.zero_point), layer.post[channel]);
    let half = (zero_point << post) + (1 << (post - 1));
    // The last accumulator of either sign that does not saturate: whether the code has come to the end that it goes to.
    let is_extreme = |acc: i64, mul: i64| {
        let code = (acc * mul + half) >> post;
        match (acc * mul).signum() {
            0 => true,
            1 => code >= 255,
            _ => code <= 0,
        }
    };
    let most = 1_i64 << (15 - up);
    (*range.end() < most || is_extreme(most - 1, layer.mul[channel].into()))
        && (*range.start() >= -most || is_extreme(-most, prelu.mul_negative[channel].into()))
}

/// A number of 16 bits twice in 32.
fn twice(number: u32) -> i32 {
    (number << 16 | number).cast_signed()
}

/// A requantisation in 16 bits.
pub(super) trait InHalves: Copy {
    /// The codes of two vectors, as [`Tiles::requantise`] gives them.
    fn codes<L: Tiles>(&self, lanes: L, pixels: [L::Acc; 2]) -> L::Acc;
}

impl InHalves for Narrow {
    #[inline(always)]
    fn codes<L: Tiles>(&self, lanes: L, pixels: [L::Acc; 2]) -> L::Acc {
        lanes.requantise(pixels, self)
    }
}

impl InHalves for NarrowPrelu {
    #[inline(always)]
    fn codes<L: Tiles>(&self, lanes: L, pixels: [L::Acc; 2]) -> L::Acc {
        lanes.requantise_prelu(pixels, self)
    }
}

/// Accumulators of one channel of the last layer, doubled so many times, to residuals in steps of the sample type.
#[inline(always)]
pub(super) fn residuals<S: Sample>(acc: &[i32], doubled: u32, layer: &Layer, channel: usize, residuals: &mut [i32]) {
    // No accumulator is beyond the smaller limit, and one shifted by 31 is its sign alone, as by more.
    let limit = layer.limit[channel].cast_signed().min(i32::MAX >> doubled) << doubled;
    let (pre, post) = ((u32::from(layer.pre[channel]) + doubled).min(31), u32::from(layer.post[channel]));
    let mul = i32::from(layer.mul[channel]);
    for (&acc, residual) in acc.iter().zip(residuals) {
        let p = (acc.clamp(-limit, limit) >> pre).wrapping_mul(mul);
        *residual = if S::BITS == 8 {
            p.wrapping_add(1 << (post - 1)) >> post
        } else {
            p.wrapping_add(p >> 8).wrapping_add(1 << (post - 9)) >> (post - 8)
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cpu::lanes::Tiles;
    use crate::cpu::portable::Portable;
    use crate::random::Random;
    use crate::reference::requantise;

    /// A requantisation that a net may have, and whether it is of those that are made from float weights: they have a `mul`
    /// of 16 bits, and multiply by at most 1.
    fn any(random: &mut Random) -> (Layer, bool) {
        loop {
            let limit = u32::try_from(random.bits() >> 33).unwrap() >> random.within(0..=31);
            let pre = u8::try_from(random.within(0..=18)).unwrap();
            let mul = u16::try_from(random.bits() >> 48).unwrap() >> (random.within(0..=3) / 2 * random.within(0..=15));
            let post = u8::try_from(random.within(1..=31)).unwrap();
            let largest = u64::from(limit >> pre) * u64::from(mul) + (1 << (post - 1));
            if limit >> pre <= 0xffff && largest <= u32::MAX.into() && (128..256).contains(&(largest >> post)) {
                let least_pre = limit >> pre >= 1 << 15 || pre == 0;
                let at_most_1 = u64::from(mul) <= 1 << (pre + post);
                return (Layer::of_one_channel(limit, pre, mul, post), mul >= 1 << 15 && least_pre && at_most_1);
            }
        }
    }

    /// The codes of a layer's accumulators, one a lane; `None` where the instructions are not there.
    fn codes<L: Tiles>(by: &impl InHalves, acc: &[i32]) -> Option<Vec<i32>> {
        let lanes = L::detect()?;
        let doubled: Vec<i32> = acc.iter().map(|acc| acc << DOUBLED).collect();
        let mut codes = vec![0; acc.len()];
        lanes.run(
            #[inline(always)]
            || {
                for (acc, to) in doubled.chunks_exact(2 * L::LANES).zip(codes.chunks_exact_mut(2 * L::LANES)) {
                    let narrow = by.codes(lanes, [lanes.load_acc(acc), lanes.load_acc(&acc[L::LANES..])]);
                    let [first, second] = lanes.halves(narrow, lanes.bytes(narrow, narrow));
                    lanes.store(first, to);
                    lanes.store(second, &mut to[L::LANES..]);
                }
            },
        );
        Some(codes)
    }

    /// Compares with the reference on every instruction set of this machine.
    fn check(layer: &Layer, by: &impl InHalves, acc: &[i32]) {
        let expected: Vec<i32> = acc.iter().map(|&acc| requantise::code(acc, layer, 0).into()).collect();
        let check = |codes: Option<Vec<i32>>, name: &str| {
            for (at, word) in codes.into_iter().flatten().enumerate() {
                // Once alone and twice as bytes.
                let expected = expected[at].wrapping_mul(0x0101_0001);
                assert!(word == expected, "{name}: {} {layer:?}: {word:#x} {expected:#x}", acc[at]);
            }
        };
        check(codes::<Portable>(by, acc), "portable");
        #[cfg(target_arch = "x86_64")]
        {
            use crate::cpu::{avx_vnni::AvxVnni, avx2::Avx2, avx512_vnni::Avx512Vnni, sse2::Sse2};
            check(codes::<Sse2>(by, acc), "sse2");
            check(codes::<Avx2>(by, acc), "avx2");
            check(codes::<AvxVnni>(by, acc), "avx-vnni");
            check(codes::<Avx512Vnni>(by, acc), "avx512-vnni");
        }
    }

    /// A requantisation with PReLU, and the accumulators that it is for.
    fn any_prelu(random: &mut Random) -> Layer {
        let posts = if random.byte() < 64 { 8..=22 } else { 17..=22 };
        let post = u8::try_from(random.within(posts)).unwrap();
        let pre = if post < 18 && random.byte() < 220 { 0 } else { u8::try_from(random.within(0..=31)).unwrap() };
        let mul = u16::try_from(random.bits() >> 49).unwrap() >> (random.within(0..=3) / 2 * random.within(0..=15));
        let mul_negative = match random.within(0..=7) {
            0 => 0,
            1 => -0x7fff,
            2 => 0x7fff,
            _ => random.within(-0x7fff..=0x7fff) >> random.within(0..=15),
        };
        let zero_point = if random.byte() < 64 { u8::MAX * (random.byte() & 1) } else { random.byte() };
        let prelu = Some(Prelu { mul_negative: vec![i16::try_from(mul_negative).unwrap()], zero_point });
        let mut layer = Layer { limit: vec![], prelu, ..Layer::of_one_channel(0, pre, mul, post) };
        // Accumulators of a few units to all that there may be.
        let largest = i8::try_from(127 >> random.within(0..=6)).unwrap();
        for weight in layer.weights.iter_mut().take(usize::try_from(random.within(1..=9)).unwrap()) {
            *weight = i8::try_from(random.within(-i64::from(largest)..=largest.into())).unwrap();
        }
        if random.byte() & 1 == 0 {
            layer.bias[0] = i32::try_from(random.within(-(1 << 24)..=1 << 24) >> random.within(0..=24)).unwrap();
        }
        layer
    }

    #[test]
    fn codes_of_a_prelu_in_16_bits_are_the_references() {
        let mut random = Random::new(2);
        let (mut narrow, mut doubled, mut wide) = (0, 0, 0);
        while narrow < 4_000 || doubled < 200 {
            let layer = any_prelu(&mut random);
            let Some(by) = NarrowPrelu::new(&layer, layer.prelu.as_ref().unwrap(), 0) else {
                assert!(layer.post[0] < 18, "{layer:?}");
                wide += 1;
                continue;
            };
            narrow += 1;
            doubled += u32::from(layer.post[0] < 18);
            let range = layer.acc_range(0);
            let (least, most) = (*range.start(), *range.end());
            let acc: Vec<i32> = (0..64)
                .map(|i| match i {
                    0..8 => [0, -1, 1, least, most, least + 1, most - 1, (least + most) / 2][i].clamp(least, most),
                    8..16 => ((1 << 15 << layer.pre[0].min(9)) + i64::try_from(i).unwrap() - 12).clamp(least, most),
                    16..24 => (20 - (1 << 15 << layer.pre[0].min(9)) - i64::try_from(i).unwrap()).clamp(least, most),
                    24..40 => random.within(least.max(-300)..=least.max(-300).max(most.min(300))),
                    _ => random.within(least..=most),
                })
                .map(|acc| i32::try_from(acc).unwrap())
                .collect();
            check(&layer, &by, &acc);
        }
        assert!(wide > 100, "{wide} of those that don't fit");
    }

    #[test]
    fn codes_in_16_bits_are_the_references() {
        let mut random = Random::new(1);
        let (mut narrow, mut wide) = (0, 0);
        while narrow < 2_000 {
            let (layer, is_usual) = any(&mut random);
            let Some(by) = Narrow::new(&layer, 0) else {
                assert!(!is_usual, "{layer:?}");
                wide += 1;
                continue;
            };
            narrow += 1;
            let most = i64::from(layer.limit[0]).min((1 << 25) - 1);
            let acc: Vec<i32> = (0..64)
                .map(|i| match i {
                    0..4 => [0, -1, (1 << 25) - 1, -(1 << 25)][i],
                    4..10 => i32::try_from((most + i64::try_from(i).unwrap() - 7).min((1 << 25) - 1)).unwrap(),
                    _ => i32::try_from(random.within(-most / 8..=most)).unwrap(),
                })
                .collect();
            check(&layer, &by, &acc);
        }
        assert!(wide > 100, "{wide} of those that don't fit");
    }
}
