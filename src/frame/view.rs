//! Pictures that the caller owns, borrowed.

use crate::image::{Image, Layout, Sample, Samples};
use crate::{Error, Result};

/// Samples to read, row by row; what lies between two rows is not looked at.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum SamplesRef<'a> {
    /// 8 bits a sample, 0..=255.
    U8(&'a [u8]),
    /// 16 bits a sample, 0..=65535.
    U16(&'a [u16]),
}

/// Samples to write, row by row; what lies between two rows is left alone.
#[derive(Debug)]
#[non_exhaustive]
pub enum SamplesMut<'a> {
    /// 8 bits a sample, 0..=255.
    U8(&'a mut [u8]),
    /// 16 bits a sample, 0..=65535.
    U16(&'a mut [u16]),
}

/// A picture in the caller's memory, to read.
///
/// ```
/// use abpn::{ImageView, Layout, SamplesRef};
///
/// // 2x2 pixels of grey within rows of 16 bytes.
/// let memory = [0_u8; 32];
/// let view = ImageView::new(2, 2, Layout::Grey, SamplesRef::U8(&memory), 16)?;
/// assert_eq!((view.width(), view.height()), (2, 2));
/// # Ok::<(), abpn::Error>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ImageView<'a> {
    width: u32,
    height: u32,
    layout: Layout,
    samples: SamplesRef<'a>,
    stride: usize,
}

/// A picture in the caller's memory, to write.
#[derive(Debug)]
pub struct ImageViewMut<'a> {
    width: u32,
    height: u32,
    layout: Layout,
    samples: SamplesMut<'a>,
    stride: usize,
}

impl<'a> ImageView<'a> {
    /// A picture of `width` x `height` pixels, `[height, width, layout.channels()]`, each row `stride` samples after the one
    /// before.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if it has no pixels; [`Error::SampleCount`] if `samples` ends before the last row does, or a row
    /// has more samples than `stride`.
    pub fn new(width: u32, height: u32, layout: Layout, samples: SamplesRef<'a>, stride: usize) -> Result<Self> {
        let len = match samples {
            SamplesRef::U8(samples) => samples.len(),
            SamplesRef::U16(samples) => samples.len(),
        };
        check(width, height, layout, len, stride)?;
        Ok(Self { width, height, layout, samples, stride })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The channels of a pixel.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The samples of all rows.
    pub fn samples(&self) -> SamplesRef<'a> {
        self.samples
    }

    /// Samples from the beginning of one row to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }
}

impl<'a> ImageViewMut<'a> {
    /// As [`ImageView::new`].
    ///
    /// # Errors
    /// As [`ImageView::new`].
    pub fn new(width: u32, height: u32, layout: Layout, samples: SamplesMut<'a>, stride: usize) -> Result<Self> {
        let len = match &samples {
            SamplesMut::U8(samples) => samples.len(),
            SamplesMut::U16(samples) => samples.len(),
        };
        check(width, height, layout, len, stride)?;
        Ok(Self { width, height, layout, samples, stride })
    }

    /// Width in pixels, at least 1.
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Height in pixels, at least 1.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The channels of a pixel.
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The samples of all rows.
    pub fn samples(self) -> SamplesMut<'a> {
        self.samples
    }

    /// Samples from the beginning of one row to the next.
    pub fn stride(&self) -> usize {
        self.stride
    }
}

impl Image {
    /// The image as a view.
    pub fn view(&self) -> ImageView<'_> {
        let samples = match self.samples() {
            Samples::U8(samples) => SamplesRef::U8(samples),
            Samples::U16(samples) => SamplesRef::U16(samples),
        };
        let stride = self.width() as usize * self.layout().channels();
        ImageView::new(self.width(), self.height(), self.layout(), samples, stride).expect("an image has its length")
    }
}

fn check(width: u32, height: u32, layout: Layout, actual: usize, stride: usize) -> Result<()> {
    if width == 0 || height == 0 {
        return Err(Error::ImageSize { width, height, scale: 1, reason: "it has no pixels" });
    }
    let channels = layout.channels();
    let row = u128::from(width) * channels as u128;
    let expected = (u128::from(height) - 1) * (stride as u128).max(row) + row;
    if (stride as u128) < row || (actual as u128) < expected {
        return Err(Error::SampleCount { width, height, channels, expected, actual });
    }
    Ok(())
}

/// Interleaved samples of one type: what a view is once its type is known.
#[derive(Clone, Copy)]
pub(crate) struct Pixels<'a, S> {
    pub width: usize,
    pub height: usize,
    pub channels: usize,
    pub samples: &'a [S],
    pub stride: usize,
}

impl<'a, S: Sample> Pixels<'a, S> {
    /// The samples of a view, which are of this type.
    pub fn of(view: &ImageView, samples: &'a [S]) -> Self {
        Self {
            width: view.width as usize,
            height: view.height as usize,
            channels: view.layout.channels(),
            samples,
            stride: view.stride,
        }
    }

    /// The samples of `width` pixels from (`x`, `y`) to the right, `[width, channels]`.
    pub fn row(&self, x: usize, y: usize, width: usize) -> &'a [S] {
        &self.samples[y * self.stride + x * self.channels..][..width * self.channels]
    }

    /// The last sample of a pixel: alpha, where there is one.
    pub fn last(&self, x: usize, y: usize) -> S {
        self.samples[y * self.stride + (x + 1) * self.channels - 1]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_checks_its_length_and_its_stride() {
        let memory = [0_u16; 30];
        let view = |height, stride| ImageView::new(3, height, Layout::Rgb, SamplesRef::U16(&memory), stride);
        // Nothing is needed after the last row's last sample.
        assert!(view(2, 21).is_ok());
        assert!(matches!(view(2, 22), Err(Error::SampleCount { expected: 31, actual: 30, .. })));
        assert!(matches!(view(2, 8), Err(Error::SampleCount { .. })));
        assert!(matches!(view(0, 9), Err(Error::ImageSize { .. })));
        assert!(matches!(view(u32::MAX, usize::MAX), Err(Error::SampleCount { .. })));
        let mut memory = [0_u8; 8];
        assert!(ImageViewMut::new(2, 1, Layout::Rgba, SamplesMut::U8(&mut memory), 8).is_ok());
        assert!(ImageViewMut::new(2, 1, Layout::Rgba, SamplesMut::U8(&mut memory), 7).is_err());
    }
}
