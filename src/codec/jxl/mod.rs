//! JPEG XL.

mod container;

use std::io::Cursor;

use image::metadata::Orientation;
use jxl_oxide::{AllocTracker, ExtraChannelType, FrameBufferSample, JxlImage, PixelFormat, Render};

use super::decode::{Options, Stored, allocate, check_pixels, max_file_len};
use super::{Format, Metadata, Note, alpha};
use crate::image::Sample;
use crate::{Error, Layout, Result, Samples};

fn error(reason: &str) -> Error {
    Error::Decode { format: Format::Jxl, reason: reason.to_owned() }
}

const DAMAGED: &str = "it is damaged; get the file again, or open and save it in another program";

/// Memory for a pixel while it is decoded: floats of four channels, in a few stages.
const WORKING_BYTES_PER_PIXEL: u64 = 64;

/// Decodes a file's first frame. The decoder turns it upright.
pub(super) fn decode(bytes: &[u8], options: &Options) -> Result<Stored> {
    let limit = options.max_pixels.saturating_mul(WORKING_BYTES_PER_PIXEL).saturating_add(max_file_len(0));
    let tracker = AllocTracker::with_limit(usize::try_from(limit).unwrap_or(usize::MAX));
    let builder = JxlImage::builder().alloc_tracker(tracker);
    let (file, container) = container::open(bytes);
    let image = builder.read(Cursor::new(file)).map_err(|_| error(DAMAGED))?;
    let (width, height) = (image.width(), image.height());
    check_pixels(width, height, options.max_pixels)?;
    let layout = match image.pixel_format() {
        PixelFormat::Gray => Layout::Grey,
        PixelFormat::Graya => Layout::GreyAlpha,
        PixelFormat::Rgb => Layout::Rgb,
        PixelFormat::Rgba => Layout::Rgba,
        PixelFormat::Cmyk | PixelFormat::Cmyka => {
            return Err(error("it is CMYK; convert it to RGB with a colour-managed program first"));
        }
    };
    if !image.is_loading_done() {
        return Err(error("it is cut short; get the file again"));
    }
    let header = &image.image_header().metadata;
    let is_associated = |kind: ExtraChannelType| matches!(kind, ExtraChannelType::Alpha { alpha_associated: true });
    let associated = layout.has_alpha() && header.ec_info.iter().any(|channel| is_associated(channel.ty));
    let render = image.render_frame(0).map_err(|_| error(DAMAGED))?;
    let samples = match header.bit_depth.bits_per_sample() {
        ..=8 => Samples::U8(samples(&render, width, height, layout, associated)?),
        _ => Samples::U16(samples(&render, width, height, layout, associated)?),
    };
    let mut notes = Vec::new();
    if header.animation.is_some() {
        notes.push(Note::FirstOnly);
    }
    if header.ec_info.len() > usize::from(layout.has_alpha()) {
        notes.push(Note::ExtraChannels);
    }
    // Whoever knows no profile takes a picture for sRGB: primaries 1, transfer function 13.
    let is_srgb = matches!(image.rendered_cicp(), Some([1, 13, ..]));
    let icc = (!is_srgb).then(|| image.rendered_icc()).filter(|icc| !icc.is_empty());
    notes.extend(container.notes);
    let mut metadata = Metadata { icc, exif: container.exif, xmp: container.xmp, ..Metadata::default() };
    // The codestream has an orientation of its own; the one in EXIF doesn't count.
    metadata.settle(&mut notes);
    let orientation = Orientation::NoTransforms;
    Ok(Stored { width, height, layout, samples, metadata, orientation, notes })
}

fn samples<S: Sample + FrameBufferSample>(
    render: &Render,
    width: u32,
    height: u32,
    layout: Layout,
    associated: bool,
) -> Result<Vec<S>> {
    let mut stream = render.stream();
    if (stream.width(), stream.height(), stream.channels() as usize) != (width, height, layout.channels()) {
        return Err(error("its frame has another size or other channels than its header says"));
    }
    let mut samples = allocate(width, height, layout, Format::Jxl)?;
    stream.write_to_buffer(&mut samples);
    if associated {
        alpha::divide(&mut samples, layout.channels());
    }
    Ok(samples)
}
