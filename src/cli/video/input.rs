//! Where frames come from: a film, or a pipe.

use std::io::{self, BufReader, Stdin};
use std::path::Path;

use abpn::origin::{Choice, choose_for_film};
use abpn::planar::Format;

use super::super::Failure;
use super::args::Args;
use crate::video::colour::Colour;
use crate::video::decoder::{Decoder, Decoding, SHIFT};
use crate::video::nut::{Packet, TimeBase};
use crate::video::pixel_format::PixelFormat;
use crate::video::probe::{Film, is_interlaced};
use crate::video::process::{Finished, Tools};
use crate::video::y4m::{self, Header};
use crate::video::{Error, Result};

/// What goes in, before its first frame.
pub struct Input<'a> {
    pub format: Format,
    pub colour: Colour,
    pub pixels: PixelFormat,
    /// Width and height of a pixel; 0 and 0 if unknown.
    pub aspect: (u64, u64),
    pub time_base: TimeBase,
    /// Frames a second, a fraction, of a pipe.
    pub rate: Option<(u64, u64)>,
    /// How many frames there are, as far as that can be told.
    pub frames: Option<u64>,
    pub kind: Kind<'a>,
}

/// What it comes from.
pub enum Kind<'a> {
    Film(&'a Path, Box<Film>),
    Pipe(BufReader<Stdin>),
}

/// Frames, one after the other.
pub enum Frames {
    Film(Box<Decoder>),
    Pipe {
        reader: BufReader<Stdin>,
        bits: u32,
        frame_bytes: usize,
        next: i64,
    },
    /// There is none.
    None,
}

impl<'a> Input<'a> {
    /// Looks at a film.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is not one to upscale; ffprobe's.
    pub fn film(tools: &Tools, path: &'a Path, args: &Args) -> Result<Self> {
        let film = Film::probe(tools, path)?;
        let stream = film.stream();
        let colour = Colour::of(stream)?;
        if !args.deinterlace && is_interlaced(tools, path, stream)? {
            let reason = "it is interlaced: each frame holds two pictures, which would be upscaled as one; --deinterlace makes whole ones";
            return Err(Error::Refused(reason.to_owned()));
        }
        let pixels = PixelFormat::of_film(&stream.pix_fmt, args.no_alpha)?;
        let (mut width, mut height) = (stream.width, stream.height);
        if turns(&film, args) && stream.rotation().is_some_and(|degrees| degrees.rem_euclid(180.0) == 90.0) {
            std::mem::swap(&mut width, &mut height);
        }
        let time_base = stream.time_base().ok_or_else(|| Error::Refused("its time stamps have no unit".to_owned()))?;
        let mut aspect = stream.aspect();
        if (width, height) != (stream.width, stream.height) {
            aspect = (aspect.1, aspect.0);
        }
        let format = colour.format(&pixels, width, height)?;
        let frames = if args.start.is_none() && args.duration.is_none() { film.frames() } else { None };
        let kind = Kind::Film(path, Box::new(film));
        Ok(Self { format, colour, pixels, aspect, time_base, rate: None, frames, kind })
    }

    /// Reads the header of what comes through standard input.
    ///
    /// # Errors
    /// [`Error::Refused`] if it is none, or of an interlaced film.
    pub fn pipe() -> Result<Self> {
        let mut reader = BufReader::with_capacity(1 << 20, io::stdin());
        let header = Header::read(&mut reader).map_err(|error| Error::Refused(error.to_string()))?;
        if !matches!(header.interlacing, 'p' | '?') {
            let reason = "it is interlaced: make whole frames of it before, as with ffmpeg's -vf bwdif";
            return Err(Error::Refused(reason.to_owned()));
        }
        let range = match header.is_full {
            Some(true) => "pc",
            Some(false) => "tv",
            None => "",
        };
        let siting = header.siting.unwrap_or_default().to_owned();
        let colour = Colour { range: range.to_owned(), siting, ..Colour::default() };
        let format = colour.format(&header.pixels, header.width, header.height)?;
        Ok(Self {
            format,
            colour,
            pixels: header.pixels,
            aspect: header.aspect,
            time_base: TimeBase { num: header.rate.1, den: header.rate.0 },
            rate: Some(header.rate),
            frames: None,
            kind: Kind::Pipe(reader),
        })
    }

    /// The built-in net for it.
    pub fn choice(&self) -> Choice {
        match &self.kind {
            Kind::Film(_, film) => choose_for_film(&film.stream().codec_name, film.bits_per_pixel()),
            Kind::Pipe(_) => choose_for_film("", None),
        }
    }

    /// The film, if it is one.
    pub fn source(&self) -> Option<(&'a Path, &Film)> {
        match &self.kind {
            Kind::Film(path, film) => Some((path, film)),
            Kind::Pipe(_) => None,
        }
    }

    /// Begins with the frames; a pipe's can be had once.
    ///
    /// # Errors
    /// ffmpeg's.
    pub fn open(
        &mut self,
        tools: Option<&Tools>,
        args: &Args,
        start: Option<&str>,
        frames: Option<u64>,
    ) -> Result<Frames> {
        match &mut self.kind {
            Kind::Film(path, film) => {
                let tools = tools.ok_or_else(|| Error::Missing("a file is read with ffmpeg".to_owned()))?;
                let decoding = Decoding {
                    path,
                    stream: film.stream().index,
                    pix_fmt: &self.pixels.name(),
                    deinterlace: args.deinterlace,
                    turn: turns(film, args),
                    start,
                    duration: args.duration.as_deref(),
                    frames,
                };
                Ok(Decoder::start(tools, &decoding)?.map_or(Frames::None, |decoder| Frames::Film(Box::new(decoder))))
            }
            Kind::Pipe(reader) => {
                let reader = std::mem::replace(reader, BufReader::with_capacity(1, io::stdin()));
                let frame_bytes = self.format.samples() * self.format.sample_bytes();
                Ok(Frames::Pipe { reader, bits: self.format.bits(), frame_bytes, next: SHIFT })
            }
        }
    }
}

/// Whether frames are turned upright now, since the output can't tell players to do that.
pub fn turns(film: &Film, args: &Args) -> bool {
    let stream = film.stream();
    if stream.side_data_list.iter().all(|data| data.displaymatrix.is_none()) {
        return false;
    }
    let output = args.output.as_deref().filter(|path| *path != Path::new("-"));
    let extension = output.and_then(Path::extension).and_then(|extension| extension.to_str()).unwrap_or_default();
    // A mirror image is no rotation.
    let is_quarter = stream.rotation().is_some_and(|degrees| degrees.rem_euclid(90.0) == 0.0);
    !(matches!(extension, "mp4" | "m4v" | "mov") && is_quarter && !stream.is_mirrored()) || args.still.is_some()
}

impl Frames {
    /// The unit of its time stamps.
    pub fn time_base(&self, input: &Input) -> TimeBase {
        match self {
            Self::Film(decoder) => decoder.time_base(),
            Self::Pipe { .. } | Self::None => input.time_base,
        }
    }

    /// Reads the next frame; none at the end.
    ///
    /// # Errors
    /// If the stream is damaged.
    pub fn read(&mut self, frame: &mut Vec<u8>) -> Result<Option<Packet>> {
        match self {
            Self::Film(decoder) => decoder.read(frame).map_err(|error| Error::Ffmpeg(error.to_string())),
            Self::Pipe { reader, bits, frame_bytes, next } => {
                let is_there = y4m::read_frame(reader, *bits, *frame_bytes, frame);
                let is_there = is_there.map_err(|error| Error::Refused(error.to_string()))?;
                *next += 1;
                Ok(is_there.then_some(Packet { pts: *next - 1, is_key: true }))
            }
            Self::None => Ok(None),
        }
    }

    /// Waits for its end, if it is a program.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(self) -> Result<Option<Finished>> {
        match self {
            Self::Film(decoder) => decoder.finish().map(Some),
            Self::Pipe { .. } | Self::None => Ok(None),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Missing(message) | Error::Ffmpeg(message) => Self { message, code: super::super::failure::FFMPEG },
            Error::Refused(message) | Error::Io(message) => Self::new(message),
            Error::Upscaler(error) => error.into(),
        }
    }
}
