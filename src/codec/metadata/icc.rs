//! What an ICC profile says of itself.

/// Whether a profile describes grey, by the colour space in its header.
pub(in crate::codec) fn is_for_grey(icc: &[u8]) -> bool {
    icc.get(16..20) == Some(b"GRAY")
}

/// The name of the HDR transfer function that a profile's `cicp` tag gives.
pub(super) fn hdr(icc: &[u8]) -> Option<&'static str> {
    const HEADER_LEN: usize = 128;
    let number = |at: usize| Some(u32::from_be_bytes(*icc.get(at..)?.first_chunk()?) as usize);
    let tags = number(HEADER_LEN)?.min(icc.len() / 12);
    let at = (0..tags).map(|index| HEADER_LEN + 4 + 12 * index).find(|&at| icc.get(at..at + 4) == Some(b"cicp"))?;
    // `cicp`, four bytes reserved, then primaries, transfer function, matrix, range.
    let transfer = icc.get(number(at + 4)?.checked_add(9)?)?;
    super::transfer_name(*transfer)
}
