//! Small pictures to test with.

use std::io::Cursor;

use abpn::codec::{self, Format, Metadata, Picture};
use abpn::{Image, Layout, Samples};

pub const LAYOUTS: [Layout; 4] = [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba];
pub const DEPTHS: [u32; 2] = [8, 16];

/// An image of noise, the same each time; its alpha takes every kind of value.
pub fn noise(width: u32, height: u32, layout: Layout, bits: u32) -> Image {
    let len = (width * height) as usize * layout.channels();
    let mut state = 1_u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state
    };
    let samples = match bits {
        8 => Samples::U8((0..len).map(|_| next().to_be_bytes()[0]).collect()),
        _ => Samples::U16(
            (0..len).map(|_| u16::from_be_bytes([next().to_be_bytes()[0], next().to_be_bytes()[1]])).collect(),
        ),
    };
    Image::new(width, height, layout, samples).unwrap()
}

/// An 8-bit RGB image that JPEG keeps well.
pub fn gradient(width: u32, height: u32) -> Image {
    let level = |at: u32, len: u32| u8::try_from(at * 255 / len).unwrap();
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| [level(x, width), level(y, height), 128]));
    Image::from_rgb8(width, height, pixels.flatten().collect()).unwrap()
}

pub fn bare(image: Image) -> Picture {
    described(image, None, None)
}

/// A picture with a colour profile and an EXIF block, or without.
pub fn described(image: Image, icc: Option<Vec<u8>>, exif: Option<Vec<u8>>) -> Picture {
    let mut metadata = Metadata::default();
    (metadata.icc, metadata.exif) = (icc, exif);
    Picture { image, metadata }
}

/// The file's bytes.
pub fn encoded(picture: &Picture, format: Format) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    codec::encode(picture, format, 100, &mut file).unwrap();
    file.into_inner()
}

/// An EXIF block with an orientation and a description.
pub fn exif(orientation: u8) -> Vec<u8> {
    let mut block = b"MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    block.extend(b"\x01\x0e\0\x02\0\0\0\x04abc\0");
    block.extend([0x01, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0]);
    block.extend([0; 4]);
    block
}

/// A colour profile's header with a little data; no decoder looks into it.
pub fn icc() -> Vec<u8> {
    let mut profile = vec![0; 200];
    profile[3] = 200;
    profile[16..20].copy_from_slice(b"RGB ");
    profile[36..40].copy_from_slice(b"acsp");
    profile[199] = 77;
    profile
}
