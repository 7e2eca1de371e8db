//! Traces that JPEG leaves in pixels.
//!
//! The coefficients of a JPEG's blocks are multiples of its quantisation steps, and what decoding and rounding to pixels add
//! is small beside them. So the blocks of pixels that were a JPEG have coefficients in heaps, a step apart: the mean of
//! cos(2 pi c / step) over coefficients `c` is near 1. In other pictures, and in these at another place of the grid, that
//! mean is near 0 for every step. Nine low frequencies give nine steps, which must be those of one quality.

use std::cmp::Reverse;
use std::iter;
use std::ops::Range;
use std::sync::LazyLock;

use super::JPEG_BLOCK_SIDE as SIDE;
use super::jpeg::{ZIGZAG, nearest_quality};
use crate::image::{Image, Sample, Samples};

/// Steps that are looked for. Larger ones belong to qualities below 10; the smallest step, 1, leaves no trace.
const STEPS: Range<usize> = 2..90;
/// Frequencies that are looked at: those after the mean, in zigzag order.
const FREQUENCIES: usize = 9;
/// Coefficients are rounded to this part of a level.
const FINE: i16 = 4;
/// Steps from this one on are looked for in bins of a level, smaller ones in bins of half a level.
const COARSE_FROM: usize = 16;
/// Bins of coefficients' magnitudes.
const BINS: usize = 192;
/// Cosines are integers of this part of 1, so that no device sums them in another way.
const UNIT: f64 = 16384.0;

/// Blocks that are looked at to find the grid, at each of a few places that it may have; and once it is found.
const FEW: usize = 96;
const MANY: usize = 1024;
/// Rows, and columns, in which steps at the borders of blocks are looked for.
const LINES: usize = 32;
/// Places along each axis, of eight, at which the coefficients are looked at.
const CANDIDATES: usize = 3;
/// Steps that are larger than the picture's own edges do not count for more.
const LARGEST_JUMP: i32 = 40;

/// How often the standard deviation the sum of cosines must exceed that of coefficients anywhere.
const LEAST_SCORE: f64 = 5.0;
/// Frequencies, of [`FREQUENCIES`], whose step must be found.
const LEAST_FREQUENCIES: usize = 5;

/// The quality of a JPEG that the pixels of a picture once were, also if its edges were cut off since; none if they show no
/// trace of it. Qualities above 92 leave hardly any.
///
/// A picture that was enlarged or reduced after it was a JPEG shows no trace, nor does one that was a lossy WebP or a frame of
/// a film.
pub fn jpeg_quality_of_pixels(image: &Image) -> Option<u8> {
    let (width, height, channels) = (image.width() as usize, image.height() as usize, image.layout().channels());
    match image.samples() {
        Samples::U8(samples) => Pixels { samples, width, height, channels }.quality(),
        Samples::U16(samples) => Pixels { samples, width, height, channels }.quality(),
    }
}

/// Pixels, of which the first one or three channels are grey or red, green and blue.
struct Pixels<'a, S> {
    samples: &'a [S],
    width: usize,
    height: usize,
    channels: usize,
}

/// Coefficients of a block in zigzag order, in [`FINE`] parts of a level.
type Block = [i16; FREQUENCIES];

impl<S: Sample> Pixels<'_, S> {
    fn quality(&self) -> Option<u8> {
        if self.width < 2 * SIDE || self.height < 2 * SIDE {
            return None;
        }
        let columns = self.likely_places(self.width, self.height, |x, y| self.luma(x, y));
        let rows = self.likely_places(self.height, self.width, |y, x| self.luma(x, y));
        let places = rows.iter().flat_map(|&y| columns.iter().map(move |&x| (x, y))).chain([(0, 0)]);
        let scored = places.map(|place| {
            let found = find_steps(&self.blocks(place, FEW));
            (place, found.iter().map(|found| found.score).sum::<f64>())
        });
        let (place, _) = scored.max_by(|a, b| a.1.total_cmp(&b.1))?;
        let found = find_steps(&self.blocks(place, MANY));
        let sure = found.iter().map(|found| found.is_sure().then_some(found.step));
        let steps: Vec<Option<usize>> = iter::once(None).chain(sure).collect();
        (steps.iter().flatten().count() >= LEAST_FREQUENCIES).then(|| nearest_quality(&steps)).flatten()
    }

    /// The luma of a pixel in thousandths of a level.
    fn luma(&self, x: usize, y: usize) -> i32 {
        let pixel = &self.samples[(y * self.width + x) * self.channels..][..self.channels];
        match pixel {
            [red, green, blue, ..] => {
                299 * i32::from(red.to_u8()) + 587 * i32::from(green.to_u8()) + 114 * i32::from(blue.to_u8())
            }
            _ => 1000 * i32::from(pixel[0].to_u8()),
        }
    }

    /// Where along an axis of `length` pixels blocks are likely to begin, 0..8: where neighbours differ more than their own
    /// neighbours let expect. `luma` takes the position along the axis, and that across it, below `across`.
    fn likely_places(&self, length: usize, across: usize, luma: impl Fn(usize, usize) -> i32) -> [usize; CANDIDATES] {
        let lines = LINES.min(across);
        let mut jumps = [(0, 0); SIDE];
        for line in (0..lines).map(|line| line * across / lines) {
            let mut last = [luma(0, line), luma(1, line), luma(2, line)];
            for at in 3..length {
                let next = luma(at, line);
                let [a, b, c] = last;
                // A step between b and c, that is before position at - 1.
                let jump = (a - 3 * b + 3 * c - next).abs().min(LARGEST_JUMP * 1000);
                let (sum, count) = &mut jumps[(at - 1) % SIDE];
                *sum += i64::from(jump);
                *count += 1;
                last = [b, c, next];
            }
        }
        let mut places: [usize; SIDE] = std::array::from_fn(|place| place);
        places.sort_by_key(|&place| Reverse(jumps[place].0 / jumps[place].1.max(1)));
        std::array::from_fn(|index| places[index])
    }

    /// Up to `most` blocks of the grid that begins at `place`, spread over the picture, each different one once: drawings
    /// repeat themselves.
    fn blocks(&self, (x, y): (usize, usize), most: usize) -> Vec<Block> {
        let (columns, rows) = ((self.width - x) / SIDE, (self.height - y) / SIDE);
        let all = columns * rows;
        let count = most.min(all);
        let blocks = (0..count).map(|index| index * all / count);
        let mut blocks: Vec<_> =
            blocks.map(|block| self.coefficients(x + block % columns * SIDE, y + block / columns * SIDE)).collect();
        blocks.sort_unstable();
        blocks.dedup();
        blocks
    }

    /// The low frequencies of the block whose corner is (`x`, `y`).
    fn coefficients(&self, x: usize, y: usize) -> Block {
        /// Low frequencies along one axis.
        const LOW: usize = 4;
        /// cos(k pi / 16) / 2, k from 0; the mean's is 1 / sqrt(8).
        const HALF_COSINES: [f32; SIDE] = [
            0.353_553_39,
            0.490_392_64,
            0.461_939_77,
            0.415_734_8,
            0.353_553_39,
            0.277_785_12,
            0.191_341_72,
            0.097_545_16,
        ];
        // The values of the frequencies' waves, by frequency and position: cos((2 position + 1) frequency pi / 16) / 2.
        const WAVES: [[f32; SIDE]; LOW] = {
            let mut waves = [[0.0; SIDE]; LOW];
            let mut frequency = 0;
            while frequency < LOW {
                let mut position = 0;
                while position < SIDE {
                    let turn = (2 * position + 1) * frequency % 32;
                    let turn = if turn > 16 { 32 - turn } else { turn };
                    waves[frequency][position] = match turn {
                        0..=7 => HALF_COSINES[turn],
                        8 => 0.0,
                        _ => -HALF_COSINES[16 - turn],
                    };
                    position += 1;
                }
                frequency += 1;
            }
            waves
        };
        // `[row][frequency along the row]`.
        let along: [[f32; LOW]; SIDE] = std::array::from_fn(|row| {
            let luma: [f32; SIDE] = std::array::from_fn(|column| self.luma(x + column, y + row) as f32 / 1000.0);
            WAVES.map(|wave| iter::zip(wave, luma).map(|(wave, luma)| wave * luma).sum())
        });
        std::array::from_fn(|index| {
            let (down, across) = ZIGZAG[index + 1];
            let coefficient: f32 = iter::zip(WAVES[down], along).map(|(wave, along)| wave * along[across]).sum();
            #[expect(clippy::cast_possible_truncation, reason = "eight times 255 levels at most, times 4")]
            let rounded = (coefficient * f32::from(FINE)).round() as i16;
            rounded
        })
    }
}

/// The step whose multiples a frequency's coefficients are most likely to be.
struct Found {
    step: usize,
    /// The sum of the cosines in standard deviations of such a sum over coefficients anywhere.
    score: f64,
    /// The mean of the cosines.
    mean: f64,
}

impl Found {
    /// Whether the coefficients are multiples of the step, but for what rounding pixels adds.
    fn is_sure(&self) -> bool {
        let least = match self.step {
            2 => 0.2,
            3 => 0.35,
            _ => 0.5,
        };
        self.score >= LEAST_SCORE && self.mean > least
    }
}

/// The likeliest step of each frequency.
fn find_steps(blocks: &[Block]) -> [Found; FREQUENCIES] {
    std::array::from_fn(|frequency| {
        let (mut half_levels, mut levels) = ([0i16; BINS], [0i16; BINS]);
        for block in blocks {
            let magnitude = usize::from(block[frequency].unsigned_abs());
            for (bins, width) in [(&mut half_levels, 2), (&mut levels, 4)] {
                if let Some(bin) = bins.get_mut((magnitude + width / 2) / width) {
                    *bin += 1;
                }
            }
        }
        let found = WAVES.iter().map(|wave| {
            let bins = if wave.step < COARSE_FROM { &half_levels } else { &levels };
            let bins = &bins[wave.first..];
            // No more than MANY coefficients: the sum is below 2^25.
            let products = iter::zip(bins, &wave.cosines).map(|(&count, &cosine)| i32::from(count) * i32::from(cosine));
            let (sum, count) = (products.sum::<i32>(), bins.iter().sum::<i16>());
            let (sum, count) = (f64::from(sum) / UNIT, f64::from(count));
            // Of few coefficients any mean may come out.
            Found { step: wave.step, score: sum / (count.max(8.0) / 2.0).sqrt(), mean: sum / count.max(1.0) }
        });
        found.max_by(|a, b| a.score.total_cmp(&b.score)).expect("there are steps")
    })
}

/// A step's cosines, by bin.
struct Wave {
    step: usize,
    /// The first bin of coefficients that are not quantised to 0.
    first: usize,
    /// From the first bin on, in parts of [`UNIT`].
    cosines: Vec<i16>,
}

static WAVES: LazyLock<Vec<Wave>> = LazyLock::new(|| {
    let wave = |step: usize| {
        let bins_per_level = if step < COARSE_FROM { 2 } else { 1 };
        let first = step * bins_per_level / 2 + 1;
        let turns = (first..BINS).map(|bin| bin as f64 / (bins_per_level * step) as f64);
        #[expect(clippy::cast_possible_truncation, reason = "at most UNIT")]
        let cosines = turns.map(|turns| ((turns * std::f64::consts::TAU).cos() * UNIT).round() as i16).collect();
        Wave { step, first, cosines }
    };
    STEPS.map(wave).collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec;
    use crate::eval::{self, jpeg};
    use crate::{Layout, Samples};

    /// A photo of 256x170 pixels that was never compressed.
    fn photo() -> Image {
        codec::decode(include_bytes!("../../tests/data/kodim23_x3.png"), 1 << 20).unwrap().0.image
    }

    fn compressed(image: &Image, quality: u8) -> Image {
        eval::to_rgb8(&codec::decode(&jpeg(image, quality).unwrap(), 1 << 20).unwrap().0.image).unwrap()
    }

    /// Without `x` columns on the left and `y` rows at the top.
    fn cut(image: &Image, x: usize, y: usize) -> Image {
        let Samples::U8(samples) = image.samples() else { panic!() };
        let width = image.width() as usize;
        let rows = samples.chunks_exact(width * 3).skip(y);
        let samples = rows.flat_map(|row| &row[x * 3..]).copied().collect();
        let [x, y] = [x, y].map(|side| u32::try_from(side).unwrap());
        Image::from_rgb8(image.width() - x, image.height() - y, samples).unwrap()
    }

    #[test]
    fn a_photo_s_quality_is_found_wherever_its_grid_lies() {
        for quality in [20, 35, 50, 70, 85] {
            let picture = compressed(&photo(), quality);
            for (x, y) in [(0, 0), (1, 6), (4, 3), (7, 0)] {
                let found = jpeg_quality_of_pixels(&cut(&picture, x, y));
                assert!(found.is_some_and(|found| found.abs_diff(quality) <= 1), "{quality} {x} {y}: {found:?}");
            }
        }
    }

    #[test]
    fn what_was_no_jpeg_or_was_resized_shows_none() {
        let photo = photo();
        assert_eq!(jpeg_quality_of_pixels(&photo), None);
        let reduced = eval::degrade(&compressed(&photo, 30), 2).unwrap();
        assert_eq!(jpeg_quality_of_pixels(&reduced), None);
        assert_eq!(jpeg_quality_of_pixels(&eval::bicubic(&compressed(&photo, 30), 2).unwrap()), None);
    }

    #[test]
    fn depth_and_layout_do_not_matter() {
        let picture = compressed(&photo(), 40);
        let Samples::U8(samples) = picture.samples() else { panic!() };
        let (width, height) = (picture.width(), picture.height());
        let wide = samples.iter().map(|&sample| u16::from(sample) * 257).collect();
        let deep = Image::new(width, height, Layout::Rgb, Samples::U16(wide)).unwrap();
        let rgba = samples.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 9]).collect();
        let rgba = Image::new(width, height, Layout::Rgba, Samples::U8(rgba)).unwrap();
        let wanted = jpeg_quality_of_pixels(&picture);
        assert!(wanted.is_some());
        assert_eq!([jpeg_quality_of_pixels(&deep), jpeg_quality_of_pixels(&rgba)], [wanted; 2]);
    }

    #[test]
    fn drawings_that_repeat_a_tile_show_none() {
        let tile: Vec<u8> = (0..8 * 8 * 3u32).map(|i| (i * i * 31 % 251) as u8).collect();
        let rows = (0..128).flat_map(|y| tile[y % 8 * 24..][..24].repeat(16));
        let image = Image::from_rgb8(128, 128, rows.collect()).unwrap();
        assert_eq!(jpeg_quality_of_pixels(&image), None);
    }

    #[test]
    fn the_smallest_pictures_are_no_trouble() {
        for (width, height) in [(1, 1), (1, 40), (40, 1), (15, 15), (16, 16), (17, 23)] {
            let image = Image::from_rgb8(width, height, vec![77; (width * height * 3) as usize]).unwrap();
            assert_eq!(jpeg_quality_of_pixels(&image), None);
        }
    }
}
