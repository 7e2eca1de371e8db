//! `abpn bench`: how fast frames are.

use std::time::Duration;

use abpn::bench::Bench;
use abpn::profile::Clock;
use abpn::{Startup, Stats, TileSize};
use serde_json::{Value, json};

use super::device::{DeviceArgs, upscaler};
use super::net::ModelArgs;
use super::print::print;
use super::table::Table;
use super::{Failure, size, tile};

const NOTES: &str = "\
Rows: `on the GPU` is a frame whose pixels are there and stay there, many frames in a submission, by the host's clock; \
`passes` is the same by the GPU's timestamps, and pack, stages and unpack are its parts: pixels to the words that the \
stages read, the net's layers, and finished words to pixels. `end to end` is the time from one finished frame to the \
next, from pixels in the program's memory to pixels in its memory, with --depth frames in work at once.

JSON: device, clock (of passes and parts: gpu or host), width_px, height_px, scale, bits, frames, tiles (pieces of a \
frame), depth; resident, null on the CPU: batch (frames in a submission), wall, passes, pack, stages, unpack; \
end_to_end; each of these an object of median_ns, min_ns, max_ns and iqr_ns, a frame; fps (frames a second, end to \
end, at the median); host: upload_ns, compute_ns and read_back_ns, a frame on average (copying in, submitting and \
waiting, copying out); startup: adapter_ns, pipelines_ns (opening the device and compiling), tuning_ns (0 if the \
kernels were timed before), self_test_ns (0 if it \
passed before).

Examples:
  abpn bench                                    640x360 on the best GPU
  abpn bench --gpu 1 --size 1280x720 --json     another adapter and size, for scripts";

/// Times frame after frame: on the GPU alone, and from pixels to pixels
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    /// Size of the frames in pixels
    #[arg(long, value_name = "WxH", default_value = size::DEFAULT, value_parser = size::parse)]
    size: (u32, u32),
    /// Bits a sample
    #[arg(long, value_name = "8|16", default_value_t = 8, value_parser = bits)]
    bits: u32,
    /// How many frames to measure; a few more come before them, unmeasured
    #[arg(long, value_name = "N", default_value_t = 30, value_parser = clap::value_parser!(u16).range(1..))]
    frames: u16,
    /// Frames in work at once
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=64))]
    depth: u8,
    #[command(flatten)]
    net: ModelArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// Side of the pieces to compute at once, in input pixels: auto, whole, or a number
    #[arg(short, long, value_name = tile::VALUES, default_value = "auto", value_parser = tile::parse)]
    tile: TileSize,
    /// Print a JSON object instead of a table; the units are in its keys
    #[arg(long)]
    json: bool,
}

fn bits(text: &str) -> Result<u32, String> {
    match text {
        "8" => Ok(8),
        "16" => Ok(16),
        _ => Err("it is 8 or 16".to_owned()),
    }
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let upscaler = upscaler(args.net.load()?, &args.device)?.with_tile(args.tile);
    let ((width, height), frames, depth) = (args.size, args.frames.into(), args.depth.into());
    let bench = match args.bits {
        8 => upscaler.bench::<u8>(width, height, frames, depth)?,
        _ => upscaler.bench::<u16>(width, height, frames, depth)?,
    };
    if args.json {
        let mut report = report(&bench, upscaler.startup());
        report["device"] = upscaler.device().into();
        report["scale"] = upscaler.net().scale().into();
        for (key, value) in
            [("width_px", width), ("height_px", height), ("bits", args.bits), ("frames", args.frames.into())]
        {
            report[key] = value.into();
        }
        return print(format_args!("{report:#}"));
    }
    print(format_args!("{width}x{height}, {} bits, on {}, {} in work at once", args.bits, upscaler.device(), depth))?;
    let rows: Vec<_> = rows(&bench).into_iter().map(|(name, stats)| cells(name, stats)).collect();
    print("")?;
    Table::lines(&HEADINGS, &rows).into_iter().try_for_each(print)
}

const HEADINGS: [&str; 5] = ["ms a frame", "median", "least", "largest", "IQR"];

/// The measured times and their names.
fn rows(bench: &Bench) -> Vec<(&'static str, Stats)> {
    let mut rows = Vec::new();
    if let Some(resident) = &bench.resident {
        rows.extend([
            ("on the GPU", resident.wall_ns),
            ("passes", resident.frame_ns),
            ("pack", resident.pack_ns),
            ("stages", resident.stages_ns),
            ("unpack", resident.unpack_ns),
        ]);
    }
    rows.push(("end to end", bench.end_to_end_ns));
    rows
}

fn cells(name: &str, stats: Stats) -> [String; 5] {
    let ms = |ns: f64| format!("{:.3}", ns / 1e6);
    [name.to_owned(), ms(stats.median), ms(stats.min), ms(stats.max), ms(stats.spread)]
}

fn report(bench: &Bench, startup: &Startup) -> Value {
    let times = |stats: Stats| json!({ "median_ns": stats.median, "min_ns": stats.min, "max_ns": stats.max, "iqr_ns": stats.spread });
    let ns = |time: Duration| time.as_secs_f64() * 1e9;
    let is_gpu = bench.resident.as_ref().is_some_and(|resident| resident.clock == Clock::Gpu);
    json!({
        "clock": if is_gpu { "gpu" } else { "host" },
        "tiles": bench.tiles,
        "depth": bench.depth,
        "resident": bench.resident.as_ref().map(|resident| json!({
            "batch": resident.batch,
            "wall": times(resident.wall_ns),
            "passes": times(resident.frame_ns),
            "pack": times(resident.pack_ns),
            "stages": times(resident.stages_ns),
            "unpack": times(resident.unpack_ns),
        })),
        "end_to_end": times(bench.end_to_end_ns),
        "fps": if bench.end_to_end_ns.median > 0.0 { 1e9 / bench.end_to_end_ns.median } else { 0.0 },
        "host": {
            "upload_ns": ns(bench.host.upload),
            "compute_ns": ns(bench.host.compute),
            "read_back_ns": ns(bench.host.read_back),
        },
        "startup": {
            "adapter_ns": ns(startup.adapter),
            "pipelines_ns": ns(startup.pipelines),
            "tuning_ns": ns(startup.tuning),
            "self_test_ns": ns(startup.self_test),
        },
    })
}
