//! Any bytes as a weight file: an error, or a net that is written and read again as the same.
#![no_main]

use abpn::Net;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(net) = Net::read(bytes) {
        assert_eq!(Net::read(&net.write()).unwrap().layers().len(), net.layers().len());
    }
});
