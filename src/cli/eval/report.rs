//! What `abpn eval` prints: a table row by row, or JSON at the end.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::Figures;
use super::compression::Compression;
use crate::cli::net::Picked;
use crate::cli::print::print;
use crate::cli::table::Table;
use crate::cli::{Failure, folder};

/// A picture that was measured.
pub struct Measured {
    pub name: String,
    pub net: Figures,
    pub bicubic: Figures,
    pub picked: Picked,
    pub device: String,
}

/// A picture that was not.
pub struct Failed {
    pub name: String,
    pub message: String,
}

/// Which figures are measured beside the usual ones.
#[derive(Clone, Copy)]
pub struct Row {
    /// PSNR-B.
    pub blocks: bool,
    /// PSNR of a ring of this width in pixels.
    pub ring: Option<u16>,
}

/// One table, or one object of JSON.
pub struct Report {
    pub row: Row,
    compression: Compression,
    json: bool,
    scale: usize,
    table: Table,
    measured: Vec<Measured>,
    failed: Vec<Failed>,
}

impl Row {
    fn headings(self) -> Vec<&'static str> {
        let mut headings = vec!["image", "PSNR-RGB dB", "bicubic", "PSNR-Y dB", "bicubic", "SSIM-Y", "bicubic"];
        if self.blocks {
            headings.extend(["PSNR-B dB", "bicubic"]);
        }
        if self.ring.is_some() {
            headings.extend(["ring dB", "bicubic"]);
        }
        // As wide as the longest name of a built-in net.
        headings.push("   net");
        headings
    }

    fn cells(self, name: &str, net: Figures, bicubic: Figures, picked: &str) -> Vec<String> {
        let (db, ssim) = (|value: f64| format!("{value:.3}"), |value: f64| format!("{value:.4}"));
        let scores = [net.scores, bicubic.scores];
        let mut cells = vec![name.to_owned()];
        cells.extend(scores.map(|scores| db(scores.psnr_rgb_db)));
        cells.extend(scores.map(|scores| db(scores.psnr_y_db)));
        cells.extend(scores.map(|scores| ssim(scores.ssim_y)));
        cells.extend([net, bicubic].iter().filter_map(|figures| figures.psnr_b_db).map(db));
        cells.extend([net, bicubic].iter().filter_map(|figures| figures.ring_db).map(db));
        cells.push(picked.to_owned());
        cells
    }
}

impl Report {
    pub fn new(compression: Compression, ring: Option<u16>, json: bool, scale: usize, originals: &[PathBuf]) -> Self {
        let row = Row { blocks: compression != Compression::None, ring };
        let names = originals.iter().map(|path| folder::name(path));
        let table = Table::new(&row.headings(), names.chain([mean_name(originals.len(), 1)]));
        Self { row, compression, json, scale, table, measured: Vec::new(), failed: Vec::new() }
    }

    /// Prints what stands above the rows.
    pub fn begin(&self) -> Result<(), Failure> {
        if self.json {
            return Ok(());
        }
        if self.compression != Compression::None {
            print(self.compression)?;
            print("")?;
        }
        print(self.table.row(&self.row.headings()))?;
        print(self.table.rule())
    }

    /// A picture was measured.
    pub fn measured(&mut self, measured: Measured) -> Result<(), Failure> {
        if !self.json {
            let Measured { name, net, bicubic, picked, .. } = &measured;
            // A path would burst its column.
            let picked = if picked.name.parse::<abpn::net::Degradation>().is_ok() { &picked.name } else { "file" };
            print(self.table.row(&self.row.cells(name, *net, *bicubic, picked)))?;
        }
        self.measured.push(measured);
        Ok(())
    }

    /// A picture was not.
    pub fn failed(&mut self, failed: Failed) {
        self.failed.push(failed);
    }

    /// Prints the mean, or all of the JSON; returns how many pictures failed.
    pub fn end(self) -> Result<usize, Failure> {
        let nets: Vec<_> = self.measured.iter().map(|picture| picture.net).collect();
        let bicubics: Vec<_> = self.measured.iter().map(|picture| picture.bicubic).collect();
        let mean = Figures::mean(&nets).zip(Figures::mean(&bicubics));
        if self.json {
            print(format_args!("{:#}", self.object(mean)))?;
        } else {
            if let Some((net, bicubic)) = mean {
                let name = mean_name(self.measured.len(), self.failed.len());
                print(self.table.row(&self.row.cells(&name, net, bicubic, "")))?;
            }
            if self.compression != Compression::None {
                print("")?;
            }
        }
        Ok(self.failed.len())
    }

    fn object(&self, mean: Option<(Figures, Figures)>) -> Value {
        // JSON knows no infinity: `json!` makes null of it.
        let figures = |figures: Figures| {
            let scores = figures.scores;
            let mut object = json!({
                "psnr_rgb_db": scores.psnr_rgb_db, "psnr_y_db": scores.psnr_y_db, "ssim_y": scores.ssim_y,
            });
            for (key, figure) in [("psnr_b_db", figures.psnr_b_db), ("ring_psnr_rgb_db", figures.ring_db)] {
                if let Some(figure) = figure {
                    object[key] = json!(figure);
                }
            }
            object
        };
        let image = |picture: &Measured| {
            json!({
                "name": picture.name,
                "picked": picture.picked.name,
                "net_reason": picture.picked.reason,
                "net": figures(picture.net),
                "bicubic": figures(picture.bicubic),
            })
        };
        json!({
            "device": self.measured.first().map(|picture| &picture.device),
            "scale": self.scale,
            "compression": self.compression.to_string(),
            "images": self.measured.iter().map(image).collect::<Vec<_>>(),
            "mean": mean.map(|(net, bicubic)| json!({ "net": figures(net), "bicubic": figures(bicubic) })),
            "failed": self.failed.iter().map(|failed| json!({ "name": failed.name, "error": failed.message })).collect::<Vec<_>>(),
        })
    }
}

/// The name of the last row.
fn mean_name(measured: usize, failed: usize) -> String {
    match failed {
        0 => format!("mean of {measured}"),
        _ => format!("mean of {measured} of {}", measured + failed),
    }
}
