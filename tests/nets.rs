//! The built-in nets, and which of them a picture gets.

use abpn::codec::{self, Format};
use abpn::eval::{jpeg, to_rgb8};
use abpn::net::{BUILT_IN, Degradation, built_in};
use abpn::origin::{Coding, choose};
use abpn::{Image, Target, Upscaler};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::pictures::{bare, encoded};
use crate::program::{Ended, Folder, ended};

/// A photo of 256x170 pixels that was never compressed.
fn photo() -> Image {
    codec::decode(include_bytes!("data/kodim23_x3.png"), 1 << 20).unwrap().0.image
}

/// What is left of it after JPEG.
fn compressed(quality: u8) -> Image {
    let (picture, _) = codec::decode(&jpeg(&photo(), quality).unwrap(), 1 << 20).unwrap();
    to_rgb8(&picture.image).unwrap()
}

/// The built-in x3 net for this degradation.
fn upscaled(image: &Image, degradation: Degradation) -> Image {
    let net = built_in(3, degradation).unwrap().net().unwrap();
    Upscaler::new(net, Target::Cpu).unwrap().upscale(image).unwrap()
}

fn run(folder: &Folder, arguments: &str) -> Ended {
    ended(&mut folder.bare_command(arguments))
}

fn lines(ended: &Ended) -> Vec<Value> {
    serde_json::Deserializer::from_slice(&ended.stdout).into_iter().map(Result::unwrap).collect()
}

#[test]
fn nets_lists_every_built_in_net() {
    let folder = Folder::new();
    let listed: Value = serde_json::from_slice(&run(&folder, "nets --json").stdout).unwrap();
    let listed = listed.as_array().unwrap();
    assert_eq!(listed.len(), BUILT_IN.len());
    let table = String::from_utf8(run(&folder, "nets").stdout).unwrap();
    for (net, row) in BUILT_IN.iter().zip(listed) {
        let sha256: String = Sha256::digest(net.file).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!((&row["name"], &row["scale"]), (&net.degradation.name().into(), &net.scale.into()));
        assert_eq!((&row["sha256"], &row["bytes"]), (&sha256.as_str().into(), &net.file.len().into()));
        assert!(table.contains(&sha256), "{table}");
    }
}

#[test]
fn each_picture_of_a_folder_gets_the_net_that_fits_it() {
    let folder = Folder::new();
    folder.write("in/a_strong.jpg", &jpeg(&photo(), 30).unwrap());
    folder.image("in/b_clean.png", &photo());
    folder.write("in/c_light.jpg", &jpeg(&photo(), 85).unwrap());
    folder.image("in/d_strong.png", &compressed(30));
    folder.write("in/e_clean.jpg", &jpeg(&photo(), 99).unwrap());
    let output = run(&folder, "upscale in -o out -f png -d cpu --json");
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let mut told = lines(&output);
    told.sort_by_key(|line| line["input"].as_str().unwrap().to_owned());
    let reasons = [
        "JPEG, quality about 30",
        "no sign of compression",
        "JPEG, quality about 85",
        "were a JPEG of quality about 30",
        "JPEG, quality about 99",
    ];
    let expected =
        [Degradation::Strong, Degradation::Clean, Degradation::Light, Degradation::Strong, Degradation::Clean];
    for ((line, reason), degradation) in told.iter().zip(reasons).zip(expected) {
        let net = built_in(3, degradation).unwrap().degradation.name();
        assert_eq!(line["net"], net, "{line}");
        assert!(line["net_reason"].as_str().unwrap().contains(reason), "{line}");
        let name = line["input"].as_str().unwrap().trim_start_matches("in/");
        let image = folder.read(line["input"].as_str().unwrap()).image;
        let output = folder.read(&format!("out/{}", name.replace(".jpg", ".png"))).image;
        assert!(output == upscaled(&image, degradation), "{name}");
    }
}

#[test]
fn a_net_can_be_named() {
    let folder = Folder::new();
    folder.write("a.jpg", &jpeg(&photo(), 30).unwrap());
    let image = folder.read("a.jpg").image;
    for degradation in Degradation::ALL {
        let output = run(&folder, &format!("upscale a.jpg -o {degradation}.png -d cpu --json --net {degradation}"));
        assert_eq!(output.code, Some(0), "{}", output.stderr);
        assert_eq!(lines(&output)[0]["net_reason"], "given by --net");
        assert!(folder.read(&format!("{degradation}.png")).image == upscaled(&image, degradation), "{degradation}");
    }
    let output = run(&folder, "upscale a.jpg -o b.png -d cpu -v");
    assert!(output.stderr.contains("(JPEG, quality about 30)"), "{}", output.stderr);
    for refused in ["--net none", "--net Clean", "--net clean --model net.safetensors"] {
        assert_eq!(run(&folder, &format!("upscale a.jpg -o c.png -d cpu {refused}")).code, Some(2), "{refused}");
    }
    for command in ["bench --frames 1 --size 8x8 -d cpu", "eval --hr a.jpg -d cpu"] {
        assert_eq!(run(&folder, &format!("{command} --net strong")).code, Some(0), "{command}");
    }
}

#[test]
fn lossy_webp_says_how_much_it_lost() {
    // Of the photo, 64x48 pixels, by libwebp with its qualities 20, 75 and 100, and without loss.
    let files: [(&[u8], _); 4] = [
        (include_bytes!("data/quality20.webp"), Some(30..=38)),
        (include_bytes!("data/quality75.webp"), Some(80..=88)),
        (include_bytes!("data/quality100.webp"), Some(95..=99)),
        (include_bytes!("data/lossless.webp"), None),
    ];
    for (file, expected) in &files {
        let quality = match Coding::of_file(file) {
            Coding::WebP { quality } => Some(quality),
            _ => None,
        };
        assert_eq!(quality.is_some(), expected.is_some());
        assert!(
            quality.is_none_or(|quality| expected.as_ref().unwrap().contains(&quality)),
            "{quality:?} {expected:?}"
        );
    }
    assert_eq!(choose(Coding::of_file(files[0].0), None).degradation, Degradation::Strong);
}

#[test]
fn formats_without_loss_say_nothing() {
    for format in [Format::Png, Format::WebP, Format::Tiff, Format::Qoi, Format::Pnm] {
        let file = encoded(&bare(compressed(30)), format);
        assert_eq!(Coding::of_file(&file), Coding::Unstated, "{format}");
    }
}
