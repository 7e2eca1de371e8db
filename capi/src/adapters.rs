//! The GPUs of this machine.

use std::ffi::{CString, c_char};

use abpn::gpu;

use crate::error::{AbpnStatus, c_string, call};
use crate::pointer;

/// The adapters of this machine, as they were when it was made.
pub struct AbpnAdapters(Vec<Entry>);

struct Entry {
    name: CString,
    is_software: bool,
    why_not: Option<CString>,
}

/// Looks for adapters, and writes a handle to `*adapters`. It takes some tenths of a second.
///
/// # Safety
/// If `adapters` isn't NULL, a pointer can be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_adapters_new(adapters: *mut *mut AbpnAdapters) -> AbpnStatus {
    call(|| {
        // Nothing is looked for before it is known that there is a place for it.
        // SAFETY: the caller says so.
        unsafe { pointer::write(adapters, std::ptr::null_mut(), "adapters") }?;
        let entries = gpu::adapters().into_iter().map(|adapter| Entry {
            name: c_string(adapter.label()),
            is_software: adapter.is_software(),
            why_not: adapter.check().err().map(|error| c_string(error.to_string())),
        });
        let list = Box::new(AbpnAdapters(entries.collect()));
        // SAFETY: as above.
        unsafe { pointer::write(adapters, Box::into_raw(list), "adapters") }
    })
}

/// How many there are; 0 for NULL.
///
/// # Safety
/// `adapters` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_adapters_len(adapters: *const AbpnAdapters) -> usize {
    // SAFETY: the caller says so.
    unsafe { adapters.as_ref() }.map_or(0, |list| list.0.len())
}

/// The name and backend of the adapter with this index, which AbpnOptions takes; NULL if there is none. It lives as long as
/// `adapters`.
///
/// # Safety
/// `adapters` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_adapters_name(adapters: *const AbpnAdapters, index: usize) -> *const c_char {
    // SAFETY: the caller says so.
    unsafe { entry(adapters, index) }.map_or(std::ptr::null(), |entry| entry.name.as_ptr())
}

/// Whether it is a driver that computes on the CPU; false if there is none with this index.
///
/// # Safety
/// `adapters` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_adapters_is_software(adapters: *const AbpnAdapters, index: usize) -> bool {
    // SAFETY: the caller says so.
    unsafe { entry(adapters, index) }.is_some_and(|entry| entry.is_software)
}

/// Why it can't run nets; NULL if it can, or if there is none with this index. It lives as long as `adapters`.
///
/// # Safety
/// `adapters` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_adapters_why_not(adapters: *const AbpnAdapters, index: usize) -> *const c_char {
    // SAFETY: the caller says so.
    let entry = unsafe { entry(adapters, index) };
    entry.and_then(|entry| entry.why_not.as_ref()).map_or(std::ptr::null(), |text| text.as_ptr())
}

/// Frees it.
///
/// # Safety
/// `adapters` is NULL or a live handle, which no other thread uses and nobody uses again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_adapters_free(adapters: *mut AbpnAdapters) {
    if !adapters.is_null() {
        // SAFETY: it came from `Box::into_raw`, and the caller frees it once.
        drop(unsafe { Box::from_raw(adapters) });
    }
}

/// # Safety
/// `adapters` is NULL or a live handle.
unsafe fn entry<'a>(adapters: *const AbpnAdapters, index: usize) -> Option<&'a Entry> {
    // SAFETY: the caller says so.
    unsafe { adapters.as_ref() }?.0.get(index)
}
