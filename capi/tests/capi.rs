//! The C interface, from C: programs compiled with every warning an error, their output compared with the library's.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use abpn::{Image, Net, Samples, Target, Upscaler, net};

const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// The static library, and what it is linked with.
static LIBRARY: LazyLock<(PathBuf, Vec<String>)> = LazyLock::new(|| {
    let mut command = Command::new(env!("CARGO"));
    command.args(["rustc", "-p", "abpn-capi", "--", "--print", "native-static-libs"]).current_dir(HERE);
    let output = succeeded(&mut command);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    // Cargo repeats what the compiler said even when there was nothing to compile.
    let libraries = said.lines().find_map(|line| line.split("native-static-libs: ").nth(1)).expect("rustc says them");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    (target.join("debug/libabpn_capi.a"), libraries.split_whitespace().map(str::to_owned).collect())
});

/// An empty folder for a test.
fn folder(test: &str) -> PathBuf {
    // No crate for it: another dependency would have abpn compiled once more, with that one's features.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn succeeded(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let said = [&*output.stdout, &*output.stderr].map(String::from_utf8_lossy).concat();
    assert!(output.status.success(), "{command:?}: {}\n{said}", output.status);
    output
}

/// A program of a C file, compiled with these options too.
fn compiled(source: &str, folder: &Path, options: &[&str]) -> PathBuf {
    let (library, libraries) = &*LIBRARY;
    let program = folder.join("program");
    let mut command = Command::new("cc");
    command.args(["-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-g", "-o"]).arg(&program);
    command.args(options).arg("-I").arg(Path::new(HERE).join("include")).arg(Path::new(HERE).join(source));
    succeeded(command.arg(library).args(libraries));
    program
}

/// A PPM with asymmetric contents, and what the library makes of it.
fn picture(folder: &Path, wide: bool, scale: usize) -> (PathBuf, Vec<u8>) {
    let (width, height) = (37, 23);
    let samples = |count: usize| (0..count).map(|i| u16::try_from((i * i * 7919 + i * 104_729) % 65_536).unwrap());
    let len = width as usize * height as usize * 3;
    let net = Net::read(net::built_in(scale, net::Degradation::Clean).unwrap().file).unwrap();
    let upscaler = Upscaler::new(net, Target::Cpu).unwrap();
    let samples = match wide {
        true => Samples::U16(samples(len).collect()),
        false => Samples::U8(samples(len).map(|sample| sample.to_be_bytes()[0]).collect()),
    };
    let ppm = |image: &Image| {
        let most = if wide { 65_535 } else { 255 };
        let mut file = format!("P6\n{} {}\n{most}\n", image.width(), image.height()).into_bytes();
        match image.samples() {
            Samples::U8(samples) => file.extend(samples),
            Samples::U16(samples) => file.extend(samples.iter().flat_map(|sample| sample.to_be_bytes())),
        }
        file
    };
    let image = Image::new(width, height, abpn::Layout::Rgb, samples).unwrap();
    let path = folder.join("in.ppm");
    std::fs::write(&path, ppm(&image)).unwrap();
    (path, ppm(&upscaler.upscale(&image).unwrap()))
}

#[test]
fn the_example_gives_the_librarys_bytes_on_the_cpu_and_on_a_gpu() {
    let folder = folder("example");
    let program = compiled("../examples/c/upscale.c", &folder, &[]);
    let out = folder.join("out.ppm");
    for (wide, scale, device) in [(false, 3, "cpu"), (true, 2, "cpu"), (false, 4, "llvmpipe"), (true, 3, "llvmpipe")] {
        let (input, expected) = picture(&folder, wide, scale);
        succeeded(Command::new(&program).arg(input).arg(&out).args([&scale.to_string(), device]));
        assert!(std::fs::read(&out).unwrap() == expected, "{wide} {scale} {device}");
    }
    let failed = Command::new(&program).args(["nowhere.ppm", "out.ppm", "3"]).output().unwrap();
    assert_eq!((failed.status.code(), failed.stderr.starts_with(b"nowhere.ppm: ")), (Some(1), true));
}

#[test]
fn the_example_is_clean_under_the_address_sanitizer() {
    let folder = folder("sanitizer");
    let program = compiled("../examples/c/upscale.c", &folder, &["-fsanitize=address,undefined"]);
    let (input, expected) = picture(&folder, false, 3);
    let out = folder.join("out.ppm");
    let mut command = Command::new(program);
    // Valgrind looks for leaks; the sanitizer's search needs ptrace, which containers forbid.
    succeeded(command.env("ASAN_OPTIONS", "detect_leaks=0").arg(input).arg(&out).args(["3", "cpu"]));
    assert!(std::fs::read(out).unwrap() == expected);
}

#[test]
fn the_example_is_clean_under_valgrind() {
    let folder = folder("valgrind");
    let program = compiled("../examples/c/upscale.c", &folder, &[]);
    let (input, expected) = picture(&folder, false, 3);
    let out = folder.join("out.ppm");
    let mut command = Command::new("valgrind");
    // What the thread pool keeps until the process ends is no leak.
    command.args(["--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite", "--quiet"]);
    succeeded(command.arg(program).arg(input).arg(&out).args(["3", "cpu"]));
    assert!(std::fs::read(out).unwrap() == expected);
}

#[test]
fn misuse_is_an_error_with_words() {
    let folder = folder("misuse");
    let program = compiled("tests/misuse.c", &folder, &["-fsanitize=address,undefined"]);
    // Looking for a GPU leaves a little of the drivers'.
    succeeded(Command::new(program).env("ASAN_OPTIONS", "detect_leaks=0"));
}

#[test]
fn upscalers_come_and_go() {
    let folder = folder("cycles");
    let program = compiled("tests/misuse.c", &folder, &[]);
    // A driver's own memory grows in steps.
    for (device, count, most_kib) in [("cpu", "1000", 2 << 10), ("llvmpipe", "20", 48 << 10)] {
        let output = succeeded(Command::new(&program).args([device, count]));
        let said = String::from_utf8(output.stdout).unwrap();
        let grown: i64 = said.split(": ").nth(1).and_then(|text| text.split(' ').next()?.parse().ok()).unwrap();
        assert!(grown < most_kib, "{said}");
    }
}
