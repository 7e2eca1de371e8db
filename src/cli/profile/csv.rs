//! The profile for spreadsheets: one line for each part. What a part has not is empty.

use abpn::Stats;
use abpn::profile::Phase;

use super::Report;

const HEADINGS: [&str; 14] = [
    "kind",
    "name",
    "clock",
    "median (ns)",
    "min (ns)",
    "max (ns)",
    "interquartile range (ns)",
    "multiply-accumulates",
    "least traffic (B)",
    "arithmetic (GOP/s)",
    "traffic (GB/s)",
    "share of all stages (1)",
    "roof (GOP/s)",
    "roof reached (1)",
];

/// The lines, without their ends.
///
/// Names are this program's own, and hold no comma and no quotation mark.
pub fn lines(report: &Report) -> Vec<String> {
    let (profile, clock) = (&report.profile, report.clock());
    let mut rows = vec![HEADINGS.map(str::to_owned)];
    for stage in &profile.stages {
        let roof = report.ceilings.map(|ceilings| ceilings.roof_gops(stage.ops_per_byte()));
        let mut row = timed("stage", &stage.label, clock, stage.time_ns);
        row[7] = stage.macs.to_string();
        row[8] = stage.bytes.to_string();
        row[9] = stage.gops().to_string();
        row[10] = stage.gb_per_s().to_string();
        row[11] = stage.share.to_string();
        row[12] = roof.map(|gops| gops.to_string()).unwrap_or_default();
        row[13] = report.ceilings.map(|ceilings| ceilings.reached(stage).to_string()).unwrap_or_default();
        rows.push(row);
    }
    rows.push(timed("stages", "all stages", clock, profile.compute_ns));
    for (phase, stats) in Phase::ALL.iter().zip(&profile.phases_ns) {
        rows.push(timed("host", phase.name(), "host", *stats));
    }
    rows.push(timed("host", "frame", "host", profile.frame_ns));
    if let Some(files) = &report.files {
        rows.push(timed("host", "decode", "host", Stats::of([files.decode_ns])));
        rows.push(timed("host", "encode", "host", Stats::of([files.encode_ns])));
    }
    if let Some(ceilings) = report.ceilings {
        for (name, column, value) in [
            ("packed int8 dot products", 9, ceilings.dot4_gops),
            ("f32 multiply-adds", 9, ceilings.fma_gops),
            ("buffer copy", 10, ceilings.copy_gb_per_s),
        ] {
            let mut row = named("ceiling", name, clock);
            row[column] = value.to_string();
            rows.push(row);
        }
    }
    rows.iter().map(|row| row.join(",")).collect()
}

fn named(kind: &str, name: &str, clock: &str) -> [String; HEADINGS.len()] {
    let mut row = HEADINGS.map(|_| String::new());
    row[..3].clone_from_slice(&[kind, name, clock].map(str::to_owned));
    row
}

fn timed(kind: &str, name: &str, clock: &str, stats: Stats) -> [String; HEADINGS.len()] {
    let mut row = named(kind, name, clock);
    let Stats { median, min, max, spread } = stats;
    row[3..7].clone_from_slice(&[median, min, max, spread].map(|time_ns| time_ns.to_string()));
    row
}
