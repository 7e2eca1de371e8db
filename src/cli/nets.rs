//! `abpn nets`: the built-in nets.

use abpn::net::{BUILT_IN, BuiltIn};
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::Failure;
use super::print::print;
use super::table::Table;

const NOTES: &str = "\
`--net NAME` of other commands takes a net of this list, with the scale of `--scale`. `--net auto`, the default, takes one \
for each picture. A JPEG says by its quantisation tables how much it lost, a lossy WebP by its quantiser. Other formats say \
nothing: there auto looks at the pixels for the 8x8 blocks of an earlier JPEG. It can't see compression in a picture that was \
reduced or enlarged since, nor that of a film frame. The same file always gets the same net.

JSON: an array of objects: name, scale, for, parameters, bytes, sha256 (both of the weight file).";

/// Lists the built-in nets: name, scale, which pictures they are for, size and checksum of the weight file
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// Print a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

/// A net, with JSON's names.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    scale: usize,
    r#for: &'static str,
    parameters: usize,
    bytes: usize,
    sha256: String,
}

impl Row {
    fn new(built_in: &BuiltIn) -> Result<Self, Failure> {
        Ok(Self {
            name: built_in.degradation.name(),
            scale: built_in.scale,
            r#for: built_in.degradation.pictures(),
            parameters: built_in.net()?.parameters(),
            bytes: built_in.file.len(),
            sha256: Sha256::digest(built_in.file).iter().map(|byte| format!("{byte:02x}")).collect(),
        })
    }

    fn cells(&self) -> [String; 6] {
        let Self { name, scale, r#for, parameters, bytes, sha256 } = self;
        [
            (*name).to_owned(),
            format!("x{scale}"),
            (*r#for).to_owned(),
            parameters.to_string(),
            bytes.to_string(),
            sha256.clone(),
        ]
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let rows = BUILT_IN.iter().map(Row::new).collect::<Result<Vec<_>, _>>()?;
    if args.json {
        return print(serde_json::to_string_pretty(&rows).map_err(|error| Failure::new(error.to_string()))?);
    }
    let cells: Vec<_> = rows.iter().map(Row::cells).collect();
    let headings = ["net", "scale", "for", "parameters", "bytes", "SHA-256"];
    Table::lines(&headings, &cells).into_iter().try_for_each(print)
}
