//! Photoshop's image resources, as far as IPTC lies in them.

/// What a resource begins with.
const SIGNATURE: &[u8; 4] = b"8BIM";
/// The number of the resource that holds IPTC records.
const IPTC: u16 = 0x0404;

/// The IPTC records in a series of resources.
pub(super) fn iptc(mut bytes: &[u8]) -> Option<Vec<u8>> {
    loop {
        let rest = bytes.strip_prefix(SIGNATURE)?;
        let (&number, rest) = rest.split_first_chunk()?;
        // A name with its length before it, and everything filled up to even lengths.
        let name_len = usize::from(*rest.first()?) + 1;
        let rest = rest.get(name_len.next_multiple_of(2)..)?;
        let (&len, rest) = rest.split_first_chunk()?;
        let len = u32::from_be_bytes(len) as usize;
        let data = rest.get(..len)?;
        if u16::from_be_bytes(number) == IPTC {
            return Some(data.to_vec());
        }
        bytes = rest.get(len.checked_next_multiple_of(2)?..)?;
    }
}

/// A resource with IPTC records.
pub(super) fn block(iptc: &[u8]) -> Vec<u8> {
    let len = u32::try_from(iptc.len()).unwrap_or(u32::MAX);
    let mut block = [SIGNATURE, IPTC.to_be_bytes().as_slice(), &[0, 0], &len.to_be_bytes(), iptc].concat();
    block.resize(block.len().next_multiple_of(2), 0);
    block
}
