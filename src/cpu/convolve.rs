//! The 3x3 convolution of a few pixels of a row: every kernel's hot loop.

use std::array;

use super::lanes::Lanes;
use super::packing::Block;

/// What the convolution of a row reads.
#[derive(Clone, Copy)]
pub(super) struct Row<'a> {
    /// Words of codes.
    pub input: &'a [u32],
    /// Where in `input` the words of a row are, for each word of a pixel and each tap of the window; `[word, tap]`.
    pub offsets: &'a Offsets,
}

/// Places in a buffer, and the last of them.
#[derive(Default)]
pub(super) struct Offsets {
    offsets: Vec<usize>,
    last: usize,
}

impl Offsets {
    /// Forgets the old places for these.
    pub fn set(&mut self, offsets: impl Iterator<Item = usize>) {
        self.offsets.clear();
        self.offsets.extend(offsets);
        self.last = self.offsets.iter().copied().max().unwrap_or(0);
    }
}

/// The accumulators of `vectors` vectors of pixels, of which the first is at `column`; `[channel, acc_stride]`.
#[inline(always)]
pub(super) fn convolve<L: Lanes>(
    lanes: L,
    block: &Block,
    row: &Row,
    column: usize,
    vectors: usize,
    acc: &mut [i32],
    acc_stride: usize,
) {
    const { assert!(1 <= L::CHANNELS && L::CHANNELS <= 8 && 1 <= L::VECTORS && L::VECTORS <= 5, "a shape for each") };
    macro_rules! shapes {
        ($($channels:literal)*) => {
            match block.bias.len() {
                $($channels if $channels <= L::CHANNELS => {
                    shapes!(@vectors $channels 1 2 3 4 5)
                })*
                channels => unreachable!("a block of {channels} channels"),
            }
        };
        (@vectors $channels:literal $($vectors:literal)*) => {
            match vectors {
                $($vectors if $vectors <= L::VECTORS => {
                    shape::<L, $channels, $vectors>(lanes, block, row, column, acc, acc_stride);
                })*
                vectors => unreachable!("a block of {vectors} vectors"),
            }
        };
    }
    shapes!(1 2 3 4 5 6 7 8);
}

/// The same for numbers of channels and vectors that are known to the compiler, so that the sums stay in registers.
#[inline(always)]
fn shape<L: Lanes, const CHANNELS: usize, const VECTORS: usize>(
    lanes: L,
    block: &Block,
    row: &Row,
    column: usize,
    to: &mut [i32],
    to_stride: usize,
) {
    let Row { input, offsets: Offsets { offsets, last } } = *row;
    let pixels = VECTORS * L::LANES;
    // So that nothing needs a check in the loop: they were a tenth of its time.
    let fits = column > 0 && last.checked_add(column - 1 + pixels).is_some_and(|end| end <= input.len());
    assert!(fits && block.steps.end() <= offsets.len(), "a block of pixels beyond its row");
    let (lens, starts) = block.steps.groups();
    let mut first = 0;
    for (group, (&len, start)) in lens.iter().zip(starts.chunks_exact(CHANNELS)).enumerate() {
        let (positions, weights) = block.steps.group(first..first + len, CHANNELS);
        first += len;
        let mut sums: [[L::Sums; VECTORS]; CHANNELS] = array::from_fn(|channel| [lanes.start(start[channel]); VECTORS]);
        // One loop with few lines in it: where a compiler unrolls it, it reorders the additions until they need more
        // registers than there are.
        for (&position, weights) in positions.iter().zip(weights.chunks_exact(CHANNELS)) {
            #[expect(unsafe_code, reason = "positions and offsets have to be within their slices")]
            // SAFETY: as was just asserted, all positions are below `offsets.len()`, and with the last offset so many pixels
            // are within `input`.
            let words = unsafe {
                let start = offsets.get_unchecked(usize::from(position)) + (column - 1);
                input.get_unchecked(start..start + pixels)
            };
            let codes: [L::Codes; VECTORS] = array::from_fn(|vector| lanes.load(&words[vector * L::LANES..]));
            for channel in 0..CHANNELS {
                let weights = lanes.weights(weights[channel]);
                for vector in 0..VECTORS {
                    sums[channel][vector] = lanes.add_products(sums[channel][vector], codes[vector], weights);
                }
            }
        }
        // Unrolled by the compiler: else it takes the sums to memory.
        for channel in 0..CHANNELS {
            for vector in 0..VECTORS {
                let to = &mut to[channel * to_stride + vector * L::LANES..][..L::LANES];
                let acc = if group == 0 { lanes.acc(block.bias[channel]) } else { lanes.load_acc(to) };
                lanes.store(lanes.add_sums(acc, sums[channel][vector]), to);
            }
        }
    }
}
