//! The 3x3 convolution of 4x4 tiles of pixels in Winograd's way, F(4x4, 3x3): a quarter of the products, and exact.
//!
//! For a tile of outputs `S` of one input channel, with a window `d` of 6x6 codes and 3x3 weights `w`, Lavin and Gray
//! (Fast Algorithms for Convolutional Neural Networks, CVPR 2016) have `S = A^T ((G w G^T) * (B^T d B)) A`, `*` being
//! element by element. `G` has fractions with the denominator 24. [`G`] here is 24 times it, save its last row, which is 6
//! times it; the last column of `A^T` has the 4 that this lacks. So what comes out is `24^2 S = 2^6 * 9 S`, in integers.
//!
//! - `B^T d B` of codes is within -17340..=17340: two of the rows `[0, -4, -4, 1, 1, 0]` weigh 2*2 + 8*8 codes with one sign.
//!   `G w G^T` is within 12*12*127 = 18288. So both are i16, and a pair of products is an i32.
//! - All else is additions and small factors modulo 2^32, so it doesn't matter whether sums fit before the end: `2^6 * 9 S`
//!   is right modulo 2^32. So is, times the inverse of 9 modulo 2^32, `2^6 S`.
//! - A layer's accumulators, bias and all, have to stay within 2^25, so that `2^6` times them fit an i32. The sum of 64 channels
//!   alone is within 64 * 9 * 127 * 255 = 18,653,760 < 2^25.
//! - A constant at row and column 1 of what is summed comes out at all 16 pixels, as `A^T` has a column of ones: that is where
//!   the bias is added, times `24^2`.
//!
//! The same holds for each output of a tile whatever the codes are that it does not depend on: they may be anything.

use std::array;
use std::marker::PhantomData;

use super::lanes::{Lanes, MOST_LANES, Tiles};
use super::requantise::{self, DOUBLED, InHalves, Narrow, NarrowPrelu};
use super::row_kernel::{OutputRows, Rows};
use crate::image::Sample;
use crate::net::Layer;

/// Pixels of a tile's side.
pub(super) const SIDE: usize = 4;

/// Places of a tile, and of what is transformed.
const PIXELS: usize = SIDE * SIDE;
const POSITIONS: usize = (SIDE + 2) * (SIDE + 2);

/// Words that are read beyond a row's last pixel and its neighbour, at most.
pub(super) const fn beyond<L: Tiles>() -> usize {
    L::TILES * SIDE + SIDE
}

/// 24 times Winograd's G, the last row 6 times.
const G: [[i32; 3]; 6] = [[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 6]];

/// 1/9 modulo 2^32.
const NINTH: u32 = 0x38e3_8e39;

/// A magnitude that accumulators stay below.
const ACCUMULATOR_LIMIT: u64 = 1 << 25;

/// A layer as this module computes it.
pub(super) struct Transformed {
    /// Pairs of codes an input pixel, of whole words.
    pairs: usize,
    /// Its weights, transformed: pairs of i16, `[block, position, pair, channel]`.
    weights: Vec<i32>,
    /// The biases times 24^2, modulo 2^32.
    bias: Vec<i32>,
    requantise: Requantise,
}

/// The requantisation of each output channel.
enum Requantise {
    Relu(Vec<Narrow>),
    Prelu(Vec<NarrowPrelu>),
}

impl Requantise {
    /// None if a channel's doesn't fit.
    fn new(layer: &Layer) -> Option<Self> {
        let channels = 0..layer.out_channels;
        Some(match &layer.prelu {
            None => Self::Relu(channels.map(|channel| Narrow::new(layer, channel)).collect::<Option<_>>()?),
            Some(prelu) => {
                Self::Prelu(channels.map(|channel| NarrowPrelu::new(layer, prelu, channel)).collect::<Option<_>>()?)
            }
        })
    }
}

impl Transformed {
    /// None for a layer with accumulators or a requantisation that don't fit.
    pub fn new<L: Tiles>(layer: &Layer) -> Option<Self> {
        Self::with::<L>(layer, &G)
    }

    /// With another G.
    fn with<L: Tiles>(layer: &Layer, g: &[[i32; 3]; 6]) -> Option<Self> {
        if layer.worst_accumulator() >= ACCUMULATOR_LIMIT {
            return None;
        }
        let requantise = Requantise::new(layer)?;
        let pairs = pairs::<L>(layer);
        let blocks = layer.out_channels.div_ceil(L::TILE_CHANNELS);
        let mut weights = vec![0; blocks * POSITIONS * pairs * L::TILE_CHANNELS];
        for out in 0..layer.out_channels {
            for input in 0..layer.in_channels {
                let (word, code) = (input / L::CODES, input % L::CODES);
                let half = L::CODES / 2;
                let (pair, shift) = (word * half + code % half, code / half * 16);
                for (position, weight) in transformed(layer, out, input, g).into_iter().flatten().enumerate() {
                    let block = out / L::TILE_CHANNELS * POSITIONS + position;
                    weights[(block * pairs + pair) * L::TILE_CHANNELS + out % L::TILE_CHANNELS] |=
                        (weight & 0xffff) << shift;
                }
            }
        }
        let bias = layer.bias.iter().map(|bias| bias.wrapping_mul(24 * 24)).collect();
        Some(Self { pairs, weights, bias, requantise })
    }
}

/// `G w G^T`.
fn transformed(layer: &Layer, out: usize, input: usize, g: &[[i32; 3]; 6]) -> [[i32; 6]; 6] {
    let weight = |row: usize, column: usize| i32::from(layer.weight(out, input, row * 3 + column));
    // The rows of `w G^T`.
    let rows = [0, 1, 2].map(|row| g.map(|g| g[0] * weight(row, 0) + g[1] * weight(row, 1) + g[2] * weight(row, 2)));
    g.map(|g| array::from_fn(|column| (0..3).map(|row| g[row] * rows[row][column]).sum()))
}

/// Pairs of an input pixel.
fn pairs<L: Lanes>(layer: &Layer) -> usize {
    layer.in_channels.div_ceil(L::CODES) * L::CODES / 2
}

/// Instructions that the convolution of a layer takes a pixel, about.
#[expect(clippy::cast_precision_loss, reason = "thousands")]
pub(super) fn instructions<L: Tiles>(layer: &Layer) -> f64 {
    let (pairs, outputs) = (pairs::<L>(layer) as f64, layer.out_channels as f64);
    // A product and its addition; pairs are loaded once for all channels, weights once for both vectors.
    let blocks = layer.out_channels.div_ceil(L::TILE_CHANNELS) as f64;
    let products = POSITIONS as f64
        * pairs
        * blocks
        * L::TILE_CHANNELS as f64
        * (L::PRODUCTS as f64 + 1.0 / L::TILE_CHANNELS as f64 + 1.0 / L::TILE_VECTORS as f64);
    // 12 transforms of 17 instructions each, of rows that are taken apart; 10 of 13, and the division. The rest is to and from
    // memory, as no instruction set has room for 36 vectors.
    let transforms = pairs * 400.0 + outputs * 300.0;
    L::EMULATION as f64 * (products + transforms) / (PIXELS * L::LANES) as f64
}

/// What the kernel works with, to be used again.
#[derive(Default)]
pub(super) struct Scratch {
    /// Transformed codes in pairs, `[pair, position, tile]`.
    codes: Aligned<i32>,
    /// Sums of their products, `[position, channel, tile]`.
    sums: Aligned<i32>,
    /// Codes that become of them; see [`Codes`].
    finished: Aligned<i32>,
}

/// Elements from the beginning of a cache line on.
#[derive(Default)]
struct Aligned<T>(Vec<T>);

impl<T: Copy + Default> Aligned<T> {
    /// The first so many.
    fn first(&mut self, len: usize) -> &mut [T] {
        const LINE: usize = 64;
        let most = len + LINE / size_of::<T>();
        if self.0.len() < most {
            self.0.resize(most, T::default());
        }
        // It may be any number where nothing is known of addresses.
        let start = self.0.as_ptr().align_offset(LINE).min(self.0.len() - len);
        &mut self.0[start..start + len]
    }
}

/// Some tiles of four rows.
#[derive(Clone, Copy)]
struct Strip {
    /// The first pixel's place in the row.
    x: usize,
    pixels: usize,
}

impl Strip {
    /// How many vectors its tiles take.
    fn vectors<L: Lanes>(self) -> usize {
        self.pixels.div_ceil(L::LANES * SIDE)
    }
}

/// What takes the accumulators of a layer.
trait Finish<L: Tiles> {
    /// Of one channel, a vector of a strip's tiles and one row of them: 64 times the accumulators, by column. Rows may come
    /// that aren't wanted.
    fn row(&mut self, lanes: L, channel: usize, strip: Strip, vector: usize, row: usize, columns: [L::Acc; SIDE]);

    /// After all of a strip's vectors and rows, once a channel, in order.
    #[inline(always)]
    fn channel(&mut self, _lanes: L, _channel: usize, _strip: Strip) {}
}

/// The codes of some rows of a hidden layer, `[word, stride]` each.
pub(super) fn hidden<L: Tiles>(
    lanes: L,
    weights: &Transformed,
    rows: &Rows,
    scratch: &mut Scratch,
    output: OutputRows<u32>,
) {
    match &weights.requantise {
        Requantise::Relu(requantise) => hidden_by(lanes, weights, requantise, rows, scratch, output),
        Requantise::Prelu(requantise) => hidden_by(lanes, weights, requantise, rows, scratch, output),
    }
}

fn hidden_by<L: Tiles, R: InHalves>(
    lanes: L,
    weights: &Transformed,
    requantise: &[R],
    rows: &Rows,
    scratch: &mut Scratch,
    output: OutputRows<u32>,
) {
    let Scratch { codes, sums, finished } = scratch;
    let codes_of_word = finished.first(L::CODES * PIXELS / 2 * L::TILES);
    let output = OutputRows { buffer: bytemuck::cast_slice_mut(output.buffer), starts: output.starts };
    let finish = Codes { requantise, codes: codes_of_word, rows, output };
    lanes.run(
        #[inline(always)]
        || each_channel(lanes, weights, rows, codes, sums, finish),
    );
}

/// Makes codes, and words of them.
struct Codes<'a, 'b, R> {
    requantise: &'a [R],
    /// Those of a word, `[code, row, pair of columns, tile]`, two in an i32 as the instruction set has them.
    codes: &'a mut [i32],
    rows: &'a Rows<'b>,
    output: OutputRows<'a, i32>,
}

impl<L: Tiles, R: InHalves> Finish<L> for Codes<'_, '_, R> {
    #[inline(always)]
    fn row(&mut self, lanes: L, channel: usize, _: Strip, vector: usize, row: usize, [c0, c1, c2, c3]: [L::Acc; SIDE]) {
        let by = &self.requantise[channel];
        let to = &mut self.codes[(channel % L::CODES * SIDE + row) * 2 * L::TILES + vector * L::LANES..]
            [..L::TILES + L::LANES];
        lanes.store(by.codes(lanes, [c0, c1]), to);
        lanes.store(by.codes(lanes, [c2, c3]), &mut to[L::TILES..]);
    }

    #[inline(always)]
    fn channel(&mut self, lanes: L, channel: usize, strip: Strip) {
        if channel % L::CODES != L::CODES - 1 && channel + 1 != self.requantise.len() {
            return;
        }
        for row in 0..self.output.starts.len() {
            for vector in 0..strip.vectors::<L>() {
                // In the last word of a layer, codes of channels that it doesn't have may be anything: no weight is theirs.
                let [c0, c1] = word(lanes, self.codes, row, 0, vector);
                let [c2, c3] = word(lanes, self.codes, row, 1, vector);
                write(lanes, self.rows, channel / L::CODES, strip, vector, row, [c0, c1, c2, c3], &mut self.output);
            }
        }
    }
}

/// Words of codes `[code, row, pair of columns, tile]`, for both columns of a pair.
#[inline(always)]
fn word<L: Tiles>(lanes: L, codes: &[i32], row: usize, pair: usize, vector: usize) -> [L::Acc; 2] {
    let mut of_word = [lanes.acc(0); 4];
    for (code, of_word) in of_word.iter_mut().enumerate().take(L::CODES) {
        *of_word = lanes.load_acc(&codes[((code * SIDE + row) * 2 + pair) * L::TILES + vector * L::LANES..]);
    }
    let [c0, c1, c2, c3] = of_word;
    if L::CODES == 2 { lanes.halves(c0, c1) } else { lanes.halves(lanes.bytes(c0, c1), lanes.bytes(c2, c3)) }
}

/// The residuals of some rows of the last layer for samples of type `S`, `[channel, stride]` each.
pub(super) fn last<L: Tiles, S: Sample>(
    lanes: L,
    layer: &Layer,
    weights: &Transformed,
    rows: &Rows,
    scratch: &mut Scratch,
    output: OutputRows<i32>,
) {
    let Scratch { codes, sums, .. } = scratch;
    let finish = Residuals::<S> { layer, rows, output, samples: PhantomData };
    lanes.run(
        #[inline(always)]
        || each_channel(lanes, weights, rows, codes, sums, finish),
    );
}

/// Makes residuals.
struct Residuals<'a, 'b, S> {
    layer: &'a Layer,
    rows: &'a Rows<'b>,
    output: OutputRows<'a, i32>,
    samples: PhantomData<S>,
}

impl<L: Tiles, S: Sample> Finish<L> for Residuals<'_, '_, S> {
    #[inline(always)]
    fn row(&mut self, lanes: L, channel: usize, strip: Strip, vector: usize, row: usize, columns: [L::Acc; SIDE]) {
        let columns = element_by_element(
            lanes,
            columns,
            #[inline(always)]
            |acc, to| requantise::residuals::<S>(acc, DOUBLED, self.layer, channel, to),
        );
        write(lanes, self.rows, channel, strip, vector, row, columns, &mut self.output);
    }
}

/// Columns that `work` makes of columns, as elements. Those are so few that compilers keep them in registers.
#[inline(always)]
fn element_by_element<L: Tiles>(
    lanes: L,
    columns: [L::Acc; SIDE],
    work: impl FnOnce(&[i32], &mut [i32]),
) -> [L::Acc; SIDE] {
    let mut from = [0; MOST_LANES * SIDE];
    let mut to = from;
    for (column, from) in columns.into_iter().zip(from.chunks_exact_mut(L::LANES)) {
        lanes.store(column, from);
    }
    work(&from[..L::LANES * SIDE], &mut to[..L::LANES * SIDE]);
    let mut columns = columns;
    for (column, to) in columns.iter_mut().zip(to.chunks_exact(L::LANES)) {
        *column = lanes.load_acc(to);
    }
    columns
}

/// Convolves four rows strip by strip, and has `finish` take the accumulators.
#[inline(always)]
fn each_channel<L: Tiles>(
    lanes: L,
    weights: &Transformed,
    rows: &Rows,
    codes: &mut Aligned<i32>,
    sums: &mut Aligned<i32>,
    mut finish: impl Finish<L>,
) {
    let Transformed { pairs, ref weights, ref bias, .. } = *weights;
    let codes = codes.first(POSITIONS * pairs * L::TILES);
    let sums = sums.first(POSITIONS * L::TILE_CHANNELS * L::TILES);
    for x in (0..rows.width).step_by(L::TILES * SIDE) {
        let strip = Strip { x, pixels: (L::TILES * SIDE).min(rows.width - x) };
        let vectors = strip.vectors::<L>();
        for word in 0..2 * pairs / L::CODES {
            for vector in 0..vectors {
                transform_codes(lanes, rows, word, strip, vector, codes);
            }
        }
        for (block, weights) in weights.chunks_exact(POSITIONS * pairs * L::TILE_CHANNELS).enumerate() {
            let first = block * L::TILE_CHANNELS;
            for vector in (0..vectors).step_by(L::TILE_VECTORS) {
                multiply(lanes, codes, vector, vectors, weights, pairs, sums);
            }
            for channel in first..bias.len().min(first + L::TILE_CHANNELS) {
                for vector in 0..vectors {
                    let length = (POSITIONS - 1) * L::TILE_CHANNELS * L::TILES + L::LANES;
                    let sums = &sums[(channel - first) * L::TILES + vector * L::LANES..][..length];
                    let columns = transform_sums(lanes, sums, bias[channel]);
                    // Not a loop, so that all stays in registers.
                    finish.row(lanes, channel, strip, vector, 0, accumulators(lanes, &columns, 0));
                    finish.row(lanes, channel, strip, vector, 1, accumulators(lanes, &columns, 1));
                    finish.row(lanes, channel, strip, vector, 2, accumulators(lanes, &columns, 2));
                    finish.row(lanes, channel, strip, vector, 3, accumulators(lanes, &columns, 3));
                }
                finish.channel(lanes, channel, strip);
            }
        }
    }
}

/// An array of six, each of them made in place: closures that the library calls are not always inlined into what is compiled
/// for an instruction set.
macro_rules! six {
    (|$i:ident| $element:expr) => {
        [six!($i 0 $element), six!($i 1 $element), six!($i 2 $element), six!($i 3 $element), six!($i 4 $element), six!($i 5 $element)]
    };
    ($i:ident $at:literal $element:expr) => {{
        let $i: usize = $at;
        $element
    }};
}

/// `B^T d B` of a word of a vector of tiles.
#[inline(always)]
#[expect(clippy::needless_range_loop, reason = "it goes across the rows")]
fn transform_codes<L: Tiles>(lanes: L, rows: &Rows, word: usize, strip: Strip, vector: usize, codes: &mut [i32]) {
    let first = word * rows.stride + rows.column - 1 + strip.x + vector * L::LANES * SIDE;
    let across = six!(|row| {
        let columns = lanes.columns(&rows.input[rows.starts[row] + first..][..L::LANES * SIDE + SIDE]);
        let pairs = six!(|column| lanes.pairs(columns[column]));
        [times_b(lanes, six!(|column| pairs[column][0])), times_b(lanes, six!(|column| pairs[column][1]))]
    });
    for pair in 0..L::CODES / 2 {
        let first = (word * (L::CODES / 2) + pair) * POSITIONS * L::TILES + vector * L::LANES;
        // Of a length that the compiler knows, so that nothing is checked for each vector.
        let codes = &mut codes[first..][..(POSITIONS - 1) * L::TILES + L::LANES];
        for column in 0..6 {
            let down = times_b(lanes, six!(|row| across[row][pair][column]));
            for row in 0..6 {
                lanes.store(down[row], &mut codes[(row * 6 + column) * L::TILES..]);
            }
        }
    }
}

/// `B^T` times a column of pairs.
#[inline(always)]
fn times_b<L: Tiles>(lanes: L, [d0, d1, d2, d3, d4, d5]: [L::Acc; 6]) -> [L::Acc; 6] {
    let even = lanes.sub16(d4, lanes.times4_16(d2));
    let odd = lanes.sub16(d3, lanes.times4_16(d1));
    let even_half = lanes.sub16(d4, d2);
    let difference = lanes.sub16(d3, d1);
    let odd_half = lanes.add16(difference, difference);
    [
        lanes.add16(lanes.times4_16(lanes.sub16(d0, d2)), even_half),
        lanes.add16(even, odd),
        lanes.sub16(even, odd),
        lanes.add16(even_half, odd_half),
        lanes.sub16(even_half, odd_half),
        lanes.sub16(lanes.sub16(d5, d3), lanes.times4_16(difference)),
    ]
}

/// The products of transformed codes and weights, added up over the pairs: of as many vectors from `vector` on as are summed
/// at once, and no more than there are.
#[inline(always)]
fn multiply<L: Tiles>(
    lanes: L,
    codes: &[i32],
    vector: usize,
    vectors: usize,
    weights: &[i32],
    pairs: usize,
    sums: &mut [i32],
) {
    const { assert!(L::TILE_CHANNELS == 4 || L::TILE_CHANNELS == 7, "there is a shape for it") };
    const { assert!(1 <= L::TILE_VECTORS && L::TILE_VECTORS <= 2, "there is a shape for each") };
    macro_rules! shapes {
        ($($channels:literal)*) => {
            match L::TILE_CHANNELS {
                $($channels => shapes!(@vectors $channels 1 2),)*
                channels => unreachable!("sums of {channels} channels"),
            }
        };
        (@vectors $channels:literal $($vectors:literal)*) => {
            match L::TILE_VECTORS.min(vectors - vector) {
                $($vectors if $vectors <= L::TILE_VECTORS => {
                    shape::<L, $channels, $vectors>(lanes, codes, vector * L::LANES, weights, pairs, sums);
                })*
                vectors => unreachable!("sums of {vectors} vectors"),
            }
        };
    }
    shapes!(4 7)
}

/// The same for numbers of channels and vectors that are known to the compiler, so that the sums stay in registers.
#[inline(always)]
fn shape<L: Tiles, const CHANNELS: usize, const VECTORS: usize>(
    lanes: L,
    codes: &[i32],
    from: usize,
    weights: &[i32],
    pairs: usize,
    sums: &mut [i32],
) {
    assert!(from + VECTORS * L::LANES <= L::TILES, "tiles beyond a strip");
    let positions = weights.chunks_exact(pairs * CHANNELS).zip(sums.chunks_exact_mut(CHANNELS * L::TILES));
    for (position, (weights, to)) in positions.enumerate() {
        let mut sums = [[lanes.acc(0); VECTORS]; CHANNELS];
        let from_position = position * L::TILES + from;
        for (codes, weights) in codes.chunks_exact(POSITIONS * L::TILES).zip(weights.as_chunks::<CHANNELS>().0) {
            let mut pairs = [lanes.acc(0); VECTORS];
            for vector in 0..VECTORS {
                pairs[vector] = lanes.load_acc(&codes[from_position + vector * L::LANES..]);
            }
            for channel in 0..CHANNELS {
                let weights = lanes.acc(weights[channel]);
                for vector in 0..VECTORS {
                    sums[channel][vector] = lanes.add_pair_products(sums[channel][vector], pairs[vector], weights);
                }
            }
        }
        for channel in 0..CHANNELS {
            for vector in 0..VECTORS {
                lanes.store(sums[channel][vector], &mut to[channel * L::TILES + from + vector * L::LANES..]);
            }
        }
    }
}

/// `A^T m` of a channel's sums of a vector of tiles, and the bias: columns of rows.
#[inline(always)]
fn transform_sums<L: Tiles>(lanes: L, sums: &[i32], bias: i32) -> [[L::Acc; SIDE]; 6] {
    six!(|column| {
        let sums = &sums[column * L::TILE_CHANNELS * L::TILES..];
        let mut sums = six!(|row| lanes.load_acc(&sums[row * 6 * L::TILE_CHANNELS * L::TILES..]));
        if column == 1 {
            sums[1] = lanes.add32(sums[1], lanes.acc(bias));
        }
        times_a(lanes, sums)
    })
}

/// A row of `A^T m A`, divided by 9, of columns of `A^T m`.
#[inline(always)]
fn accumulators<L: Tiles>(lanes: L, columns: &[[L::Acc; SIDE]; 6], row: usize) -> [L::Acc; SIDE] {
    let ninth = lanes.acc(NINTH.cast_signed());
    let [a0, a1, a2, a3] = times_a(lanes, six!(|column| columns[column][row]));
    [lanes.mul32(a0, ninth), lanes.mul32(a1, ninth), lanes.mul32(a2, ninth), lanes.mul32(a3, ninth)]
}

/// `A^T`, its last column times 4, times a column of sums.
#[inline(always)]
fn times_a<L: Tiles>(lanes: L, [m0, m1, m2, m3, m4, m5]: [L::Acc; 6]) -> [L::Acc; SIDE] {
    let (sum12, difference12) = (lanes.add32(m1, m2), lanes.sub32(m1, m2));
    let (sum34, difference34) = (lanes.add32(m3, m4), lanes.sub32(m3, m4));
    let twice34 = lanes.add32(difference34, difference34);
    [
        lanes.add32(lanes.add32(m0, sum12), sum34),
        lanes.add32(difference12, twice34),
        lanes.add32(sum12, lanes.times4_32(sum34)),
        lanes.add32(difference12, lanes.times4_32(lanes.add32(twice34, m5))),
    ]
}

/// Writes the columns of a vector and a row to plane `plane` of the row, if that is wanted, and no pixel beyond its end.
#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "a place has many coordinates")]
fn write<L: Tiles>(
    lanes: L,
    rows: &Rows,
    plane: usize,
    strip: Strip,
    vector: usize,
    row: usize,
    columns: [L::Acc; SIDE],
    to: &mut OutputRows<i32>,
) {
    let Some(start) = to.starts.get(row) else { return };
    let full = L::LANES * SIDE;
    let first = vector * full;
    let place = start + plane * rows.stride + rows.column + strip.x + first;
    let to = &mut to.buffer[place..][..full.min(strip.pixels - first)];
    if to.len() == full {
        lanes.interleave(columns, to);
    } else {
        let mut whole = [0; MOST_LANES * SIDE];
        lanes.interleave(columns, &mut whole[..full]);
        to.copy_from_slice(&whole[..to.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::TAPS;
    use crate::random::Random;

    /// A layer whose weights are those of `weight`, called with output channel, input channel and tap.
    fn layer(inputs: usize, outputs: usize, mut weight: impl FnMut(usize, usize, usize) -> i8) -> Layer {
        let mut weights = Vec::new();
        for out in 0..outputs {
            for input in 0..inputs {
                weights.extend((0..TAPS).map(|tap| weight(out, input, tap)));
            }
        }
        Layer {
            in_channels: inputs,
            out_channels: outputs,
            weights,
            // With the most of 64 channels just below the limit.
            bias: (0..outputs).map(|out| [0, 14_900_671, -14_900_671, 12_345][out % 4]).collect(),
            limit: vec![0; outputs],
            pre: vec![0; outputs],
            mul: vec![0; outputs],
            post: vec![24; outputs],
            prelu: None,
        }
    }

    /// Codes of six rows, `[row, channel, column]`, of `width` pixels and one on each side.
    struct Window {
        channels: usize,
        width: usize,
        codes: Vec<u8>,
    }

    /// Keeps accumulators.
    struct Accumulators<'a, 'b> {
        rows: &'a Rows<'b>,
        output: OutputRows<'a, i32>,
    }

    impl<L: Tiles> Finish<L> for Accumulators<'_, '_> {
        #[inline(always)]
        fn row(&mut self, lanes: L, channel: usize, strip: Strip, vector: usize, row: usize, columns: [L::Acc; SIDE]) {
            let halved = |acc: &[i32], to: &mut [i32]| {
                for (acc, to) in acc.iter().zip(to) {
                    *to = acc >> DOUBLED;
                }
            };
            let columns = element_by_element(lanes, columns, halved);
            write(lanes, self.rows, channel, strip, vector, row, columns, &mut self.output);
        }
    }

    impl Window {
        fn new(channels: usize, width: usize, code: impl FnMut(usize) -> u8) -> Self {
            Self { channels, width, codes: (0..6 * channels * (width + 2)).map(code).collect() }
        }

        fn code(&self, row: usize, channel: usize, column: usize) -> u8 {
            self.codes[(row * self.channels + channel) * (self.width + 2) + column]
        }

        /// The accumulators of four rows by the definition, `[row, channel, column]`.
        fn accumulators(&self, layer: &Layer) -> Vec<i32> {
            let mut accumulators = Vec::new();
            for row in 0..SIDE {
                for out in 0..layer.out_channels {
                    for column in 0..self.width {
                        let mut acc = layer.bias[out];
                        for (input, tap) in (0..self.channels).flat_map(|input| (0..TAPS).map(move |tap| (input, tap)))
                        {
                            let code = self.code(row + tap / 3, input, column + tap % 3);
                            acc += i32::from(layer.weight(out, input, tap)) * i32::from(code);
                        }
                        accumulators.push(acc);
                    }
                }
            }
            accumulators
        }

        /// The same by this module. Whatever is beyond the codes is not 0.
        fn winograd<L: Tiles>(&self, lanes: L, layer: &Layer, g: &[[i32; 3]; 6]) -> Vec<i32> {
            let words = self.channels.div_ceil(L::CODES);
            let stride = self.width + 2 + beyond::<L>();
            let mut input = vec![0xa5a5_a5a5; 6 * words * stride];
            if L::CODES == 2 {
                input.fill(0x00a5_00a5);
            }
            for row in 0..6 {
                for column in 0..self.width + 2 {
                    for word in 0..words {
                        let codes = (word * L::CODES..self.channels.min((word + 1) * L::CODES)).rev();
                        let of_word = codes.fold(0, |of_word, channel| {
                            of_word << (32 / L::CODES) | u32::from(self.code(row, channel, column))
                        });
                        input[(row * words + word) * stride + column] = of_word;
                    }
                }
            }
            let starts: Vec<usize> = (0..6).map(|row| row * words * stride).collect();
            let rows = Rows { input: &input, starts: &starts, stride, column: 1, width: self.width };
            let weights = Transformed::with::<L>(layer, g).unwrap();
            let mut output = vec![0; SIDE * layer.out_channels * stride];
            let starts: Vec<usize> = (0..SIDE).map(|row| row * layer.out_channels * stride).collect();
            let output_rows = OutputRows { buffer: &mut output, starts: &starts };
            let finish = Accumulators { rows: &rows, output: output_rows };
            let Scratch { codes, sums, .. } = &mut Scratch::default();
            lanes.run(
                #[inline(always)]
                || each_channel(lanes, &weights, &rows, codes, sums, finish),
            );
            output.chunks_exact(stride).flat_map(|row| row[1..=self.width].iter().copied()).collect()
        }

        fn check_if_there<L: Tiles>(&self, layer: &Layer, expected: &[i32], what: &str) {
            if let Some(lanes) = L::detect() {
                assert!(self.winograd(lanes, layer, &G) == expected, "{}: {what}", L::NAME);
            }
        }

        fn check(&self, layer: &Layer, what: &str) {
            let expected = self.accumulators(layer);
            self.check_if_there::<crate::cpu::portable::Portable>(layer, &expected, what);
            #[cfg(target_arch = "x86_64")]
            {
                use crate::cpu::{avx_vnni::AvxVnni, avx2::Avx2, avx512_vnni::Avx512Vnni, sse2::Sse2};
                self.check_if_there::<Sse2>(layer, &expected, what);
                self.check_if_there::<Avx2>(layer, &expected, what);
                self.check_if_there::<AvxVnni>(layer, &expected, what);
                self.check_if_there::<Avx512Vnni>(layer, &expected, what);
            }
        }
    }

    #[test]
    fn accumulators_are_the_definitions_for_every_number_of_channels() {
        let mut random = Random::new(1);
        for channels in 1..=64 {
            let mut weights = Random::new(channels as u64);
            let layer = layer(channels, 65 - channels, |_, _, _| i8::try_from(weights.within(-127..=127)).unwrap());
            let codes = Window::new(channels, 1 + channels, |_| random.byte());
            codes.check(&layer, &format!("{channels} channels"));
        }
    }

    #[test]
    fn extreme_weights_and_codes_are_exact() {
        let mut random = Random::new(2);
        let mut coin = move || random.byte() & 1 == 1;
        let signs: [&dyn Fn(usize, usize, usize) -> i8; 4] = [
            &|_, _, _| 127,
            &|_, _, _| -127,
            // Taps and channels of either sign.
            &|out, input, tap| if (out + input + tap) % 2 == 0 { 127 } else { -127 },
            &|out, _, tap| if (out >> (tap % 3)) % 2 == (tap / 3) % 2 { 127 } else { -127 },
        ];
        for (index, sign) in signs.iter().enumerate() {
            let layer = layer(64, 16, sign);
            Window::new(64, 9, |_| 255).check(&layer, &format!("weights {index}, all codes 255"));
            Window::new(64, 9, |_| 0).check(&layer, &format!("weights {index}, all codes 0"));
            // Where the transform of the codes is at its extremes: codes are 255 where both rows of B^T have one sign.
            for position in 0..POSITIONS {
                for negative in [false, true] {
                    let code = |at: usize| {
                        let product = B[position / 6][at / (64 * 6)] * B[position % 6][at % 6];
                        u8::MAX * u8::from(product != 0 && (product < 0) == negative)
                    };
                    Window::new(64, 4, code).check(&layer, &format!("weights {index}, position {position}"));
                }
            }
        }
        for seed in 0..20 {
            let layer = layer(64, 5, |_, _, _| if coin() { 127 } else { -127 });
            let mut random = Random::new(seed);
            Window::new(64, 70, |_| u8::MAX * (random.byte() & 1)).check(&layer, &format!("random extremes {seed}"));
        }
    }

    /// `B^T`, which the code has as sums.
    const B: [[i32; 6]; 6] = [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ];

    #[test]
    fn transformed_codes_and_weights_fit_their_16_bits() {
        let sum = |row: [i32; 6], sign: i32| row.iter().map(|&b| (sign * b).max(0)).sum::<i32>();
        let most_of_one_sign = |a: [i32; 6], b: [i32; 6]| {
            let same = sum(a, 1) * sum(b, 1) + sum(a, -1) * sum(b, -1);
            let opposite = sum(a, 1) * sum(b, -1) + sum(a, -1) * sum(b, 1);
            same.max(opposite)
        };
        let codes = B.iter().flat_map(|&a| B.iter().map(move |&b| 255 * most_of_one_sign(a, b))).max();
        assert_eq!(codes, Some(17_340));
        let row = |row: [i32; 3]| row.iter().map(|g| g.abs()).sum::<i32>();
        let weights = G.iter().flat_map(|&a| G.iter().map(move |&b| 127 * row(a) * row(b))).max();
        assert_eq!(weights, Some(18_288));
        assert_eq!(NINTH.wrapping_mul(9), 1);
    }

    #[test]
    fn a_layer_whose_accumulators_or_requantisation_do_not_fit_is_left_to_others() {
        let fits = |change: &dyn Fn(&mut Layer)| {
            let mut layer = layer(64, 1, |_, _, _| 127);
            change(&mut layer);
            Transformed::new::<crate::cpu::portable::Portable>(&layer).is_some()
        };
        assert!(fits(&|layer| layer.bias[0] = 14_900_671));
        assert!(!fits(&|layer| layer.bias[0] = 14_900_672));
        assert!(!fits(&|layer| layer.bias[0] = i32::MIN));
        assert!(!fits(&|layer| layer.post[0] = 9));
    }

    #[test]
    fn any_wrong_number_of_g_is_found() {
        let mut random = Random::new(3);
        let layer = layer(5, 3, |_, _, _| i8::try_from(random.within(-127..=127)).unwrap());
        let codes = Window::new(5, 40, |_| random.byte());
        let expected = codes.accumulators(&layer);
        for at in 0..18 {
            let mut g = G;
            g[at / 3][at % 3] += 1;
            assert!(codes.winograd(crate::cpu::portable::Portable, &layer, &g) != expected, "element {at}");
        }
    }
}
