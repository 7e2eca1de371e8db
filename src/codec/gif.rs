//! How many frames a GIF has.

/// Whether more than one frame follows; what is damaged ends the count.
pub(super) fn is_animated(bytes: &[u8]) -> bool {
    frames(bytes, 2) > 1
}

fn frames(bytes: &[u8], most: usize) -> usize {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << (1 + (flags & 7)) };
    let Some(&flags) = bytes.get(10) else { return 0 };
    let mut at = 13 + table(flags);
    let mut count = 0;
    while count < most {
        at = match bytes.get(at) {
            // An extension: its label, then blocks.
            Some(0x21) => at + 2,
            // A frame: its place and size, perhaps a palette, the length of codes, then blocks.
            Some(0x2c) => {
                count += 1;
                let Some(&flags) = bytes.get(at + 9) else { break };
                at + 10 + table(flags) + 1
            }
            _ => break,
        };
        while let Some(&len) = bytes.get(at) {
            at += 1 + usize::from(len);
            if len == 0 {
                break;
            }
        }
    }
    count
}
