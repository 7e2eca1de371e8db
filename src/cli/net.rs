//! The nets that a command runs: built-in ones, or one in a weight file.

use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use abpn::Net;
use abpn::net::{BuiltIn, Degradation, MAX_FILE_BYTES, built_in};
use abpn::origin::Choice;

use super::Failure;
use super::failure::BAD_WEIGHTS;

/// The scale where none is asked for.
const DEFAULT_SCALE: usize = 3;

/// Which built-in net is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// The one that fits the picture.
    Auto,
    Named(Degradation),
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Named(degradation) => degradation.fmt(f),
        }
    }
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown =
            |_| format!("it is auto or the name of a net: {}", Degradation::ALL.map(Degradation::name).join(", "));
        if text == "auto" { Ok(Self::Auto) } else { text.parse().map(Self::Named).map_err(unknown) }
    }
}

/// The options that choose a net, for commands whose pictures come from files.
#[derive(clap::Args)]
pub struct NetArgs {
    /// The built-in net: auto takes for each picture the one that fits its compression; `abpn nets` lists them
    #[arg(short, long, value_name = "auto|NAME", default_value_t = Wanted::Auto, conflicts_with = "model")]
    pub net: Wanted,
    /// Weight file to use instead of a built-in net
    #[arg(short, long, value_name = "FILE")]
    pub model: Option<PathBuf>,
}

/// The nets that a command may run.
pub enum Nets {
    /// The one in a weight file.
    File {
        path: PathBuf,
        net: Box<Net>,
    },
    BuiltIn {
        scale: usize,
        wanted: Wanted,
    },
}

/// A net to run, and why this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    /// The built-in net's name, or the weight file's path.
    pub name: String,
    /// For people.
    pub reason: String,
}

impl Nets {
    /// The nets that `args` ask for, of this scale or of 3.
    ///
    /// # Errors
    /// If the weight file can't be used, or has another scale.
    pub fn new(args: &NetArgs, scale: Option<u32>) -> Result<Self, Failure> {
        match &args.model {
            Some(path) => Ok(Self::File { net: Box::new(load(path, scale)?), path: path.clone() }),
            None => {
                let scale = scale.map_or(DEFAULT_SCALE, |scale| scale as usize);
                find(scale, Degradation::Clean)?;
                Ok(Self::BuiltIn { scale, wanted: args.net })
            }
        }
    }

    /// How many times larger results are.
    pub fn scale(&self) -> usize {
        match self {
            Self::File { net, .. } => net.scale(),
            Self::BuiltIn { scale, .. } => *scale,
        }
    }

    /// The net to run; `choice` gives the one that fits the picture, and is asked only if that matters.
    pub fn pick(&self, choice: impl FnOnce() -> Choice) -> Picked {
        let named = |degradation: Degradation, reason| {
            let name = built_in(self.scale(), degradation).map_or(degradation, |net| net.degradation).to_string();
            Picked { name, reason }
        };
        match self {
            Self::File { path, .. } => {
                Picked { name: path.display().to_string(), reason: "given by --model".to_owned() }
            }
            Self::BuiltIn { wanted: Wanted::Named(degradation), .. } => {
                named(*degradation, "given by --net".to_owned())
            }
            Self::BuiltIn { wanted: Wanted::Auto, .. } => {
                let Choice { degradation, reason } = choice();
                named(degradation, reason)
            }
        }
    }

    /// The net that [`Nets::pick`] named.
    ///
    /// # Errors
    /// None, unless abpn was built with a damaged weight file.
    pub fn load(&self, name: &str) -> Result<Net, Failure> {
        match self {
            Self::File { net, .. } => Ok((**net).clone()),
            Self::BuiltIn { scale, .. } => Ok(find(*scale, name.parse()?)?.net()?),
        }
    }
}

/// The options that choose a net, for commands without pictures.
#[derive(clap::Args)]
pub struct ModelArgs {
    /// The built-in net, a name of `abpn nets`
    #[arg(short, long, value_name = "NAME", default_value_t, conflicts_with = "model")]
    pub net: Degradation,
    /// A weight file, instead of a built-in net
    #[arg(short, long, value_name = "FILE")]
    pub model: Option<PathBuf>,
}

impl ModelArgs {
    /// The net that is asked for; built-in ones are of scale 3.
    ///
    /// # Errors
    /// If the weight file can't be used.
    pub fn load(&self) -> Result<Net, Failure> {
        match &self.model {
            Some(path) => load(path, None),
            None => Ok(find(DEFAULT_SCALE, self.net)?.net()?),
        }
    }
}

fn find(scale: usize, degradation: Degradation) -> Result<&'static BuiltIn, Failure> {
    built_in(scale, degradation)
        .ok_or_else(|| Failure::usage(format!("no built-in net upscales {scale} times; name one with --model")))
}

/// The net in a weight file, whose scale must be `scale` if that is given.
fn load(path: &Path, scale: Option<u32>) -> Result<Net, Failure> {
    let net = Net::read(&read(path)?).map_err(|error| Failure::from(error).context(path.display()))?;
    match scale {
        Some(scale) if scale as usize != net.scale() => Err(Failure::usage(format!(
            "{} upscales {} times, not {scale} times (--scale)",
            path.display(),
            net.scale()
        ))),
        _ => Ok(net),
    }
}

/// The bytes of a weight file; of one that is too long, just enough for the parser to refuse it.
pub fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|cause| Failure { message: format!("{}: {cause}", path.display()), code: BAD_WEIGHTS })?;
    Ok(bytes)
}
