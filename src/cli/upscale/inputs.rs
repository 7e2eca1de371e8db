//! Which files are read, and where each result goes.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::{self, Path, PathBuf};

use abpn::codec::Format;
use walkdir::WalkDir;

use super::super::Failure;
use super::args::{Args, is_stream};

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
    let mut unusable = Vec::new();
    let entries: Vec<_> = args.inputs.iter().flat_map(|input| entries(input, args.recursive, &mut unusable)).collect();
    let destination = destination(args)?;
    let jobs =
        entries.into_iter().map(|entry| job(entry, &destination, args.format, scale)).collect::<Result<Vec<_>, _>>()?;
    check_distinct(&jobs)?;
    Ok(Plan { jobs, unusable })
}

/// The images that an input stands for.
fn entries(input: &Path, recursive: bool, unusable: &mut Vec<(String, Failure)>) -> Vec<Entry> {
    if is_stream(input) {
        return vec![Entry { source: Source::Stdin, relative: PathBuf::new() }];
    }
    if !input.is_dir() {
        let relative = input.file_name().map(PathBuf::from).unwrap_or_default();
        return vec![Entry { source: Source::File(input.to_owned()), relative }];
    }
    let depth = if recursive { usize::MAX } else { 1 };
    let mut found = Vec::new();
    let mut failed = false;
    for entry in WalkDir::new(input).follow_links(true).max_depth(depth).sort_by_file_name() {
        match entry {
            Ok(entry) if entry.file_type().is_file() && Format::of_path(entry.path()).is_some() => {
                let relative = entry.path().strip_prefix(input).unwrap_or(entry.path()).to_owned();
                found.push(Entry { source: Source::File(entry.into_path()), relative });
            }
            Ok(_) => {}
            Err(error) => {
                failed = true;
                let name = error.path().unwrap_or(input).display().to_string();
                unusable.push((name, Failure::new(error.to_string())));
            }
        }
    }
    if found.is_empty() && !failed {
        let remedy = if recursive { "" } else { "; --recursive looks into the folders within" };
        let message = format!("{}: no images in this folder{remedy}", input.display());
        unusable.push((input.display().to_string(), Failure::new(message)));
    }
    found
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
            let (format, extension) = format_and_extension(&entry.relative, format);
            named(folder.join(entry.relative.with_extension(extension)), format)
        }
        Destination::Beside => {
            let Source::File(path) = &entry.source else {
                return Err(Failure::usage("standard input has no name for its output; give -o FILE"));
            };
            let (format, extension) = format_and_extension(path, format);
            let mut name = path.file_stem().unwrap_or_default().to_owned();
            name.push(format!("_x{scale}.{extension}"));
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
            let reason = match named {
                Some(named) => format!("{named} is not written"),
                None => "its extension names no format".to_owned(),
            };
            Err(Failure::usage(format!("{}: {reason}; use one of {formats}, or --format", path.display())))
        }
    }
}

/// The format of a result that takes its name from its input, and its extension: the input's own where that is right.
fn format_and_extension(input: &Path, wanted: Option<Format>) -> (Format, String) {
    let own = Format::of_path(input).filter(|own| own.is_written());
    let format = wanted.or(own).unwrap_or(Format::Png);
    let extension = input.extension().and_then(|extension| extension.to_str()).filter(|_| own == Some(format));
    (format, extension.unwrap_or(format.extension()).to_owned())
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
