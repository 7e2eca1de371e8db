//! Pointers from C, checked as far as a pointer can be.

use std::ffi::{CStr, c_char};
use std::mem::{align_of, size_of};

use crate::error::{Failure, Result};

/// What a handle or an argument points to.
///
/// # Safety
/// If it isn't null, it points to a live `T` that nobody writes to during `'a`.
pub(crate) unsafe fn shared<'a, T>(pointer: *const T, name: &str) -> Result<&'a T> {
    check(pointer, name)?;
    // SAFETY: it is not null and aligned; the caller says the rest.
    Ok(unsafe { &*pointer })
}

/// The same to write to.
///
/// # Safety
/// If it isn't null, it points to a live `T` that nobody else uses during `'a`.
pub(crate) unsafe fn exclusive<'a, T>(pointer: *mut T, name: &str) -> Result<&'a mut T> {
    check(pointer, name)?;
    // SAFETY: it is not null and aligned; the caller says the rest.
    Ok(unsafe { &mut *pointer })
}

/// Writes where an argument points to, whatever was there.
///
/// # Safety
/// If it isn't null, there is room for a `T`.
pub(crate) unsafe fn write<T>(pointer: *mut T, value: T, name: &str) -> Result<()> {
    check(pointer, name)?;
    // SAFETY: it is not null and aligned; the caller says that there is room.
    unsafe { pointer.write(value) };
    Ok(())
}

/// A string; none if it is null.
///
/// # Safety
/// If it isn't null, it points to a string that ends with 0 and that nobody writes to during `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, name: &str) -> Result<Option<&'a str>> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: it is not null; the caller says the rest.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|_| Failure::argument(format!("{name}: it is not UTF-8")))
}

/// `bytes` bytes as samples; both ends are checked.
///
/// # Safety
/// If `pointer` isn't null, `bytes` bytes can be read there, and nobody writes to them during `'a`.
pub(crate) unsafe fn samples<'a, T>(pointer: *const T, bytes: usize, name: &str) -> Result<&'a [T]> {
    check_slice(pointer, bytes, name)?;
    // SAFETY: it is not null, aligned and not larger than a slice may be; every pattern of bits is a sample.
    Ok(unsafe { std::slice::from_raw_parts(pointer, bytes / size_of::<T>()) })
}

/// The same to write to.
///
/// # Safety
/// If `pointer` isn't null, `bytes` bytes can be written there, and nobody else uses them during `'a`.
pub(crate) unsafe fn samples_mut<'a, T>(pointer: *mut T, bytes: usize, name: &str) -> Result<&'a mut [T]> {
    check_slice(pointer, bytes, name)?;
    // SAFETY: as above.
    Ok(unsafe { std::slice::from_raw_parts_mut(pointer, bytes / size_of::<T>()) })
}

fn check<T>(pointer: *const T, name: &str) -> Result<()> {
    if pointer.is_null() {
        return Err(Failure::argument(format!("{name}: it is NULL")));
    }
    if !pointer.is_aligned() {
        return Err(Failure::argument(format!("{name}: it is not aligned to {} bytes", align_of::<T>())));
    }
    Ok(())
}

fn check_slice<T>(pointer: *const T, bytes: usize, name: &str) -> Result<()> {
    check(pointer, name)?;
    let end = pointer.addr().checked_add(bytes);
    if isize::try_from(bytes).is_err() || end.is_none() {
        return Err(Failure::argument(format!("{name}: {bytes} bytes are more than there can be")));
    }
    Ok(())
}

/// A struct of the caller's, whose first field is its size as the caller knows it: an older one is filled up with zeros, a
/// newer one must ask for nothing that this version doesn't know.
///
/// # Safety
/// `T` is `repr(C)`, begins with a `usize`, and is valid when all its bytes are zero. If `pointer` isn't null, it points to
/// as many bytes as that first field says.
pub(crate) unsafe fn sized<T: Copy>(pointer: *const T, least: usize, name: &str) -> Result<T> {
    check(pointer, name)?;
    // SAFETY: it is not null and aligned; the caller says that it begins so.
    let size = unsafe { *pointer.cast::<usize>() };
    if size < least || size > isize::MAX.unsigned_abs() {
        return Err(Failure::argument(format!(
            "{name}: struct_size is {size}; set it to the struct's size, {}",
            size_of::<T>()
        )));
    }
    // SAFETY: the caller says that so many bytes are there.
    let bytes = unsafe { std::slice::from_raw_parts(pointer.cast::<u8>(), size) };
    let (known, newer) = bytes.split_at(size.min(size_of::<T>()));
    if newer.iter().any(|&byte| byte != 0) {
        let text = format!(
            "{name}: it asks for something that this version of libabpn, older than the program's header, doesn't have"
        );
        return Err(Failure::argument(text));
    }
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    // SAFETY: `known` is no longer than `T`, and the two don't overlap.
    unsafe { std::ptr::copy_nonoverlapping(known.as_ptr(), value.as_mut_ptr().cast(), known.len()) };
    // SAFETY: zeros are valid, and so is what the caller wrote, whose fields are numbers and pointers.
    Ok(unsafe { value.assume_init() })
}
