//! The profile for people: three tables.

use abpn::Stats;
use abpn::profile::Phase;

use super::Report;
use crate::cli::table::Table;

/// The lines, without their ends.
pub fn lines(report: &Report) -> Vec<String> {
    let mut lines = vec![report.title(), String::new()];
    lines.extend(stages(report));
    lines.push(String::new());
    lines.extend(host(report));
    if report.ceilings.is_some() {
        lines.push(String::new());
        lines.extend(ceilings(report));
    }
    lines
}

fn stages(report: &Report) -> Vec<String> {
    let profile = &report.profile;
    let stage = |stage: &abpn::profile::StageProfile| {
        let [median, min, max, spread] = milliseconds(stage.time_ns);
        let reached = report.ceilings.map(|ceilings| percent(ceilings.reached(stage)));
        [
            stage.label.clone(),
            median,
            min,
            max,
            spread,
            format!("{:.1}", stage.macs as f64 / 1e6),
            format!("{:.2}", stage.bytes as f64 / 1e6),
            format!("{:.2}", stage.gops()),
            format!("{:.3}", stage.gb_per_s()),
            percent(stage.share),
            reached.unwrap_or_else(|| "-".to_owned()),
        ]
    };
    let [median, min, max, spread] = milliseconds(profile.compute_ns);
    let (macs, bytes) = (profile.macs() as f64, profile.bytes() as f64);
    let all = [
        "all stages".to_owned(),
        median,
        min,
        max,
        spread,
        format!("{:.1}", macs / 1e6),
        format!("{:.2}", bytes / 1e6),
        format!("{:.2}", profile.gops()),
        format!("{:.3}", profile.gb_per_s()),
        percent(1.0),
        "-".to_owned(),
    ];
    let headings = [
        "stage",
        "median ms",
        "min ms",
        "max ms",
        "IQR ms",
        "10^6 MAC",
        "MB",
        "GOP/s",
        "GB/s",
        "share",
        "roof reached",
    ];
    let rows: Vec<_> = profile.stages.iter().map(stage).chain([all]).collect();
    Table::lines(&headings, &rows)
}

fn host(report: &Report) -> Vec<String> {
    let profile = &report.profile;
    let row = |name: &str, stats: Stats| {
        let [median, min, max, spread] = milliseconds(stats);
        [name.to_owned(), median, min, max, spread]
    };
    let once = |time_ns: f64| Stats::of([time_ns]);
    let mut rows = Vec::new();
    rows.extend(report.files.as_ref().map(|files| row("decode, once", once(files.decode_ns))));
    rows.extend(Phase::ALL.iter().zip(&profile.phases_ns).map(|(phase, stats)| row(phase.name(), *stats)));
    rows.push(row("frame", profile.frame_ns));
    rows.extend(report.files.as_ref().map(|files| row("encode, once", once(files.encode_ns))));
    Table::lines(&["host", "median ms", "min ms", "max ms", "IQR ms"], &rows)
}

fn ceilings(report: &Report) -> Vec<String> {
    let row = |name: &str, value: f64, unit: &str| [name.to_owned(), format!("{value:.2}"), unit.to_owned()];
    let rows = report.ceilings.map(|ceilings| {
        [
            row("packed int8 dot products", ceilings.dot4_gops, "GOP/s"),
            row("f32 multiply-adds", ceilings.fma_gops, "GOP/s"),
            row("buffer copy, read + write", ceilings.copy_gb_per_s, "GB/s"),
        ]
    });
    rows.map(|rows| Table::lines(&["ceiling", "measured", "unit"], &rows)).unwrap_or_default()
}

fn milliseconds(stats: Stats) -> [String; 4] {
    [stats.median, stats.min, stats.max, stats.spread].map(|time_ns| format!("{:.3}", time_ns / 1e6))
}

fn percent(part: f64) -> String {
    format!("{:.1} %", part * 100.0)
}
