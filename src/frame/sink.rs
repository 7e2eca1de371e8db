//! Where an engine's finished pixels go.

use super::alpha::Bounds;
use super::format::PixelFormat;
use crate::Result;
use crate::image::{Sample, zeros};

/// A picture as an engine writes it: pixels of the source's format, row by row, in any order.
pub(crate) trait Sink: Send {
    /// Takes `pixels` of row `y` from column `x` on.
    fn row(&mut self, x: usize, y: usize, pixels: &[u8]);

    /// The memory of `count` whole rows from row `y` on, if that takes pixels as the engine makes them: it may then write
    /// there itself.
    fn memory(&mut self, y: usize, count: usize) -> Option<&mut [u8]>;

    /// Itself in bands of so many rows each, from the top, for threads of their own. Rows keep their numbers.
    fn bands<'a>(&'a mut self, heights: &[usize]) -> Vec<Box<dyn Sink + 'a>>;
}

/// The samples of a picture, and which of them are written how.
pub(crate) struct RgbSink<'a, S> {
    samples: &'a mut [S],
    /// Width in pixels.
    width: usize,
    /// The row that `samples` begins with.
    first_row: usize,
    /// Samples from one row to the next, and samples a pixel.
    stride: usize,
    channels: usize,
    pub(super) write: Write<'a, S>,
}

/// What becomes of an RGB pixel.
#[derive(Clone)]
pub(super) enum Write<'a, S> {
    /// The pixel's first three samples, and its last one this, if any.
    Colours(Option<S>),
    /// The pixel's grey in each of its first three samples, and its last one this, if any: for pictures that have no colours.
    Neutral(Option<S>),
    /// The pixel's first sample, and its last one this, if any.
    Grey(Option<S>),
    /// The pixel's last sample, within bounds.
    Alpha(Bounds<'a, S>),
}

impl<'a, S: Sample> RgbSink<'a, S> {
    /// Tight RGB samples, `[height, width, 3]`.
    pub fn new(samples: &'a mut [S], width: usize) -> Self {
        Self::with(samples, width, width * 3, 3, Write::Colours(None))
    }

    /// The same for a picture without colours.
    pub fn neutral(samples: &'a mut [S], width: usize) -> Self {
        Self::with(samples, width, width * 3, 3, Write::Neutral(None))
    }

    /// Rows of `width` pixels, `stride` samples apart, of `channels` each.
    pub(super) fn with(
        samples: &'a mut [S],
        width: usize,
        stride: usize,
        channels: usize,
        write: Write<'a, S>,
    ) -> Self {
        Self { samples, width, first_row: 0, stride, channels, write }
    }
}

impl<S: Sample> Sink for RgbSink<'_, S> {
    fn row(&mut self, x: usize, y: usize, pixels: &[u8]) {
        let rgb: &[S] = bytemuck::cast_slice(pixels);
        let width = rgb.len() / 3;
        let start = (y - self.first_row) * self.stride + x * self.channels;
        let to = &mut self.samples[start..][..width * self.channels];
        let pixels = to.chunks_exact_mut(self.channels).zip(rgb.chunks_exact(3));
        match &mut self.write {
            Write::Colours(None) if self.channels == 3 => to.copy_from_slice(rgb),
            Write::Colours(alpha) => {
                for (pixel, rgb) in pixels {
                    pixel[..3].copy_from_slice(rgb);
                    if let (Some(last), Some(alpha)) = (pixel.get_mut(3), *alpha) {
                        *last = alpha;
                    }
                }
            }
            Write::Neutral(alpha) => {
                for (pixel, rgb) in pixels {
                    pixel[..3].fill(grey(rgb));
                    if let (Some(last), Some(alpha)) = (pixel.get_mut(3), *alpha) {
                        *last = alpha;
                    }
                }
            }
            Write::Grey(alpha) => {
                for (pixel, rgb) in pixels {
                    pixel[0] = grey(rgb);
                    if let (Some(last), Some(alpha)) = (pixel.get_mut(1), *alpha) {
                        *last = alpha;
                    }
                }
            }
            Write::Alpha(bounds) => {
                let last = self.channels - 1;
                for ((pixel, rgb), [low, high]) in pixels.zip(bounds.of_row(x, y, width)) {
                    pixel[last] = S::saturating_from(grey(rgb).to_i32().clamp(low, high));
                }
            }
        }
    }

    fn memory(&mut self, y: usize, count: usize) -> Option<&mut [u8]> {
        // Rows of nothing but colours, without gaps.
        let Write::Colours(None) = self.write else { return None };
        let is_tight = self.channels == 3 && self.stride == 3 * self.width;
        let rows = (y - self.first_row) * self.stride..(y - self.first_row + count) * self.stride;
        is_tight.then(|| bytemuck::cast_slice_mut(&mut self.samples[rows]))
    }

    fn bands<'a>(&'a mut self, heights: &[usize]) -> Vec<Box<dyn Sink + 'a>> {
        let Self { width, stride, channels, ref write, ref mut samples, mut first_row } = *self;
        let mut samples = &mut **samples;
        let band = |&height: &usize| {
            // The last row of all may end before a whole stride.
            let len = samples.len().min(height * stride);
            let samples = samples.split_off_mut(..len).unwrap_or_default();
            let band = RgbSink { samples, width, first_row, stride, channels, write: write.clone() };
            first_row += height;
            Box::new(band) as Box<dyn Sink + 'a>
        };
        heights.iter().map(band).collect()
    }
}

/// Has `work` write a picture of `width` x `height` pixels of which nothing is kept.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory).
pub(crate) fn forgotten<T>(
    format: PixelFormat,
    width: usize,
    height: usize,
    work: impl FnOnce(&mut dyn Sink) -> T,
) -> Result<T> {
    let len = width * height * 3;
    Ok(match format {
        PixelFormat::Rgb8 => work(&mut RgbSink::<u8>::new(&mut zeros(len)?, width)),
        PixelFormat::Rgb16 => work(&mut RgbSink::<u16>::new(&mut zeros(len)?, width)),
    })
}

/// The grey of an RGB pixel: the rounded mean, as none of three equal channels is the better one.
pub(super) fn grey<S: Sample>(rgb: &[S]) -> S {
    S::saturating_from((rgb.iter().map(|sample| sample.to_i32()).sum::<i32>() + 1) / 3)
}
