//! Where an engine's pixels come from.

use super::format::PixelFormat;
use super::view::Pixels;
use crate::Result;
use crate::image::{Sample, zeros};

/// A picture as an engine reads it: pixels of one format, row by row.
pub(crate) trait Source: Sync {
    /// Width in pixels.
    fn width(&self) -> usize;

    /// Height in pixels.
    fn height(&self) -> usize;

    /// How the pixels lie.
    fn format(&self) -> PixelFormat;

    /// `width` pixels of row `y` from column `x` on: the picture's own memory if that holds them as they are wanted, else
    /// written to `buffer`.
    fn row<'a>(&'a self, x: usize, y: usize, width: usize, buffer: &'a mut RowBuffer) -> &'a [u8];
}

/// Memory for one row, to be used again; aligned for samples of every type.
#[derive(Default)]
pub(crate) struct RowBuffer(Vec<u32>);

impl RowBuffer {
    /// Room for so many samples, whatever they are.
    pub fn samples<S: Sample>(&mut self, len: usize) -> &mut [S] {
        let words = (len * size_of::<S>()).div_ceil(size_of::<u32>());
        if self.0.len() < words {
            self.0.resize(words, 0);
        }
        &mut bytemuck::cast_slice_mut(&mut self.0)[..len]
    }

    /// Room for so many bytes, whatever they are.
    pub fn bytes(&mut self, len: usize) -> &mut [u8] {
        self.samples(len)
    }
}

/// Tight RGB samples, `[height, width, 3]`.
#[derive(Clone, Copy)]
pub(crate) struct Rgb<'a, S> {
    pub width: usize,
    pub height: usize,
    pub samples: &'a [S],
}

impl<'a, S: Sample> Rgb<'a, S> {
    /// The samples of `width` pixels from (`x`, `y`) to the right, `[width, 3]`.
    pub fn row(&self, x: usize, y: usize, width: usize) -> &'a [S] {
        &self.samples[(y * self.width + x) * 3..][..width * 3]
    }
}

impl<S: Sample> Source for Rgb<'_, S> {
    fn width(&self) -> usize {
        self.width
    }

    fn height(&self) -> usize {
        self.height
    }

    fn format(&self) -> PixelFormat {
        PixelFormat::rgb::<S>()
    }

    fn row<'a>(&'a self, x: usize, y: usize, width: usize, _: &'a mut RowBuffer) -> &'a [u8] {
        bytemuck::cast_slice(Self::row(self, x, y, width))
    }
}

/// Three channels of a picture, in any order, as RGB.
pub(super) struct Channels<'a, S> {
    pub pixels: Pixels<'a, S>,
    /// Which sample of a pixel is red, green and blue.
    pub picked: [usize; 3],
}

impl<S: Sample> Source for Channels<'_, S> {
    fn width(&self) -> usize {
        self.pixels.width
    }

    fn height(&self) -> usize {
        self.pixels.height
    }

    fn format(&self) -> PixelFormat {
        PixelFormat::rgb::<S>()
    }

    fn row<'a>(&'a self, x: usize, y: usize, width: usize, buffer: &'a mut RowBuffer) -> &'a [u8] {
        let row = self.pixels.row(x, y, width);
        if (self.pixels.channels, self.picked) == (3, [0, 1, 2]) {
            return bytemuck::cast_slice(row);
        }
        let rgb = buffer.samples::<S>(width * 3);
        for (to, pixel) in rgb.chunks_exact_mut(3).zip(row.chunks_exact(self.pixels.channels)) {
            to.copy_from_slice(&self.picked.map(|channel| pixel[channel]));
        }
        bytemuck::cast_slice(rgb)
    }
}

/// A copy of a picture.
pub(crate) struct Copied {
    width: usize,
    height: usize,
    format: PixelFormat,
    /// Rows without gaps; words, so that samples of every type are aligned.
    words: Vec<u32>,
}

impl Copied {
    /// Room for a copy.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory).
    pub fn new(width: usize, height: usize, format: PixelFormat) -> Result<Self> {
        let words = zeros((width * height * format.pixel_bytes()).div_ceil(size_of::<u32>()))?;
        Ok(Self { width, height, format, words })
    }

    /// Copies a picture of this size and format.
    pub fn copy(&mut self, source: &dyn Source, buffer: &mut RowBuffer) {
        let row_bytes = self.width * self.format.pixel_bytes();
        let rows = bytemuck::cast_slice_mut::<u32, u8>(&mut self.words).chunks_exact_mut(row_bytes);
        for (y, row) in rows.take(self.height).enumerate() {
            row.copy_from_slice(source.row(0, y, self.width, buffer));
        }
    }

    /// The samples, `[height, width, 3]`.
    pub fn samples<S: Sample>(&self) -> &[S] {
        &bytemuck::cast_slice(&self.words)[..self.width * self.height * 3]
    }
}

impl Source for Copied {
    fn width(&self) -> usize {
        self.width
    }

    fn height(&self) -> usize {
        self.height
    }

    fn format(&self) -> PixelFormat {
        self.format
    }

    fn row<'a>(&'a self, x: usize, y: usize, width: usize, _: &'a mut RowBuffer) -> &'a [u8] {
        let bytes: &[u8] = bytemuck::cast_slice(&self.words);
        let pixel_bytes = self.format.pixel_bytes();
        &bytes[(y * self.width + x) * pixel_bytes..][..width * pixel_bytes]
    }
}
