//! Which encoder, how it is called, and whether it works.

use std::process::{Command, Stdio};

use super::error::{Error, Result};
use super::pixel_format::{Layout, PixelFormat};
use super::process::{Child, Tools, run};

/// The quality where none is asked for, as x264 counts: hardly to be told from the frames.
const DEFAULT_CRF: u32 = 18;

/// Hardware encoders that are tried, in this order.
const HARDWARE: [&str; 4] = ["h264_nvenc", "h264_videotoolbox", "h264_qsv", "h264_amf"];

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// An encoder of ffmpeg's; none for the best that works.
    pub encoder: Option<String>,
    pub crf: Option<u32>,
    pub preset: Option<String>,
    /// One of ffmpeg's pixel formats.
    pub pix_fmt: Option<String>,
    /// Options for ffmpeg.
    pub arguments: Vec<String>,
    /// The extension of the output.
    pub extension: String,
}

/// An encoder that a trial showed to work.
#[derive(Clone, Debug)]
pub struct Encoder {
    pub name: String,
    /// All of ffmpeg's options for it.
    pub arguments: Vec<String>,
    /// The planes that it is given.
    pub pixels: PixelFormat,
    /// Width and height of its frames: those of the result, or a little more.
    pub size: (u32, u32),
}

impl Encoder {
    /// The encoder that is asked for, or the best that works, for frames of `pixels` and a size.
    ///
    /// # Errors
    /// [`Error::Ffmpeg`] with the encoder's words if none works; [`Error::Refused`] if it can't take such frames without a loss.
    pub fn choose(tools: &Tools, wanted: &Wanted, pixels: &PixelFormat, size: (u32, u32)) -> Result<Self> {
        let mut failure = None;
        for name in candidates(tools, wanted, pixels)? {
            match Self::with(tools, wanted, &name, pixels, size) {
                Ok(encoder) => return Ok(encoder),
                // The last has the last word.
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.unwrap_or_else(|| Error::Refused("no encoder is left to try".to_owned())))
    }

    fn with(tools: &Tools, wanted: &Wanted, name: &str, pixels: &PixelFormat, size: (u32, u32)) -> Result<Self> {
        let taken = pixel_formats(tools, name)?;
        let taken: Vec<&str> = taken.split_whitespace().collect();
        let (pix_fmt, pixels) = match &wanted.pix_fmt {
            // What somebody asks for may lose something.
            Some(pix_fmt) => (pix_fmt.clone(), PixelFormat::of_film(pix_fmt, false)?),
            // An encoder that doesn't say takes all.
            None if taken.is_empty() => (pixels.name(), *pixels),
            None => {
                let nearest = pixels.nearest(&taken).ok_or_else(|| {
                    Error::Refused(format!(
                        "{name} can't take {} without a loss, but {}; choose one with --pix-fmt, or another --encoder (ffv1 takes \
                         all)",
                        pixels.name(),
                        taken.join(", ")
                    ))
                })?;
                (nearest.to_owned(), PixelFormat::of_film(nearest, false)?)
            }
        };
        let mut arguments = vec!["-c:v".to_owned(), name.to_owned(), "-pix_fmt".to_owned(), pix_fmt];
        arguments.extend(quality(name, wanted)?);
        arguments.extend_from_slice(&wanted.arguments);
        let even = |side: u32| side.next_multiple_of(2);
        let sizes = [size, (even(size.0), even(size.1))];
        let sizes = if sizes[0] == sizes[1] { &sizes[..1] } else { &sizes[..] };
        let mut failure = None;
        for &size in sizes {
            match trial(tools, &arguments, size) {
                Ok(()) => return Ok(Self { name: name.to_owned(), arguments, pixels, size }),
                Err(error) => failure = Some(error),
            }
        }
        Err(failure.expect("one size at least was tried"))
    }
}

/// The encoders to try, the best first.
fn candidates(tools: &Tools, wanted: &Wanted, pixels: &PixelFormat) -> Result<Vec<String>> {
    if let Some(name) = &wanted.encoder {
        return Ok(vec![name.clone()]);
    }
    let listed = run(tools.ffmpeg().arg("-encoders"))?;
    let listed = String::from_utf8_lossy(&listed);
    let is_there = |name: &&str| listed.lines().any(|line| line.split_whitespace().nth(1) == Some(*name));
    let mut names = Vec::new();
    if wanted.extension == "webm" {
        names.extend(["libvpx-vp9", "libaom-av1"]);
    } else {
        if pixels.layout == Layout::Yuv(2, 2) && pixels.bits == 8 && wanted.pix_fmt.is_none() && wanted.preset.is_none()
        {
            names.extend(HARDWARE);
        }
        names.push(if pixels.layout == Layout::Rgb { "libx264rgb" } else { "libx264" });
        names.extend(
            ["ffv1"].iter().filter(|_| wanted.extension == "mkv" && wanted.crf.is_none() && wanted.preset.is_none()),
        );
    }
    let names: Vec<String> = names.into_iter().filter(is_there).map(str::to_owned).collect();
    if names.is_empty() {
        return Err(Error::Missing(
            "this ffmpeg has none of the encoders that abpn knows; name one with --encoder".to_owned(),
        ));
    }
    Ok(names)
}

/// The pixel formats that an encoder takes, as its help lists them.
fn pixel_formats(tools: &Tools, name: &str) -> Result<String> {
    let help = run(tools.ffmpeg().args(["-h", &format!("encoder={name}")]))?;
    let help = String::from_utf8_lossy(&help);
    if !help.contains(&format!("Encoder {name} ")) {
        return Err(Error::Refused(format!(
            "ffmpeg knows no encoder {name:?}; `ffmpeg -encoders` lists those that it has"
        )));
    }
    let formats = help.lines().find_map(|line| line.trim().strip_prefix("Supported pixel formats:"));
    Ok(formats.unwrap_or_default().to_owned())
}

/// Quality and preset, as an encoder takes them.
fn quality(name: &str, wanted: &Wanted) -> Result<Vec<String>> {
    let crf = wanted.crf.unwrap_or(DEFAULT_CRF).to_string();
    let mut options: Vec<&str> = match name {
        "libx264" | "libx264rgb" | "libx265" | "libsvtav1" => vec!["-crf", &crf],
        "libvpx-vp9" | "libaom-av1" => vec!["-crf", &crf, "-b:v", "0"],
        _ if name.ends_with("_nvenc") => vec!["-rc", "vbr", "-cq", &crf, "-b:v", "0"],
        _ if name.ends_with("_qsv") => vec!["-global_quality", &crf],
        _ if name.ends_with("_amf") => vec!["-rc", "cqp", "-qp_i", &crf, "-qp_p", &crf],
        _ if name.ends_with("_videotoolbox") && wanted.crf.is_none() => vec!["-q:v", "65"],
        _ if wanted.crf.is_some() => {
            return Err(Error::Refused(format!(
                "{name} has no --crf that abpn knows; give its own options with --ffmpeg-args"
            )));
        }
        _ => Vec::new(),
    };
    if let Some(preset) = &wanted.preset {
        options.extend(["-preset", preset]);
    }
    Ok(options.into_iter().map(str::to_owned).collect())
}

/// Encodes two frames, to see whether it works.
fn trial(tools: &Tools, arguments: &[String], (width, height): (u32, u32)) -> Result<()> {
    let mut command = tools.ffmpeg();
    // The source itself has even sizes only.
    let source = format!("color=black:size=64x64:rate=25,scale={width}:{height}");
    command.args(["-f", "lavfi", "-i", &source, "-frames:v", "2"]);
    run(command.args(arguments).args(["-f", "null", "-"])).map(|_| ())
}

/// Starts ffmpeg as an encoder of frames that come as NUT, to a NUT file.
///
/// # Errors
/// [`Error::Missing`] if it can't be started.
pub fn start(tools: &Tools, encoder: &Encoder, filter: &str, siting: &str, to: &std::path::Path) -> Result<Child> {
    let mut command: Command = tools.ffmpeg();
    command.args(["-copyts", "-f", "nut", "-i", "pipe:0", "-map", "0:v", "-vf", filter]);
    command.args(["-fps_mode", "passthrough", "-enc_time_base", "-1", "-avoid_negative_ts", "disabled"]);
    command.args(&encoder.arguments);
    if !siting.is_empty() {
        command.args(["-chroma_sample_location", siting]);
    }
    command.args(["-f", "nut"]).arg(super::process::path_argument(to));
    Child::spawn(command.stdin(Stdio::piped()))
}
