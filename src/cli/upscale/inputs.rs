//! Which files are read, and where each result goes.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::{self, Path, PathBuf};

use abpn::Error;
use abpn::codec::Format;
use walkdir::{DirEntry, WalkDir};

use super::super::Failure;
use super::args::{Args, is_stream};
use super::foreign;

/// Where an image comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    Stdin,
    File(PathBuf),
}

/// Where a result goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sink {
    Stdout,
    File(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

impl fmt::Display for Sink {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::File(path) => path.display().fmt(f),
        }
    }
}

/// One image to upscale.
#[derive(Debug)]
pub struct Job {
    pub source: Source,
    pub sink: Sink,
    pub format: Format,
}

/// All that is to be done.
#[derive(Debug)]
pub struct Plan {
    pub jobs: Vec<Job>,
    /// Inputs that gave no job: what they are called, and what is wrong.
    pub unusable: Vec<(String, Failure)>,
    pub passed_over: PassedOver,
}

/// What lies among the inputs and is none.
#[derive(Debug, Default)]
pub struct PassedOver {
    /// Earlier results: NAME_x3 of an input NAME.
    pub results: Vec<PathBuf>,
    /// Files in folders by their formats, which abpn doesn't read.
    pub unreadable: BTreeMap<&'static str, usize>,
}

/// An image, and its path within the folder that was named, or its name.
struct Entry {
    source: Source,
    relative: PathBuf,
}

/// Where results go in general.
enum Destination<'a> {
    Beside,
    Stdout,
    File(&'a Path),
    Folder(&'a Path),
}

/// Looks through the inputs and gives each image an output.
///
/// # Errors
/// Usage, if an output can't be named, or two images or an image and a result would be the same file.
pub fn plan(args: &Args, scale: usize) -> Result<Plan, Failure> {
    let destination = destination(args)?;
    let mut search = Search {
        recursive: args.recursive,
        results: match destination {
            Destination::Folder(folder) => folder.canonicalize().ok(),
            _ => None,
        },
        found: Vec::new(),
        unusable: Vec::new(),
        passed_over: PassedOver::default(),
    };
    args.inputs.iter().for_each(|input| search.input(input));
    let Search { found, unusable, mut passed_over, .. } = search;
    let jobs = without_results(found, &mut passed_over)
        .into_iter()
        .map(|entry| job(entry, &destination, args.format, scale))
        .collect::<Result<Vec<_>, _>>()?;
    check_distinct(&jobs)?;
    Ok(Plan { jobs, unusable, passed_over })
}

/// Looks for images.
struct Search {
    recursive: bool,
    /// The folder for the results, which may lie within an input and is none.
    results: Option<PathBuf>,
    found: Vec<Entry>,
    unusable: Vec<(String, Failure)>,
    passed_over: PassedOver,
}

impl Search {
    /// Adds the images that an input stands for.
    fn input(&mut self, input: &Path) {
        if is_stream(input) {
            self.found.push(Entry { source: Source::Stdin, relative: PathBuf::new() });
        } else if input.is_dir() {
            self.folder(input);
        } else {
            let relative = input.file_name().map(PathBuf::from).unwrap_or_default();
            self.found.push(Entry { source: Source::File(input.to_owned()), relative });
        }
    }

    fn folder(&mut self, folder: &Path) {
        let before = self.found.len() + self.unusable.len();
        let depth = if self.recursive { usize::MAX } else { 1 };
        let results = self.results.clone();
        let is_wanted = |entry: &DirEntry| {
            let is_results = || results.is_some() && entry.path().canonicalize().ok() == results;
            let is_left_out = || is_hidden(entry.file_name()) || entry.file_type().is_dir() && is_results();
            entry.depth() == 0 || !is_left_out()
        };
        let walk = WalkDir::new(folder).follow_links(true).max_depth(depth).sort_by_file_name();
        for entry in walk.into_iter().filter_entry(is_wanted) {
            match entry {
                Ok(entry) if !entry.file_type().is_file() => {}
                Ok(entry) if Format::of_path(entry.path()).is_some() => {
                    let relative = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_owned();
                    self.found.push(Entry { source: Source::File(entry.into_path()), relative });
                }
                Ok(entry) => {
                    if let Some(format) = foreign::name(entry.path()) {
                        *self.passed_over.unreadable.entry(format).or_default() += 1;
                    }
                }
                Err(error) => {
                    let path = error.path().unwrap_or(folder).to_owned();
                    let failure = match error.into_io_error() {
                        Some(source) => Error::Io { path: path.clone(), source }.into(),
                        None => Failure::new(format!("{}: a link back to a folder above it", path.display())),
                    };
                    self.unusable.push((path.display().to_string(), failure));
                }
            }
        }
        if self.found.len() + self.unusable.len() == before {
            let remedy = if self.recursive { "" } else { "; --recursive looks into the folders within" };
            let message = format!("{}: no images in this folder{remedy}", folder.display());
            self.unusable.push((folder.display().to_string(), Failure::new(message)));
        }
    }
}

/// Whether a file is not meant to be seen, as the `._` files that macOS leaves on other systems' disks.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// Passes over the images that are results of others among them.
fn without_results(entries: Vec<Entry>, passed_over: &mut PassedOver) -> Vec<Entry> {
    let name_of = |entry: &Entry| match &entry.source {
        Source::File(path) => {
            let path = place(path);
            Some((path.parent()?.to_owned(), path.file_stem()?.to_owned()))
        }
        Source::Stdin => None,
    };
    let names: Vec<_> = entries.iter().map(name_of).collect();
    let all: BTreeSet<_> = names.iter().flatten().collect();
    let is_result = |name: &Option<(PathBuf, OsString)>| {
        name.as_ref().is_some_and(|(folder, stem)| {
            original(stem).is_some_and(|original| all.contains(&(folder.clone(), original.into())))
        })
    };
    let results: Vec<_> = names.iter().map(is_result).collect();
    let mut inputs = Vec::new();
    for (entry, is_result) in entries.into_iter().zip(results) {
        match entry.source {
            Source::File(path) if is_result => passed_over.results.push(path),
            _ => inputs.push(entry),
        }
    }
    inputs
}

/// NAME of NAME_x3.
fn original(stem: &OsStr) -> Option<&str> {
    let (name, scale) = stem.to_str()?.rsplit_once("_x")?;
    let is_scale = matches!(scale.len(), 1 | 2) && scale.bytes().all(|digit| digit.is_ascii_digit());
    (is_scale && !name.is_empty()).then_some(name)
}

fn destination(args: &Args) -> Result<Destination<'_>, Failure> {
    let single = match &*args.inputs {
        [input] => is_stream(input) || !input.is_dir(),
        _ => false,
    };
    let Some(output) = args.output.as_deref() else {
        return match args.inputs.iter().any(|input| is_stream(input)) {
            true if single => Ok(Destination::Stdout),
            true => Err(Failure::usage("standard input among several inputs has no name for its output")),
            false => Ok(Destination::Beside),
        };
    };
    if is_stream(output) {
        return match single {
            true => Ok(Destination::Stdout),
            false => Err(Failure::usage("-o - takes one image only; give a folder")),
        };
    }
    let has_slash = output.as_os_str().as_encoded_bytes().last().is_some_and(|&last| path::is_separator(last.into()));
    if single && !has_slash && !output.is_dir() {
        return Ok(Destination::File(output));
    }
    if output.exists() && !output.is_dir() {
        return Err(Failure::new(format!("{}: not a folder, which the inputs need", output.display())));
    }
    Ok(Destination::Folder(output))
}

fn job(entry: Entry, destination: &Destination, format: Option<Format>, scale: usize) -> Result<Job, Failure> {
    let named = |path: PathBuf, format| Ok((Sink::File(path), format));
    let (sink, format) = match destination {
        Destination::Stdout => Ok((Sink::Stdout, format.unwrap_or(Format::Png))),
        Destination::File(path) => named((*path).to_owned(), format_of_output(path, format)?),
        Destination::Folder(_) if entry.source == Source::Stdin => {
            Err(Failure::usage("standard input has no name for a file in the output folder; give -o FILE"))
        }
        Destination::Folder(folder) => {
            let (format, name) = format_and_name(&entry.relative, "", format);
            named(folder.join(entry.relative.with_file_name(name)), format)
        }
        Destination::Beside => {
            let Source::File(path) = &entry.source else {
                return Err(Failure::usage("standard input has no name for its output; give -o FILE"));
            };
            let (format, name) = format_and_name(path, &format!("_x{scale}"), format);
            named(path.with_file_name(name), format)
        }
    }?;
    Ok(Job { source: entry.source, sink, format })
}

/// The format of an output that the user named.
fn format_of_output(path: &Path, wanted: Option<Format>) -> Result<Format, Failure> {
    match (Format::of_path(path), wanted) {
        (Some(named), Some(wanted)) if named != wanted => {
            let message = format!("{}: its extension says {named}, and --format {wanted}", path.display());
            Err(Failure::usage(message))
        }
        (_, Some(wanted)) => Ok(wanted),
        (Some(named), None) if named.is_written() => Ok(named),
        (named, None) => {
            let formats = Format::WRITTEN.map(Format::extension).join(", ");
            let path = path.display();
            Err(Failure::usage(match named {
                Some(named) => format!("{path}: {named} is not written; use one of {formats}, or --format"),
                None => format!(
                    "{path}: its extension names no format; for a folder, end it with a slash ({path}/), for a file use \
                     one of {formats}, or --format"
                ),
            }))
        }
    }
}

/// The format of a result that takes its name from its input, and that name, with `suffix` before the extension.
///
/// The extension is the input's own where that is right. What is behind the last point of a name like `frame.0001` is
/// none, and stays.
fn format_and_name(input: &Path, suffix: &str, wanted: Option<Format>) -> (Format, OsString) {
    let own = Format::of_path(input);
    let format = wanted.or(own.filter(|own| own.is_written())).unwrap_or(Format::Png);
    let has_extension = own.is_some() || foreign::name(input).is_some();
    let stem = if has_extension { input.file_stem() } else { input.file_name() };
    let extension = input.extension().filter(|_| own == Some(format)).unwrap_or(OsStr::new(format.extension()));
    let mut name = stem.unwrap_or_default().to_owned();
    name.push(suffix);
    name.push(".");
    name.push(extension);
    (format, name)
}

/// That no result replaces another, or an input.
fn check_distinct(jobs: &[Job]) -> Result<(), Failure> {
    let inputs: BTreeSet<PathBuf> = jobs
        .iter()
        .filter_map(|job| match &job.source {
            Source::File(path) => path.canonicalize().ok(),
            Source::Stdin => None,
        })
        .collect();
    let mut sources = BTreeMap::new();
    for job in jobs {
        let Sink::File(path) = &job.sink else { continue };
        if path.canonicalize().is_ok_and(|path| inputs.contains(&path)) {
            return Err(Failure::usage(format!("{}: it would be an input and an output", path.display())));
        }
        if let Some(other) = sources.insert(place(path), &job.source) {
            let message = format!("{}: both {other} and {} would become this file", path.display(), job.source);
            return Err(Failure::usage(message));
        }
    }
    Ok(())
}

/// A file's path, the same however it is written.
fn place(path: &Path) -> PathBuf {
    let absolute = path::absolute(path).unwrap_or_else(|_| path.to_owned());
    match (absolute.parent().and_then(|parent| parent.canonicalize().ok()), absolute.file_name()) {
        (Some(parent), Some(name)) => parent.join(name),
        _ => absolute,
    }
}
