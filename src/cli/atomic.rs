//! Output files that appear whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use abpn::{Error, Result};

/// What the names of temporary files begin and end with.
const PREFIX: &str = ".abpn-";
const SUFFIX: &str = ".tmp";

/// How old an unlocked temporary file must be before it counts as left over.
const GRACE: Duration = Duration::from_secs(60);

/// Temporary files that are neither finished nor removed.
static UNFINISHED: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn unfinished() -> MutexGuard<'static, Vec<PathBuf>> {
    UNFINISHED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes all temporary files; none is made, and none becomes an output, while the result is held.
pub fn remove_unfinished() -> impl Sized {
    let unfinished = unfinished();
    for path in unfinished.iter() {
        let _ = fs::remove_file(path);
    }
    unfinished
}

/// That an output may be written to `path`.
///
/// # Errors
/// [`Error::Io`] if there is something already and `overwrite` is off, or it is no file.
pub fn check_free(path: &Path, overwrite: bool) -> Result<()> {
    let refuse = |kind, reason: &str| Err(Error::Io { path: path.to_owned(), source: io::Error::new(kind, reason) });
    if path.symlink_metadata().is_err() {
        return Ok(());
    }
    if !overwrite {
        let reason = "it is already there; replace it with --overwrite";
        return refuse(io::ErrorKind::AlreadyExists, reason);
    }
    // A rename would replace a device or a pipe by a file.
    match path.metadata() {
        Ok(metadata) if !metadata.is_file() => refuse(io::ErrorKind::InvalidInput, "it is not a file"),
        _ => Ok(()),
    }
}

/// What a new file takes over from another.
#[derive(Debug, Default)]
pub struct Like {
    permissions: Option<fs::Permissions>,
    modified: Option<SystemTime>,
}

impl Like {
    /// The permissions of the file at `path`, and if wanted the time of its last change.
    pub fn file(path: &Path, keep_time: bool) -> Self {
        let Ok(metadata) = path.metadata() else { return Self::default() };
        let modified = metadata.modified().ok().filter(|_| keep_time);
        Self { permissions: Some(metadata.permissions()), modified }
    }
}

/// Removes the temporary files in a folder that no living process holds; a process that is killed leaves them.
///
/// What can't be told or removed stays, without a word.
pub fn remove_leftovers(folder: &Path) {
    let folder = if folder == Path::new("") { Path::new(".") } else { folder };
    for entry in folder.read_dir().into_iter().flatten().flatten() {
        let name = entry.file_name();
        let is_ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|time| time.elapsed().ok());
        // A new one may not be locked yet.
        if !is_ours || !entry.file_type().is_ok_and(|kind| kind.is_file()) || age.is_none_or(|age| age < GRACE) {
            continue;
        }
        if let Ok(file) = File::options().write(true).open(entry.path())
            && file.try_lock().is_ok()
        {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Has `write` fill a temporary file beside `path`, and then gives it that name.
///
/// # Errors
/// Whatever `write` returns; [`Error::Io`] if the file can't be made or named, or as [`check_free`]. Then `path` is as it
/// was, and no temporary file is left.
pub fn write_atomically<T>(
    path: &Path,
    overwrite: bool,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<T>,
) -> Result<T> {
    write_like(path, overwrite, &Like::default(), write)
}

/// As [`write_atomically`], a file that takes over from another what `like` says; but one that replaces a file has that
/// one's permissions.
///
/// # Errors
/// As [`write_atomically`].
pub fn write_like<T>(
    path: &Path,
    overwrite: bool,
    like: &Like,
    write: impl FnOnce(&mut BufWriter<&mut File>) -> Result<T>,
) -> Result<T> {
    check_free(path, overwrite)?;
    let failed = |source| Error::Io { path: path.to_owned(), source };
    // Through a link, as every program that opens the output would write.
    let target = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let folder = match target.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };

    let mut file = {
        let mut unfinished = unfinished();
        let file = temporary(like).tempfile_in(folder).map_err(|error| failed(without_path(error)))?;
        // Where there are no locks, nobody can tell that it is in use, and so nobody removes it.
        let _ = file.as_file().try_lock();
        unfinished.push(file.path().to_owned());
        file
    };
    let temporary_path = file.path().to_owned();
    let mut writer = BufWriter::new(file.as_file_mut());
    let written = write(&mut writer).and_then(|value| writer.flush().map(|()| value).map_err(failed));
    // Else its buffer would be written out once more.
    drop(writer.into_parts());

    let replaced = target.metadata().ok().map(|metadata| metadata.permissions());
    if written.is_ok() {
        let file = file.as_file();
        // Nothing of this is worth a failure: not every file system has it.
        if cfg!(unix) {
            let _ = replaced.map(|permissions| file.set_permissions(permissions));
        }
        let _ = like.modified.map(|time| file.set_modified(time));
    }
    let mut unfinished = unfinished();
    unfinished.retain(|path| *path != temporary_path);
    let value = match written {
        Ok(value) => value,
        Err(error) => {
            // It removes itself: now, while an exit has to wait for it.
            drop(file);
            return Err(error);
        }
    };
    let named = if overwrite { file.persist(&target) } else { file.persist_noclobber(&target) };
    match named {
        Ok(_) => Ok(value),
        Err(error) if error.error.kind() == io::ErrorKind::AlreadyExists => {
            drop(error);
            check_free(path, overwrite).and(Err(failed(io::ErrorKind::AlreadyExists.into())))
        }
        Err(error) => Err(failed(error.error)),
    }
}

fn temporary(like: &Like) -> tempfile::Builder<'static, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // What every new file gets, or a copy; less the umask. Alone, the file would be its owner's secret.
        let mode = like.permissions.as_ref().map_or(0o666, |permissions| permissions.mode() & 0o777);
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = &like.permissions;
    builder
}

/// The system's error, without the temporary file's name, which means nothing to the user.
fn without_path(error: io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Fails once it has written `len` bytes.
    fn fill(writer: &mut impl Write, len: usize) -> Result<()> {
        for _ in 0..len {
            writer.write_all(b"x").unwrap();
        }
        Err(Error::Cancelled)
    }

    #[test]
    fn a_writer_that_fails_leaves_nothing_wherever_it_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        for len in [0, 1, 7, 8191, 8192, 8193, 100_000] {
            let error = write_atomically(&path, false, |writer| fill(writer, len)).unwrap_err();
            assert!(matches!(error, Error::Cancelled));
            assert!(names(folder.path()).is_empty(), "{len}");
        }
        fs::write(&path, "old").unwrap();
        for len in [0, 1, 100_000] {
            write_atomically(&path, true, |writer| fill(writer, len)).unwrap_err();
            assert_eq!(fs::read(&path).unwrap(), b"old");
            assert_eq!(names(folder.path()), ["a.png"]);
        }
    }

    #[test]
    fn an_existing_output_is_kept_unless_told_otherwise() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let write = |overwrite, text: &str| {
            write_atomically(&path, overwrite, |writer| {
                writer.write_all(text.as_bytes()).map_err(|source| Error::Io { path: path.clone(), source })
            })
        };
        write(false, "first").unwrap();
        assert!(write(false, "second").unwrap_err().to_string().contains("--overwrite"));
        assert_eq!(fs::read(&path).unwrap(), b"first");
        write(true, "third").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"third");
        assert_eq!(names(folder.path()), ["a.png"]);
    }

    #[test]
    fn an_output_that_appears_meanwhile_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.png");
        let error = write_atomically(&path, false, |_| {
            fs::write(&path, "another program's").unwrap();
            Ok(())
        });
        assert!(error.unwrap_err().to_string().contains("already"));
        assert_eq!(fs::read(&path).unwrap(), b"another program's");
        assert_eq!(names(folder.path()), ["a.png"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_modes_are_usual() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        let ordinary = folder.path().join("ordinary");
        fs::write(&ordinary, "").unwrap();
        write_atomically(&file, false, |_| Ok(())).unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&file), mode(&ordinary));
        symlink("file", &link).unwrap();
        write_atomically(&link, true, |writer| fill(writer, 1).or(Ok(()))).unwrap();
        assert_eq!(fs::read(&file).unwrap(), b"x");
        assert!(link.is_symlink());
        let device = Path::new("/dev/null");
        assert!(write_atomically(device, true, |_| Ok(())).unwrap_err().to_string().contains("not a file"));
    }
}
