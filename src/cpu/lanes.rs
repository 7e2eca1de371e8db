//! What a kernel has to offer: the few instructions in which instruction sets differ.

use super::requantise::{Narrow, NarrowPrelu};

/// Lanes of the widest vectors.
pub(super) const MOST_LANES: usize = 16;

/// An instruction set, as vectors of pixels.
///
/// A *word* is 32 bits with neighbouring channels of one pixel: four u8 codes, or two codes of 16 bits, channel 0 in the
/// lowest bits. Weights come in words of the same form, as i8 or i16. A vector holds the words of [`Lanes::LANES`]
/// neighbouring pixels.
///
/// A value of an implementation is the proof that this machine has the instructions: it can only be got by
/// [`Lanes::detect`].
pub(super) trait Lanes: Copy + Send + Sync + 'static {
    /// The value of `ABPN_CPU` that asks for it.
    const NAME: &'static str;
    /// Pixels of a vector.
    const LANES: usize;
    /// Codes of a word, 2 or 4.
    const CODES: usize;
    /// Output channels computed at once, at most 8.
    const CHANNELS: usize;
    /// Vectors of pixels computed at once, at most 5.
    const VECTORS: usize;
    /// What [`Lanes::load`] takes off each code, because the instructions want signed ones. `packing.rs` folds it into the
    /// bias.
    const ZERO_POINT: i32 = 0;
    /// Instructions of [`Lanes::add_products`].
    const INSTRUCTIONS: usize;
    /// In what products are added up, before they go to the accumulator.
    const SUMS: Sums = Sums::Exact;

    /// Words of codes, as they are multiplied.
    type Codes: Copy;
    /// A word of weights, as it is multiplied with every lane.
    type Weights: Copy;
    /// Sums of products, of [`Lanes::SUMS`] bits.
    type Sums: Copy;
    /// An accumulator a lane, i32.
    type Acc: Copy;

    /// This instruction set, where the machine has it.
    fn detect() -> Option<Self>;

    /// Runs `work` compiled for this instruction set; it and what it calls must be inlined.
    fn run<R>(self, work: impl FnOnce() -> R) -> R;

    /// The words of the first [`Lanes::LANES`] pixels of `words`.
    fn load(self, words: &[u32]) -> Self::Codes;

    /// A word of weights for every lane.
    fn weights(self, word: u32) -> Self::Weights;

    /// Sums of nothing yet, in each lane: of narrow ones those of a word start with these, exact ones with 0.
    fn start(self, sums: [i16; 4]) -> Self::Sums;

    /// Adds each lane's products of codes and weights: [`Lanes::CODES`] of them.
    fn add_products(self, sums: Self::Sums, codes: Self::Codes, weights: Self::Weights) -> Self::Sums;

    /// An accumulator that starts with `bias` in every lane.
    fn acc(self, bias: i32) -> Self::Acc;

    /// Adds each lane's sums to its accumulator.
    fn add_sums(self, acc: Self::Acc, sums: Self::Sums) -> Self::Acc;

    /// The accumulators in the first [`Lanes::LANES`] elements of `from`.
    fn load_acc(self, from: &[i32]) -> Self::Acc;

    /// Writes the lanes to the first [`Lanes::LANES`] elements of `to`.
    fn store(self, acc: Self::Acc, to: &mut [i32]);
}

/// What sums of products can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sums {
    /// 32 bits: whatever a whole convolution adds up to.
    Exact,
    /// 16 bits, in each the products of so many neighbouring codes of a word, 1 or 2. How many products fit depends on
    /// their weights.
    #[cfg_attr(
        not(any(target_arch = "x86_64", all(target_arch = "aarch64", target_endian = "little"))),
        allow(dead_code, reason = "kernels of other machines add in 32 bits")
    )]
    Narrow(usize),
}

/// What Winograd's convolution (`winograd.rs`) needs besides: vectors in which a lane is a tile, 4 pixels wide, or what
/// comes of it. A lane holds an i32, or a *pair*: two i16 of different channels.
///
/// All arithmetic wraps around.
pub(super) trait Tiles: Lanes {
    /// Tiles of a strip: enough that a weight is used often once it is loaded, and few enough that their codes and sums stay
    /// near.
    const TILES: usize = 16;
    /// Output channels whose products are summed at once.
    const TILE_CHANNELS: usize = 4;
    /// Vectors of tiles whose products are summed at once.
    const TILE_VECTORS: usize = 2;
    /// Instructions of [`Tiles::add_pair_products`].
    const PRODUCTS: usize = 2;
    /// Instructions that stand for one of an instruction set that has all of these, about.
    const EMULATION: usize = 1;

    /// Of each four neighbouring lanes of four vectors, as rows, the columns.
    fn transposed(self, rows: [Self::Acc; 4]) -> [Self::Acc; 4];

    /// Words of codes as pairs: codes `i` and `i + CODES / 2` of each, for all `i` below `CODES / 2`; what comes after them
    /// doesn't matter.
    fn pairs(self, words: Self::Acc) -> [Self::Acc; 2];

    /// The sum of pairs.
    fn add16(self, a: Self::Acc, b: Self::Acc) -> Self::Acc;

    /// The difference of pairs.
    fn sub16(self, a: Self::Acc, b: Self::Acc) -> Self::Acc;

    /// Four times a pair.
    fn times4_16(self, a: Self::Acc) -> Self::Acc;

    /// Adds the products of two pairs.
    fn add_pair_products(self, acc: Self::Acc, a: Self::Acc, b: Self::Acc) -> Self::Acc;

    /// The sum of i32.
    fn add32(self, a: Self::Acc, b: Self::Acc) -> Self::Acc;

    /// The difference of i32.
    fn sub32(self, a: Self::Acc, b: Self::Acc) -> Self::Acc;

    /// Four times an i32.
    fn times4_32(self, a: Self::Acc) -> Self::Acc;

    /// The low 32 bits of the product.
    fn mul32(self, a: Self::Acc, b: Self::Acc) -> Self::Acc;

    /// The codes of two vectors of accumulators times 64, as u16 in an order that [`Tiles::halves`] undoes.
    fn requantise(self, pixels: [Self::Acc; 2], by: &Narrow) -> Self::Acc;

    /// The same for a layer with PReLU.
    fn requantise_prelu(self, pixels: [Self::Acc; 2], by: &NarrowPrelu) -> Self::Acc;

    /// Each u16 of `low`, below 256, with that of `high` as its upper byte.
    fn bytes(self, low: Self::Acc, high: Self::Acc) -> Self::Acc;

    /// Of two vectors that come of [`Tiles::requantise`], words for its two vectors of pixels: their lower halves are from
    /// `low`, the upper ones from `high`.
    fn halves(self, low: Self::Acc, high: Self::Acc) -> [Self::Acc; 2];

    /// The words of the columns 0 to 5 of a vector of tiles: those of a tile and the next two. Of `words` 4 a tile and 4 more
    /// are read. Tiles are in the order in which [`Tiles::transposed`] has them, of 8 lanes 0, 2, 4, 6, 1, 3, 5, 7.
    #[inline(always)]
    fn columns(self, words: &[u32]) -> [Self::Acc; 6] {
        let [c0, c1, c2, c3] = columns_of_four(self, words);
        let [c4, c5, ..] = columns_of_four(self, &words[4..]);
        [c0, c1, c2, c3, c4, c5]
    }

    /// The reverse: writes 4 pixels a tile from their columns.
    #[inline(always)]
    fn interleave(self, columns: [Self::Acc; 4], to: &mut [i32]) {
        let rows = self.transposed(columns);
        for (row, to) in rows.into_iter().zip(to[..4 * Self::LANES].chunks_exact_mut(Self::LANES)) {
            self.store(row, to);
        }
    }
}

/// Columns 0 to 3 of a vector of tiles.
#[inline(always)]
fn columns_of_four<L: Tiles>(lanes: L, words: &[u32]) -> [L::Acc; 4] {
    let words: &[i32] = bytemuck::cast_slice(&words[..4 * L::LANES]);
    lanes.transposed([
        lanes.load_acc(words),
        lanes.load_acc(&words[L::LANES..]),
        lanes.load_acc(&words[2 * L::LANES..]),
        lanes.load_acc(&words[3 * L::LANES..]),
    ])
}
