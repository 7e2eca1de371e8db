//! Where samples and codes lie in the buffers that the shaders read and write.

use crate::frame::{PixelFormat, Rgb};
use crate::image::Sample;
use crate::reference::Features;

use super::kernels::MAX_PIXELS;

/// Where the words of a window lie, as `shaders/window.wgsl` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Geometry {
    /// Width in input pixels.
    pub width: usize,
    /// Height in input pixels.
    pub height: usize,
}

/// A word of four codes 0, as stored.
const CODE_0: u32 = 0x8080_8080;
/// Fills what a kernel has to write, so that one it leaves out looks different from any likely result.
const POISON: u32 = 0x55aa_33cc;

impl Geometry {
    /// Words from one row to the next: the padding, and what the last thread of a row loads beyond it; aligned for vector
    /// loads.
    pub fn stride_words(self) -> usize {
        (self.width + 1 + MAX_PIXELS).next_multiple_of(4)
    }

    /// Words from one plane to the next.
    pub fn plane_words(self) -> usize {
        self.stride_words() * (self.height + 2)
    }

    /// Index of pixel (0, `y`) in plane 0.
    fn row(self, y: usize) -> usize {
        (y + 1) * self.stride_words() + 1
    }

    /// The window of the result.
    pub fn upscaled(self, scale: usize) -> Self {
        Self { width: self.width * scale, height: self.height * scale }
    }

    /// Bytes from one row of samples to the next: whole groups, so that a row begins with a word.
    pub fn row_bytes(self, format: PixelFormat) -> usize {
        let group_bytes = group_pixels(format) * format.pixel_bytes();
        self.width.div_ceil(group_pixels(format)) * group_bytes
    }

    /// Words of the samples of all rows.
    pub fn samples_words(self, format: PixelFormat) -> usize {
        self.row_bytes(format) / size_of::<u32>() * self.height
    }

    /// The uniform `window`.
    pub fn window_words(self) -> [u32; 4] {
        [self.width, self.height, self.stride_words(), self.plane_words()].map(to_u32)
    }

    /// A feature map of `words` planes as it is before its first use: the padding is the code 0, but for `padded_words` of
    /// which the kernel has to write it.
    pub fn blank_features(self, words: usize, padded_words: usize) -> Vec<u32> {
        let mut map = vec![CODE_0; words * self.plane_words()];
        for (word, plane) in map.chunks_exact_mut(self.plane_words()).enumerate() {
            if word < padded_words {
                self.fill_padding(plane, POISON);
            }
            for y in 0..self.height {
                plane[self.row(y)..][..self.width].fill(POISON);
            }
        }
        map
    }

    /// Fills the inside of a plane and one pixel around it.
    fn fill_padding(self, plane: &mut [u32], with: u32) {
        for row in plane.chunks_exact_mut(self.stride_words()) {
            row[..self.width + 2].fill(with);
        }
    }

    /// A feature map's codes, and whether its padding is what it has to be: still what [`Geometry::blank_features`] made it, or
    /// in those that the kernel pads the zero point.
    pub fn unpack_features(
        self,
        map: &[u32],
        channels: usize,
        zero_point: u8,
        padded_words: usize,
    ) -> (Features, bool) {
        let mut codes = Vec::with_capacity(self.width * self.height * channels);
        for y in 0..self.height {
            for x in 0..self.width {
                codes.extend((0..channels).map(|channel| {
                    let word = map[channel / 4 * self.plane_words() + self.row(y) + x] ^ CODE_0;
                    word.to_le_bytes()[channel % 4]
                }));
            }
        }
        let mut expected = self.blank_features(map.len() / self.plane_words(), 0);
        for plane in expected.chunks_exact_mut(self.plane_words()).take(padded_words) {
            self.fill_padding(plane, u32::from_le_bytes([zero_point; 4]) ^ CODE_0);
        }
        for (plane, of_map) in expected.chunks_exact_mut(self.plane_words()).zip(map.chunks_exact(self.plane_words())) {
            for y in 0..self.height {
                plane[self.row(y)..][..self.width].copy_from_slice(&of_map[self.row(y)..][..self.width]);
            }
        }
        let intact = expected == map;
        (Features { width: self.width, height: self.height, channels, zero_point, codes }, intact)
    }

    /// The twin of `pack8` and `pack16`: a picture that is one window, as RGBA8 words with a padding of zeros, which the first
    /// layer reads, and which are the anchor of 8-bit pictures.
    pub fn pack_image<S: Sample>(self, rgb: Rgb<S>) -> Vec<u32> {
        let mut words = vec![0; self.plane_words()];
        for y in 0..self.height {
            let target = &mut words[self.row(y)..][..self.width];
            for (word, pixel) in target.iter_mut().zip(rgb.row(0, y, self.width).chunks_exact(3)) {
                *word = u32::from_le_bytes([pixel[0].to_u8(), pixel[1].to_u8(), pixel[2].to_u8(), 0]);
            }
        }
        words
    }

    /// The same as RGBA16, two words a pixel: the anchor of 16-bit pictures.
    pub fn pack_anchor16<S: Sample>(self, rgb: Rgb<S>) -> Vec<u32> {
        let mut words = vec![0; 2 * self.plane_words()];
        for y in 0..self.height {
            let target = &mut words[2 * self.row(y)..][..2 * self.width];
            for (words, pixel) in target.chunks_exact_mut(2).zip(rgb.row(0, y, self.width).chunks_exact(3)) {
                let [r, g, b] = [0, 1, 2].map(|i| pixel[i].to_i32().cast_unsigned());
                words.copy_from_slice(&[r | g << 16, b]);
            }
        }
        words
    }
}

/// A count of pixels or groups of one window, which 32 bits always hold.
pub(crate) fn to_u32(count: usize) -> u32 {
    u32::try_from(count).expect("windows are checked against the adapter's 32-bit limits")
}

/// Words of one RGBA pixel.
pub(crate) fn words_per_pixel(bits: u32) -> usize {
    if bits == 8 { 1 } else { 2 }
}

/// Pixels of a group: the fewest that fill whole words, 4 of RGB in 8 bits a sample and 2 of 16.
pub(crate) fn group_pixels(format: PixelFormat) -> usize {
    let (pixel, word) = (format.pixel_bytes(), size_of::<u32>());
    (1..=word).find(|pixels| (pixels * pixel).is_multiple_of(word)).unwrap_or(word)
}
