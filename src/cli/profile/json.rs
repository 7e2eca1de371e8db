//! The profile for scripts.

use abpn::Stats;
use abpn::profile::{Phase, StageProfile};
use serde_json::{Value, json};

use super::Report;

/// One object.
pub fn render(report: &Report) -> Value {
    let profile = &report.profile;
    let stage = |stage: &StageProfile| {
        let ops_per_byte = stage.ops_per_byte();
        json!({
            "stage": stage.label,
            "macs": stage.macs,
            "least_bytes": stage.bytes,
            "time": times(stage.time_ns),
            "share": stage.share,
            "gops": stage.gops(),
            "gb_per_s": stage.gb_per_s(),
            "ops_per_byte": ops_per_byte,
            "roof_gops": report.ceilings.map(|ceilings| ceilings.roof_gops(ops_per_byte)),
            "roof_reached": report.ceilings.map(|ceilings| ceilings.reached(stage)),
        })
    };
    let phase = |(phase, stats): (&Phase, &Stats)| json!({ "phase": phase.name(), "time": times(*stats) });
    json!({
        "device": profile.device,
        "clock": report.clock(),
        "width_px": profile.width,
        "height_px": profile.height,
        "frames": profile.frames.len(),
        "stages": profile.stages.iter().map(stage).collect::<Vec<_>>(),
        "all_stages": {
            "macs": profile.macs(),
            "least_bytes": profile.bytes(),
            "time": times(profile.compute_ns),
            "gops": profile.gops(),
            "gb_per_s": profile.gb_per_s(),
        },
        "host": {
            "phases": Phase::ALL.iter().zip(&profile.phases_ns).map(phase).collect::<Vec<_>>(),
            "frame": times(profile.frame_ns),
            "decode_ns": report.files.as_ref().map(|files| files.decode_ns),
            "encode_ns": report.files.as_ref().map(|files| files.encode_ns),
        },
        "ceilings": report.ceilings.map(|ceilings| json!({
            "dot4_gops": ceilings.dot4_gops,
            "fma_gops": ceilings.fma_gops,
            "copy_gb_per_s": ceilings.copy_gb_per_s,
        })),
    })
}

fn times(stats: Stats) -> Value {
    json!({ "median_ns": stats.median, "min_ns": stats.min, "max_ns": stats.max, "iqr_ns": stats.spread })
}
