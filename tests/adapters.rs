//! The program and GPU adapters: which one it takes, when it trusts it, and what it says otherwise.

use std::fs;
use std::path::{Path, PathBuf};

use abpn::gpu;
use serde_json::Value;

use crate::machine::adapters;
use crate::program::{Ended, Folder, cpu_device, ended};

/// A folder that is the program's cache, and has its output.
struct Folders(Folder);

impl Folders {
    fn new() -> Self {
        Self(Folder::empty())
    }

    fn output(&self) -> PathBuf {
        self.0.path("out.png")
    }

    fn verdicts(&self) -> Vec<PathBuf> {
        self.cached("selftest")
    }

    /// The files of this kind in the cache folder.
    fn cached(&self, kind: &str) -> Vec<PathBuf> {
        let folder = self.0.path("abpn").join(kind);
        folder.read_dir().map(|files| files.map(|file| file.unwrap().path()).collect()).unwrap_or_default()
    }

    fn run(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Ended {
        let mut command = self.0.bare_command("");
        command.args(arguments).env_remove("WGPU_BACKEND").env_remove("WGPU_ADAPTER_NAME");
        ended(self.0.as_cache(&mut command).envs(environment.iter().copied()))
    }

    /// Upscales the photo of the tests to [`Self::output`].
    fn upscale(&self, options: &[&str], environment: &[(&str, &str)]) -> Ended {
        let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kodim23_x3.png");
        let output = self.output();
        let arguments = ["upscale", photo.to_str().unwrap(), "-o", output.to_str().unwrap(), "--json", "--overwrite"];
        self.run(&[&arguments, options].concat(), environment)
    }

    /// The device that the only image of a run was upscaled on, and the SHA-256 of its pixels.
    fn device_and_sha256(&self, ended: &Ended) -> (String, String) {
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(self.output().exists());
        let line: Value = serde_json::from_slice(&ended.stdout).unwrap();
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        (text("device"), text("sha256"))
    }
}

/// The adapter to test with.
fn adapter() -> gpu::Adapter {
    adapters().swap_remove(0)
}

#[test]
fn adapters_are_listed_with_what_they_can_run() {
    let folders = Folders::new();
    let ended = folders.run(&["adapters", "--json"], &[]);
    assert_eq!(ended.code, Some(0));
    let rows: Value = serde_json::from_slice(&ended.stdout).unwrap();
    let row = &rows[0];
    assert_eq!(row["index"], 0);
    assert_eq!(row["name"], adapter().info.name.as_str());
    let mut ranks: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["rank"].as_u64().unwrap()).collect();
    ranks.sort_unstable();
    assert_eq!(ranks, (1..=ranks.len() as u64).collect::<Vec<_>>());
    assert_eq!(row["kernels"].as_array().unwrap()[..2], ["dot4", "fma"]);
    let cpu = rows.as_array().unwrap().last().unwrap();
    assert!(cpu["index"].is_null());
    assert_eq!(cpu["kernels"], Value::from(abpn::cpu::kernels()));
    assert!(row["limits"]["buffer"].as_u64().unwrap() > 0 && row["limits"]["workgroup memory"].as_u64().unwrap() > 0);
    assert!(row["features"]["f16 in shaders"].is_boolean() && row["matrix_sides"].is_array());
    let table = folders.run(&["adapters"], &[]);
    assert!(table.text().starts_with("index") && table.text().contains(&adapter().info.name), "{table:?}");
    let verbose = folders.run(&["adapters", "-v"], &[]);
    let details = verbose.text().strip_prefix(table.text()).unwrap();
    assert_eq!(details.lines().count(), 2 * adapters().len());
    assert!(details.contains("cooperative matrices ") && details.contains("storage binding "), "{details}");
}

#[test]
fn without_adapters_gpu_is_an_error_and_auto_takes_the_cpu() {
    let folders = Folders::new();
    let none = [("WGPU_BACKEND", "noop")];
    let ended = folders.run(&["adapters"], &none);
    assert_eq!((ended.code, ended.stderr.contains("no GPU adapter")), (Some(3), true));
    for options in [&["--device", "gpu"][..], &["--gpu", "0"]] {
        let ended = folders.upscale(options, &none);
        assert_eq!(ended.code, Some(3), "{}", ended.stderr);
        assert!(ended.stderr.contains("--device cpu"), "{}", ended.stderr);
        assert!(!folders.output().exists());
    }
    let ended = folders.upscale(&[], &none);
    assert_eq!(folders.device_and_sha256(&ended).0, cpu_device());
    assert!(ended.stderr.contains(&cpu_device()), "it says which device it took: {}", ended.stderr);
}

#[test]
fn each_kernel_of_the_cpu_can_be_asked_for_and_no_other() {
    let folders = Folders::new();
    let kernels = abpn::cpu::kernels();
    let best = folders.device_and_sha256(&folders.upscale(&["--device", "cpu"], &[]));
    for kernel in &kernels {
        let ended = folders.upscale(&["--device", "cpu"], &[("ABPN_CPU", kernel)]);
        assert_eq!(folders.device_and_sha256(&ended), (format!("CPU ({kernel})"), best.1.clone()));
    }
    assert_eq!(folders.verdicts().len(), kernels.len());
    fs::remove_file(folders.output()).unwrap();
    let ended = folders.upscale(&["--device", "cpu"], &[("ABPN_CPU", "mmx")]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains("mmx") && ended.stderr.contains(&kernels.join(", ")), "{}", ended.stderr);
    assert!(!folders.output().exists());
}

#[test]
fn kernels_can_be_named_and_do_not_change_the_bytes() {
    let folders = Folders::new();
    let expected = folders.device_and_sha256(&folders.upscale(&["--device", "cpu"], &[])).1;
    for kernel in ["dot4", "fma-4x1-uniform-row"] {
        let ended = folders.upscale(&["--gpu", "0", "--kernel", kernel], &[]);
        assert_eq!(folders.device_and_sha256(&ended).1, expected);
    }
    // Software drivers of this age have no cooperative matrices.
    if !adapter().families().iter().any(|family| matches!(family, gpu::Family::Matrix { .. })) {
        let ended = folders.upscale(&["--gpu", "0", "--kernel", "matrix"], &[]);
        assert_eq!(ended.code, Some(2), "{}", ended.stderr);
        assert!(ended.stderr.contains("matrix-16x16"), "{}", ended.stderr);
    }
    let ended = folders.upscale(&["--gpu", "0", "--kernel", "dot5"], &[]);
    assert_eq!(ended.code, Some(2), "{}", ended.stderr);
    assert!(ended.stderr.contains("dot5") && ended.stderr.contains("dot4-2x1-uniform"), "{}", ended.stderr);
}

#[test]
fn tuned_kernels_are_remembered_and_damaged_files_ignored() {
    let folders = Folders::new();
    let net = folders.0.path("net.safetensors");
    // A small net, since software drivers take a while for each kernel.
    fs::write(&net, abpn::selftest::nets().unwrap()[1].1.write()).unwrap();
    let model = net.to_str().unwrap();
    let ended = folders.run(&["tune", "--gpu", "0", "--json", "--model", model], &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let report: Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert!(!report["trials"].as_array().unwrap().is_empty());
    assert!(report["trials"].as_array().unwrap().iter().all(|trial| trial["failure"].is_null()), "{report}");
    let files = folders.cached("kernels");
    let [file] = &files[..] else { panic!("one file for one adapter: {files:?}") };
    let saved = fs::read_to_string(file).unwrap();

    let upscale = || folders.upscale(&["--gpu", "0", "--model", model], &[]);
    let expected = folders.device_and_sha256(&folders.upscale(&["--device", "cpu", "--model", model], &[])).1;
    let ended = upscale();
    assert_eq!(folders.device_and_sha256(&ended).1, expected);
    assert!(!ended.stderr.contains("ignored"), "{}", ended.stderr);
    let foreign = saved.replace(&adapter().info.name, "another adapter");
    let unknown = saved.replace("dot4-", "dot5-").replace("fma-", "dot5-");
    for damaged in [&saved[..saved.len() / 2], "", "{}", &foreign, &unknown] {
        assert_ne!(damaged, saved);
        fs::write(file, damaged).unwrap();
        let ended = upscale();
        assert_eq!(folders.device_and_sha256(&ended).1, expected);
        assert!(ended.stderr.contains("ignored") && ended.stderr.contains("--retune"), "{}", ended.stderr);
    }
    let ended = folders.upscale(&["--gpu", "0", "--retune", "--model", model], &[]);
    assert_eq!(folders.device_and_sha256(&ended).1, expected);
    let ended = upscale();
    assert!(!ended.stderr.contains("ignored"), "it was written anew: {}", ended.stderr);
}

#[test]
fn a_name_that_fits_no_adapter_is_an_error_with_those_that_there_are() {
    let folders = Folders::new();
    for ended in [
        folders.upscale(&["--gpu", "no such card"], &[]),
        folders.upscale(&["--gpu", "99"], &[]),
        folders.upscale(&[], &[("WGPU_ADAPTER_NAME", "no such card")]),
    ] {
        assert_eq!(ended.code, Some(3));
        assert!(ended.stderr.contains(&adapter().info.name), "{}", ended.stderr);
        assert!(!folders.output().exists());
    }
}

#[test]
fn an_adapter_is_tested_once_and_refused_if_it_failed() {
    let folders = Folders::new();
    let name = adapter().info.name;
    let cpu = folders.device_and_sha256(&folders.upscale(&["--device", "cpu"], &[]));

    // Named by option and by environment; both give the CPU's bytes.
    for ended in [folders.upscale(&["--gpu", &name], &[]), folders.upscale(&[], &[("WGPU_ADAPTER_NAME", &name)])] {
        let gpu = folders.device_and_sha256(&ended);
        assert!(gpu.0.contains(&name), "{}", gpu.0);
        assert_eq!(gpu.1, cpu.1);
    }
    let of_cpu = |path: &PathBuf| fs::read_to_string(path).unwrap().contains(&cpu_device());
    let verdicts: Vec<_> = folders.verdicts().into_iter().filter(|path| !of_cpu(path)).collect();
    let [verdict] = &verdicts[..] else { panic!("one verdict for one adapter and net: {verdicts:?}") };
    let passed = fs::read_to_string(verdict).unwrap();

    // A damaged verdict counts for nothing.
    fs::write(verdict, &passed[..passed.len() / 2]).unwrap();
    folders.device_and_sha256(&folders.upscale(&["--gpu", &name], &[]));
    assert_eq!(fs::read_to_string(verdict).unwrap(), passed);

    let failed = r#"{"device":"x","failure":{"adapter":"x","stage":"conv3x3","detail":"wrong"}}"#;
    fs::write(verdict, failed).unwrap();
    fs::remove_file(folders.output()).unwrap();
    let ended = folders.upscale(&["--gpu", &name], &[]);
    assert_eq!(ended.code, Some(4), "{}", ended.stderr);
    assert!(ended.stderr.contains("conv3x3") && ended.stderr.contains("--device cpu"), "{}", ended.stderr);
    assert!(!folders.output().exists());

    let ended = folders.upscale(&["--device", "auto"], &[("WGPU_ADAPTER_NAME", &name)]);
    assert_eq!(folders.device_and_sha256(&ended), cpu);
    assert!(ended.stderr.contains("the CPU takes over"), "{}", ended.stderr);
}

#[test]
fn saved_pipelines_are_used_again_and_damaged_ones_replaced() {
    for adapter in adapters().into_iter().filter(|adapter| adapter.info.backend == wgpu::Backend::Vulkan) {
        let folders = Folders::new();
        let gpu = adapter.index.to_string();
        let first = folders.device_and_sha256(&folders.upscale(&["--gpu", &gpu], &[]));
        let files = folders.cached("pipelines");
        let [file] = &files[..] else { panic!("one file for one adapter: {files:?}") };
        let saved = fs::read(file).unwrap();
        let modified = || fs::metadata(file).unwrap().modified().unwrap();
        let written = modified();
        assert_eq!(folders.device_and_sha256(&folders.upscale(&["--gpu", &gpu], &[])), first);
        assert_eq!(modified(), written, "there was nothing new to save");

        let mut changed = saved.clone();
        changed[saved.len() / 2] ^= 1;
        for damaged in [&saved[..saved.len() / 2], &changed, b""] {
            fs::write(file, damaged).unwrap();
            assert_eq!(folders.device_and_sha256(&folders.upscale(&["--gpu", &gpu], &[])), first);
            assert_eq!(fs::read(file).unwrap().len(), saved.len(), "it is written anew");
        }
    }
}

#[test]
fn the_self_test_says_how_each_net_went() {
    let ended = Folders::new().run(&["selftest", "--gpu", "0"], &[]);
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let lines: Vec<_> = ended.text().lines().collect();
    assert_eq!(lines.len(), abpn::selftest::nets().unwrap().len());
    assert!(lines.iter().all(|line| line.ends_with(": equal")), "{}", ended.text());
}
