//! Pixels in memory, and the 8-bit view that the net sees of them.

use crate::{Error, Result};

/// The channels of a pixel, in the order in which they lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// One sample: grey.
    Grey,
    /// Two samples: grey, alpha (not premultiplied).
    GreyAlpha,
    /// Three samples: red, green, blue.
    Rgb,
    /// Four samples: red, green, blue, alpha (not premultiplied).
    Rgba,
}

impl Layout {
    /// Samples a pixel, 1 to 4.
    pub fn channels(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    /// Whether the last sample is alpha.
    pub fn has_alpha(self) -> bool {
        matches!(self, Self::GreyAlpha | Self::Rgba)
    }
}

/// The samples of an image, `[height, width, channels]`, row by row without padding.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Samples {
    /// 8 bits a sample, 0..=255.
    U8(Vec<u8>),
    /// 16 bits a sample, 0..=65535.
    U16(Vec<u16>),
}

impl Samples {
    /// How many samples there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(samples) => samples.len(),
            Self::U16(samples) => samples.len(),
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// An image in memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    width: u32,
    height: u32,
    layout: Layout,
    samples: Samples,
}

impl Image {
    /// An image from its samples, `[height, width, layout.channels()]`.
    ///
    /// # Errors
    /// [`Error::SampleCount`] if `samples` has another length; [`Error::ImageSize`] if it is empty.
    pub fn new(width: u32, height: u32, layout: Layout, samples: Samples) -> Result<Self> {
        let channels = layout.channels();
        let expected = u128::from(width) * u128::from(height) * channels as u128;
        if width == 0 || height == 0 {
            return Err(Error::ImageSize { width, height, scale: 1, reason: "it has no pixels" });
        }
        if samples.len() as u128 != expected {
            return Err(Error::SampleCount { width, height, channels, expected, actual: samples.len() });
        }
        Ok(Self { width, height, layout, samples })
    }

    /// An 8-bit RGB image from its bytes, `[height, width, 3]`.
    ///
    /// # Errors
    /// As [`Image::new`].
    pub fn from_rgb8(width: u32, height: u32, rgb: Vec<u8>) -> Result<Self> {
        Self::new(width, height, Layout::Rgb, Samples::U8(rgb))
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

    /// The samples, `[height, width, channels]`.
    pub fn samples(&self) -> &Samples {
        &self.samples
    }

    /// The samples, `[height, width, channels]`, without a copy.
    pub fn into_samples(self) -> Samples {
        self.samples
    }
}

/// Steps of a 16-bit sample in a level of an 8-bit one: 65535 = 255 * 257.
pub(crate) const FINE_STEPS: u16 = u16::MAX / u8::MAX as u16;

/// A sample type the engines run on: `u8` or `u16`.
///
/// The net always sees 8 bits. A 16-bit image keeps its precision through the anchor: the residual is
/// taken in steps of 1/257.
pub trait Sample: sealed::Sealed + bytemuck::Pod + Default + PartialEq + Send + Sync {
    /// Bits a sample.
    const BITS: u32;
    /// The 8-bit value nearest to this one.
    fn to_u8(self) -> u8;
    /// The value, for arithmetic.
    fn to_i32(self) -> i32;
    /// `value` clamped to the type's range.
    fn saturating_from(value: i32) -> Self;
}

mod sealed {
    /// No other type is a [`Sample`](super::Sample).
    pub trait Sealed {}
    impl Sealed for u8 {}
    impl Sealed for u16 {}
}

impl Sample for u8 {
    const BITS: u32 = 8;
    fn to_u8(self) -> u8 {
        self
    }
    fn to_i32(self) -> i32 {
        self.into()
    }
    #[expect(clippy::cast_sign_loss, reason = "clamped")]
    fn saturating_from(value: i32) -> Self {
        value.clamp(0, 255) as u8
    }
}

impl Sample for u16 {
    const BITS: u32 = 16;
    #[expect(clippy::cast_possible_truncation, reason = "65535 + 128 < 256 * 257")]
    fn to_u8(self) -> u8 {
        let steps = u32::from(FINE_STEPS);
        ((u32::from(self) + steps / 2) / steps) as u8
    }
    fn to_i32(self) -> i32 {
        self.into()
    }
    #[expect(clippy::cast_sign_loss, reason = "clamped")]
    fn saturating_from(value: i32) -> Self {
        value.clamp(0, 65535) as u16
    }
}

/// So many zeros, or an error where a `vec!` would end the process. The system makes large ones when they are first touched.
pub(crate) fn zeros<S: bytemuck::Zeroable>(len: usize) -> Result<Vec<S>> {
    let samples = bytemuck::allocation::try_zeroed_slice_box(len);
    samples.map(Vec::from).map_err(|()| Error::Memory { bytes: len.saturating_mul(size_of::<S>()) })
}

/// An empty vector with room for so many elements, or an error where there is no memory.
pub(crate) fn reserved<T>(len: usize) -> Result<Vec<T>> {
    let mut vector = Vec::new();
    let reserved = vector.try_reserve_exact(len);
    reserved.map(|()| vector).map_err(|_| Error::Memory { bytes: len.saturating_mul(size_of::<T>()) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_checks_its_length() {
        assert!(Image::from_rgb8(2, 3, vec![0; 18]).is_ok());
        let error = Image::from_rgb8(2, 3, vec![0; 17]).unwrap_err();
        assert_eq!(error.to_string(), "an image of 2x3 with 3 channels has 18 samples, not 17");
        assert!(matches!(Image::from_rgb8(0, 3, vec![]), Err(Error::ImageSize { .. })));
        assert!(matches!(Image::from_rgb8(u32::MAX, u32::MAX, vec![]), Err(Error::SampleCount { .. })));
    }

    #[test]
    fn too_much_memory_is_an_error() {
        assert!(matches!(zeros::<u16>(usize::MAX / 4), Err(Error::Memory { .. })));
        assert_eq!(zeros::<u8>(3).unwrap(), [0; 3]);
        assert!(matches!(reserved::<u16>(usize::MAX / 4), Err(Error::Memory { .. })));
    }

    #[test]
    fn sixteen_bits_round_to_the_nearest_of_eight() {
        for value in 0..=u16::MAX {
            let exact = (f64::from(value) / 257.0).round();
            assert_eq!(f64::from(value.to_u8()), exact, "{value}");
        }
    }
}
