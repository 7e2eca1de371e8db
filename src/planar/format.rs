//! What a frame of planes is.

use crate::{Error, Result};

/// The matrix between RGB and luma with two colour differences, all non-constant luminance.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Matrix {
    /// ITU-R BT.601, of standard definition.
    Bt601,
    /// ITU-R BT.709, of high definition.
    Bt709,
    /// ITU-R BT.2020, non-constant luminance, of ultra-high definition.
    Bt2020,
    /// FCC 73.682.
    Fcc,
    /// SMPTE 240M.
    Smpte240m,
}

impl Matrix {
    /// Every matrix.
    pub const ALL: [Self; 5] = [Self::Bt601, Self::Bt709, Self::Bt2020, Self::Fcc, Self::Smpte240m];

    /// The shares of red and blue in luma, in ten-thousandths; the rest is green's.
    pub(crate) fn red_and_blue(self) -> (i64, i64) {
        match self {
            Self::Bt601 => (2990, 1140),
            Self::Bt709 => (2126, 722),
            Self::Bt2020 => (2627, 593),
            Self::Fcc => (3000, 1100),
            Self::Smpte240m => (2120, 870),
        }
    }
}

/// Which codes are black and white.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Range {
    /// Of 8 bits, luma 16 to 235 and colour differences 16 to 240; with more bits, these times a power of two.
    Limited,
    /// Every code, 0 to 255 for 8 bits.
    Full,
}

/// Where the samples of colour differences lie along an axis that has fewer of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Siting {
    /// On the first of the luma samples that share one.
    First,
    /// In the middle of them.
    Middle,
    /// On the last of them.
    Last,
}

/// The planes of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Planes {
    /// One plane: luma.
    Grey(Range),
    /// Three planes: green, blue, red, every code used.
    Rgb,
    /// Three planes: luma, blue difference, red difference.
    Yuv {
        /// The matrix.
        matrix: Matrix,
        /// The range.
        range: Range,
        /// Luma samples for each sample of a colour difference, horizontally: 1, 2 or 4.
        across: u8,
        /// The same, vertically.
        down: u8,
        /// Where those lie, horizontally and vertically.
        siting: [Siting; 2],
    },
}

/// What the frames of a film have in common: their planes' kind, depth and size.
///
/// A frame is its planes one after the other, rows without gaps. A sample of 8 bits is a `u8`, one of 9 to 16 bits a `u16` in
/// the machine's byte order, in its lower bits.
///
/// ```
/// use abpn::planar::{Format, Matrix, Planes, Range, Siting};
///
/// let siting = [Siting::First, Siting::Middle];
/// let planes = Planes::Yuv { matrix: Matrix::Bt709, range: Range::Limited, across: 2, down: 2, siting };
/// // Odd sizes have a last sample of colour for one column or row.
/// assert_eq!(Format::new(planes, 8, 5, 3)?.samples(), 15 + 2 * 6);
/// # Ok::<(), abpn::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Format {
    planes: Planes,
    bits: u32,
    width: usize,
    height: usize,
}

impl Format {
    /// Frames of `width` x `height` pixels with samples of `bits`.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if there are no pixels, or too many to be addressed; [`Error::Unsupported`] if `bits` is not 8 to
    /// 16, or colour differences are shared by another number of samples than 1, 2 or 4.
    pub fn new(planes: Planes, bits: u32, width: u32, height: u32) -> Result<Self> {
        let size = |reason| Error::ImageSize { width, height, scale: 1, reason };
        if width == 0 || height == 0 {
            return Err(size("it has no pixels"));
        }
        if u128::from(width) * u128::from(height) * 8 > isize::MAX as u128 {
            return Err(size("it exceeds this machine's address space"));
        }
        if !(8..=16).contains(&bits) {
            return Err(Error::Unsupported(format!("planes have 8 to 16 bits a sample, not {bits}")));
        }
        if let Planes::Yuv { across, down, .. } = planes
            && ![across, down].iter().all(|shared| matches!(shared, 1 | 2 | 4))
        {
            let reason = format!("1, 2 or 4 samples share one of colour along an axis, not {across} and {down}");
            return Err(Error::Unsupported(reason));
        }
        Ok(Self { planes, bits, width: width as usize, height: height as usize })
    }

    /// The kind of planes.
    pub fn planes(&self) -> Planes {
        self.planes
    }

    /// Bits of a sample, 8 to 16.
    pub fn bits(&self) -> u32 {
        self.bits
    }

    /// Bytes of a sample, 1 or 2.
    pub fn sample_bytes(&self) -> usize {
        if self.bits == 8 { 1 } else { 2 }
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Samples of a frame, in all planes.
    pub fn samples(&self) -> usize {
        let (width, height) = self.chroma_size();
        self.width * self.height + self.chroma_planes() * width * height
    }

    /// The same planes with frames of another size.
    ///
    /// # Errors
    /// As [`Format::new`].
    pub fn resized(&self, width: u32, height: u32) -> Result<Self> {
        Self::new(self.planes, self.bits, width, height)
    }

    /// The largest code.
    pub(crate) fn max(&self) -> i64 {
        (1 << self.bits) - 1
    }

    /// Planes after the first.
    fn chroma_planes(&self) -> usize {
        match self.planes {
            Planes::Grey(_) => 0,
            Planes::Rgb | Planes::Yuv { .. } => 2,
        }
    }

    /// Width and height of the planes after the first.
    pub(crate) fn chroma_size(&self) -> (usize, usize) {
        match self.planes {
            Planes::Yuv { across, down, .. } => (self.width.div_ceil(across.into()), self.height.div_ceil(down.into())),
            Planes::Grey(_) | Planes::Rgb => (self.width, self.height),
        }
    }

    /// The planes of a frame: the first, and the other two, which may be empty.
    pub(crate) fn split<'a, S>(&self, frame: &'a [S]) -> [&'a [S]; 3] {
        let (first, rest) = frame.split_at(self.width * self.height);
        let (second, third) = rest.split_at(rest.len() / 2);
        [first, second, third]
    }

    /// As [`Self::split`], to write to.
    pub(crate) fn split_mut<'a, S>(&self, frame: &'a mut [S]) -> [&'a mut [S]; 3] {
        let (first, rest) = frame.split_at_mut(self.width * self.height);
        let (second, third) = rest.split_at_mut(rest.len() / 2);
        [first, second, third]
    }

    /// The code of no colour in a colour difference.
    pub(crate) fn neutral(&self) -> i64 {
        1 << (self.bits - 1)
    }

    /// Luma's black, and the steps from there to white.
    pub(crate) fn luma(&self, range: Range) -> (i64, i64) {
        match range {
            Range::Limited => (16 << (self.bits - 8), 219 << (self.bits - 8)),
            Range::Full => (0, self.max()),
        }
    }

    /// The steps from the least to the greatest colour difference.
    pub(crate) fn chroma_steps(&self, range: Range) -> i64 {
        match range {
            Range::Limited => 224 << (self.bits - 8),
            Range::Full => self.max(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_that_do_not_exist_are_refused() {
        assert!(matches!(Format::new(Planes::Rgb, 8, 0, 3), Err(Error::ImageSize { .. })));
        assert!(matches!(Format::new(Planes::Rgb, 8, u32::MAX, u32::MAX), Err(Error::ImageSize { .. })));
        for bits in [0, 7, 17] {
            assert!(matches!(Format::new(Planes::Rgb, bits, 1, 1), Err(Error::Unsupported(_))));
        }
        let siting = [Siting::Middle; 2];
        let (matrix, range) = (Matrix::Bt709, Range::Full);
        for (across, down) in [(3, 1), (1, 0), (8, 1)] {
            let planes = Planes::Yuv { matrix, range, across, down, siting };
            assert!(matches!(Format::new(planes, 8, 4, 4), Err(Error::Unsupported(_))));
        }
    }
}
