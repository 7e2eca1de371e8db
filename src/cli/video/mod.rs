//! `abpn video`.

mod args;
mod input;
mod output;
mod progress;
mod still;
mod work;

use std::fs;
use std::io::{self, BufWriter, IsTerminal};
use std::path::{Path, PathBuf};

use abpn::Upscaler;
use abpn::codec::Format as FileFormat;
use abpn::planar::{Format, Planes};
use serde_json::json;
use sha2::{Digest, Sha256};

pub use args::Args;

use super::device::upscaler;
use super::failure::INTERRUPTED;
use super::message::say;
use super::net::{Nets, Picked};
use super::{Failure, atomic, interrupt};
use crate::video::colour::Colour;
use crate::video::decoder::SHIFT;
use crate::video::encoder::{Encoder, Wanted};
use crate::video::join::Joining;
use crate::video::nut::{Stream, TimeBase};
use crate::video::pixel_format::Layout;
use crate::video::probe::shown_packets;
use crate::video::process::Tools;
use crate::video::segment_writer::SegmentWriter;
use crate::video::segments::Folder;
use crate::video::{Error, y4m};
use input::{Input, turns};
use output::{CLOSED, Output, closed};
use progress::Progress;
use work::{Formats, Outcome};

/// Frames in work at once.
const DEPTH: usize = 3;

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let about = args.input.display().to_string();
    let result = convert(args).map_err(|failure| match &failure.message {
        message if message.is_empty() || message.starts_with(&about) => failure,
        _ if failure.code == 1 || failure.code == super::failure::FFMPEG => failure.context(&about),
        _ => failure,
    });
    match result {
        // Whoever closes the pipe has what was wanted.
        Err(failure) if failure.message.ends_with(CLOSED) => Ok(()),
        result => result,
    }
}

fn is_stream(path: &Path) -> bool {
    path == Path::new("-")
}

fn convert(mut args: Args) -> Result<(), Failure> {
    interrupt::install();
    let nets = Nets::new(&args.net, args.scale)?;
    let output = match (&args.output, &args.still) {
        (Some(output), _) => output.clone(),
        (None, _) if is_stream(&args.input) => return Err(Failure::usage("give -o FILE, or -o - for a pipe")),
        (None, still) => beside(&args.input, nets.scale(), still.is_some()),
    };
    args.output = Some(output.clone());
    check(&args, &output)?;
    // A pipe from and to which YUV4MPEG2 passes needs no ffmpeg.
    let needs_tools = !is_stream(&args.input) || !is_stream(&output);
    let tools = needs_tools.then(|| Tools::find(args.ffmpeg.as_deref())).transpose()?;
    let input = match &tools {
        Some(tools) if !is_stream(&args.input) => Input::film(tools, &args.input, &args)?,
        _ => Input::pipe()?,
    };
    let picked = nets.pick(|| input.choice());
    let upscaler = upscaler(nets.load(&picked.name)?, &args.device)?.with_tile(args.tile);
    let size = size(&args, &input, upscaler.net().scale())?;
    if !args.quiet {
        let reason =
            if args.verbose && !picked.reason.is_empty() { format!(" ({})", picked.reason) } else { String::new() };
        say(format_args!("computing on {}, net {}{reason}", upscaler.device(), picked.name));
    }
    match (&args.still, &tools) {
        (Some(time), Some(tools)) => {
            let time = time.clone();
            still::run(input, &upscaler, tools, &args, &time, size, &output)?;
            if !args.quiet {
                say(format_args!("{}: {}x{}", output.display(), size.0, size.1));
            }
            Ok(())
        }
        (Some(_), None) => Err(Failure::usage("--still takes a frame of a file")),
        (None, _) if is_stream(&output) => to_pipe(&args, input, &upscaler, tools.as_ref(), size),
        (None, Some(tools)) => to_file(&args, input, &upscaler, &picked, tools, size, &output),
        (None, None) => unreachable!("a file needs ffmpeg"),
    }
}

/// NAME_x3.EXT beside NAME.EXT; a still picture is a PNG.
fn beside(input: &Path, scale: usize, is_still: bool) -> PathBuf {
    let mut name = input.file_stem().unwrap_or_default().to_owned();
    name.push(format!("_x{scale}"));
    let extension = if is_still { Some("png".as_ref()) } else { input.extension() };
    if let Some(extension) = extension {
        name.push(".");
        name.push(extension);
    }
    input.with_file_name(name)
}

/// Refuses what can't be meant.
fn check(args: &Args, output: &Path) -> Result<(), Failure> {
    if is_stream(&args.input) {
        if args.start.is_some() || args.duration.is_some() || args.still.is_some() || args.deinterlace || args.resume {
            return Err(Failure::usage(
                "--start, --duration, --still, --deinterlace and --resume are for files, not for a pipe",
            ));
        }
        if io::stdin().is_terminal() {
            return Err(Failure::usage("standard input is a terminal: pipe YUV4MPEG2 in, or name a file"));
        }
    }
    if is_stream(output) {
        let is_encoded =
            args.crf.is_some() || args.preset.is_some() || args.pix_fmt.is_some() || args.ffmpeg_args.is_some();
        if is_encoded || args.encoder != "auto" || args.resume {
            return Err(Failure::usage("what goes to standard output is YUV4MPEG2, not encoded and not to be resumed"));
        }
        if io::stdout().is_terminal() {
            return Err(Failure::usage("standard output is a terminal: pipe the frames on, or give -o FILE"));
        }
        return Ok(());
    }
    if !is_stream(&args.input)
        && args.input.canonicalize().ok().is_some_and(|input| output.canonicalize().ok() == Some(input))
    {
        return Err(Failure::usage("the result would replace its source; name another output"));
    }
    if args.still.is_none() && FileFormat::of_path(output).is_some() {
        return Err(Failure::usage(format!(
            "{}: animated pictures are not written; name a film, as .mp4, or write one frame with --still TIME",
            output.display()
        )));
    }
    if output.extension().is_none() {
        return Err(Failure::usage(format!(
            "{}: name a container by its extension, as .mkv or .mp4",
            output.display()
        )));
    }
    atomic::check_free(output, args.overwrite || args.resume)?;
    Ok(())
}

/// The result's width and height.
fn size(args: &Args, input: &Input, scale: usize) -> Result<(u32, u32), Failure> {
    let scaled = |side: usize| u32::try_from(side * scale).map_err(|_| Failure::new("the result is too large"));
    let (width, height) = (scaled(input.format.width())?, scaled(input.format.height())?);
    let size = match (args.size, args.height) {
        (Some(size), _) => size,
        (None, Some(wanted)) => {
            let exact = u64::from(width) * u64::from(wanted);
            let fitting = (2 * exact + u64::from(height)) / (2 * u64::from(height));
            // Where colours are shared by two, so is the width.
            let fitting = match input.pixels.layout {
                Layout::Yuv(2, _) => (exact + u64::from(height)) / (2 * u64::from(height)) * 2,
                _ => fitting,
            };
            (u32::try_from(fitting.max(1)).unwrap_or(u32::MAX), wanted)
        }
        (None, None) => return Ok((width, height)),
    };
    if size.0 > width || size.1 > height {
        return Err(Failure::usage(format!(
            "the net gives {width}x{height}, which can only become smaller than that; --scale 4 gives more"
        )));
    }
    Ok(size)
}

/// Frames as YUV4MPEG2 on standard output.
fn to_pipe(
    args: &Args,
    mut input: Input,
    upscaler: &Upscaler,
    tools: Option<&Tools>,
    size: (u32, u32),
) -> Result<(), Failure> {
    let small = input.format;
    if input.pixels.layout == Layout::Rgb {
        return Err(Failure::new("YUV4MPEG2 has no RGB; give -o FILE"));
    }
    let large = small.resized(size.0, size.1)?;
    let rate = match (input.rate, input.source()) {
        (Some(rate), _) => rate,
        (None, Some((_, film))) => film.stream().rate().unwrap_or((25, 1)),
        (None, None) => (25, 1),
    };
    let siting = ["center", "left", "topleft"].into_iter().find(|name| *name == input.colour.siting);
    let header = y4m::Header {
        width: size.0,
        height: size.1,
        rate,
        interlacing: 'p',
        aspect: input.aspect,
        pixels: input.pixels,
        siting: siting.or(Some("left")),
        is_full: match &*input.colour.range {
            "pc" => Some(true),
            "tv" => Some(false),
            _ => input.pixels.is_full.then_some(true),
        },
    };
    let mut writer = BufWriter::with_capacity(1 << 20, io::stdout());
    header.write(&mut writer).map_err(closed)?;
    let (start, duration) = (args.start.clone(), args.duration.is_some());
    let frames = input.open(tools, args, start.as_deref(), None)?;
    let progress = Progress::new(
        input.frames.filter(|_| !duration),
        0,
        Some(rate.0 as f64 / rate.1 as f64),
        !args.quiet && !args.no_progress,
    );
    let queue = upscaler.planar_frames(small, large, DEPTH)?;
    let output = Output::Pipe { writer, bits: small.bits() };
    let outcome = work::run(frames, queue, &Formats { small, large }, output, 0, &progress);
    progress.clear();
    let Outcome { decoded, decoder, is_interrupted, output, .. } = outcome?;
    output.finish()?;
    if is_interrupted {
        return Err(interrupted(format!("interrupted after {} frames", progress.done())));
    }
    if let (Some(decoder), Some(tools)) = (decoder, tools) {
        check_decoder(args, &input, tools, decoded, &decoder)?;
    }
    Ok(())
}

fn interrupted(message: String) -> Failure {
    Failure { message, code: INTERRUPTED }
}

/// That a decoder came to the film's end, and had nothing to complain of.
fn check_decoder(
    args: &Args,
    input: &Input,
    tools: &Tools,
    decoded: u64,
    decoder: &crate::video::process::Finished,
) -> Result<(), Failure> {
    if args.partial {
        if !decoder.words.is_empty() {
            say(format_args!("--partial: {}", decoder.failure("says of the source")));
        }
        return Ok(());
    }
    decoder.success()?;
    const REMEDY: &str = "; --partial takes it as far as it goes";
    if !decoder.words.is_empty() {
        let Error::Ffmpeg(message) = decoder.failure("says of the source") else { unreachable!("it is ffmpeg's") };
        return Err(Error::Ffmpeg(message + REMEDY).into());
    }
    let Some((path, film)) = input.source() else { return Ok(()) };
    let announced = film.stream().announced();
    if let Some(announced) = announced
        && decoded < announced
        && args.start.is_none()
        && args.duration.is_none()
        && !args.deinterlace
    {
        // Some may be there that are not to be shown.
        let shown = shown_packets(tools, path, film.stream().index)?;
        if decoded < shown {
            return Err(Error::Ffmpeg(format!("it has {shown} frames, and {decoded} could be decoded{REMEDY}")).into());
        }
    }
    Ok(())
}

/// All that the frames of a result depend on.
fn identity(args: &Args, picked: &Picked, upscaler: &Upscaler, encoder: &Encoder, size: (u32, u32)) -> String {
    let metadata = args.input.metadata().ok();
    let modified = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
    let modified = modified.and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let net: String = Sha256::digest(upscaler.net().write()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    json!({
        "abpn": env!("CARGO_PKG_VERSION"),
        "input": args.input.canonicalize().unwrap_or_else(|_| args.input.clone()),
        "bytes": metadata.map(|metadata| metadata.len()),
        "modified_s": modified.map(|time| time.as_secs()),
        "net": format!("{} {net}", picked.name),
        "size": [size.0, size.1],
        "frame": [encoder.size.0, encoder.size.1],
        "encoder": encoder.arguments,
        "start": args.start,
        "duration": args.duration,
        "deinterlace": args.deinterlace,
        "segment": args.segment,
    })
    .to_string()
}

/// A film, in a file.
fn to_file(
    args: &Args,
    mut input: Input,
    upscaler: &Upscaler,
    picked: &Picked,
    tools: &Tools,
    size: (u32, u32),
    output: &Path,
) -> Result<(), Failure> {
    let small = input.format;
    let extension =
        output.extension().and_then(|extension| extension.to_str()).unwrap_or_default().to_ascii_lowercase();
    let wanted = Wanted {
        encoder: (args.encoder != "auto").then(|| args.encoder.clone()),
        crf: args.crf,
        preset: args.preset.clone(),
        pix_fmt: args.pix_fmt.clone(),
        arguments: args.ffmpeg_args.iter().flat_map(|text| text.split_whitespace().map(str::to_owned)).collect(),
        extension: extension.clone(),
    };
    let encoder = Encoder::choose(tools, &wanted, &input.pixels, size)?;
    let colour = match (input.pixels.layout, encoder.pixels.layout) {
        // What an RGB film says of its colours is not true of others.
        (Layout::Rgb, Layout::Yuv(..) | Layout::Grey) => {
            Colour { space: String::new(), range: String::new(), ..input.colour.clone() }
        }
        (Layout::Yuv(..) | Layout::Grey, Layout::Rgb) => Colour { range: "pc".to_owned(), ..input.colour.clone() },
        _ => input.colour.enlarged(&small, &small.resized(size.0, size.1)?),
    };
    let large = encoded_format(&input, &encoder, &colour)?;
    if !args.quiet {
        let (width, height) = encoder.size;
        let more = if encoder.size == size { String::new() } else { format!(", which {} needs", encoder.name) };
        say(format_args!("encoding {width}x{height}{more} with {}", encoder.name));
    }
    let source = input.source().map(|(path, film)| (path.to_owned(), film.clone()));
    let source = source.as_ref().map(|(path, film)| (&**path, film));
    let time_base = input.time_base;
    let joining = Joining {
        source,
        colour: &colour,
        layout: encoder.pixels.layout,
        keeps_rotation: source.is_some_and(|(_, film)| !turns(film, args)),
        start: args.start.as_deref(),
        duration: args.duration.as_deref(),
        time_base,
        extension: &extension,
    };
    let folder_path = Folder::of(output);
    let folder = folder(args, &folder_path, &identity(args, picked, upscaler, &encoder, size))?;
    let joined = folder.file(&format!("joined.{extension}"));
    // What the container doesn't take is known before the work.
    if let Err(error) = joining.trial(tools, &encoder.arguments, &joined) {
        if folder.segments().is_empty() {
            let _ = Folder::remove(&folder_path);
        }
        let failure = Failure::from(error);
        return Err(failure
            .context(format!("{}: not all streams fit this container (.mkv takes nearly all)", output.display())));
    }
    if let Some((_, film)) = source
        && !args.quiet
    {
        for index in Joining::left_out(film) {
            say(format_args!("{}: stream {index}, data of an unknown kind, is left out", args.input.display()));
        }
    }

    let skipped = folder.frames();
    let frames = input.open(Some(tools), args, args.start.as_deref(), None)?;
    let stream = Stream {
        fourcc: encoder
            .pixels
            .fourcc()
            .ok_or_else(|| Failure::new(format!("{} can't be sent", encoder.pixels.name())))?,
        time_base: frames.time_base(&input),
        decode_delay: 0,
        codec_data: Vec::new(),
        width: encoder.size.0.into(),
        height: encoder.size.1.into(),
        aspect: input.aspect,
    };
    let ticks = stream.time_base;
    let mut writer = SegmentWriter::new(tools, &encoder, stream, folder, args.segment);
    writer.filter = colour.filter(encoder.pixels.layout);
    writer.siting.clone_from(&colour.siting);
    writer.rate = input.rate.or_else(|| source.and_then(|(_, film)| film.stream().rate()));
    let queue = upscaler.planar_frames(small, large, DEPTH)?;
    let rate = source.and_then(|(_, film)| film.stream().frame_rate());
    let progress = Progress::new(input.frames, skipped, rate, !args.quiet && !args.no_progress);
    if skipped > 0 && !args.quiet {
        say(format_args!("{skipped} frames are there already"));
    }
    let work =
        work::run(frames, queue, &Formats { small, large }, Output::Segments(Box::new(writer)), skipped, &progress);
    progress.clear();
    let kept = |failure: Failure| Failure {
        message: format!(
            "{}; finished segments are in {}, and --resume goes on",
            failure.message,
            folder_path.display()
        ),
        ..failure
    };
    let Outcome { decoded, decoder, is_interrupted, last, output: written } =
        work.map_err(Failure::from).map_err(kept)?;
    let folder = written.finish().map_err(Failure::from).map_err(kept)?.expect("it is of segments");
    if let Some(decoder) = decoder {
        check_decoder(args, &input, tools, decoded, &decoder).map_err(kept)?;
    }
    if folder.frames() == 0 {
        Folder::remove(&folder_path)?;
        return match is_interrupted {
            true => Err(interrupted("interrupted before the first frame was finished".to_owned())),
            false => Err(Failure::new("there is not a single frame in it")),
        };
    }
    let until = last.filter(|_| is_interrupted).map(|last| end(last, ticks, time_base));
    joining.join(tools, &folder, &joined, until).map_err(Failure::from).map_err(kept)?;
    if !args.overwrite && !args.resume {
        atomic::check_free(output, false)?;
    }
    fs::rename(&joined, output).map_err(|error| Failure::new(format!("{}: {error}", output.display())))?;
    let total = folder.frames();
    if is_interrupted {
        return Err(interrupted(format!(
            "interrupted: {} has the first {total} frames; --resume goes on",
            output.display()
        )));
    }
    Folder::remove(&folder_path)?;
    if !args.quiet {
        let fps = progress.frames_per_second();
        say(format_args!("{}: {total} frames, {fps:.1} a second", output.display()));
    }
    Ok(())
}

/// The planes that the encoder is given.
fn encoded_format(input: &Input, encoder: &Encoder, colour: &Colour) -> Result<Format, Failure> {
    let (width, height) = encoder.size;
    let of_colour = colour.format(&encoder.pixels, width, height)?;
    // The matrix and range of the film, whatever the larger size would suggest.
    let planes = match (input.format.planes(), of_colour.planes()) {
        (Planes::Yuv { matrix, range, .. }, Planes::Yuv { across, down, siting, .. }) => {
            Planes::Yuv { matrix, range, across, down, siting }
        }
        (_, planes) => planes,
    };
    Ok(Format::new(planes, encoder.pixels.bits, width, height)?)
}

/// The folder that the film is made in, with what an interrupted run has left if that is wanted.
fn folder(args: &Args, path: &Path, identity: &str) -> Result<Folder, Failure> {
    if path.exists() {
        if args.resume {
            return Ok(Folder::open(path, identity)?);
        }
        if !args.overwrite {
            let path = path.display();
            return Err(Failure::usage(format!(
                "{path} is there, of a run that was interrupted: --resume goes on with it, --overwrite begins anew"
            )));
        }
        Folder::remove(path)?;
    }
    Ok(Folder::create(path, identity)?)
}

/// Where a film ends whose last frame is at this time stamp, a step after the one before, in seconds.
fn end((pts, step): (i64, i64), ticks: TimeBase, of_source: TimeBase) -> f64 {
    let seconds = |count: i64, unit: TimeBase| count as f64 * unit.num as f64 / unit.den as f64;
    seconds(pts + step, ticks) - seconds(SHIFT, of_source)
}
