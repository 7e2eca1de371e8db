//! `abpn bench`: every number is there. How fast anything is, is never asserted.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::machine::adapters;
use crate::program::{Ended, Folder, ended, zeros};

/// `abpn bench` of a small net over small frames.
fn run(arguments: &str) -> Ended {
    let folder = Folder::new();
    folder.write("small.safetensors", &zeros(3, 1, 4).write());
    // What was found out about the adapter, and what drivers remember, is kept for these tests alone.
    let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bench");
    fs::create_dir_all(&cache).unwrap();
    let mut command = folder.bare_command(&format!("bench --model small.safetensors --frames 3 {arguments}"));
    command.envs(["XDG_CACHE_HOME", "HOME", "LOCALAPPDATA"].map(|name| (name, &cache)));
    ended(command.env_remove("WGPU_ADAPTER_NAME"))
}

fn accept(arguments: &str) -> String {
    let ended = run(arguments);
    assert_eq!(ended.code, Some(0), "{arguments}: {}", ended.stderr);
    String::from_utf8(ended.stdout).unwrap()
}

#[test]
fn json_has_every_number_on_every_device() {
    let gpus = adapters().into_iter().map(|adapter| (format!("--gpu {}", adapter.index), true));
    for (device, is_gpu) in gpus.chain([("--device cpu".to_owned(), false)]) {
        for (options, tiles, bits) in [("--size 9x7", 1, 8), ("--size 9x7 --bits 16 --tile 5 --depth 1", 4, 16)] {
            let report: Value = serde_json::from_str(&accept(&format!("{device} {options} --json"))).unwrap();
            let expected = [9, 7, 3, 3, bits];
            assert_eq!(["width_px", "height_px", "scale", "frames", "bits"].map(|key| report[key].clone()), expected);
            assert_eq!(report["tiles"], tiles, "{device} {options}");
            let positive =
                |value: &Value| assert!(value.as_f64().is_some_and(|value| value > 0.0), "{device}: {report}");
            let times = |time: &Value| ["median_ns", "min_ns", "max_ns"].iter().for_each(|key| positive(&time[key]));
            times(&report["end_to_end"]);
            positive(&report["fps"]);
            positive(&report["host"]["compute_ns"]);
            if is_gpu {
                ["wall", "passes", "stages"].iter().for_each(|key| times(&report["resident"][key]));
                assert!(["pack", "unpack"].iter().all(|key| report["resident"][key]["median_ns"].is_number()));
                positive(&report["startup"]["pipelines_ns"]);
            } else {
                assert!(report["resident"].is_null());
            }
        }
        let table = accept(&format!("{device} --size 5x4"));
        assert!(table.contains("end to end") && table.contains("on the GPU") == is_gpu, "{table}");
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (arguments, code, named) in [
        ("--device cpu --size 9", 2, "640x360"),
        ("--device cpu --bits 12", 2, "8 or 16"),
        ("--device cpu --depth 0", 2, "--depth"),
        ("--device cpu --depth 65", 2, "--depth"),
        ("--device cpu --gpu 0", 2, "contradict"),
        ("--gpu nothing-like-this", 3, "nothing-like-this"),
    ] {
        let ended = run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments}: {}", ended.stderr);
        assert!(ended.stderr.contains(named), "{arguments}: {}", ended.stderr);
        assert!(ended.stdout.is_empty(), "{arguments}");
    }
}
