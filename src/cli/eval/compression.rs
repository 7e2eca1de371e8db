//! Compression between the reduction of a picture and the net.

use std::fmt;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::str::FromStr;
use std::thread;

use abpn::codec::{self, DEFAULT_MAX_PIXELS};
use abpn::eval::{self, to_rgb8};
use abpn::origin::Coding;
use abpn::{Image, Samples};

use crate::cli::Failure;

/// What the small pictures go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    /// JPEG of this quality.
    Jpeg(u8),
    /// A clip of all pictures.
    Video(Video),
}

/// A codec and its constant rate factor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Video {
    codec: Codec,
    crf: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Codec {
    H264,
    H265,
    Vp9,
    Av1,
}

impl Codec {
    const ALL: [Self; 4] = [Self::H264, Self::H265, Self::Vp9, Self::Av1];

    fn name(self) -> &'static str {
        match self {
            Self::H264 => "h264",
            Self::H265 => "h265",
            Self::Vp9 => "vp9",
            Self::Av1 => "av1",
        }
    }

    /// Its encoder in ffmpeg, with the options that make the factor the only bound of the rate.
    fn encoder(self) -> &'static [&'static str] {
        match self {
            Self::H264 => &["libx264"],
            Self::H265 => &["libx265", "-x265-params", "log-level=error"],
            Self::Vp9 => &["libvpx-vp9", "-b:v", "0"],
            Self::Av1 => &["libsvtav1"],
        }
    }
}

impl FromStr for Video {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let parts = text.split_once(':').and_then(|(codec, crf)| {
            let codec = Codec::ALL.into_iter().find(|known| known.name() == codec)?;
            Some(Self { codec, crf: crf.parse().ok().filter(|crf| (0..=63).contains(crf))? })
        });
        let names = Codec::ALL.map(Codec::name).join(", ");
        parts.ok_or_else(|| format!("it is CODEC:CRF, as h264:23; codecs are {names}, factors 0 to 63"))
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Jpeg(quality) => write!(f, "JPEG, quality {quality}"),
            Self::Video(Video { codec, crf }) => write!(f, "{}, crf {crf}", codec.name()),
        }
    }
}

/// A picture as JPEG, 4:2:0, decoded again as `abpn upscale` does, and what the file says.
pub fn jpeg(image: &Image, quality: u8) -> Result<(Image, Coding), Failure> {
    let file = eval::jpeg(image, quality)?;
    let (picture, _) = codec::decode(&file, DEFAULT_MAX_PIXELS)?;
    Ok((to_rgb8(&picture.image)?, Coding::of_file(&file)))
}

/// The pictures after they were the frames of a clip, by ffmpeg. All must have one size.
pub fn clip(images: &[Image], video: Video) -> Result<Vec<Image>, Failure> {
    let Some(first) = images.first() else { return Ok(Vec::new()) };
    let (width, height) = (first.width(), first.height());
    if images.iter().any(|image| (image.width(), image.height()) != (width, height)) {
        return Err(Failure::new("the pictures differ in size, and --video takes them for the frames of one clip"));
    }
    let frames = images.iter().map(samples).collect::<Result<Vec<_>, _>>()?;
    let size = format!("{width}x{height}");
    let raw = ["-f", "rawvideo", "-pix_fmt", "rgb24"];
    let crf = video.crf.to_string();
    let encode =
        [&raw, &["-s", &size, "-r", "25", "-i", "-", "-pix_fmt", "yuv420p", "-c:v"][..], video.codec.encoder()];
    let clip = ffmpeg(&[&encode.concat(), &["-crf", &crf, "-f", "matroska", "-"][..]].concat(), frames)?;
    let decoded =
        ffmpeg(&[&["-f", "matroska", "-i", "-", "-fps_mode", "passthrough"][..], &raw, &["-"]].concat(), vec![&clip])?;
    let len = width as usize * height as usize * 3;
    if decoded.len() != len * images.len() {
        let found = decoded.len() / len;
        return Err(Failure::new(format!("ffmpeg made {found} frames of {}", images.len())));
    }
    decoded.chunks_exact(len).map(|frame| Ok(Image::from_rgb8(width, height, frame.to_vec())?)).collect()
}

fn samples(image: &Image) -> Result<&[u8], Failure> {
    match image.samples() {
        Samples::U8(samples) => Ok(samples),
        Samples::U16(_) => Err(Failure::new("only 8-bit pictures can be the frames of a clip")),
    }
}

/// What ffmpeg writes to its standard output for these options and standard input.
fn ffmpeg(options: &[&str], input: Vec<&[u8]>) -> Result<Vec<u8>, Failure> {
    let mut command = Command::new("ffmpeg");
    command.args(["-nostdin", "-v", "error"]).args(options);
    let mut child: Child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(|cause| {
            Failure::new(format!(
                "--video needs the program ffmpeg, which can't be run ({cause}): install it, or leave --video out"
            ))
        })?;
    let stdin = child.stdin.take();
    let output = thread::scope(|scope| {
        scope.spawn(move || {
            // If ffmpeg stops reading, it says why on its standard error.
            let _ = stdin.map(|mut stdin| input.iter().try_for_each(|bytes| stdin.write_all(bytes)));
        });
        child.wait_with_output()
    });
    let output = output.map_err(|cause| Failure::new(format!("ffmpeg: {cause}")))?;
    if !output.status.success() {
        return Err(Failure::new(format!("ffmpeg: {}", String::from_utf8_lossy(&output.stderr).trim())));
    }
    Ok(output.stdout)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_and_its_factor_are_read() {
        let video = "h264:23".parse::<Video>().unwrap();
        assert_eq!(
            (video, Compression::Video(video).to_string()),
            (Video { codec: Codec::H264, crf: 23 }, "h264, crf 23".to_owned())
        );
        for text in ["h264", "h264:", "h264:64", "h264:-1", "mpeg2:3", ":23", ""] {
            assert!(text.parse::<Video>().unwrap_err().contains("h264:23"), "{text}");
        }
    }
}
