//! Any bytes as an image file: an error or a picture of the size that it says, whole or in part. The first bytes choose
//! the format, so a corpus of small files of each kind is what to start from.
#![no_main]

use abpn::codec::{Options, decode_with};
use libfuzzer_sys::fuzz_target;

const MAX_PIXELS: u64 = 1 << 16;

fuzz_target!(|bytes: &[u8]| {
    for partial in [false, true] {
        if let Ok((picture, _)) = decode_with(bytes, &Options { max_pixels: MAX_PIXELS, partial }) {
            let (width, height) = (u64::from(picture.image.width()), u64::from(picture.image.height()));
            assert!(width * height <= MAX_PIXELS);
        }
    }
});
