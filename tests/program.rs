//! Running the program in a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use abpn::codec::{DEFAULT_MAX_PIXELS, Format, Picture, read};
use abpn::net::{ABPN_X3, Layer, TAPS};
use abpn::{Image, Net, Target, Upscaler};
use tempfile::TempDir;

use crate::pictures::{bare, encoded};

/// A folder to run the program in.
pub struct Folder(TempDir);

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Folder {
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With a weight file, `net.safetensors`.
    pub fn new() -> Self {
        let folder = Self::empty();
        folder.write("net.safetensors", &nearest(3).write());
        folder
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// Writes an image in the format that its name asks for.
    pub fn image(&self, name: &str, image: &Image) {
        self.write(name, &encoded(&bare(image.clone()), Format::of_path(Path::new(name)).unwrap()));
    }

    pub fn read(&self, name: &str) -> Picture {
        read(&self.path(name), DEFAULT_MAX_PIXELS).unwrap_or_else(|error| panic!("{error}")).0
    }

    /// All files but weights, in order.
    pub fn names(&self) -> Vec<String> {
        let mut names = self.files();
        names.retain(|name| !name.ends_with(".safetensors"));
        names
    }

    /// All files, in order.
    pub fn files(&self) -> Vec<String> {
        fn collect(root: &Path, folder: &Path, names: &mut Vec<String>) {
            for entry in folder.read_dir().unwrap() {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => collect(root, &path, names),
                    false => names.push(path.strip_prefix(root).unwrap().to_str().unwrap().to_owned()),
                }
            }
        }
        let mut names = Vec::new();
        collect(self.0.path(), self.0.path(), &mut names);
        names.sort();
        names
    }

    /// Has the program keep what it remembers here, on every system.
    pub fn as_cache<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.envs(["XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"].map(|name| (name, self.0.path())))
    }

    /// `abpn upscale` on the CPU with a net that only repeats pixels.
    pub fn command(&self, arguments: &str) -> Command {
        self.bare_command(&format!("upscale --model net.safetensors --device cpu {arguments}"))
    }

    pub fn bare_command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_abpn"));
        command.args(arguments.split_whitespace()).current_dir(self.0.path()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &str) -> Ended {
        ended(&mut self.command(arguments))
    }

    /// Runs it, and requires that it fails with `code`, names `named` on stderr, and leaves all files as they were.
    pub fn refuse(&self, arguments: &str, code: i32, named: &str) -> Ended {
        let before = self.names();
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments}: {ended:?}");
        assert!(ended.stderr.contains(named), "{arguments}: {:?} in {ended:?}", named);
        assert_eq!(self.names(), before, "{arguments}");
        ended
    }

    /// Runs it, and requires that it succeeds and makes the files `made`.
    pub fn accept(&self, arguments: &str, made: &[&str]) -> Ended {
        let before = self.names();
        let ended = self.run(arguments);
        assert_eq!(ended.code, Some(0), "{arguments}: {ended:?}");
        let mut after = self.names();
        after.retain(|name| !before.contains(name));
        assert_eq!(after, made, "{arguments}");
        ended
    }
}

impl Ended {
    /// What it printed on standard output.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).unwrap()
    }
}

/// Runs a command to its end; it must not panic.
pub fn ended(command: &mut Command) -> Ended {
    let output = command.output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("panicked"), "{stderr}");
    Ended { code: output.status.code(), stdout: output.stdout, stderr }
}

/// A net of `hidden` layers, all of one width and all zero: its residual is nothing, so it repeats each pixel.
pub fn zeros(scale: usize, hidden: usize, width: usize) -> Net {
    let mut inputs = 3;
    let mut layers = Vec::new();
    for outputs in std::iter::repeat_n(width, hidden).chain([3 * scale * scale]) {
        layers.push(Layer {
            in_channels: inputs,
            out_channels: outputs,
            weights: vec![0; outputs * inputs * TAPS],
            bias: vec![0; outputs],
            limit: vec![255; outputs],
            pre: vec![0; outputs],
            mul: vec![1; outputs],
            post: vec![9; outputs],
            prelu: None,
        });
        inputs = outputs;
    }
    Net::new(scale, layers, BTreeMap::new()).unwrap()
}

pub fn nearest(scale: usize) -> Net {
    zeros(scale, 0, 0)
}

/// What the program calls the CPU of this machine.
pub fn cpu_device() -> String {
    Upscaler::new(Net::read(ABPN_X3).unwrap(), Target::Cpu).unwrap().device()
}
