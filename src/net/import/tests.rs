//! The fixtures of every format, and nets of others where they are at hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use crate::codec::{self, DEFAULT_MAX_PIXELS};
use crate::eval::{self, to_rgb8};
use crate::frame::Rgb;
use crate::image::{Image, Samples};
use crate::net::ABPN_X3;
use crate::net::quantize::{Crop, calibrate};
use crate::random::Random;
use crate::reference;

/// A folder beside the repository with nets of others that it may not hold; none on other machines.
fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path);
    path.exists().then_some(path)
}

fn picture(path: &Path) -> Image {
    to_rgb8(&codec::read(path, DEFAULT_MAX_PIXELS).unwrap().0.image).unwrap()
}

fn samples(image: &Image) -> &[u8] {
    let Samples::U8(samples) = image.samples() else { panic!("8 bits") };
    samples
}

fn psnr_db(a: &[u8], b: &[u8]) -> f64 {
    assert_eq!(a.len(), b.len());
    let squares: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
    10.0 * (255.0 * 255.0 * a.len() as f64 / squares as f64).log10()
}

/// Pixels shaved off each side, whatever the scale.
const SHAVED: usize = 3;

/// Mean PSNR-RGB of a net on a test set whose originals are reduced, or come with their small pictures.
fn psnr_rgb_db(set: &str, small: Option<&str>, scale: usize, upscale: impl Fn(&Image) -> Image) -> f64 {
    let folder = shared(&format!("data/test/{set}")).unwrap();
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let scores = paths.map(|path| {
        let original = eval::crop(&picture(&path), scale).unwrap();
        let small = match small {
            Some(folder) => picture(&shared(folder).unwrap().join(set).join(path.file_name().unwrap())),
            None => eval::degrade(&original, scale).unwrap(),
        };
        eval::compare(&original, &upscale(&small), SHAVED).unwrap()
    });
    eval::Scores::mean(&scores.collect::<Vec<_>>()).unwrap().psnr_rgb_db
}

fn by_reference(net: &Net, image: &Image) -> Image {
    let rgb = Rgb { width: image.width() as usize, height: image.height() as usize, samples: samples(image) };
    let side = |side: u32| side * u32::try_from(net.scale()).unwrap();
    Image::from_rgb8(side(image.width()), side(image.height()), reference::run(net, rgb)).unwrap()
}

#[test]
fn a_checkpoint_of_pytorch_measures_as_its_authors_say() {
    let Some(path) = shared("data/compact/ABPN_M4C28_x2.pth") else { return };
    let imported = read(&fs::read(path).unwrap(), None, &Options::default()).unwrap();
    assert_eq!((imported.format, imported.float.scale()), (Format::Torch, 2));
    for (set, expected) in [("Set5", 35.225), ("Set14", 30.950), ("Kodak24", 31.942)] {
        let measured = psnr_rgb_db(set, None, 2, |image| imported.float.upscale(image).unwrap());
        assert!((measured - expected).abs() < 0.005, "{set}: {measured}: {:?}", imported.findings);
    }
}

#[test]
fn the_authors_float_weights_measure_as_they_say() {
    let Some(path) = shared("data/official/abpn_x3_fp32.npz") else { return };
    let imported = read(&fs::read(path).unwrap(), None, &Options::default()).unwrap();
    assert_eq!((imported.format, imported.float.scale()), (Format::Npz, 3));
    for (set, expected) in [("Set5", 31.55), ("Set14", 27.865)] {
        let measured = psnr_rgb_db(set, Some("data/test_lr_x3"), 3, |image| imported.float.upscale(image).unwrap());
        assert!((measured - expected).abs() < 0.005, "{set}: {measured}: {:?}", imported.findings);
    }
}

#[test]
fn the_authors_integers_are_kept_and_give_a_better_picture() {
    let Some(path) = shared("data/official/abpn_x3_ptq_int8.tflite") else { return };
    let imported = read(&fs::read(path).unwrap(), None, &Options::default()).unwrap();
    assert_eq!((imported.format, imported.float.scale()), (Format::Tflite, 3));
    let net = imported.integers.unwrap_or_else(|| panic!("{:?}", imported.findings));
    for (set, expected) in [("Set5", 31.404), ("Set14", 27.797)] {
        let measured = psnr_rgb_db(set, Some("data/test_lr_x3"), 3, |image| by_reference(&net, image));
        assert!(measured > expected, "{set}: {measured}");
        let mut counts = [0u64; 256];
        for entry in fs::read_dir(shared("data/official/litert").unwrap().join(set)).unwrap() {
            let path = entry.unwrap().path();
            let small = shared("data/test_lr_x3").unwrap().join(set).join(path.file_name().unwrap());
            let (theirs, ours) = (picture(&path), by_reference(&net, &picture(&small)));
            for (&a, &b) in samples(&theirs).iter().zip(samples(&ours)) {
                counts[usize::from(a.abs_diff(b))] += 1;
            }
        }
        let all: u64 = counts.iter().sum();
        assert_eq!(counts[8..].iter().sum::<u64>(), 0, "{set}: {:?}", &counts[..16]);
        assert!(counts[2..].iter().sum::<u64>() * 12 <= all, "{set}: {:?} of {all}", &counts[..5]);
    }
}

#[test]
fn animevideov3_keeps_its_pictures() {
    let Some(folder) = shared("data/compact") else { return };
    let file = |name: &str| fs::read(folder.join(name)).unwrap();
    let (param, bin) = (file("realesr-animevideov3-x4.param"), file("realesr-animevideov3-x4.bin"));
    let imported = read(&param, Some(&bin), &Options::default()).unwrap();
    let names = ["bbb09", "bbb26", "kodim04", "kodim11", "kodim23"];
    let pairs: Vec<_> = names
        .iter()
        .map(|name| ["in", "float"].map(|kind| picture(&folder.join(format!("float/{name}_{kind}.png")))))
        .collect();
    for ([input, wanted], name) in pairs.iter().zip(names) {
        let given = imported.float.upscale(input).unwrap();
        let psnr_db = psnr_db(samples(&given), samples(wanted));
        assert!(psnr_db > 90.0, "{name}: {psnr_db}");
    }
    // Photos that are none of the pictures.
    let mut paths: Vec<_> =
        fs::read_dir(shared("data/train/GB82").unwrap()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let crops: Vec<_> = paths.iter().take(6).flat_map(|path| Crop::choose(&picture(path), 1).unwrap()).collect();
    let found = calibrate(&imported.float, &crops, BTreeMap::new()).unwrap();
    let pairs = pairs.iter().map(|[input, wanted]| psnr_db(samples(&by_reference(&found.net, input)), samples(wanted)));
    let measured: Vec<f64> = pairs.collect();
    let mean = measured.iter().sum::<f64>() / measured.len() as f64;
    assert!(mean > 45.0 && measured.iter().all(|&psnr_db| psnr_db > 42.0), "{measured:?}: {mean}");
}

/// A fixture of `tests/data/nets`, which its `make.py` wrote.
fn fixture(name: &str) -> Vec<u8> {
    fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nets").join(name)).unwrap()
}

/// Every file of the one net, with its `.bin`.
const FIXTURES: [(&str, Option<&str>, Format); 10] = [
    ("net.param", Some("net.bin"), Format::Ncnn),
    ("half.param", Some("half.bin"), Format::Ncnn),
    ("net.pth", None, Format::Torch),
    ("legacy.pth", None, Format::Torch),
    ("net.safetensors", None, Format::Safetensors),
    ("net.npz", None, Format::Npz),
    ("net.onnx", None, Format::Onnx),
    ("int8.onnx", None, Format::Onnx),
    ("net.tflite", None, Format::Tflite),
    ("int8.tflite", None, Format::Tflite),
];

/// What the files without a graph don't say. The net is not trained: no picture shows it either.
fn said(format: Format) -> Options {
    let range = Some(ValueRange::Unit);
    match format {
        // Weights in TensorFlow's layout would have its order too.
        Format::Npz => Options { range, shuffle: Some(ShuffleOrder::ColourFirst), ..Options::default() },
        _ => Options { range, ..Options::default() },
    }
}

fn import(name: &str, bin: Option<&str>, options: &Options) -> Result<Imported> {
    read(&fixture(name), bin.map(fixture).as_deref(), options)
}

#[test]
fn every_format_gives_the_same_net() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nets");
    let (input, expected) = (picture(&folder.join("input.png")), picture(&folder.join("expected.png")));
    let first = import("net.param", Some("net.bin"), &said(Format::Ncnn)).unwrap().float;
    for (name, bin, format) in FIXTURES {
        let imported = import(name, bin, &said(format)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((imported.format, imported.resized_to), (format, None), "{name}");
        let difference = |image: &Image| {
            let pairs = samples(image).iter().zip(samples(&expected));
            pairs.map(|(&a, &b)| a.abs_diff(b)).max().unwrap()
        };
        let is_quantised = name.starts_with("int8");
        if !is_quantised {
            assert!(imported.float.layers() == first.layers(), "{name}");
        }
        let given = imported.float.upscale(&input).unwrap();
        assert!(difference(&given) <= if is_quantised { 3 } else { 1 }, "{name}: {}", difference(&given));
        assert_eq!(imported.integers.is_some(), is_quantised, "{name}: {:?}", imported.findings);
        if let Some(net) = imported.integers {
            let given = by_reference(&net, &input);
            assert!(difference(&given) <= 3, "{name}: {}", difference(&given));
            assert!(net.hidden().iter().all(|layer| layer.prelu.is_some()));
        }
    }
}

#[test]
fn colours_the_other_way_round_are_turned() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nets");
    let input = picture(&folder.join("input.png"));
    let turned = |image: &Image| {
        let samples = samples(image).chunks_exact(3).flat_map(|pixel| [pixel[2], pixel[1], pixel[0]]);
        Image::from_rgb8(image.width(), image.height(), samples.collect()).unwrap()
    };
    for name in ["net.tflite", "int8.onnx"] {
        let options = |channels| Options { channels: Some(channels), ..Options::default() };
        let [rgb, bgr] =
            [ChannelOrder::Rgb, ChannelOrder::Bgr].map(|order| import(name, None, &options(order)).unwrap());
        let (a, b) = (rgb.float.upscale(&input).unwrap(), bgr.float.upscale(&turned(&input)).unwrap());
        assert_eq!(a, turned(&b), "{name}");
        assert_ne!(a, bgr.float.upscale(&input).unwrap());
        if let (Some(rgb), Some(bgr)) = (rgb.integers, bgr.integers) {
            assert_eq!(by_reference(&rgb, &input), turned(&by_reference(&bgr, &turned(&input))));
        }
    }
}

#[test]
fn what_a_file_does_not_say_is_asked_for_and_what_it_says_stands() {
    let reason = |name: &str, bin, options: &Options| match import(name, bin, options) {
        Ok(imported) => format!("{:?}", imported.findings),
        Err(error) => error.to_string(),
    };
    for name in ["net.pth", "net.safetensors", "net.npz"] {
        let open = reason(name, None, &Options::default());
        assert!(open.contains("--range 0..1 or --range 0..255"), "{name}: {open}");
    }
    let byte = Options { range: Some(ValueRange::Byte), ..Options::default() };
    assert!(reason("net.onnx", None, &byte).contains("range is 0..1"), "{}", reason("net.onnx", None, &byte));
    let shuffle = Options { shuffle: Some(ShuffleOrder::BlockFirst), ..Options::default() };
    assert!(reason("net.onnx", None, &shuffle).contains("pixel shuffle is pytorch"));
    assert!(reason("net.param", None, &Options::default()).contains(".bin"));
}

/// The text of `net.param` with another ending.
fn param(change: impl Fn(&str) -> String) -> Result<Imported> {
    let text = String::from_utf8(fixture("net.param")).unwrap();
    read(change(&text).as_bytes(), Some(&fixture("net.bin")), &said(Format::Ncnn))
}

#[test]
fn a_resizing_behind_the_net_is_told() {
    let imported =
        param(|text| text.replace(" output\n", " sum\n") + "Interp resize 1 1 sum output 0=3 1=0.75 2=0.75\n");
    let imported = imported.unwrap();
    assert_eq!(imported.resized_to, Some(1.5));
    assert!(imported.findings.iter().any(|finding| finding.contains("bicubic")), "{:?}", imported.findings);
}

#[test]
fn what_the_family_has_not_is_named_with_its_place() {
    for (change, words) in [
        (("PixelShuffle", "Softmax"), &["line 10", "Softmax", "shuffle"][..]),
        (("0=1 1=2.0", "0=2 1=2.0"), &["line 11", "bilinear"]),
        (("PReLU prelu0 1 1 c0 p0 0=6", "Sigmoid s 1 1 c0 p0"), &["line 6", "Sigmoid"]),
        (("1=3 4=1 5=1 6=270", "1=3 3=2 4=1 5=1 6=270"), &["conv1", "stride 2x2"]),
        (("4=1 5=1 6=270", "4=0 5=1 6=270"), &["conv1", "padding 0"]),
        (("0=5 1=3", "0=5 1=5"), &["conv1", "kernel 5x5"]),
    ] {
        let result = param(|text| {
            assert!(text.contains(change.0), "{change:?} in {text}");
            text.replacen(change.0, change.1, 1)
        });
        let reason =
            result.map(|imported| format!("{:?}", imported.findings)).unwrap_or_else(|error| error.to_string());
        assert!(words.iter().all(|word| reason.contains(word)), "{change:?}: {reason}");
    }
    let bin = fixture("net.bin");
    let short = read(&fixture("net.param"), Some(&bin[..bin.len() - 4]), &Options::default()).unwrap_err().to_string();
    assert!(short.contains("conv2") && short.contains(".bin ends before"), "{short}");
    let long = read(&fixture("net.param"), Some(&[fixture("net.bin"), vec![0]].concat()), &Options::default());
    assert!(long.unwrap_err().to_string().contains("don't belong together"));
}

#[test]
fn other_files_are_told_what_they_are() {
    for (bytes, word) in [
        (&b"\x89HDF\r\n\x1a\n"[..], "HDF5"),
        (&7_767_517u32.to_le_bytes(), "binary"),
        (b"PK\x03\x04", "zip"),
        (b"", "no format"),
        (b"7767517 ", ".bin"),
        (b"hello", "no format"),
        (&[0; 9], ".param"),
    ] {
        let reason = read(bytes, None, &Options::default()).unwrap_err().to_string();
        assert!(reason.contains(word), "{word}: {reason}");
    }
    let own = read(ABPN_X3, None, &Options::default()).unwrap_err().to_string();
    assert!(own.contains("already"), "{own}");
}

/// Anything may come of these bytes but a panic.
fn try_all(bytes: &[u8], bin: Option<&[u8]>, options: &Options) -> bool {
    let Ok((_, draft)) = read_draft(bytes, bin, options) else { return false };
    let (range, channels, shuffle) = (ValueRange::Unit, ChannelOrder::Rgb, ShuffleOrder::ColourFirst);
    let net = draft.float_net(range, channels, shuffle);
    if let Some(Ok(scaled)) = draft.integers(range, channels, shuffle) {
        let _ = scaled.net(BTreeMap::new());
    }
    net.is_ok()
}

#[test]
fn damaged_files_give_an_error_or_a_net() {
    for (name, bin, format) in FIXTURES {
        let (bytes, bin) = (fixture(name), bin.map(fixture));
        let files = [Some(&bytes), bin.as_ref()];
        let (mut random, mut nets, mut errors) = (Random::new(7), 0, 0);
        let options = said(format);
        let mut count = |is_net: bool| if is_net { nets += 1 } else { errors += 1 };
        for (index, file) in files.into_iter().enumerate() {
            let Some(file) = file else { continue };
            let mut given = |damaged: &[u8]| match index {
                0 => count(try_all(damaged, bin.as_deref(), &options)),
                _ => count(try_all(&bytes, Some(damaged), &options)),
            };
            for cut in 0..200 {
                given(&file[..file.len() * cut / 200]);
            }
            for _ in 0..2_000 {
                let mut damaged = file.clone();
                let place = random.within(0..=i64::try_from(file.len()).unwrap() - 1);
                damaged[usize::try_from(place).unwrap()] = random.byte();
                given(&damaged);
            }
        }
        assert!(nets > 100 && errors > 100, "{name}: {nets} nets, {errors} errors");
    }
}

#[test]
fn damaged_nets_that_can_be_read_are_run_without_panic() {
    let mut random = Random::new(9);
    for (name, bin, format) in FIXTURES {
        let (bytes, bin) = (fixture(name), bin.map(fixture));
        for _ in 0..10 {
            let mut damaged = bytes.clone();
            let place = random.within(0..=i64::try_from(bytes.len()).unwrap() - 1);
            damaged[usize::try_from(place).unwrap()] = random.byte();
            let _ = read(&damaged, bin.as_deref(), &said(format));
        }
    }
}
