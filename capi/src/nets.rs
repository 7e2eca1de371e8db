//! The nets that are built in.

use std::ffi::{CStr, c_char};

use abpn::net::{BUILT_IN, Degradation};

/// How many nets are built in.
#[unsafe(no_mangle)]
pub extern "C" fn abpn_net_count() -> usize {
    BUILT_IN.len()
}

/// The name of a built-in net, as "clean", "light" or "strong"; a scale has one of each. NULL if `index` is too large. It
/// lives as long as the library.
#[unsafe(no_mangle)]
pub extern "C" fn abpn_net_name(index: usize) -> *const c_char {
    BUILT_IN.get(index).map_or(std::ptr::null(), |net| name(net.degradation).as_ptr())
}

/// How many times a built-in net enlarges; 0 if `index` is too large.
#[unsafe(no_mangle)]
pub extern "C" fn abpn_net_scale(index: usize) -> u32 {
    BUILT_IN.get(index).and_then(|net| u32::try_from(net.scale).ok()).unwrap_or(0)
}

fn name(degradation: Degradation) -> &'static CStr {
    match degradation {
        Degradation::Clean => c"clean",
        Degradation::Light => c"light",
        Degradation::Strong => c"strong",
    }
}
