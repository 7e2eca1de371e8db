//! YUV4MPEG2: frames through a pipe, with a header of a line.
//!
//! Samples of more than 8 bits have two bytes, the lower one first. Time stamps are those of a constant frame rate.

use std::io::{self, BufRead, Read, Write};

use super::pixel_format::{Layout, PixelFormat};

/// The longest header line.
const MOST_HEADER_BYTES: u64 = 4096;

/// What the first line says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    pub width: u32,
    pub height: u32,
    /// Frames a second, a fraction.
    pub rate: (u64, u64),
    /// `p` is progressive, `?` unknown; others are interlaced.
    pub interlacing: char,
    /// Width and height of a pixel; 0 and 0 if unknown.
    pub aspect: (u64, u64),
    pub pixels: PixelFormat,
    /// The name of the chroma's siting, after ffmpeg.
    pub siting: Option<&'static str>,
    /// Whether it says that every code is used, or that not.
    pub is_full: Option<bool>,
}

/// Formats and their names; more bits are added to a name as `p10`.
const NAMES: [(&str, Layout, Option<&str>); 9] = [
    ("420jpeg", Layout::Yuv(2, 2), Some("center")),
    ("420mpeg2", Layout::Yuv(2, 2), Some("left")),
    ("420paldv", Layout::Yuv(2, 2), Some("topleft")),
    // Without a word it is as in JPEG.
    ("420", Layout::Yuv(2, 2), Some("center")),
    ("422", Layout::Yuv(2, 1), None),
    ("444", Layout::Yuv(1, 1), None),
    ("440", Layout::Yuv(1, 2), None),
    ("411", Layout::Yuv(4, 1), None),
    ("mono", Layout::Grey, None),
];

fn refused(reason: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason.into())
}

/// A line, without its end; none at the end of the stream.
fn line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    input.take(MOST_HEADER_BYTES).read_until(b'\n', &mut line)?;
    match line.pop() {
        None => Ok(None),
        Some(b'\n') => String::from_utf8(line).map(Some).map_err(|_| refused("a header that is no text")),
        Some(_) => Err(refused("a header without an end")),
    }
}

impl Header {
    /// Reads the first line.
    ///
    /// # Errors
    /// If there is none, or one that can't be meant.
    pub fn read(input: &mut impl BufRead) -> io::Result<Self> {
        let line = line(input)?.ok_or_else(|| refused("there is nothing in it"))?;
        let mut fields = line.split(' ');
        if fields.next() != Some("YUV4MPEG2") {
            return Err(refused("it does not begin with YUV4MPEG2"));
        }
        let (mut width, mut height, mut rate) = (0, 0, (25, 1));
        let (mut interlacing, mut aspect, mut is_full) = ('?', (0, 0), None);
        let mut colour = "420".to_owned();
        for field in fields.filter(|field| !field.is_empty()) {
            let bad = || refused(format!("its header says {field:?}"));
            let (key, value) = field.split_at_checked(1).ok_or_else(bad)?;
            let fraction = || {
                let (num, den) = value.split_once(':')?;
                Some((num.parse::<u64>().ok()?, den.parse::<u64>().ok()?))
            };
            match key {
                "W" => width = value.parse().map_err(|_| bad())?,
                "H" => height = value.parse().map_err(|_| bad())?,
                "F" => rate = fraction().ok_or_else(bad)?,
                "I" => interlacing = value.chars().next().ok_or_else(bad)?,
                "A" => aspect = fraction().ok_or_else(bad)?,
                "C" => colour = value.to_owned(),
                "X" if value == "COLORRANGE=FULL" => is_full = Some(true),
                "X" if value == "COLORRANGE=LIMITED" => is_full = Some(false),
                _ => {}
            }
        }
        if width == 0 || height == 0 {
            return Err(refused("its header gives no size"));
        }
        if rate.0 == 0 || rate.1 == 0 {
            rate = (25, 1);
        }
        let (pixels, siting) =
            parse(&colour).ok_or_else(|| refused(format!("abpn doesn't know its format, C{colour}")))?;
        Ok(Self { width, height, rate, interlacing, aspect, pixels, siting, is_full })
    }

    /// Writes the first line.
    ///
    /// # Errors
    /// The output's; if the format has no name here.
    pub fn write(&self, output: &mut impl Write) -> io::Result<()> {
        let Self { width, height, rate, interlacing, aspect, pixels, siting, is_full } = self;
        let same = |(_, layout, named): &&(&str, Layout, Option<&str>)| {
            *layout == pixels.layout && (named.is_none() || named == siting)
        };
        let named = NAMES.iter().find(same).or_else(|| NAMES.iter().find(|(_, layout, _)| *layout == pixels.layout));
        let &(name, ..) = named.ok_or_else(|| refused(format!("YUV4MPEG2 has no {}", pixels.name())))?;
        let name = match (name, pixels.bits) {
            (name, 8) => name.to_owned(),
            ("mono", bits) => format!("mono{bits}"),
            // The siting of deeper formats has no name.
            (name, bits) => format!("{}p{bits}", &name[..3]),
        };
        write!(
            output,
            "YUV4MPEG2 W{width} H{height} F{}:{} I{interlacing} A{}:{} C{name}",
            rate.0, rate.1, aspect.0, aspect.1
        )?;
        if let Some(is_full) = is_full {
            write!(output, " XCOLORRANGE={}", if *is_full { "FULL" } else { "LIMITED" })?;
        }
        writeln!(output)
    }
}

fn parse(colour: &str) -> Option<(PixelFormat, Option<&'static str>)> {
    let exact = NAMES.iter().find(|(name, ..)| *name == colour);
    if let Some(&(_, layout, siting)) = exact {
        return Some((PixelFormat { layout, bits: 8, is_full: false }, siting));
    }
    let (name, bits) = match colour.strip_prefix("mono") {
        Some(bits) => ("mono", bits),
        None => colour.split_once('p')?,
    };
    let &(_, layout, _) = NAMES.iter().find(|(known, ..)| *known == name)?;
    let bits = bits.parse().ok().filter(|bits| (9..=16).contains(bits))?;
    // As ffmpeg reads them: of MPEG-2.
    let siting = (layout == Layout::Yuv(2, 2)).then_some("left");
    Some((PixelFormat { layout, bits, is_full: false }, siting))
}

/// Turns samples of two bytes from or to this machine's byte order.
fn reorder(frame: &mut [u8], bits: u32) {
    if bits > 8 && cfg!(target_endian = "big") {
        frame.chunks_exact_mut(2).for_each(|sample| sample.swap(0, 1));
    }
}

/// Reads a frame of `len` bytes, of samples of so many bits, into `frame`; false at the end.
///
/// # Errors
/// If the stream ends within a frame, or goes on with something else.
pub fn read_frame(input: &mut impl BufRead, bits: u32, len: usize, frame: &mut Vec<u8>) -> io::Result<bool> {
    let line = match line(input) {
        Ok(None) => return Ok(false),
        Ok(Some(line)) if line == "FRAME" || line.starts_with("FRAME ") => line,
        Ok(Some(_)) => String::new(),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
        Err(error) => return Err(error),
    };
    if line.is_empty() {
        return Err(refused("where a frame should begin there is something else"));
    }
    frame.clear();
    if input.take(len as u64).read_to_end(frame)? != len {
        return Err(refused("it ends within a frame"));
    }
    reorder(frame, bits);
    Ok(true)
}

/// Writes a frame, of samples of so many bits.
///
/// # Errors
/// The output's.
pub fn write_frame(output: &mut impl Write, bits: u32, frame: &mut [u8]) -> io::Result<()> {
    output.write_all(b"FRAME\n")?;
    reorder(frame, bits);
    output.write_all(frame)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_read_and_written() {
        let lines = [
            "YUV4MPEG2 W3 H5 F30000:1001 Ip A1:1 C420jpeg",
            "YUV4MPEG2 W3 H5 F25:1 Ip A0:0 C420mpeg2 XCOLORRANGE=LIMITED",
            "YUV4MPEG2 W3 H5 F25:1 I? A4:3 C420paldv",
            "YUV4MPEG2 W3 H5 F25:1 Ip A1:1 C420p10",
            "YUV4MPEG2 W3 H5 F25:1 Ip A1:1 C422p12 XCOLORRANGE=FULL",
            "YUV4MPEG2 W3 H5 F25:1 Ip A1:1 C444",
            "YUV4MPEG2 W3 H5 F25:1 Ip A1:1 Cmono",
            "YUV4MPEG2 W3 H5 F25:1 Ip A1:1 Cmono16",
        ];
        for line in lines {
            let header = Header::read(&mut format!("{line}\nFRAME\n").as_bytes()).unwrap();
            let mut written = Vec::new();
            header.write(&mut written).unwrap();
            assert_eq!(String::from_utf8(written).unwrap(), format!("{line}\n"));
        }
    }

    #[test]
    fn what_is_no_header_is_refused() {
        let lines = [
            "",
            "YUV4MPEG",
            "YUV4MPEG2 W3 H0\n",
            "YUV4MPEG2 W3\n",
            "YUV4MPEG2 W3 H3 C42\n",
            "YUV4MPEG2 W3 H3",
            "YUV4MPEG2 Wx H3\n",
            "YUV4MPEG2 W3 H3 C444alpha\n",
        ];
        for line in lines {
            assert!(Header::read(&mut line.as_bytes()).is_err(), "{line}");
        }
        assert!(Header::read(&mut &[b'Y'; 5000][..]).is_err());
    }

    #[test]
    fn frames_end_where_the_stream_does() {
        let mut frame = Vec::new();
        let mut read = |bytes: &[u8]| read_frame(&mut &bytes[..], 8, 3, &mut frame);
        assert!(!read(b"").unwrap());
        assert!(read(b"FRAME\nabc").unwrap());
        assert!(read(b"FRAME Ip\nabc").unwrap());
        for bad in [&b"FRAME\nab"[..], b"FRAM", b"FRAMES\nabc", b"xyz\n"] {
            assert!(read(bad).is_err());
        }
    }
}
