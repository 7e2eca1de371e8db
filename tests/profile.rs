//! `abpn profile`: every format parsed back. How fast anything is, is never asserted.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::machine::adapters;
use crate::pictures::gradient;
use crate::program::{Ended, Folder, cpu_device, ended, zeros};

/// A folder with a small net of three stages.
fn folder() -> Folder {
    let folder = Folder::new();
    folder.write("three.safetensors", &zeros(3, 2, 8).write());
    folder
}

const STAGES: [&str; 3] = ["0 conv3x3 3>8", "1 conv3x3 8>8", "2 reconstruct 8>27"];

/// `abpn profile` of that net over a small frame.
fn run(folder: &Folder, arguments: &str) -> Ended {
    // What was found out about the adapter, and what drivers remember, is kept for these tests alone.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("profile");
    fs::create_dir_all(&cache).unwrap();
    let mut command = folder.bare_command(&format!("profile --model three.safetensors --frames 2 {arguments}"));
    command.envs(["XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"].map(|name| (name, &cache)));
    ended(command.env_remove("WGPU_ADAPTER_NAME"))
}

fn accept(folder: &Folder, arguments: &str) -> String {
    let ended = run(folder, arguments);
    assert_eq!(ended.code, Some(0), "{arguments}: {}", ended.stderr);
    String::from_utf8(ended.stdout).unwrap()
}

/// The options for each device of this machine, and whether it is a GPU.
fn devices() -> Vec<(String, bool)> {
    let gpus = adapters().into_iter().map(|adapter| (format!("--size 40x30 --gpu {}", adapter.index), true));
    gpus.chain([("--size 40x30 --device cpu".to_owned(), false)]).collect()
}

/// Median, least and largest of a `time` object.
fn check_times(time: &Value) {
    let [median, min, max, iqr] = ["median_ns", "min_ns", "max_ns", "iqr_ns"].map(|key| time[key].as_f64().unwrap());
    assert!(0.0 <= min && min <= median && median <= max && iqr >= 0.0, "{time}");
}

#[test]
fn json_has_every_part_and_its_sums() {
    let folder = folder();
    for (device, is_gpu) in devices() {
        let report: Value = serde_json::from_str(&accept(&folder, &format!("{device} --json"))).unwrap();
        assert_eq!([&report["width_px"], &report["height_px"], &report["frames"]], [40, 30, 2]);
        if !is_gpu {
            assert_eq!([&report["device"], &report["clock"]], [&*cpu_device(), "host"]);
        }
        let stages = report["stages"].as_array().unwrap();
        assert_eq!(stages.iter().map(|stage| &stage["stage"]).collect::<Vec<_>>(), STAGES);
        // 3x3 windows: 3 * 8, 8 * 8 and 8 * 27 weights a tap and pixel.
        let macs: Vec<_> = [24, 64, 216].iter().map(|weights| 9 * weights * 40 * 30).collect();
        assert_eq!(stages.iter().map(|stage| &stage["macs"]).collect::<Vec<_>>(), macs);
        assert_eq!(report["all_stages"]["macs"], macs.iter().sum::<i32>());
        for stage in stages {
            check_times(&stage["time"]);
            let value = |key: &str| stage[key].as_f64().unwrap();
            let ops_per_byte = 2.0 * value("macs") / value("least_bytes");
            assert!((value("ops_per_byte") / ops_per_byte - 1.0).abs() < 1e-9);
            if is_gpu {
                let ceiling = |key: &str| report["ceilings"][key].as_f64().unwrap();
                let roof = ceiling("dot4_gops").min(ceiling("copy_gb_per_s") * ops_per_byte);
                assert!((value("roof_gops") / roof - 1.0).abs() < 1e-9);
                assert!((value("roof_reached") - value("gops") / roof).abs() <= 1e-9 * value("roof_reached"));
            } else {
                assert!(stage["roof_gops"].is_null() && stage["roof_reached"].is_null());
            }
        }
        check_times(&report["all_stages"]["time"]);
        check_times(&report["host"]["frame"]);
        let phases = report["host"]["phases"].as_array().unwrap();
        phases.iter().for_each(|phase| check_times(&phase["time"]));
        let names: Vec<_> = phases.iter().map(|phase| phase["phase"].as_str().unwrap()).collect();
        assert_eq!(names, if is_gpu { vec!["upload", "wait", "read back"] } else { vec![] });
        assert_eq!(report["ceilings"].is_null(), !is_gpu);
    }
}

#[test]
fn csv_has_one_width_and_units_in_its_headings() {
    let folder = folder();
    for (device, is_gpu) in devices() {
        let text = accept(&folder, &format!("{device} --csv"));
        let rows: Vec<Vec<&str>> = text.lines().map(|line| line.split(',').collect()).collect();
        let (headings, rows) = rows.split_first().unwrap();
        assert!(rows.iter().all(|row| row.len() == headings.len()), "{text}");
        assert!(headings.contains(&"median (ns)") && headings.contains(&"traffic (GB/s)"), "{text}");
        let names: Vec<_> = rows.iter().filter(|row| row[0] == "stage").map(|row| row[1]).collect();
        assert_eq!(names, STAGES);
        assert_eq!(rows.iter().filter(|row| row[0] == "ceiling").count(), if is_gpu { 3 } else { 0 });
        for cell in rows.iter().flat_map(|row| &row[3..]).filter(|cell| !cell.is_empty()) {
            assert!(cell.parse::<f64>().unwrap().is_finite(), "{cell}");
        }
    }
}

#[test]
fn tables_line_up_and_say_which_clock() {
    let folder = folder();
    for (device, is_gpu) in devices() {
        let text = accept(&folder, &device);
        assert!(text.starts_with("40x30 on ") && text.contains("stages by the "), "{text}");
        let tables: Vec<Vec<&str>> = text.split("\n\n").skip(1).map(|table| table.lines().collect()).collect();
        assert_eq!(tables.len(), if is_gpu { 3 } else { 2 });
        for table in &tables {
            assert!(table.iter().all(|line| line.chars().count() == table[0].chars().count()), "{text}");
        }
        // Headings, a rule, the stages and their sum.
        assert_eq!(tables[0].len(), 2 + STAGES.len() + 1);
    }
}

/// An event of a trace: where it is, and when, in microseconds.
struct Event {
    name: String,
    track: (u64, u64),
    begin: f64,
    end: f64,
}

/// The complete events of a trace, once it is known to keep the format's rules.
fn events(trace: &Value) -> Vec<Event> {
    let mut complete = Vec::new();
    let mut named = HashMap::new();
    for event in trace["traceEvents"].as_array().unwrap() {
        let track = (event["pid"].as_u64().unwrap(), event["tid"].as_u64().unwrap());
        let name = event["name"].as_str().unwrap().to_owned();
        match event["ph"].as_str().unwrap() {
            "M" => {
                assert!(["process_name", "thread_name"].contains(&&*name));
                assert!(event["args"]["name"].is_string());
                named.insert(track, name);
            }
            "X" => {
                let [begin, duration] = ["ts", "dur"].map(|key| event[key].as_f64().unwrap());
                assert!(begin >= 0.0 && duration >= 0.0, "{event}");
                assert_eq!(named.get(&track).map(String::as_str), Some("thread_name"));
                complete.push(Event { name, track, begin, end: begin + duration });
            }
            other => panic!("an event of kind {other}"),
        }
    }
    complete
}

#[test]
fn a_trace_keeps_the_rules_of_its_format() {
    /// Microseconds that a sum of two rounded numbers may be off.
    const ROUNDING: f64 = 1e-3;
    let folder = folder();
    // Several tiles a frame.
    for (device, _) in devices() {
        accept(&folder, &format!("{device} --tile 20 --trace trace.json --overwrite"));
        let trace: Value = serde_json::from_slice(&fs::read(folder.path("trace.json")).unwrap()).unwrap();
        let events = events(&trace);
        for track in [(1, 1), (1, 2)] {
            // A frame comes before its parts, and all come in the order in which they began.
            let mut frames: Vec<&Event> = Vec::new();
            let mut before = 0.0;
            let mut parts = 0;
            for event in events.iter().filter(|event| event.track == track) {
                assert!(event.begin + ROUNDING >= before, "{}: {} before {before}", event.name, event.begin);
                if event.name.starts_with("frame") {
                    assert!(frames.last().is_none_or(|frame| frame.end <= event.begin + ROUNDING));
                    frames.push(event);
                    before = event.begin;
                } else {
                    let frame = frames.last().expect("a part lies in a frame");
                    assert!(event.end <= frame.end + ROUNDING, "{} ends after {}", event.name, frame.name);
                    before = event.end;
                    parts += 1;
                }
            }
            assert_eq!(frames.len(), 2, "{device}");
            let stages = frames.len() * STAGES.len() * 4;
            assert!(track == (1, 1) || parts == stages, "{device}: {parts}");
        }
    }
}

#[test]
fn an_svg_is_well_formed_and_shows_every_stage() {
    let folder = folder();
    for (device, is_gpu) in devices() {
        accept(&folder, &format!("{device} --svg plot.svg --overwrite"));
        let text = fs::read_to_string(folder.path("plot.svg")).unwrap();
        // Every element that is opened is closed, in order.
        let mut open = Vec::new();
        for tag in text.split('<').skip(1).map(|rest| rest.split_once('>').expect("a tag ends").0) {
            let name = tag.split_whitespace().next().unwrap();
            match name.strip_prefix('/') {
                Some(name) => assert_eq!(open.pop(), Some(name)),
                None if tag.ends_with('/') => (),
                None => open.push(name),
            }
        }
        assert!(open.is_empty() && text.starts_with("<svg xmlns="), "{open:?}");
        assert!(!text.contains("script") && !text.contains("NaN") && !text.contains("inf"));
        for stage in STAGES {
            assert!(text.contains(&stage.replace('>', "&gt;")), "{stage}");
        }
        assert_eq!(text.matches("<circle").count(), if is_gpu { STAGES.len() } else { 0 });
        assert_eq!(text.matches("<rect class=\"stage\"").count(), STAGES.len());
    }
}

#[test]
fn an_image_is_profiled_with_its_reading_and_writing() {
    let folder = folder();
    folder.image("a.png", &gradient(25, 14));
    let report: Value = serde_json::from_str(&accept(&folder, "a.png --device cpu --json")).unwrap();
    assert_eq!([&report["width_px"], &report["height_px"]], [25, 14]);
    assert!(["decode_ns", "encode_ns"].iter().all(|key| report["host"][key].as_f64().unwrap() > 0.0));
    assert!(accept(&folder, "a.png --device cpu").contains("decode, once"));
    assert_eq!(folder.names(), ["a.png"]);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let folder = folder();
    folder.image("a.png", &gradient(25, 14));
    folder.write("old.svg", b"old");
    folder.write("broken.png", b"\x89PNG\r\n\x1a\nnot much");
    let cpu = "--device cpu --size 8x8";
    for (arguments, code, named) in [
        ("--device cpu --size 8".to_owned(), 2, "640x360"),
        ("--device cpu --size 0x8".to_owned(), 2, "from 1 to"),
        ("--device cpu --size 4000000000x4000000000".to_owned(), 2, "from 1 to"),
        (format!("{cpu} --frames 0"), 2, "--frames"),
        (format!("{cpu} --json --csv"), 2, "--csv"),
        (format!("{cpu} a.png"), 2, "--size"),
        (format!("{cpu} --gpu 0"), 2, "contradict"),
        (format!("{cpu} --svg a.out --trace a.out"), 2, "one file"),
        (format!("{cpu} --svg old.svg"), 1, "--overwrite"),
        (format!("{cpu} --trace nowhere/a.json"), 1, "nowhere"),
        ("--device cpu missing.png".to_owned(), 1, "missing.png"),
        ("--device cpu broken.png".to_owned(), 1, "broken.png"),
        ("--gpu nothing-like-this".to_owned(), 3, "nothing-like-this"),
    ] {
        let ended = run(&folder, &arguments);
        assert_eq!(ended.code, Some(code), "{arguments}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{arguments}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{arguments}");
    }
    assert_eq!(folder.names(), ["a.png", "broken.png", "old.svg"]);
    assert_eq!(fs::read(folder.path("old.svg")).unwrap(), b"old");
}
