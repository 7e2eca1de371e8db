//! Image files as abpn reads them, without upscaling: `decode FOLDER < LIST`.
//!
//! Standard input names a file a line. The picture of the n-th, from 0 on, becomes `FOLDER/n.pnm`; standard output says of
//! each file in a line what abpn says of it: `read` and the notes, or `refused` and the reason.
//! `scripts/compare-samples` holds the pictures against those of other decoders.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::{env, io};

use abpn::Result;
use abpn::codec::{DEFAULT_QUALITY, Format, encode, read};

/// Samples are small, and those that hold four numbers a pixel beside each other are many.
const MAX_PIXELS: u64 = 1 << 26;

fn main() -> io::Result<()> {
    let folder: PathBuf = env::args_os().nth(1).ok_or_else(|| io::Error::other("usage: decode FOLDER < LIST"))?.into();
    for (index, path) in io::stdin().lines().enumerate() {
        match decode(Path::new(&path?), &folder.join(format!("{index}.pnm"))) {
            Ok(notes) => println!("read {}", notes.join("; ")),
            Err(error) => println!("refused {error}"),
        }
    }
    Ok(())
}

/// Writes the picture at `path` to `target`; returns what was lost of it on the way in.
fn decode(path: &Path, target: &Path) -> Result<Vec<String>> {
    let (picture, notes) = read(path, MAX_PIXELS)?;
    let file = File::create(target).map_err(|source| abpn::Error::Io { path: target.to_owned(), source })?;
    // Metadata has no place in PNM, and is not what is looked at here.
    encode(&picture, Format::Pnm, DEFAULT_QUALITY, file)?;
    Ok(notes.iter().map(ToString::to_string).collect())
}
