//! Measuring: the library against the literature's small pictures and numbers, and `abpn eval` and `abpn degrade`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use abpn::codec::{self, DEFAULT_MAX_PIXELS, Format};
use abpn::net::{Layer, TAPS};
use abpn::{Image, Layout, Net, Samples, eval};
use serde_json::Value;
use tempfile::TempDir;

use crate::pictures::{bare, encoded, gradient, noise};

const SCALE: usize = 3;
/// A photo of the Kodak suite, and what MATLAB's imresize makes of it.
const PHOTO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/kodim23.png");
const PHOTO_SMALL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/kodim23_x3.png");

/// PSNR-RGB and PSNR-Y in dB and SSIM-Y of the small photo, enlarged by bicubic interpolation: computed with NumPy and
/// SciPy, as were the scores of repeated pixels below.
const BICUBIC_SCORES: [&str; 3] = ["31.1905", "32.6245", "0.9215"];

fn read(path: impl AsRef<Path>) -> Image {
    codec::read(path.as_ref(), DEFAULT_MAX_PIXELS).unwrap().0.image
}

#[test]
fn degrade_gives_the_bytes_of_the_literature() {
    let (photo, small) = (read(PHOTO), read(PHOTO_SMALL));
    assert_eq!((small.width(), small.height()), (256, 170));
    assert!(eval::degrade(&photo, SCALE).unwrap() == small);
}

#[test]
fn bicubic_scores_are_those_of_another_implementation() {
    let reference = eval::crop(&read(PHOTO), SCALE).unwrap();
    let enlarged = eval::bicubic(&read(PHOTO_SMALL), SCALE).unwrap();
    let scores = eval::compare(&reference, &enlarged, SCALE).unwrap();
    let rounded = [scores.psnr_rgb_db, scores.psnr_y_db, scores.ssim_y].map(|score| format!("{score:.4}"));
    assert_eq!(rounded, BICUBIC_SCORES);
}

/// A folder with a net that repeats pixels, as its residual is zero, and an empty folder of pictures.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let outputs = 3 * SCALE * SCALE;
        let layer = Layer {
            in_channels: 3,
            out_channels: outputs,
            weights: vec![0; outputs * 3 * TAPS],
            bias: vec![0; outputs],
            limit: vec![1; outputs],
            pre: vec![0; outputs],
            mul: vec![1; outputs],
            post: vec![9; outputs],
        };
        let folder = tempfile::tempdir().unwrap();
        let net = Net::new(SCALE, vec![layer], BTreeMap::new()).unwrap();
        fs::write(folder.path().join("net.safetensors"), net.write()).unwrap();
        fs::create_dir(folder.path().join("hr")).unwrap();
        Self { folder }
    }

    fn put(&self, name: &str, bytes: &[u8]) {
        fs::write(self.folder.path().join(name), bytes).unwrap();
    }

    fn put_image(&self, name: &str, image: Image) {
        self.put(name, &encoded(&bare(image), Format::Png));
    }

    fn image(&self, name: &str) -> Image {
        read(self.folder.path().join(name))
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = self.folder.path().join(folder).read_dir().unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    fn run(&self, arguments: &[&str]) -> Output {
        Command::new(env!("CARGO_BIN_EXE_abpn")).current_dir(self.folder.path()).args(arguments).output().unwrap()
    }

    fn eval(&self, arguments: &[&str]) -> Output {
        let common = ["eval", "--hr", "hr", "--model", "net.safetensors", "--device", "cpu"];
        self.run(&[&common, arguments].concat())
    }
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn eval_prints_a_table_of_the_net_beside_bicubic() {
    let bench = Bench::new();
    bench.put("hr/photo.png", &fs::read(PHOTO).unwrap());
    bench.put_image("hr/a.png", gradient(50, 40));
    bench.put("hr/notes.txt", b"no picture");
    let output = bench.eval(&[]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let table = stdout(&output);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    assert!(lines.iter().all(|line| line.len() == lines[0].len() && line.matches('|').count() == 8), "{table}");
    assert!(lines[2].starts_with("| a.png "));
    let cells: Vec<&str> = lines[3].split('|').map(str::trim).collect();
    assert_eq!(cells[1..8], ["photo.png", "29.655", "31.191", "31.285", "32.625", "0.8978", "0.9215"]);
    assert!(lines[4].starts_with("| mean of 2 "));
    let alone = stdout(&bench.run(&["eval", "--hr", "hr/photo.png", "--model", "net.safetensors", "--device", "cpu"]));
    assert_eq!(alone.lines().nth(2), Some(lines[3]));
}

#[test]
fn eval_prints_json() {
    let bench = Bench::new();
    bench.put_image("hr/flat.png", Image::from_rgb8(30, 30, vec![9; 2700]).unwrap());
    bench.put_image("hr/noise.png", noise(31, 32, Layout::Rgb, 8));
    let output = bench.eval(&["--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["scale"], 3);
    assert_eq!(report["failed"], Value::Array(vec![]));
    let [flat, noise] = report["images"].as_array().unwrap().as_slice() else { panic!("{report}") };
    assert_eq!((&flat["name"], &noise["name"]), (&"flat.png".into(), &"noise.png".into()));
    // Equal pictures are infinitely close.
    assert!(flat["net"]["psnr_rgb_db"].is_null() && flat["bicubic"]["psnr_y_db"].is_null());
    assert!(noise["net"]["psnr_rgb_db"].as_f64().unwrap() < noise["bicubic"]["psnr_rgb_db"].as_f64().unwrap());
    let mean = |score: &Value| score["net"]["ssim_y"].as_f64().unwrap();
    assert!((mean(&report["mean"]) - (mean(flat) + mean(noise)) / 2.0).abs() < 1e-12);
}

#[test]
fn eval_names_what_it_can_not_measure_and_goes_on() {
    let bench = Bench::new();
    bench.put_image("hr/alpha.png", noise(30, 30, Layout::Rgba, 8));
    bench.put("hr/broken.png", &fs::read(PHOTO).unwrap()[..1000]);
    bench.put_image("hr/good.png", noise(30, 30, Layout::Rgb, 8));
    bench.put_image("hr/tiny.png", noise(16, 30, Layout::Rgb, 8));
    let output = bench.eval(&[]);
    assert_eq!(output.status.code(), Some(1));
    let messages = stderr(&output);
    for name in ["alpha.png: it has an alpha channel", "broken.png: ", "tiny.png: 15x30 pixels are too few"] {
        assert!(messages.contains(name), "{messages}");
    }
    assert!(messages.ends_with("abpn: 3 of 4 pictures could not be measured\n"), "{messages}");
    let table = stdout(&output);
    assert!(table.contains("| good.png ") && table.contains("| mean of 1 of 4 "), "{table}");
    let report: Value = serde_json::from_slice(&bench.eval(&["--json"]).stdout).unwrap();
    assert_eq!(report["failed"].as_array().unwrap().len(), 3);
    assert_eq!(report["failed"][0]["name"], "alpha.png");
}

#[test]
fn eval_takes_grey_as_rgb_and_sixteen_bits_as_eight() {
    let bench = Bench::new();
    let levels: Vec<u8> = (0..900u32).map(|i| u8::try_from(i * i % 251).unwrap()).collect();
    let rgb = levels.iter().flat_map(|&level| [level; 3]).collect();
    let deep = levels.iter().map(|&level| u16::from(level) * 257 + 100).collect();
    bench.put_image("hr/rgb.png", Image::from_rgb8(30, 30, rgb).unwrap());
    bench.put_image("hr/deep.png", Image::new(30, 30, Layout::Grey, Samples::U16(deep)).unwrap());
    bench.put_image("hr/grey.png", Image::new(30, 30, Layout::Grey, Samples::U8(levels)).unwrap());
    let report: Value = serde_json::from_slice(&bench.eval(&["--json"]).stdout).unwrap();
    let images = report["images"].as_array().unwrap();
    assert_eq!(images.len(), 3);
    assert!(images.iter().all(|image| image["net"] == images[0]["net"] && image["bicubic"] == images[0]["bicubic"]));
}

#[test]
fn eval_takes_small_pictures_that_are_given() {
    let bench = Bench::new();
    fs::create_dir(bench.folder.path().join("lr")).unwrap();
    for (name, seed) in [("a", 30), ("b", 33), ("c", 36), ("d", 39)] {
        bench.put_image(&format!("hr/{name}.png"), noise(seed, 30, Layout::Rgb, 8));
    }
    let small = |name: &str| eval::degrade(&bench.image(name), SCALE).unwrap();
    bench.put_image("lr/a.png", small("hr/a.png"));
    bench.put_image("lr/bx3.png", small("hr/b.png"));
    bench.put_image("lr/c.png", small("hr/d.png"));
    let output = bench.eval(&["--lr", "lr"]);
    let (table, messages) = (stdout(&output), stderr(&output));
    assert!(messages.contains("c.png: the small picture is 13x10, which is not 36x30 reduced 3 times"), "{messages}");
    assert!(messages.contains("d.png: there is no small picture of this name"), "{messages}");
    let made = stdout(&bench.eval(&[]));
    let lines = |table: &str| table.lines().skip(2).take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&table), lines(&made));
}

#[test]
fn eval_refuses_folders_without_pictures() {
    let bench = Bench::new();
    let output = bench.eval(&[]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output), "abpn: hr: no picture lies in this folder\n");
    let output = bench.run(&["eval", "--hr", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).starts_with("abpn: nowhere: "));
}

#[test]
fn eval_checks_the_scale() {
    let bench = Bench::new();
    bench.put_image("hr/a.png", gradient(50, 40));
    assert_eq!(bench.eval(&["--scale", "2"]).status.code(), Some(2));
    assert_eq!(bench.eval(&["--scale", "3"]).status.code(), Some(0));
}

#[test]
fn degrade_writes_a_picture_or_a_folder() {
    let bench = Bench::new();
    bench.put("hr/photo.png", &fs::read(PHOTO).unwrap());
    bench.put_image("hr/grey.png", noise(20, 9, Layout::Grey, 16));
    let output = bench.run(&["degrade", "hr/photo.png", "-o", "small.png"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert!(bench.image("small.png") == read(PHOTO_SMALL));
    let output = bench.run(&["degrade", "hr", "-o", "deep/lr", "--scale", "2"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(bench.names("deep/lr"), ["grey.png", "photo.png"]);
    assert_eq!(bench.image("deep/lr/grey.png"), eval::degrade(&bench.image("hr/grey.png"), 2).unwrap());
}

#[test]
fn degrade_keeps_what_is_there_unless_told_otherwise() {
    let bench = Bench::new();
    bench.put_image("hr/a.png", gradient(30, 30));
    bench.put("small.png", b"old");
    let output = bench.run(&["degrade", "hr/a.png", "-o", "small.png"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("small.png") && stderr(&output).contains("--overwrite"), "{}", stderr(&output));
    assert_eq!(fs::read(bench.folder.path().join("small.png")).unwrap(), b"old");
    let output = bench.run(&["degrade", "hr/a.png", "-o", "small.png", "--overwrite"]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(bench.image("small.png").width(), 10);
}

#[test]
fn degrade_names_what_fails_and_goes_on() {
    let bench = Bench::new();
    bench.put("hr/broken.png", b"not a picture");
    bench.put_image("hr/good.png", gradient(30, 30));
    bench.put("hr/good.bmp", &encoded(&bare(gradient(30, 30)), Format::Png));
    let output = bench.run(&["degrade", "hr", "-o", "lr"]);
    assert_eq!(output.status.code(), Some(1));
    let messages = stderr(&output);
    assert!(messages.contains("broken.png: "), "{messages}");
    assert!(messages.contains("good.png: another picture already gave"), "{messages}");
    assert!(messages.ends_with("abpn: 2 of 3 pictures could not be reduced\n"), "{messages}");
    assert_eq!(bench.names("lr"), ["good.png"]);
    assert_eq!(bench.run(&["degrade", "hr/good.png", "-o", "small.jpg"]).status.code(), Some(2));
    assert_eq!(bench.run(&["degrade", "hr/good.png", "-o", "small.png", "--scale", "0"]).status.code(), Some(2));
    let output = bench.run(&["degrade", "nowhere.png", "-o", "small.png"]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(stderr(&output).matches("nowhere.png").count(), 1, "{}", stderr(&output));
}
