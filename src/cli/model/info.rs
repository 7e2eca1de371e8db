//! `abpn model info`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use abpn::Net;
use abpn::net::{ABPN_X3, FORMAT, Layer, VERSION};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::cli::print::print;
use crate::cli::table::Table;
use crate::cli::{Failure, net};

/// Prints what is in a weight file
#[derive(clap::Args)]
pub struct Args {
    /// Weight file; the built-in net if none is given
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let bytes = args.file.as_deref().map_or_else(|| Ok(ABPN_X3.to_vec()), net::read)?;
    let net = Net::read(&bytes).map_err(|error| match &args.file {
        Some(path) => Failure::from(error).context(path.display()),
        None => error.into(),
    })?;
    let info = Info::new(&net, &bytes);
    if args.json {
        print(serde_json::to_string_pretty(&info).map_err(|error| Failure::new(error.to_string()))?)
    } else {
        print(info.lines().join("\n"))
    }
}

/// What is printed; the names are JSON's.
#[derive(Serialize)]
struct Info<'a> {
    format: &'static str,
    version: &'static str,
    scheme: &'static str,
    scale: usize,
    parameters: usize,
    macs_per_input_pixel: u64,
    halo_pixels: usize,
    border: &'static str,
    layers: Vec<LayerInfo>,
    notes: &'a BTreeMap<String, String>,
    bytes: usize,
    sha256: String,
}

#[derive(Serialize)]
struct LayerInfo {
    in_channels: usize,
    out_channels: usize,
    parameters: usize,
    macs_per_input_pixel: u64,
    worst_accumulator: u64,
    exact_in_f32: bool,
}

impl<'a> Info<'a> {
    fn new(net: &'a Net, file: &[u8]) -> Self {
        Self {
            format: FORMAT,
            version: VERSION,
            scheme: net.scheme(),
            scale: net.scale(),
            parameters: net.parameters(),
            macs_per_input_pixel: net.macs_per_pixel(),
            halo_pixels: net.halo(),
            border: net.border().name(),
            layers: net.layers().iter().map(LayerInfo::new).collect(),
            notes: net.notes(),
            bytes: file.len(),
            sha256: Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect(),
        }
    }

    /// The lines of the text form.
    fn lines(&self) -> Vec<String> {
        let Self { format, version, scheme, scale, parameters, bytes, sha256, .. } = self;
        let mut lines = vec![
            format!("format      {format}, version {version}"),
            format!("scheme      {scheme}"),
            format!("scale       {scale}"),
            format!("parameters  {parameters}"),
            format!("work        {} multiply-accumulates an input pixel", self.macs_per_input_pixel),
            format!("halo        {} input pixels", self.halo_pixels),
            format!("border      {}", self.border),
            format!("file        {bytes} bytes, SHA-256 {sha256}"),
        ];
        lines.extend(self.notes.iter().map(|(name, text)| format!("{:<11} {}", printable(name), printable(text))));
        let headings = ["layer", "in", "out", "parameters", " MACs", "worst accumulator", "exact in f32"];
        let table = Table::new(&headings, std::iter::empty());
        lines.extend([String::new(), table.row(&headings), table.rule()]);
        lines.extend(self.layers.iter().enumerate().map(|(index, layer)| table.row(&layer.cells(index))));
        lines
    }
}

impl LayerInfo {
    fn new(layer: &Layer) -> Self {
        Self {
            in_channels: layer.in_channels,
            out_channels: layer.out_channels,
            parameters: layer.parameters(),
            macs_per_input_pixel: layer.macs_per_pixel(),
            worst_accumulator: layer.worst_accumulator(),
            exact_in_f32: layer.is_exact_in_f32(),
        }
    }

    fn cells(&self, index: usize) -> [String; 7] {
        [
            index.to_string(),
            self.in_channels.to_string(),
            self.out_channels.to_string(),
            self.parameters.to_string(),
            self.macs_per_input_pixel.to_string(),
            self.worst_accumulator.to_string(),
            if self.exact_in_f32 { "yes" } else { "no" }.to_owned(),
        ]
    }
}

/// A file's text without what a terminal might obey.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { char::REPLACEMENT_CHARACTER } else { c }).collect()
}
