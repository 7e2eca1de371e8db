//! `--still`: one frame as a picture.

use std::path::Path;

use abpn::codec::{self, DEFAULT_QUALITY, Format as FileFormat, Picture};
use abpn::planar::{Format, Planes};
use abpn::{Image, Layout, Samples, SamplesMut, SamplesRef, Upscaler};

use super::super::Failure;
use super::super::atomic::write_atomically;
use super::super::interrupt::Interruptible;
use super::args::Args;
use super::input::Input;
use crate::video::process::Tools;
use crate::video::{Error, Result};

/// Upscales the frame at `time` and writes it to `output`.
pub fn run(
    mut input: Input,
    upscaler: &Upscaler,
    tools: &Tools,
    args: &Args,
    time: &str,
    size: (u32, u32),
    output: &Path,
) -> std::result::Result<(), Failure> {
    let format = FileFormat::of_path(output)
        .filter(|format| FileFormat::WRITTEN.contains(format))
        .ok_or_else(|| Failure::usage(format!("{}: name a picture, as .png", output.display())))?;
    let small = input.format;
    let mut frames = input.open(Some(tools), args, Some(time), Some(1))?;
    let mut frame = Vec::new();
    let packet = frames.read(&mut frame)?;
    if let Some(decoder) = frames.finish()? {
        decoder.success()?;
    }
    if packet.is_none() || frame.len() != small.samples() * small.sample_bytes() {
        return Err(Failure::new(format!("there is no frame at {time}")));
    }
    let bits = if small.bits() == 8 { 8 } else { 16 };
    let large = Format::new(Planes::Rgb, bits, size.0, size.1)?;
    let image = upscaled(upscaler, small, large, &frame)?;
    let picture = Picture { image, metadata: codec::Metadata::default() };
    write_atomically(output, args.overwrite, |file| {
        codec::encode(&picture, format, DEFAULT_QUALITY, Interruptible(file))
    })?;
    Ok(())
}

fn upscaled(upscaler: &Upscaler, small: Format, large: Format, frame: &[u8]) -> Result<Image> {
    let mut queue = upscaler.planar_frames(small, large, 1)?;
    match small.sample_bytes() {
        1 => queue.push(SamplesRef::U8(frame))?,
        _ => queue.push(SamplesRef::U16(&bytemuck::pod_collect_to_vec::<u8, u16>(frame)))?,
    }
    let samples = match large.sample_bytes() {
        1 => {
            let mut planes = vec![0; large.samples()];
            queue.pop(SamplesMut::U8(&mut planes))?;
            Samples::U8(interleaved(&planes))
        }
        _ => {
            let mut planes = vec![0; large.samples()];
            queue.pop(SamplesMut::U16(&mut planes))?;
            Samples::U16(interleaved(&planes))
        }
    };
    let side = |side: usize| u32::try_from(side).map_err(|_| Error::Refused("it is too large".to_owned()));
    Ok(Image::new(side(large.width())?, side(large.height())?, Layout::Rgb, samples)?)
}

/// Planes of green, blue and red as pixels.
fn interleaved<S: Copy>(planes: &[S]) -> Vec<S> {
    let (green, rest) = planes.split_at(planes.len() / 3);
    let (blue, red) = rest.split_at(rest.len() / 2);
    red.iter().zip(green).zip(blue).flat_map(|((&red, &green), &blue)| [red, green, blue]).collect()
}
