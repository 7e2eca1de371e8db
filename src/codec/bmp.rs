//! What is amiss with the headers of some BMP files.

use std::borrow::Cow;

use super::byte_order::ByteOrder;

/// Where the header gives the place of the pixels.
const PLACE: usize = 10;

/// The file with the place of its pixels behind its palette, where some writers name a place within that.
pub(super) fn with_pixels_behind_palette(bytes: &[u8]) -> Cow<'_, [u8]> {
    let Some((_, palette_end)) = place_and_palette_end(bytes).filter(|(place, end)| place < end) else {
        return Cow::Borrowed(bytes);
    };
    let mut bytes = bytes.to_vec();
    bytes[PLACE..PLACE + 4].copy_from_slice(&palette_end.to_le_bytes());
    Cow::Owned(bytes)
}

/// None if there is no palette, or the header is an old one, whose palette has three bytes a colour.
fn place_and_palette_end(bytes: &[u8]) -> Option<(u32, u32)> {
    const FILE_HEADER_LEN: u32 = 14;
    const LEAST_LEN: u32 = 40;
    let number = |at| ByteOrder::Little.u32(bytes, at);
    let (place, header_len) = (number(PLACE)?, number(14)?);
    let bits = ByteOrder::Little.u16(bytes, 28)?;
    if header_len < LEAST_LEN || !matches!(bits, 1 | 2 | 4 | 8) {
        return None;
    }
    let most = 1 << bits;
    let colours = match number(46)? {
        0 => most,
        colours => colours.min(most),
    };
    Some((place, FILE_HEADER_LEN.checked_add(header_len)?.checked_add(4 * colours)?))
}
