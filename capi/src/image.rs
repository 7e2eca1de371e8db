//! Pictures in the caller's memory.

use std::ffi::c_void;
use std::mem::offset_of;

use abpn::{ImageView, ImageViewMut, Layout, SamplesMut, SamplesRef};

use crate::error::{Failure, Result};
use crate::pointer;

/// The samples of a pixel. Alpha is not premultiplied; 16-bit samples are in the machine's byte order.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbpnFormat {
    /// Red, green, blue, 8 bits each.
    Rgb8 = 0,
    /// Red, green, blue, alpha, 8 bits each.
    Rgba8 = 1,
    /// Red, green, blue, 16 bits each.
    Rgb16 = 2,
    /// Red, green, blue, alpha, 16 bits each.
    Rgba16 = 3,
    /// Grey, 8 bits.
    Grey8 = 4,
    /// Grey, alpha, 8 bits each.
    GreyAlpha8 = 5,
    /// Grey, 16 bits.
    Grey16 = 6,
    /// Grey, alpha, 16 bits each.
    GreyAlpha16 = 7,
}

/// A picture to read: rows of pixels, from the top.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AbpnImage {
    /// sizeof(AbpnImage)
    pub struct_size: usize,
    /// The first pixel; 16-bit samples aligned to 2 bytes.
    pub samples: *const c_void,
    /// How many bytes there are from `samples` on.
    pub len_bytes: usize,
    /// From one row to the next, in bytes; 0 stands for rows without a gap.
    pub stride_bytes: usize,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// An AbpnFormat.
    pub format: u32,
}

/// A picture to write: as AbpnImage. What lies between its rows is left alone.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AbpnImageMut {
    /// sizeof(AbpnImageMut)
    pub struct_size: usize,
    /// The first pixel; 16-bit samples aligned to 2 bytes.
    pub samples: *mut c_void,
    /// How many bytes there are from `samples` on.
    pub len_bytes: usize,
    /// From one row to the next, in bytes; 0 stands for rows without a gap.
    pub stride_bytes: usize,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
    /// An AbpnFormat.
    pub format: u32,
}

/// The size of the first version of both structs: all that came with it.
const LEAST_BYTES: usize = offset_of!(AbpnImage, format) + size_of::<u32>();
const _: () = assert!(LEAST_BYTES == offset_of!(AbpnImageMut, format) + size_of::<u32>());

/// The layout and whether samples have 16 bits.
pub(crate) fn format(format: u32) -> Result<(Layout, bool)> {
    let is = |known: AbpnFormat| format == known as u32;
    let wide = is(AbpnFormat::Rgb16) || is(AbpnFormat::Rgba16) || is(AbpnFormat::Grey16) || is(AbpnFormat::GreyAlpha16);
    let layout = match () {
        () if is(AbpnFormat::Rgb8) || is(AbpnFormat::Rgb16) => Layout::Rgb,
        () if is(AbpnFormat::Rgba8) || is(AbpnFormat::Rgba16) => Layout::Rgba,
        () if is(AbpnFormat::Grey8) || is(AbpnFormat::Grey16) => Layout::Grey,
        () if is(AbpnFormat::GreyAlpha8) || is(AbpnFormat::GreyAlpha16) => Layout::GreyAlpha,
        () => return Err(Failure::argument(format!("format: {format} is no AbpnFormat"))),
    };
    Ok((layout, wide))
}

/// A row's length in samples.
fn stride(bytes: usize, width: u32, layout: Layout, sample_bytes: usize) -> Result<usize> {
    if !bytes.is_multiple_of(sample_bytes) {
        return Err(Failure::argument(format!("stride_bytes: {bytes} is no multiple of a sample's {sample_bytes}")));
    }
    Ok(if bytes == 0 { width as usize * layout.channels() } else { bytes / sample_bytes })
}

/// The caller's picture to read.
///
/// # Safety
/// `image` is NULL or points to a struct of its `struct_size`; its `samples` are NULL, or `len_bytes` can be read there and
/// nobody writes to them during `'a`.
pub(crate) unsafe fn view<'a>(image: *const AbpnImage) -> Result<ImageView<'a>> {
    // SAFETY: the struct is `repr(C)`, begins with its size and may be all zeros; the caller says the rest.
    let image = unsafe { pointer::sized(image, LEAST_BYTES, "image") }?;
    let (layout, is_wide) = format(image.format)?;
    let stride = stride(image.stride_bytes, image.width, layout, if is_wide { 2 } else { 1 })?;
    // SAFETY: the caller says that so many bytes are there.
    let samples = unsafe {
        match is_wide {
            true => SamplesRef::U16(pointer::samples(image.samples.cast(), image.len_bytes, "image.samples")?),
            false => SamplesRef::U8(pointer::samples(image.samples.cast(), image.len_bytes, "image.samples")?),
        }
    };
    Ok(ImageView::new(image.width, image.height, layout, samples, stride)?)
}

/// The caller's picture to write.
///
/// # Safety
/// As `view`, and `len_bytes` can be written there, and nobody else uses them during `'a`.
pub(crate) unsafe fn view_mut<'a>(large: *const AbpnImageMut) -> Result<ImageViewMut<'a>> {
    // SAFETY: as in `view`.
    let large = unsafe { pointer::sized(large, LEAST_BYTES, "large") }?;
    let (layout, is_wide) = format(large.format)?;
    let stride = stride(large.stride_bytes, large.width, layout, if is_wide { 2 } else { 1 })?;
    // SAFETY: the caller says that so many bytes are there, for this call alone.
    let samples = unsafe {
        match is_wide {
            true => SamplesMut::U16(pointer::samples_mut(large.samples.cast(), large.len_bytes, "large.samples")?),
            false => SamplesMut::U8(pointer::samples_mut(large.samples.cast(), large.len_bytes, "large.samples")?),
        }
    };
    Ok(ImageViewMut::new(large.width, large.height, layout, samples, stride)?)
}

/// That nothing is read where something is written.
///
/// # Safety
/// As `view` and `view_mut`, of the structs alone.
pub(crate) unsafe fn check_apart(image: *const AbpnImage, large: *const AbpnImageMut) -> Result<()> {
    // SAFETY: as in `view`.
    let (image, large) =
        unsafe { (pointer::sized(image, LEAST_BYTES, "image")?, pointer::sized(large, LEAST_BYTES, "large")?) };
    let (read, written) = (image.samples.addr(), large.samples.addr());
    if read < written.saturating_add(large.len_bytes) && written < read.saturating_add(image.len_bytes) {
        return Err(Failure::argument("large.samples: they overlap image.samples"));
    }
    Ok(())
}
