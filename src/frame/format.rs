//! How the pixels lie that an engine reads and writes.

use crate::image::Sample;

/// The order and width of the samples that go in at a pack stage and come out of an unpack stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum PixelFormat {
    /// Red, green, blue, a byte each.
    Rgb8,
    /// Red, green, blue, 16 bits each, in the machine's byte order.
    Rgb16,
}

impl PixelFormat {
    /// Every format.
    pub const ALL: [Self; 2] = [Self::Rgb8, Self::Rgb16];

    /// RGB in samples of this type.
    pub fn rgb<S: Sample>() -> Self {
        if S::BITS == 8 { Self::Rgb8 } else { Self::Rgb16 }
    }

    /// Bits a sample: 8 or 16.
    pub fn bits(self) -> u32 {
        match self {
            Self::Rgb8 => 8,
            Self::Rgb16 => 16,
        }
    }

    /// Bytes a pixel.
    pub fn pixel_bytes(self) -> usize {
        3 * self.bits() as usize / 8
    }
}
