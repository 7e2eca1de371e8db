//! One image: decoded, upscaled, encoded, written.

use std::fs;
use std::io::{self, Cursor, Write};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use abpn::codec::{self, Note, Picture};
use abpn::origin::{choose, jpeg_quality_of_pixels};
use abpn::{Error, Image, Timings};

use super::super::interrupt::{self, Interruptible};
use super::super::net::Picked;
use super::super::upscalers::Upscalers;
use super::super::{Failure, atomic};
use super::args::Args;
use super::decoded::{Decoded, decode, read};
use super::inputs::{Job, Sink, Source};
use super::progress::Share;

/// What became of an image.
pub enum Outcome {
    Upscaled(Box<Upscaled>),
    /// Its output is there already.
    Skipped,
}

/// A finished image.
pub struct Upscaled {
    pub input_size: (u32, u32),
    pub output: Image,
    pub notes: Vec<Note>,
    /// What ran the net, and which net that was.
    pub device: String,
    pub net: Picked,
    /// Reading and decoding.
    pub decode: Duration,
    pub timings: Timings,
    /// Encoding and writing.
    pub encode: Duration,
    /// All of it; more than the sum of the phases.
    pub total: Duration,
}

/// What the workers share.
pub struct Worker<'a> {
    pub args: &'a Args,
    pub upscalers: &'a Upscalers<'a>,
    /// Set when something failed that leaves no hope for the other images.
    pub abandoned: &'a AtomicBool,
}

impl Worker<'_> {
    /// Upscales one image, which may have been decoded already.
    pub fn run(&self, job: &Job, decoded: Option<Result<Decoded, Failure>>, share: &Share) -> Result<Outcome, Failure> {
        if self.args.skips(job) {
            return Ok(Outcome::Skipped);
        }
        if let Sink::File(path) = &job.sink {
            // Before the work, though another program may still make the file meanwhile.
            atomic::check_free(path, self.args.overwrite).map_err(|error| {
                let is_there =
                    matches!(&error, Error::Io { source, .. } if source.kind() == io::ErrorKind::AlreadyExists);
                let failure = Failure::from(error);
                let remedy = if is_there { ", or pass over such images with --skip-existing" } else { "" };
                Failure { message: failure.message + remedy, ..failure }
            })?;
        }
        let Decoded { mut picture, mut notes, coding, time: decode } = decoded.unwrap_or_else(|| {
            let options = self.args.decoding();
            read(&job.source, options.max_pixels).and_then(|encoded| decode(&job.source, &encoded, &options))
        })?;
        if self.args.strip {
            picture.metadata.strip();
        }
        // As soon as it is known what the format will have to hold.
        let about = || format!("{} (from {})", job.sink, job.source);
        codec::check(&picture.image, self.upscalers.nets.scale(), job.format)
            .map_err(|error| Failure::from(error).context(about()))?;

        let start = Instant::now();
        let net = self.upscalers.nets.pick(|| choose(coding, jpeg_quality_of_pixels(&picture.image)));
        let upscaler = self.upscalers.get(&net.name)?;
        let input_size = (picture.image.width(), picture.image.height());
        let scale = upscaler.net().scale() as u64;
        let pixels = u64::from(input_size.0) * u64::from(input_size.1) * scale * scale;
        let observer = |done, total| {
            share.tiles(done, total, pixels);
            if self.stopped() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        let (output, timings) = upscaler.upscale_observed(&picture.image, &observer).map_err(|error| match error {
            Error::Cancelled => error.into(),
            _ => Failure::from(error).context(&job.source),
        })?;
        let picture = Picture { image: output, ..picture };

        let encoding = Instant::now();
        notes.extend(self.write(&picture, job)?);
        let (encode, total) = (encoding.elapsed(), decode + start.elapsed());
        let output = picture.image;
        let device = upscaler.device();
        Ok(Outcome::Upscaled(Box::new(Upscaled {
            input_size,
            output,
            notes,
            device,
            net,
            decode,
            timings,
            encode,
            total,
        })))
    }

    fn stopped(&self) -> bool {
        interrupt::requested() || self.abandoned.load(Ordering::Relaxed)
    }

    fn write(&self, picture: &Picture, job: &Job) -> Result<Vec<Note>, Failure> {
        let quality = self.args.quality();
        let written = match &job.sink {
            Sink::Stdout => {
                let mut file = Cursor::new(Vec::new());
                codec::encode(picture, job.format, quality, &mut file).and_then(|notes| {
                    let mut stdout = Interruptible(io::stdout().lock());
                    let sent = stdout.write_all(file.get_ref()).and_then(|()| stdout.flush());
                    sent.map(|()| notes).map_err(|source| Error::Io { path: job.sink.to_string().into(), source })
                })
            }
            Sink::File(path) => make_parent(path).and_then(|()| {
                let like = match &job.source {
                    Source::File(source) => atomic::Like::file(source, self.args.keep_time),
                    Source::Stdin => atomic::Like::default(),
                };
                atomic::write_like(path, self.args.overwrite, &like, |writer| {
                    codec::encode(picture, job.format, quality, Interruptible(writer))
                })
            }),
        };
        written.map_err(|error| match error {
            _ if interrupt::requested() => Error::Cancelled.into(),
            Error::Io { .. } => error.into(),
            _ => Failure::from(error).context(format_args!("{} (from {})", job.sink, job.source)),
        })
    }
}

fn make_parent(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(parent) => fs::create_dir_all(parent).map_err(|source| Error::Io { path: parent.to_owned(), source }),
        None => Ok(()),
    }
}
