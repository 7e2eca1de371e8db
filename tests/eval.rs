//! Measuring: the library against the literature's small pictures and numbers, and `abpn eval` and `abpn degrade`.

use std::fs;
use std::path::Path;

use abpn::codec::{self, DEFAULT_MAX_PIXELS, Format};
use abpn::{Image, Layout, Samples, eval};
use serde_json::Value;

use crate::pictures::{bare, encoded, gradient, noise};
use crate::program::{Ended, Folder, ended};

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

/// `abpn eval` with a net that only repeats pixels.
fn run_eval(folder: &Folder, arguments: &str) -> Ended {
    run(folder, &format!("eval --model net.safetensors --device cpu {arguments}"))
}

fn run(folder: &Folder, arguments: &str) -> Ended {
    ended(&mut folder.bare_command(arguments))
}

/// What it printed on standard output.
fn text(ended: &Ended) -> String {
    String::from_utf8(ended.stdout.clone()).unwrap()
}

/// What `abpn eval --json` prints about the pictures in `hr`.
fn report(folder: &Folder) -> Value {
    serde_json::from_slice(&run_eval(folder, "--hr hr --json").stdout).unwrap()
}

#[test]
fn eval_prints_a_table_of_the_net_beside_bicubic() {
    let folder = Folder::new();
    folder.write("hr/photo.png", &fs::read(PHOTO).unwrap());
    folder.image("hr/a.png", &gradient(50, 40));
    folder.write("hr/notes.txt", b"no picture");
    let output = run_eval(&folder, "--hr hr");
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let table = text(&output);
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 5, "{table}");
    assert!(lines.iter().all(|line| line.len() == lines[0].len() && line.matches('|').count() == 9), "{table}");
    assert!(lines[2].starts_with("| a.png "));
    let cells: Vec<&str> = lines[3].split('|').map(str::trim).collect();
    assert_eq!(cells[1..9], ["photo.png", "29.655", "31.191", "31.285", "32.625", "0.8978", "0.9215", "file"]);
    assert!(lines[4].starts_with("| mean of 2 "));
    let alone = text(&run(&folder, "eval --hr hr/photo.png --model net.safetensors --device cpu"));
    assert_eq!(alone.lines().nth(2), Some(lines[3]));
}

#[test]
fn eval_prints_json() {
    let folder = Folder::new();
    folder.image("hr/flat.png", &Image::from_rgb8(30, 30, vec![9; 2700]).unwrap());
    folder.image("hr/noise.png", &noise(31, 32, Layout::Rgb, 8));
    let report = report(&folder);
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
    let folder = Folder::new();
    folder.image("hr/alpha.png", &noise(30, 30, Layout::Rgba, 8));
    folder.write("hr/broken.png", &fs::read(PHOTO).unwrap()[..1000]);
    folder.image("hr/good.png", &noise(30, 30, Layout::Rgb, 8));
    folder.image("hr/tiny.png", &noise(16, 30, Layout::Rgb, 8));
    let output = run_eval(&folder, "--hr hr");
    assert_eq!(output.code, Some(1));
    let messages = &output.stderr;
    for name in ["alpha.png: it has an alpha channel", "broken.png: ", "tiny.png: 15x30 pixels are too few"] {
        assert!(messages.contains(name), "{messages}");
    }
    assert!(messages.ends_with("abpn: 3 of 4 measurements failed\n"), "{messages}");
    let table = text(&output);
    assert!(table.contains("| good.png ") && table.contains("| mean of 1 of 4 "), "{table}");
    assert!(table.lines().all(|line| line.len() == table.find('\n').unwrap()), "{table}");
    let report = report(&folder);
    assert_eq!(report["failed"].as_array().unwrap().len(), 3);
    assert_eq!(report["failed"][0]["name"], "alpha.png");
}

#[test]
fn eval_takes_grey_as_rgb_and_sixteen_bits_as_eight() {
    let folder = Folder::new();
    let levels: Vec<u8> = (0..900u32).map(|i| u8::try_from(i * i % 251).unwrap()).collect();
    let rgb = levels.iter().flat_map(|&level| [level; 3]).collect();
    let deep = levels.iter().map(|&level| u16::from(level) * 257 + 100).collect();
    folder.image("hr/rgb.png", &Image::from_rgb8(30, 30, rgb).unwrap());
    folder.image("hr/deep.png", &Image::new(30, 30, Layout::Grey, Samples::U16(deep)).unwrap());
    folder.image("hr/grey.png", &Image::new(30, 30, Layout::Grey, Samples::U8(levels)).unwrap());
    let report = report(&folder);
    let images = report["images"].as_array().unwrap();
    assert_eq!(images.len(), 3);
    assert!(images.iter().all(|image| image["net"] == images[0]["net"] && image["bicubic"] == images[0]["bicubic"]));
}

#[test]
fn eval_takes_small_pictures_that_are_given() {
    let folder = Folder::new();
    for (name, width) in [("a", 30), ("b", 33), ("c", 36), ("d", 39)] {
        folder.image(&format!("hr/{name}.png"), &noise(width, 30, Layout::Rgb, 8));
    }
    let small = |name: &str| eval::degrade(&folder.read(name).image, SCALE).unwrap();
    folder.image("lr/a.png", &small("hr/a.png"));
    folder.image("lr/bx3.png", &small("hr/b.png"));
    folder.image("lr/c.png", &small("hr/d.png"));
    let output = run_eval(&folder, "--hr hr --lr lr");
    let (table, messages) = (text(&output), &output.stderr);
    assert!(messages.contains("c.png: the small picture is 13x10, which is not 36x30 reduced 3 times"), "{messages}");
    assert!(messages.contains("d.png: there is no small picture of this name"), "{messages}");
    let made = text(&run_eval(&folder, "--hr hr"));
    let lines = |table: &str| table.lines().skip(2).take(2).map(str::to_owned).collect::<Vec<_>>();
    assert_eq!(lines(&table), lines(&made));
}

/// The rows of a table as cells, the means among them.
fn rows(table: &str) -> Vec<Vec<&str>> {
    let rows = table.lines().filter(|line| line.contains(".png") || line.contains("mean of"));
    rows.map(|line| line.split('|').map(str::trim).filter(|cell| !cell.is_empty()).collect()).collect()
}

#[test]
fn eval_compresses_the_small_pictures_before() {
    let folder = Folder::new();
    folder.write("hr/photo.png", &fs::read(PHOTO).unwrap());
    let clean = text(&run_eval(&folder, "--hr hr"));
    let output = run_eval(&folder, "--hr hr --jpeg 20,90");
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let table = text(&output);
    assert!(table.contains("JPEG, quality 20\n") && table.contains("JPEG, quality 90\n"), "{table}");
    let psnr = |row: &[&str]| row[1].parse::<f64>().unwrap();
    let (clean, rows) = (rows(&clean), rows(&table));
    assert_eq!(rows.len(), 4);
    assert!(psnr(&rows[0]) < psnr(&rows[2]) - 1.0 && psnr(&rows[2]) < psnr(&clean[0]), "{table}");
    // PSNR-B of the net and of bicubic interpolation: blocks make it less than PSNR.
    assert!(rows[0][7].parse::<f64>().unwrap() < rows[0][3].parse::<f64>().unwrap(), "{table}");
    // The file that upscale would be given scores the same.
    let small = eval::jpeg(&read(PHOTO_SMALL), 20).unwrap();
    folder.write("lr/photo.jpg", &small);
    let given = text(&run_eval(&folder, "--hr hr --lr lr"));
    assert_eq!(self::rows(&given)[0][1..7], rows[0][1..7]);
    for refused in ["--jpeg 0", "--jpeg 101", "--jpeg 50,x", "--video h264", "--video h264:99", "--ring 0"] {
        assert_eq!(run_eval(&folder, &format!("--hr hr {refused}")).code, Some(2), "{refused}");
    }
}

#[test]
fn eval_prints_an_object_for_each_compression() {
    let folder = Folder::new();
    folder.write("hr/photo.png", &fs::read(PHOTO).unwrap());
    let output = run_eval(&folder, "--hr hr --jpeg 30,60 --ring 12 --json");
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let objects: Vec<Value> =
        serde_json::Deserializer::from_slice(&output.stdout).into_iter().map(Result::unwrap).collect();
    assert_eq!(objects.len(), 2);
    for (object, compression) in objects.iter().zip(["JPEG, quality 30", "JPEG, quality 60"]) {
        assert_eq!(object["compression"], compression);
        let image = &object["images"][0];
        assert_eq!((&image["picked"], &image["net_reason"]), (&"net.safetensors".into(), &"given by --model".into()));
        for figure in ["psnr_rgb_db", "psnr_b_db", "ring_psnr_rgb_db"] {
            assert!(
                image["net"][figure].as_f64().is_some() && object["mean"]["bicubic"][figure].is_number(),
                "{object}"
            );
        }
    }
}

#[test]
fn eval_measures_frames_after_ffmpeg() {
    let folder = Folder::new();
    for (name, shift) in [("a", 0), ("b", 6), ("c", 12)] {
        let photo = read(PHOTO);
        let Samples::U8(samples) = photo.samples() else { panic!() };
        // A pan over the photo.
        let rows = samples.chunks_exact(768 * 3).take(192).flat_map(|row| &row[shift * 3..][..288 * 3]);
        folder.image(&format!("hr/{name}.png"), &Image::from_rgb8(288, 192, rows.copied().collect()).unwrap());
    }
    let output = run_eval(&folder, "--hr hr --video h264:15,h264:40");
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let table = text(&output);
    assert!(table.contains("h264, crf 15\n") && table.contains("h264, crf 40\n"), "{table}");
    let means: Vec<f64> =
        rows(&table).iter().filter(|row| row[0] == "mean of 3").map(|row| row[1].parse().unwrap()).collect();
    assert!(means.len() == 2 && means[1] < means[0] - 1.0, "{table}");
    folder.image("hr/d.png", &noise(40, 40, Layout::Rgb, 8));
    let output = run_eval(&folder, "--hr hr --video h264:15");
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("differ in size"), "{}", output.stderr);
    let mut command = folder.bare_command("eval --model net.safetensors --device cpu --hr hr/d.png --video h264:15");
    let output = ended(command.env("PATH", ""));
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("ffmpeg") && output.stderr.contains("install it"), "{}", output.stderr);
}

#[test]
fn eval_refuses_folders_without_pictures() {
    let folder = Folder::new();
    folder.write("hr/notes.txt", b"no picture");
    let output = run_eval(&folder, "--hr hr");
    assert_eq!(output.code, Some(1));
    assert_eq!(output.stderr, "abpn: hr: no picture lies in this folder\n");
    let output = run(&folder, "eval --hr nowhere");
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.starts_with("abpn: nowhere: "));
}

#[test]
fn eval_checks_the_scale() {
    let folder = Folder::new();
    folder.image("hr/a.png", &gradient(50, 40));
    assert_eq!(run_eval(&folder, "--hr hr --scale 2").code, Some(2));
    assert_eq!(run_eval(&folder, "--hr hr --scale 3").code, Some(0));
}

#[test]
fn degrade_writes_a_picture_or_a_folder() {
    let folder = Folder::new();
    folder.write("hr/photo.png", &fs::read(PHOTO).unwrap());
    folder.image("hr/grey.png", &noise(20, 9, Layout::Grey, 16));
    let output = run(&folder, "degrade hr/photo.png -o small.png");
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(folder.read("small.png").image == read(PHOTO_SMALL));
    let output = run(&folder, "degrade hr -o deep/lr --scale 2");
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert_eq!(folder.names(), ["deep/lr/grey.png", "deep/lr/photo.png", "hr/grey.png", "hr/photo.png", "small.png"]);
    assert_eq!(folder.read("deep/lr/grey.png").image, eval::degrade(&folder.read("hr/grey.png").image, 2).unwrap());
}

#[test]
fn degrade_keeps_what_is_there_unless_told_otherwise() {
    let folder = Folder::new();
    folder.image("hr/a.png", &gradient(30, 30));
    folder.write("small.png", b"old");
    let output = run(&folder, "degrade hr/a.png -o small.png");
    assert_eq!(output.code, Some(1));
    assert!(output.stderr.contains("small.png") && output.stderr.contains("--overwrite"), "{}", output.stderr);
    assert_eq!(fs::read(folder.path("small.png")).unwrap(), b"old");
    let output = run(&folder, "degrade hr/a.png -o small.png --overwrite");
    assert_eq!(output.code, Some(0));
    assert_eq!(folder.read("small.png").image.width(), 10);
}

#[test]
fn degrade_names_what_fails_and_goes_on() {
    let folder = Folder::new();
    folder.write("hr/broken.png", b"not a picture");
    folder.image("hr/good.png", &gradient(30, 30));
    folder.write("hr/good.bmp", &encoded(&bare(gradient(30, 30)), Format::Png));
    let output = run(&folder, "degrade hr -o lr");
    assert_eq!(output.code, Some(1));
    let messages = &output.stderr;
    assert!(messages.contains("broken.png: "), "{messages}");
    assert!(messages.contains("good.png: another picture already gave"), "{messages}");
    assert!(messages.ends_with("abpn: 2 of 3 pictures could not be reduced\n"), "{messages}");
    assert_eq!(folder.names(), ["hr/broken.png", "hr/good.bmp", "hr/good.png", "lr/good.png"]);
    assert_eq!(run(&folder, "degrade hr/good.png -o small.jpg").code, Some(2));
    assert_eq!(run(&folder, "degrade hr/good.png -o small.png --scale 0").code, Some(2));
    let output = run(&folder, "degrade nowhere.png -o small.png");
    assert_eq!(output.code, Some(1));
    assert_eq!(output.stderr.matches("nowhere.png").count(), 1, "{}", output.stderr);
}
