//! Any bytes as a net of another program: an error, or a net. The first byte says how many bytes belong to a `.bin`, in parts of
//! 256 of them all.
#![no_main]

use abpn::net::import::{Options, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&part, bytes)) = bytes.split_first() else { return };
    let (file, bin) = bytes.split_at(bytes.len() - bytes.len() * usize::from(part) / 256);
    let _ = read(file, (part > 0).then_some(bin), &Options::default());
});
