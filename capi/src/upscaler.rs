//! The upscaler.

use std::ffi::{CString, c_char, c_void};
use std::ops::ControlFlow;

use abpn::Upscaler;

use crate::error::{AbpnStatus, c_string, call};
use crate::image::{AbpnImage, AbpnImageMut, check_apart, view, view_mut};
use crate::options::{AbpnOptions, build};
use crate::pointer;

/// Upscales pictures with one net on one device. Any number of threads may use it at once, each with its own pictures.
pub struct AbpnUpscaler {
    pub(crate) upscaler: Upscaler,
    device: CString,
    fallback: Option<CString>,
}

/// Hears that `done` of `total` pieces of a picture are finished, `done` counting from 1; returns whether to go on. It may be
/// called on any thread, but never twice at once for one picture, and must not unwind or jump out.
pub type AbpnProgress = Option<unsafe extern "C" fn(user: *mut c_void, done: usize, total: usize) -> bool>;

/// Makes an upscaler, and writes its handle to `*upscaler`, NULL if that fails. The device passes a self-test first, unless
/// the cache remembers that it did. `options` may be NULL: all defaults.
///
/// # Safety
/// `options` is NULL or points to a struct of its `struct_size`, whose pointers are NULL or point to what they should. If
/// `upscaler` isn't NULL, a pointer can be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_upscaler_new(
    options: *const AbpnOptions,
    upscaler: *mut *mut AbpnUpscaler,
) -> AbpnStatus {
    call(|| {
        // SAFETY: the caller says that it can be written to.
        unsafe { pointer::write(upscaler, std::ptr::null_mut(), "upscaler") }?;
        // SAFETY: the caller says so of the options; a struct of zeros but for its size is one.
        let made = unsafe {
            if options.is_null() {
                let mut defaults: AbpnOptions = std::mem::zeroed();
                defaults.struct_size = size_of::<AbpnOptions>();
                build(&raw const defaults)
            } else {
                build(options)
            }
        }?;
        let fallback = made.fallback().map(|error| c_string(error.to_string()));
        let handle = Box::new(AbpnUpscaler { device: c_string(made.device()), fallback, upscaler: made });
        // SAFETY: as above.
        unsafe { pointer::write(upscaler, Box::into_raw(handle), "upscaler") }
    })
}

/// How many times it enlarges; 0 for NULL.
///
/// # Safety
/// `upscaler` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_upscaler_scale(upscaler: *const AbpnUpscaler) -> u32 {
    // SAFETY: the caller says so.
    let upscaler = unsafe { upscaler.as_ref() };
    upscaler.and_then(|handle| u32::try_from(handle.upscaler.net().scale()).ok()).unwrap_or(0)
}

/// What it runs on, for people: an adapter's name and backend, or the CPU with its kernel; NULL for NULL. It lives as long as
/// `upscaler`.
///
/// # Safety
/// `upscaler` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_upscaler_device(upscaler: *const AbpnUpscaler) -> *const c_char {
    // SAFETY: the caller says so.
    unsafe { upscaler.as_ref() }.map_or(std::ptr::null(), |handle| handle.device.as_ptr())
}

/// Why ABPN_TARGET_AUTO took the CPU; NULL if it didn't. It lives as long as `upscaler`.
///
/// # Safety
/// `upscaler` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_upscaler_fallback(upscaler: *const AbpnUpscaler) -> *const c_char {
    // SAFETY: the caller says so.
    let fallback = unsafe { upscaler.as_ref() }.and_then(|handle| handle.fallback.as_ref());
    fallback.map_or(std::ptr::null(), |text| text.as_ptr())
}

/// Runs test pictures through every stage, and compares each with the reference: ABPN_STATUS_SELF_TEST if a byte differs.
///
/// # Safety
/// `upscaler` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_upscaler_self_test(upscaler: *const AbpnUpscaler) -> AbpnStatus {
    // SAFETY: the caller says so.
    call(|| Ok(unsafe { pointer::shared(upscaler, "upscaler") }?.upscaler.self_test()?))
}

/// Upscales `image` into `large`, which has the same format and is `abpn_upscaler_scale` times as wide and high. They may not
/// overlap. `progress` may be NULL; `user` is handed to it. If the call fails, `large` holds part of the result or nothing.
///
/// # Safety
/// `upscaler` is NULL or a live handle; `image` and `large` are NULL or point to structs of their `struct_size`, whose
/// `samples` have `len_bytes` bytes that nobody else writes to, and, in `large`, nobody else reads, during the call.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_upscale(
    upscaler: *const AbpnUpscaler,
    image: *const AbpnImage,
    large: *const AbpnImageMut,
    progress: AbpnProgress,
    user: *mut c_void,
) -> AbpnStatus {
    call(|| {
        // SAFETY: the caller says all of this; `check_apart` says that no byte is both read and written.
        let (handle, image, large) = unsafe {
            check_apart(image, large)?;
            (pointer::shared(upscaler, "upscaler")?, view(image)?, view_mut(large)?)
        };
        let progress = progress.map(|function| Progress { function, user });
        handle.upscaler.upscale_into(image, large, &|done, total| match &progress {
            Some(progress) if !progress.go_on(done, total) => ControlFlow::Break(()),
            _ => ControlFlow::Continue(()),
        })?;
        Ok(())
    })
}

/// The caller's function and what it is handed.
struct Progress {
    function: unsafe extern "C" fn(*mut c_void, usize, usize) -> bool,
    user: *mut c_void,
}

// SAFETY: the header says that the function may be called on any thread; `user` is only handed to it.
unsafe impl Sync for Progress {}

impl Progress {
    fn go_on(&self, done: usize, total: usize) -> bool {
        // SAFETY: the caller gave the function to be called so.
        unsafe { (self.function)(self.user, done, total) }
    }
}

/// Frees it. Frames that it began may live on.
///
/// # Safety
/// `upscaler` is NULL or a live handle, which no other thread uses and nobody uses again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_upscaler_free(upscaler: *mut AbpnUpscaler) {
    if !upscaler.is_null() {
        // SAFETY: it came from `Box::into_raw`, and the caller frees it once.
        drop(unsafe { Box::from_raw(upscaler) });
    }
}
