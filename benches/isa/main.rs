//! The kernels of the shipped net, and of one with PReLU, exactly as wgpu hands them to a driver, compiled for real AMD GPUs without one: what a
//! change to a shader costs shows in `benches/isa.md`.

#![allow(unsafe_code, reason = "Vulkan's functions are unsafe to call")]

mod compact;
mod counts;
mod driver;
mod nvk;
mod spirv;
mod table;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use abpn::Net;
use abpn::net::ABPN_X3;

use table::{GPUS, Gpu, Row};

const USAGE: &str = "cargo bench --bench isa [-- [--check | --write] [--dump FOLDER] [--nvidia]]";
const COMMITTED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/isa.md");
const COMMITTED_NVIDIA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/isa_nvidia.md");

#[derive(Default)]
struct Args {
    check: bool,
    write: bool,
    dump: Option<PathBuf>,
    nvidia: bool,
    /// Set in a child.
    gpu: Option<String>,
}

impl Args {
    fn read() -> Option<Self> {
        let mut read = Self::default();
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                "--check" => read.check = true,
                "--write" => read.write = true,
                "--dump" => read.dump = Some(args.next()?.into()),
                "--nvidia" => read.nvidia = true,
                "--gpu" => read.gpu = Some(args.next()?),
                // Cargo's.
                "--bench" => {}
                _ => return None,
            }
        }
        (!(read.check && (read.write || read.nvidia))).then_some(read)
    }
}

fn main() -> ExitCode {
    counts::self_test();
    nvk::self_test();
    let Some(args) = Args::read() else {
        eprintln!("usage: {USAGE}");
        return ExitCode::FAILURE;
    };
    let gpu = GPUS.iter().find(|gpu| Some(gpu.name) == args.gpu.as_deref());
    let result = match gpu {
        Some(gpu) => compile(gpu, args.dump.as_deref()).map(|section| print!("{}", section.text())),
        None if args.gpu.as_deref() == Some(nvk::GPU) => {
            compile_nvidia(args.dump.as_deref()).map(|section| print!("{}", section.text()))
        }
        None if args.nvidia => report_nvidia(&args),
        None => report(&args),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// One GPU's part of the table, which a child prints and its parent reads.
struct Section {
    driver: String,
    rows: Vec<String>,
    /// Goals that are missed.
    misses: Vec<String>,
}

impl Section {
    fn text(&self) -> String {
        [vec![self.driver.clone()], self.rows.clone(), self.misses.clone()].concat().join("\n")
    }

    fn read(text: &str) -> Self {
        let mut lines = text.lines().map(str::to_owned);
        let driver = lines.next().unwrap_or_default();
        let (rows, misses) = lines.partition(|line| line.starts_with('|'));
        Self { driver, rows, misses }
    }
}

/// Compiles every kernel for `gpu`, whose environment this process has.
fn compile(gpu: &Gpu, dump: Option<&Path>) -> Result<Section, String> {
    let nets = [Net::read(ABPN_X3), compact::net()].into_iter().collect::<abpn::Result<Vec<_>>>();
    let nets = nets.map_err(|error| error.to_string())?;
    let device = driver::NullDevice::open(true)?;
    let mut section = Section { driver: device.driver.clone(), rows: Vec::new(), misses: Vec::new() };
    for kernel in table::kernels(&nets).map_err(|error| error.to_string())? {
        let shader = &kernel.shader;
        let fail = |error| format!("{} {} on {}: {error}", shader.kernel, shader.label, gpu.name);
        let compiled = device.compile(&spirv::translate(&shader.wgsl).map_err(fail)?).map_err(fail)?;
        if let Some(folder) = dump {
            let name = format!("{} {}", shader.kernel, shader.label).replace([' ', '>'], "_");
            write(&folder.join(format!("{name}.wgsl")), &shader.wgsl)?;
            write(&folder.join(format!("{name}.{}.s", gpu.name)), &compiled.isa)?;
        }
        let counts = counts::count(&compiled.isa, shader.kernel.family(), shader.in_words).map_err(fail)?;
        let row = Row::new(gpu, &kernel, &compiled, counts).map_err(fail)?;
        section.rows.push(row.markdown());
        section.misses.extend(row.misses());
    }
    Ok(section)
}

fn write(path: &Path, text: &str) -> Result<(), String> {
    std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))
}

/// Compiles every kernel by NVK, whose environment this process has.
fn compile_nvidia(dump: Option<&Path>) -> Result<Section, String> {
    let net = Net::read(ABPN_X3).map_err(|error| error.to_string())?;
    let devices = [true, false].map(|robust| driver::NullDevice::open(robust).map(|device| (robust, device)));
    let devices: Vec<_> = devices.into_iter().collect::<Result<_, _>>()?;
    let mut section = Section { driver: devices[0].1.driver.clone(), rows: Vec::new(), misses: Vec::new() };
    for kernel in nvk::kernels(&net).map_err(|error| error.to_string())? {
        let shader = &kernel.shader;
        let fail = |error| format!("{} {}: {error}", shader.kernel, shader.label);
        let spirv = spirv::translate(&shader.wgsl).map_err(fail)?;
        for (robust, device) in &devices {
            let compiled = device.compile(&spirv).map_err(fail)?;
            if let Some(folder) = dump {
                let name = format!("{} {} {robust}", shader.kernel, shader.label).replace([' ', '>'], "_");
                write(&folder.join(format!("{name}.{}.s", nvk::GPU)), &compiled.isa)?;
            }
            section.rows.push(nvk::row(&kernel, &compiled, *robust).map_err(fail)?);
        }
    }
    Ok(section)
}

fn report_nvidia(args: &Args) -> Result<(), String> {
    let section = compile_in_child(nvk::GPU, nvk::environment()?, args.dump.as_deref())?;
    let document = nvk::document(&section.driver, &section.rows);
    if args.write {
        write(Path::new(COMMITTED_NVIDIA), &document)
    } else {
        println!("{document}");
        Ok(())
    }
}

/// [`compile`] in a process of its own: drivers read which GPU they are for from the environment, once.
fn compile_in_child(
    gpu: &str,
    environment: Vec<(&'static str, String)>,
    dump: Option<&Path>,
) -> Result<Section, String> {
    let fail = |error: std::io::Error| format!("can't run a child for {gpu}: {error}");
    let mut child = Command::new(std::env::current_exe().map_err(fail)?);
    child.args(["--gpu", gpu]).envs(environment);
    if let Some(folder) = dump {
        child.arg("--dump").arg(folder);
    }
    let output = child.output().map_err(fail)?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(Section::read(&String::from_utf8_lossy(&output.stdout)))
}

fn report(args: &Args) -> Result<(), String> {
    let dump = args.dump.as_deref();
    if let Some(folder) = dump {
        std::fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    let child = |gpu: &Gpu| compile_in_child(gpu.name, driver::radv(gpu.name)?, dump);
    let sections: Vec<_> = GPUS.iter().map(child).collect::<Result<_, _>>()?;
    let driver = sections[0].driver.clone();
    let rows: Vec<_> = sections.iter().flat_map(|section| section.rows.clone()).collect();
    let misses: Vec<_> = sections.iter().flat_map(|section| section.misses.clone()).collect();
    let document = table::document(&driver, &rows);
    if args.write {
        write(Path::new(COMMITTED), &document)
    } else if args.check {
        let committed = std::fs::read_to_string(COMMITTED).map_err(|error| format!("{COMMITTED}: {error}"))?;
        check(&committed, &document, &misses)
    } else {
        println!("{document}");
        misses.iter().for_each(|miss| println!("{miss}"));
        Ok(())
    }
}

/// Compares the committed table with today's, where the compiler is the same, and asks that the goals are met.
fn check(committed: &str, document: &str, misses: &[String]) -> Result<(), String> {
    let mut faults = misses.to_vec();
    let [compared, installed] = [committed, document].map(|text| table::driver(text).unwrap_or("no compiler"));
    if compared != installed {
        eprintln!("benches/isa.md was made with {compared}, and this is {installed}: only the goals are checked");
    } else if committed != document {
        let only_in = |text: &str, other: &str, sign| -> String {
            let lines = text.lines().filter(|line| other.lines().all(|known| known != *line));
            lines.map(|line| format!("{sign} {line}\n")).collect()
        };
        let (gone, new) = (only_in(committed, document, '-'), only_in(document, committed, '+'));
        faults.push(format!("{gone}{new}benches/isa.md differs: accept it with `cargo bench --bench isa -- --write`"));
    }
    if faults.is_empty() { Ok(()) } else { Err(faults.join("\n")) }
}
