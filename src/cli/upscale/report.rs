//! What is said about each image: lines for people on stderr, lines of JSON on stdout.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use abpn::{Layout, Samples};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::super::Failure;
use super::super::message::say;
use super::inputs::{Job, PassedOver, Sink, Source};
use super::progress::Progress;
use super::worker::{Outcome, Upscaled};

/// Tells about images as they are done; shared by the workers.
pub struct Report<'a> {
    pub progress: &'a Progress,
    pub device: String,
    pub json: bool,
    pub quiet: bool,
    pub verbose: bool,
}

/// A line of JSON.
#[derive(Serialize)]
struct Line<'a> {
    input: String,
    output: Option<String>,
    #[serde(flatten)]
    status: Status<'a>,
}

#[derive(Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
enum Status<'a> {
    Upscaled {
        input_width: u32,
        input_height: u32,
        output_width: u32,
        output_height: u32,
        layout: &'static str,
        bits: u32,
        device: &'a str,
        net: &'a str,
        net_reason: &'a str,
        milliseconds: Milliseconds,
        sha256: String,
        notes: Vec<String>,
    },
    Skipped,
    Failed {
        error: &'a str,
    },
}

#[derive(Serialize)]
struct Milliseconds {
    decode: f64,
    upload: f64,
    compute: f64,
    read_back: f64,
    encode: f64,
    total: f64,
}

impl Milliseconds {
    fn of(done: &Upscaled) -> Self {
        // Microseconds are as fine as the clock can be trusted, and keep the lines short.
        let ms = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
        Self {
            decode: ms(done.decode),
            upload: ms(done.timings.upload),
            compute: ms(done.timings.compute),
            read_back: ms(done.timings.read_back),
            encode: ms(done.encode),
            total: ms(done.total),
        }
    }
}

impl Report<'_> {
    /// What runs the net.
    pub fn device(&self) {
        if !self.quiet {
            self.progress.aside(|| say(format_args!("running on {}", self.device)));
        }
    }

    /// What was found among the inputs and is left alone.
    pub fn passed_over(&self, passed_over: &PassedOver) {
        let count = passed_over.results.len();
        match &*passed_over.results {
            _ if self.quiet => {}
            [] => {}
            results if self.verbose => {
                let say = |path: &PathBuf| say(format_args!("{}: passed over, an earlier result", path.display()));
                self.progress.aside(|| results.iter().for_each(say));
            }
            [one] => {
                self.progress.aside(|| say(format_args!("{}: passed over, an earlier result", one.display())));
            }
            _ => self.progress.aside(|| say(format_args!("{count} earlier results among the inputs are passed over"))),
        }
    }

    /// What lies in the folders and can't be read.
    pub fn unreadable(&self, passed_over: &PassedOver) {
        let formats: Vec<_> =
            passed_over.unreadable.iter().map(|(format, count)| format!("{count} of {format}")).collect();
        if !self.quiet && !formats.is_empty() {
            let formats = formats.join(", ");
            say(format_args!(
                "files of formats that abpn doesn't read were passed over: {formats}; convert them to PNG first"
            ));
        }
    }

    /// An image is done.
    ///
    /// # Errors
    /// Standard output can't be written.
    pub fn outcome(&self, job: &Job, outcome: &Outcome) -> Result<(), Failure> {
        self.progress.aside(|| self.say_outcome(job, outcome));
        let status = || match outcome {
            Outcome::Upscaled(done) => Status::Upscaled {
                input_width: done.input_size.0,
                input_height: done.input_size.1,
                output_width: done.output.width(),
                output_height: done.output.height(),
                layout: layout_name(done.output.layout()),
                bits: bits(done.output.samples()),
                device: &done.device,
                net: &done.net.name,
                net_reason: &done.net.reason,
                milliseconds: Milliseconds::of(done),
                sha256: sha256(done.output.samples()),
                notes: done.notes.iter().map(ToString::to_string).collect(),
            },
            Outcome::Skipped => Status::Skipped,
        };
        self.line(|| line_of(job, status()))
    }

    /// An image failed.
    ///
    /// # Errors
    /// As [`Report::outcome`].
    pub fn failure(&self, job: &Job, failure: &Failure) -> Result<(), Failure> {
        self.progress.aside(|| say(&failure.message));
        self.line(|| line_of(job, Status::Failed { error: &failure.message }))
    }

    /// An input gave no image.
    ///
    /// # Errors
    /// As [`Report::outcome`].
    pub fn unusable(&self, input: &str, failure: &Failure) -> Result<(), Failure> {
        self.progress.aside(|| say(&failure.message));
        let status = Status::Failed { error: &failure.message };
        self.line(|| Line { input: input.to_owned(), output: None, status })
    }

    fn say_outcome(&self, job: &Job, outcome: &Outcome) {
        let (source, sink) = (&job.source, &job.sink);
        match outcome {
            Outcome::Upscaled(done) => {
                if !self.quiet {
                    done.notes.iter().for_each(|note| say(format_args!("{source}: {note}")));
                }
                if self.verbose {
                    let time = Milliseconds::of(done);
                    say(format_args!(
                        "{source} -> {sink}: {}x{} -> {}x{}, {}, {} bits; net {} ({}); {:.0} ms: decode {:.0}, upload {:.0}, \
                         compute {:.0}, read back {:.0}, encode {:.0}",
                        done.input_size.0,
                        done.input_size.1,
                        done.output.width(),
                        done.output.height(),
                        layout_name(done.output.layout()),
                        bits(done.output.samples()),
                        done.net.name,
                        done.net.reason,
                        time.total,
                        time.decode,
                        time.upload,
                        time.compute,
                        time.read_back,
                        time.encode,
                    ));
                }
            }
            Outcome::Skipped if self.verbose => say(format_args!("{source}: skipped, as {sink} is there already")),
            Outcome::Skipped => {}
        }
    }

    fn line<'l>(&self, line: impl FnOnce() -> Line<'l>) -> Result<(), Failure> {
        if !self.json {
            return Ok(());
        }
        let failed = |cause: io::Error| Failure::new(format!("standard output: {cause}"));
        let mut text = serde_json::to_string(&line()).map_err(|cause| failed(cause.into()))?;
        text.push('\n');
        self.progress.aside(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).map_err(failed)
        })
    }
}

fn line_of<'a>(job: &Job, status: Status<'a>) -> Line<'a> {
    let input = match &job.source {
        Source::Stdin => "-".to_owned(),
        Source::File(path) => path.display().to_string(),
    };
    let output = match &job.sink {
        Sink::Stdout => "-".to_owned(),
        Sink::File(path) => path.display().to_string(),
    };
    Line { input, output: Some(output), status }
}

fn layout_name(layout: Layout) -> &'static str {
    match layout {
        Layout::Grey => "grey",
        Layout::GreyAlpha => "grey_alpha",
        Layout::Rgb => "rgb",
        Layout::Rgba => "rgba",
    }
}

fn bits(samples: &Samples) -> u32 {
    match samples {
        Samples::U8(_) => u8::BITS,
        Samples::U16(_) => u16::BITS,
    }
}

/// Of the upscaled samples as they lie in memory, before any loss to the output format; 16-bit ones little-endian.
fn sha256(samples: &Samples) -> String {
    let mut hash = Sha256::new();
    match samples {
        Samples::U8(samples) => hash.update(samples),
        Samples::U16(samples) => {
            const CHUNK: usize = 4096;
            for chunk in samples.chunks(CHUNK) {
                hash.update(chunk.iter().flat_map(|sample| sample.to_le_bytes()).collect::<Vec<u8>>());
            }
        }
    }
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
