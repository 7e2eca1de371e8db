//! ffmpeg as a child process.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

use super::error::{Error, Result};

/// Lines of what a child says that are kept, the last ones.
const KEPT_LINES: usize = 12;
/// The oldest version with the options that are used here.
const OLDEST: (u32, u32) = (5, 1);

/// Where ffmpeg and ffprobe are.
#[derive(Clone, Debug)]
pub struct Tools {
    ffmpeg: PathBuf,
    ffprobe: PathBuf,
}

impl Tools {
    /// ffmpeg on the search path, or the program at `ffmpeg` with the ffprobe beside it.
    ///
    /// # Errors
    /// [`Error::Missing`] if one of the two is not there, or too old.
    pub fn find(ffmpeg: Option<&Path>) -> Result<Self> {
        let tools = match ffmpeg {
            None => Self { ffmpeg: "ffmpeg".into(), ffprobe: "ffprobe".into() },
            Some(ffmpeg) => {
                let name = ffmpeg.file_name().unwrap_or_default().to_string_lossy().replacen("ffmpeg", "ffprobe", 1);
                let beside = ffmpeg.with_file_name(name);
                let ffprobe = if beside.is_file() && beside != ffmpeg { beside } else { "ffprobe".into() };
                Self { ffmpeg: ffmpeg.to_owned(), ffprobe }
            }
        };
        run(Command::new(&tools.ffprobe).arg("-version"))?;
        let version = run(Command::new(&tools.ffmpeg).arg("-version"))?;
        let version = String::from_utf8_lossy(&version);
        // `ffmpeg version 5.1.9-0+deb12u1 ...`; builds between versions have another form, and are newer.
        let name = version.split_whitespace().nth(2).unwrap_or_default();
        let mut numbers = name.trim_start_matches('n').split(['.', '-', '+']).map(str::parse::<u32>);
        if let Some(Ok(major)) = numbers.next()
            && (major, numbers.next().and_then(|minor| minor.ok()).unwrap_or(0)) < OLDEST
        {
            let (major, minor) = OLDEST;
            return Err(Error::Missing(format!("ffmpeg is version {name}; abpn needs {major}.{minor} or later")));
        }
        Ok(tools)
    }

    /// A command of ffmpeg's that says errors only, and never asks.
    pub fn ffmpeg(&self) -> Command {
        let mut command = Command::new(&self.ffmpeg);
        command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]);
        command
    }

    /// A command of ffprobe's that answers in JSON.
    pub fn ffprobe(&self) -> Command {
        let mut command = Command::new(&self.ffprobe);
        command.args(["-hide_banner", "-loglevel", "error", "-of", "json"]);
        command
    }
}

/// A path as ffmpeg's command line takes it: one that begins with a dash is no option, and one with a colon no protocol.
pub fn path_argument(path: &Path) -> OsString {
    let mut argument = OsString::from("file:");
    argument.push(path);
    argument
}

/// Runs a command to its end, and gives what it printed.
///
/// # Errors
/// [`Error::Missing`] if it can't be started; [`Error::Ffmpeg`] with its own words if it fails.
pub fn run(command: &mut Command) -> Result<Vec<u8>> {
    let mut child = Child::spawn(command.stdin(Stdio::null()))?;
    let mut output = Vec::new();
    let read = child.stdout().read_to_end(&mut output);
    let finished = child.finish()?;
    finished.success()?;
    read.map_err(|error| Error::Io(error.to_string()))?;
    Ok(output)
}

/// A child whose output is piped and whose words are heard, so that it never waits for anybody to hear them.
///
/// It doesn't get the terminal's Ctrl-C: abpn tells it when to end. When dropped it is killed.
#[derive(Debug)]
pub struct Child {
    name: String,
    child: std::process::Child,
    words: Option<JoinHandle<Vec<String>>>,
}

/// How a child ended.
#[derive(Debug)]
pub struct Finished {
    name: String,
    status: std::process::ExitStatus,
    /// The last lines that it said: errors.
    pub words: Vec<String>,
}

impl Child {
    /// Starts it, with stdout and stderr piped.
    ///
    /// # Errors
    /// [`Error::Missing`] if it can't be started.
    pub fn spawn(command: &mut Command) -> Result<Self> {
        let name = Path::new(command.get_program()).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        #[cfg(unix)]
        std::os::unix::process::CommandExt::process_group(command, 0);
        #[cfg(windows)]
        {
            const CREATE_NEW_PROCESS_GROUP: u32 = 0x200;
            std::os::windows::process::CommandExt::creation_flags(command, CREATE_NEW_PROCESS_GROUP);
        }
        let mut child = command.spawn().map_err(|error| {
            let program = command.get_program().to_string_lossy().into_owned();
            Error::Missing(format!(
                "{program} can't be started ({error}): install ffmpeg, which films are read and written with (on Debian and \
                 Ubuntu: sudo apt install ffmpeg), or name it with --ffmpeg"
            ))
        })?;
        let words = child.stderr.take().map(|stderr| thread::spawn(move || listen(stderr)));
        Ok(Self { name, child, words })
    }

    /// What it prints.
    pub fn stdout(&mut self) -> ChildStdout {
        self.child.stdout.take().expect("it is piped, and taken once")
    }

    /// What it reads, if that is piped.
    pub fn stdin(&mut self) -> Option<ChildStdin> {
        self.child.stdin.take()
    }

    /// Waits for its end; its input and output must be closed or taken.
    ///
    /// # Errors
    /// The system's.
    pub fn finish(mut self) -> Result<Finished> {
        drop((self.child.stdin.take(), self.child.stdout.take()));
        let status = self.child.wait().map_err(|error| Error::Io(format!("{}: {error}", self.name)))?;
        let words = self.words.take().and_then(|words| words.join().ok()).unwrap_or_default();
        Ok(Finished { name: self.name.clone(), status, words })
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Finished {
    /// That it succeeded.
    ///
    /// # Errors
    /// [`Error::Ffmpeg`] with its own words.
    pub fn success(&self) -> Result<()> {
        if self.status.success() { Ok(()) } else { Err(self.failure("failed")) }
    }

    /// A failure, `what` happened, in its own words.
    pub fn failure(&self, what: &str) -> Error {
        let words = match self.words.join("; ") {
            words if words.is_empty() => self.status.to_string(),
            words => words,
        };
        Error::Ffmpeg(format!("{} {what}: {words}", self.name))
    }
}

/// The last lines of a stream.
fn listen(stderr: ChildStderr) -> Vec<String> {
    let mut lines = VecDeque::new();
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|len| len > 0) {
        let text = String::from_utf8_lossy(&line).trim().to_owned();
        line.clear();
        if !text.is_empty() {
            lines.push_back(without_address(&text));
        }
        if lines.len() > KEPT_LINES {
            lines.pop_front();
        }
    }
    lines.into()
}

/// `[h264 @ 0x55d0c0ffee00] text` without the address, which means nothing.
fn without_address(line: &str) -> String {
    match line.split_once(" @ 0x").and_then(|(before, rest)| Some((before, rest.split_once(']')?.1))) {
        Some((before, rest)) => format!("{before}]{rest}"),
        None => line.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_kept_without_addresses() {
        assert_eq!(without_address("[mov @ 0x5571b] moov atom not found"), "[mov] moov atom not found");
        assert_eq!(without_address("x.mp4: No such file"), "x.mp4: No such file");
    }

    #[test]
    fn what_is_not_there_is_named_with_a_remedy() {
        let error = Tools::find(Some(Path::new("/nonexistent/ffmpeg"))).unwrap_err();
        assert!(matches!(&error, Error::Missing(text) if text.contains("--ffmpeg")), "{error}");
    }
}
