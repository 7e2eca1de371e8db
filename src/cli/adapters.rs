//! `abpn adapters`: what can compute.

use std::collections::BTreeMap;

use abpn::cpu;
use abpn::gpu::{self, Adapter};
use serde::Serialize;

use super::Failure;
use super::print::print;

/// Lists the GPU adapters and the CPU: index, name, backend, type, driver, and the kernels that each can run.
///
/// A GPU with two drivers, say Vulkan and GL, is two adapters. `--gpu` of the other commands takes an index of this
/// list or a part of a name. WGPU_BACKEND=vulkan,gl,... restricts the list to some backends.
///
/// The CPU comes last, with the kernels for its instruction sets, the best first; ABPN_CPU names another one to run.
#[derive(clap::Args)]
pub struct Args {
    /// Print one JSON array instead of a table; `rank` is 1 for the adapter that is taken first, software ones only by name.
    #[arg(long)]
    json: bool,
    /// List also, for each adapter, the features and limits of it that abpn uses; `--json` has them always.
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Serialize)]
struct Row {
    /// None for the CPU.
    index: Option<usize>,
    /// Its place among those that are listed, the best being 1.
    rank: usize,
    name: String,
    backend: String,
    r#type: &'static str,
    driver: String,
    /// Kernel families that it can run.
    kernels: Vec<&'static str>,
    /// Why it can run none.
    reason: Option<String>,
    /// What it has of the features that abpn uses.
    features: BTreeMap<&'static str, bool>,
    limits: BTreeMap<&'static str, u64>,
    /// Rows and columns of the matrices that it multiplies.
    matrix_sides: Vec<usize>,
}

impl Row {
    fn cpu() -> Self {
        Self {
            index: None,
            rank: 0,
            name: "CPU".to_owned(),
            backend: "cpu".to_owned(),
            r#type: "cpu",
            driver: String::new(),
            kernels: cpu::kernels(),
            reason: None,
            features: BTreeMap::new(),
            limits: BTreeMap::new(),
            matrix_sides: Vec::new(),
        }
    }

    fn new(adapter: &Adapter) -> Self {
        let info = &adapter.info;
        let runnable = adapter.check();
        let mut kernels: Vec<_> = adapter.families().into_iter().map(gpu::Family::name).collect();
        // Matrices of several sizes have one name.
        kernels.dedup();
        Self {
            index: Some(adapter.index),
            rank: 0,
            name: info.name.clone(),
            backend: info.backend.to_string(),
            r#type: match info.device_type {
                wgpu::DeviceType::DiscreteGpu => "discrete",
                wgpu::DeviceType::IntegratedGpu => "integrated",
                wgpu::DeviceType::VirtualGpu => "virtual",
                wgpu::DeviceType::Cpu => "software",
                wgpu::DeviceType::Other => "other",
            },
            driver: [info.driver.as_str(), info.driver_info.as_str()].join(" ").trim().to_owned(),
            kernels,
            reason: runnable.err().map(|error| error.to_string()),
            features: adapter.features().into_iter().collect(),
            limits: adapter.limits().into_iter().collect(),
            matrix_sides: adapter.matrix_sides(),
        }
    }

    /// Features and limits, a line each.
    fn details(&self) -> String {
        let label = |what: &str| format!("{} {}: {what}", self.name, self.backend);
        let has = |(name, has): (&&str, &bool)| format!("{name} {}", if *has { "yes" } else { "no" });
        let features = self.features.iter().map(has);
        let sides = self.matrix_sides.iter().map(|side| format!("{side}x{side} matrices of f16"));
        let limits = self.limits.iter().map(|(name, limit)| format!("{name} {limit}"));
        let lines = [features.chain(sides).collect::<Vec<_>>(), limits.collect()];
        lines.map(|line| label(&line.join(", "))).join("\n")
    }

    fn cells(&self) -> [String; 6] {
        let kernels = self.reason.clone().unwrap_or_else(|| self.kernels.join(" "));
        [
            self.index.map_or_else(|| "-".to_owned(), |index| index.to_string()),
            self.name.clone(),
            self.backend.clone(),
            self.r#type.to_owned(),
            self.driver.clone(),
            kernels,
        ]
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let adapters = gpu::adapters();
    let mut best_first: Vec<_> = adapters.iter().collect();
    best_first.sort_by_key(|adapter| adapter.rank());
    let place = |index| best_first.iter().position(|adapter| Some(adapter.index) == index).unwrap_or(adapters.len());
    let rows = adapters.iter().map(Row::new).chain([Row::cpu()]);
    let rows: Vec<_> = rows.map(|row| Row { rank: 1 + place(row.index), ..row }).collect();
    let text = if args.json {
        serde_json::to_string_pretty(&rows).map_err(|error| Failure::new(error.to_string()))?
    } else {
        let details = rows.iter().filter(|row| args.verbose && row.index.is_some()).map(Row::details);
        std::iter::once(table(&rows)).chain(details).collect::<Vec<_>>().join("\n")
    };
    print(&text)?;
    if rows.iter().all(|row| row.index.is_none()) {
        // Says what to do about it.
        gpu::choose(&gpu::Choice::Index(0))?;
    }
    Ok(())
}

fn table(rows: &[Row]) -> String {
    let header = ["index", "name", "backend", "type", "driver", "kernels"].map(str::to_owned);
    let lines: Vec<_> = std::iter::once(header).chain(rows.iter().map(Row::cells)).collect();
    let width = |column: usize| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0);
    let widths = [0, 1, 2, 3, 4, 5].map(width);
    let line = |cells: &[String; 6]| {
        let padded: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}
