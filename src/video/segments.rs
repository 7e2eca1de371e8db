//! The folder in which a film is made, segment after segment.
//!
//! `film.json` says in its first line which film it is, and in each further one which segment is finished. A segment is a NUT
//! file, which players play: what is finished is never lost.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::{Error, Result};
use super::nut::{Packet, Reader, Stream};

const LIST: &str = "film.json";

/// A finished segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    pub file: String,
    pub frames: u64,
    pub bytes: u64,
}

/// The folder.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    list: File,
    segments: Vec<Segment>,
    /// Where the last whole line of the list ends.
    identity: String,
}

fn failed(path: &Path) -> impl Fn(io::Error) -> Error {
    move |error| Error::Io(format!("{}: {error}", path.display()))
}

impl Folder {
    /// The name of the folder for an output.
    pub fn of(output: &Path) -> PathBuf {
        let mut name = output.file_name().unwrap_or_default().to_owned();
        name.push(".abpn");
        output.with_file_name(name)
    }

    /// Makes it, for a film of this identity: all that its frames depend on, a line.
    ///
    /// # Errors
    /// If it is there already, or can't be made.
    pub fn create(path: &Path, identity: &str) -> Result<Self> {
        fs::create_dir(path).map_err(failed(path))?;
        let list_path = path.join(LIST);
        let mut list = File::create_new(&list_path).map_err(failed(&list_path))?;
        writeln!(list, "{identity}").and_then(|()| list.sync_all()).map_err(failed(&list_path))?;
        Ok(Self { path: path.to_owned(), list, segments: Vec::new(), identity: identity.to_owned() })
    }

    /// Opens what an earlier run has left of a film of this identity.
    ///
    /// # Errors
    /// If it is that of another film; if it can't be read.
    pub fn open(path: &Path, identity: &str) -> Result<Self> {
        let list_path = path.join(LIST);
        let text = fs::read_to_string(&list_path).map_err(failed(&list_path))?;
        // A line without an end is one that was being written.
        let mut lines = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let found = lines.next().unwrap_or_default().trim_end();
        if found != identity {
            let name = path.display();
            return Err(Error::Refused(format!(
                "{name} is not of this film with these options, but of {found}, and this is {identity}; begin anew with --overwrite"
            )));
        }
        let mut segments: Vec<Segment> = Vec::new();
        for line in lines {
            let Ok(segment) = serde_json::from_str::<Segment>(line) else { break };
            // A crash of the system may have taken what the list has.
            if path.join(&segment.file).metadata().map(|file| file.len()).ok() != Some(segment.bytes) {
                break;
            }
            segments.push(segment);
        }
        let list = OpenOptions::new().write(true).truncate(true).open(&list_path).map_err(failed(&list_path))?;
        let mut folder = Self { path: path.to_owned(), list, segments: Vec::new(), identity: found.to_owned() };
        folder.rewrite(segments)?;
        Ok(folder)
    }

    /// Writes the list anew.
    fn rewrite(&mut self, segments: Vec<Segment>) -> Result<()> {
        let mut text = format!("{}\n", self.identity);
        for segment in &segments {
            text += &(serde_json::to_string(segment).map_err(|error| Error::Io(error.to_string()))? + "\n");
        }
        let written = self.list.write_all(text.as_bytes()).and_then(|()| self.list.sync_all());
        written.map_err(failed(&self.path.join(LIST)))?;
        self.segments = segments;
        Ok(())
    }

    /// Finished segments.
    pub fn segments(&self) -> &[Segment] {
        &self.segments
    }

    /// Frames in them.
    pub fn frames(&self) -> u64 {
        self.segments.iter().map(|segment| segment.frames).sum()
    }

    /// A path in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Where the segment of this index goes.
    pub fn segment_path(&self, index: usize) -> PathBuf {
        self.path.join(segment_name(index))
    }

    /// Remembers that the next segment is finished, with so many frames.
    ///
    /// # Errors
    /// If it isn't there, or the list can't be written.
    pub fn finished(&mut self, frames: u64) -> Result<()> {
        let file = segment_name(self.segments.len());
        let path = self.path.join(&file);
        let opened = File::open(&path).and_then(|file| file.sync_all().map(|()| file));
        let bytes = opened.and_then(|file| file.metadata()).map_err(failed(&path))?.len();
        let segment = Segment { file, frames, bytes };
        let line = serde_json::to_string(&segment).map_err(|error| Error::Io(error.to_string()))?;
        let written = writeln!(self.list, "{line}").and_then(|()| self.list.sync_all());
        written.map_err(failed(&self.path.join(LIST)))?;
        self.segments.push(segment);
        Ok(())
    }

    /// Removes it, with all in it.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(path: &Path) -> Result<()> {
        fs::remove_dir_all(path).map_err(failed(path))
    }
}

fn segment_name(index: usize) -> String {
    format!("{:05}.nut", index + 1)
}

/// The description of the stream that all segments share.
///
/// # Errors
/// If there is no segment, or it can't be read.
pub fn stream(path: &Path) -> Result<Stream> {
    let file = File::open(path).map_err(failed(path))?;
    Ok(Reader::new(BufReader::new(file)).map_err(failed(path))?.stream().clone())
}

/// Reads all packets of a segment.
///
/// # Errors
/// If it can't be read, or has another number of frames than `frames`, or is another stream than `stream`; what `each` says.
pub fn read(
    path: &Path,
    frames: u64,
    stream: &Stream,
    each: &mut dyn FnMut(Packet, &[u8]) -> io::Result<()>,
) -> Result<()> {
    let file = File::open(path).map_err(failed(path))?;
    let mut reader = Reader::new(BufReader::with_capacity(1 << 20, file)).map_err(failed(path))?;
    if reader.stream() != stream {
        return Err(Error::Refused(format!(
            "{}: another encoder or version of it made this segment than the first; begin anew with --overwrite",
            path.display()
        )));
    }
    let (mut data, mut found) = (Vec::new(), 0);
    while let Some(packet) = reader.read(&mut data).map_err(failed(path))? {
        found += 1;
        each(packet, &data).map_err(|error| Error::Io(error.to_string()))?;
    }
    if found != frames {
        return Err(Error::Ffmpeg(format!("{}: the encoder wrote {found} of {frames} frames", path.display())));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_finished_is_found_again_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = Folder::of(&folder.path().join("film.mkv"));
        let mut made = Folder::create(&path, "a film").unwrap();
        assert!(Folder::create(&path, "a film").is_err());
        for frames in [3, 4] {
            fs::write(made.segment_path(made.segments().len()), "packets").unwrap();
            made.finished(frames).unwrap();
        }
        assert!(made.finished(5).is_err());
        drop(made);
        let list = path.join(LIST);
        // What was being written.
        let mut text = fs::read(&list).unwrap();
        text.extend(b"{\"file\":\"0000");
        fs::write(&list, text).unwrap();
        let mut opened = Folder::open(&path, "a film").unwrap();
        assert_eq!((opened.segments().len(), opened.frames()), (2, 7));
        fs::write(opened.segment_path(2), "more").unwrap();
        opened.finished(1).unwrap();
        assert_eq!(Folder::open(&path, "a film").unwrap().frames(), 8);
        fs::write(opened.segment_path(1), "short").unwrap();
        assert_eq!(Folder::open(&path, "a film").unwrap().frames(), 3);
        assert!(Folder::open(&path, "another").unwrap_err().to_string().contains("--overwrite"));
        Folder::remove(&path).unwrap();
        assert!(!path.exists());
    }
}
