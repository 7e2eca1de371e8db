//! The pictures to measure, or to measure with.

use std::fs;
use std::path::{Path, PathBuf};

use abpn::Error;
use abpn::codec::{self, DEFAULT_MAX_PIXELS, Format, Picture};

use super::Failure;

/// The image files that lie directly in `folder`, by their extensions, sorted by name; at least one. A file is itself.
pub fn pictures(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    if folder.is_file() {
        return Ok(vec![folder.to_owned()]);
    }
    let failure = |error| Failure::new(format!("{}: {error}", folder.display()));
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failure)? {
        let path = entry.map_err(failure)?.path();
        // macOS leaves `._NAME` beside NAME on other systems' disks.
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if !is_hidden && Format::of_path(&path).is_some() && path.is_file() {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(Failure::new(format!("{}: no picture lies in this folder", folder.display())));
    }
    paths.sort();
    Ok(paths)
}

/// The picture in a file. A failure does not name the file: the caller does, whatever fails about a picture.
pub fn read(path: &Path) -> Result<Picture, Failure> {
    match codec::read(path, DEFAULT_MAX_PIXELS) {
        Ok((picture, _)) => Ok(picture),
        Err(Error::Io { source, .. }) => Err(Failure::new(source.to_string())),
        Err(error) => Err(error.into()),
    }
}

/// A file's name, for people.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
