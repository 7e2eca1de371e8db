//! Frame after frame.

use std::ffi::c_void;

use abpn::{Frames, Layout};

use crate::error::{AbpnStatus, Failure, Result, call};
use crate::image::format;
use crate::pointer;
use crate::upscaler::AbpnUpscaler;

/// A queue of frames of one size in work. One thread may use it at a time.
pub struct AbpnFrames(Queue);

enum Queue {
    Narrow(Frames<u8>),
    Wide(Frames<u16>),
}

/// Begins a queue for frames of `width` x `height` pixels, ABPN_FORMAT_RGB8 or ABPN_FORMAT_RGB16, of which up to `depth` are in
/// work at once, and writes its handle to `*frames`, NULL if that fails. All memory is taken here. Two or three keep host and
/// GPU both busy.
///
/// # Safety
/// `upscaler` is NULL or a live handle. If `frames` isn't NULL, a pointer can be written there.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_frames_new(
    upscaler: *const AbpnUpscaler,
    width: u32,
    height: u32,
    frame_format: u32,
    depth: usize,
    frames: *mut *mut AbpnFrames,
) -> AbpnStatus {
    call(|| {
        // SAFETY: the caller says that it can be written to.
        unsafe { pointer::write(frames, std::ptr::null_mut(), "frames") }?;
        // SAFETY: the caller says so.
        let upscaler = &unsafe { pointer::shared(upscaler, "upscaler") }?.upscaler;
        if depth == 0 || depth > MAX_DEPTH {
            return Err(Failure::argument(format!("depth: it is {depth}; 1 to {MAX_DEPTH} frames can be in work")));
        }
        let queue = match format(frame_format)? {
            (Layout::Rgb, false) => Queue::Narrow(upscaler.frames(width, height, depth)?),
            (Layout::Rgb, true) => Queue::Wide(upscaler.frames(width, height, depth)?),
            _ => return Err(Failure::argument("frame_format: frames are ABPN_FORMAT_RGB8 or ABPN_FORMAT_RGB16")),
        };
        // SAFETY: as above.
        unsafe { pointer::write(frames, Box::into_raw(Box::new(AbpnFrames(queue))), "frames") }
    })
}

/// More frames than any device gains by.
const MAX_DEPTH: usize = 64;

/// Bytes of a frame, rows without a gap; 0 for NULL.
///
/// # Safety
/// `frames` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_frames_input_bytes(frames: *const AbpnFrames) -> usize {
    // SAFETY: the caller says so.
    unsafe { frames.as_ref() }.map_or(0, |AbpnFrames(queue)| match queue {
        Queue::Narrow(frames) => frames.input_len(),
        Queue::Wide(frames) => frames.input_len() * size_of::<u16>(),
    })
}

/// Bytes of an upscaled frame, rows without a gap; 0 for NULL.
///
/// # Safety
/// `frames` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_frames_output_bytes(frames: *const AbpnFrames) -> usize {
    // SAFETY: the caller says so.
    unsafe { frames.as_ref() }.map_or(0, |AbpnFrames(queue)| match queue {
        Queue::Narrow(frames) => frames.output_len(),
        Queue::Wide(frames) => frames.output_len() * size_of::<u16>(),
    })
}

/// Frames that were pushed and not popped; 0 for NULL.
///
/// # Safety
/// `frames` is NULL or a live handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_frames_len(frames: *const AbpnFrames) -> usize {
    // SAFETY: the caller says so.
    unsafe { frames.as_ref() }.map_or(0, |AbpnFrames(queue)| match queue {
        Queue::Narrow(frames) => frames.len(),
        Queue::Wide(frames) => frames.len(),
    })
}

/// Begins a frame of `abpn_frames_input_bytes`; `samples` are not needed any more after the call. ABPN_STATUS_FRAMES_FULL if
/// one must be popped first. After an error of the GPU the queue must only be freed.
///
/// # Safety
/// `frames` is NULL or a live handle that nobody else uses during the call; at `samples`, if it isn't NULL, `len_bytes` can be
/// read.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_frames_push(
    frames: *mut AbpnFrames,
    samples: *const c_void,
    len_bytes: usize,
) -> AbpnStatus {
    call(|| {
        // SAFETY: the caller says so.
        match &mut unsafe { pointer::exclusive(frames, "frames") }?.0 {
            // SAFETY: the caller says that so many bytes are there.
            Queue::Narrow(frames) => frames.push(unsafe { pointer::samples(samples.cast(), len_bytes, "samples") }?)?,
            Queue::Wide(frames) => {
                check_whole(len_bytes)?;
                // SAFETY: as above.
                frames.push(unsafe { pointer::samples(samples.cast(), len_bytes, "samples") }?)?;
            }
        }
        Ok(())
    })
}

/// Waits for the oldest frame and writes it to `large`, of `abpn_frames_output_bytes`. Writes to `*has_frame` whether there
/// was one.
///
/// # Safety
/// `frames` is NULL or a live handle that nobody else uses during the call; at `large`, if it isn't NULL, `len_bytes` can be
/// written, and at `has_frame` a bool.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_frames_pop(
    frames: *mut AbpnFrames,
    large: *mut c_void,
    len_bytes: usize,
    has_frame: *mut bool,
) -> AbpnStatus {
    call(|| {
        // SAFETY: the caller says that it can be written to.
        unsafe { pointer::write(has_frame, false, "has_frame") }?;
        // SAFETY: the caller says so.
        let popped = match &mut unsafe { pointer::exclusive(frames, "frames") }?.0 {
            // SAFETY: the caller says that so many bytes are there.
            Queue::Narrow(frames) => frames.pop(unsafe { pointer::samples_mut(large.cast(), len_bytes, "large") }?)?,
            Queue::Wide(frames) => {
                check_whole(len_bytes)?;
                // SAFETY: as above.
                frames.pop(unsafe { pointer::samples_mut(large.cast(), len_bytes, "large") }?)?
            }
        };
        // SAFETY: as above.
        unsafe { pointer::write(has_frame, popped, "has_frame") }
    })
}

/// Frees it; what is in work is lost.
///
/// # Safety
/// `frames` is NULL or a live handle, which no other thread uses and nobody uses again.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn abpn_frames_free(frames: *mut AbpnFrames) {
    if !frames.is_null() {
        // SAFETY: it came from `Box::into_raw`, and the caller frees it once.
        drop(unsafe { Box::from_raw(frames) });
    }
}

/// That bytes are whole 16-bit samples.
fn check_whole(len_bytes: usize) -> Result<()> {
    match len_bytes.is_multiple_of(size_of::<u16>()) {
        true => Ok(()),
        false => Err(Failure::argument(format!("len_bytes: {len_bytes} is no multiple of a sample's 2"))),
    }
}
