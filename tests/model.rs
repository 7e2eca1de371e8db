//! `abpn model`: what it says of weight files, and the nets that it makes.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use abpn::net::quantize::{FloatNet, quantize};
use abpn::net::{ABPN_X3, BUILT_IN};
use abpn::{Layout, Net};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::pictures::{gradient, noise};
use crate::program::{Ended, Folder, ended};

/// A folder with float weights, and a folder of pictures in it.
struct Weights(Folder);

impl Weights {
    fn new() -> Self {
        let folder = Folder::empty();
        folder.write("float.safetensors", &float_file(1.0));
        folder.image("pictures/a.png", &gradient(100, 30));
        folder.image("pictures/b.png", &noise(20, 40, Layout::Grey, 16));
        Self(folder)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path(name)
    }

    fn model(&self, arguments: &str) -> Ended {
        ended(&mut self.0.bare_command(&format!("model {arguments}")))
    }

    /// Runs it, and requires that it succeeds.
    fn accept(&self, arguments: &str) -> String {
        let ended = self.model(arguments);
        assert_eq!(ended.code, Some(0), "{arguments}: {}", ended.stderr);
        ended.text().to_owned()
    }

    /// Runs it, and requires that it fails with `code`, says `words`, and leaves the files as they were.
    fn refuse(&self, arguments: &str, code: i32, words: &[&str]) {
        let before = self.0.files();
        let ended = self.model(arguments);
        assert_eq!(ended.code, Some(code), "{arguments}: {}", ended.stderr);
        for word in words {
            assert!(ended.stderr.contains(word), "{arguments}: {word:?} in {:?}", ended.stderr);
        }
        assert_eq!(self.0.files(), before, "{arguments}");
    }
}

/// Float weights of an x2 net with one hidden layer of 4 channels; `weight` is one of them, the others are fixed.
fn float_file(weight: f32) -> Vec<u8> {
    let values = |count: usize| (0..count).map(|i| ((i * 37 % 101) as f32 - 50.0) / 500.0);
    let bytes = |values: &mut dyn Iterator<Item = f32>| values.flat_map(f32::to_le_bytes).collect::<Vec<_>>();
    let tensors = [
        ("conv.0.weight", vec![4, 3, 3, 3], bytes(&mut [weight].into_iter().chain(values(4 * 27 - 1)))),
        ("conv.0.bias", vec![4], bytes(&mut values(4))),
        ("conv.1.weight", vec![12, 4, 3, 3], bytes(&mut values(12 * 36))),
        ("conv.1.bias", vec![12], bytes(&mut values(12))),
    ];
    let views =
        tensors.iter().map(|(name, shape, bytes)| (*name, TensorView::new(Dtype::F32, shape.clone(), bytes).unwrap()));
    let metadata = [("format", "abpn-float"), ("layout", "OIHW"), ("range", "0..255"), ("scale", "2")];
    let metadata: HashMap<_, _> = metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    safetensors::serialize(views, Some(metadata)).unwrap()
}

#[test]
fn info_tells_everything_of_the_built_in_net() {
    let folder = Weights::new();
    let text = folder.accept("info");
    let net = Net::read(ABPN_X3).unwrap();
    let sha256: String = Sha256::digest(ABPN_X3).iter().map(|byte| format!("{byte:02x}")).collect();
    for said in [
        "abpn, version 1",
        "abpn-int8",
        "scale       3",
        "42539",
        "42345 multiply-accumulates",
        "halo        7 input pixels",
        "border      mirror",
        "MIT OR Apache-2.0",
        net.notes()["provenance"].as_str(),
        sha256.as_str(),
        "| 6     | 27 |  27 |       6588 |  6561 |",
        "worst accumulator | exact in f32",
    ] {
        assert!(text.contains(said), "{said:?} in {text}");
    }
    let json: Value = serde_json::from_str(&folder.accept("info --json")).unwrap();
    assert_eq!(json["scale"], 3);
    assert_eq!(json["parameters"], 42_539);
    assert_eq!(json["sha256"], sha256);
    assert_eq!(json["bytes"], ABPN_X3.len());
    assert_eq!(json["notes"]["license"], "MIT OR Apache-2.0");
    assert_eq!(json["border"], "mirror");
    assert_eq!(json["layers"].as_array().unwrap().len(), 7);
    assert_eq!(json["layers"][0]["macs_per_input_pixel"], 756);
    assert_eq!(json["layers"][6]["worst_accumulator"], net.last().worst_accumulator());
    assert_eq!(json["layers"][6]["exact_in_f32"], true);
}

#[test]
fn every_built_in_net_says_its_licence() {
    for net in BUILT_IN {
        assert_eq!(net.net().unwrap().notes()["license"], "MIT OR Apache-2.0");
    }
}

#[test]
fn the_readme_has_the_checksum_of_each_shipped_file() {
    let weights = Path::new(env!("CARGO_MANIFEST_DIR")).join("weights");
    let readme = fs::read_to_string(weights.join("README.md")).unwrap();
    let files = fs::read_dir(weights).unwrap().map(|entry| entry.unwrap().path());
    for file in files.filter(|file| file.extension().is_some_and(|extension| extension == "safetensors")) {
        let sha256: String =
            Sha256::digest(fs::read(&file).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
        let name = file.file_name().unwrap().to_str().unwrap();
        let line = readme.lines().find(|line| line.contains(&format!("`{name}`")));
        assert!(line.is_some_and(|line| line.contains(&sha256)), "{name}: {sha256}");
    }
}

#[test]
fn info_of_a_file_shows_no_control_characters() {
    let folder = Weights::new();
    let net = Net::read(ABPN_X3).unwrap();
    let notes = [("provenance".to_owned(), "\u{1b}[2Jgone".to_owned())].into();
    fs::write(folder.path("a"), Net::new(3, net.layers().to_vec(), notes).unwrap().write()).unwrap();
    let text = folder.accept("info a");
    assert!(text.contains("[2Jgone") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn bad_weight_files_are_named() {
    let folder = Weights::new();
    folder.refuse("info none.safetensors", 6, &["none.safetensors"]);
    folder.refuse("info pictures", 6, &["pictures"]);
    folder.refuse("info pictures/a.png", 6, &["pictures/a.png", "weight file"]);
    folder.refuse("info float.safetensors", 6, &["float.safetensors", "abpn model quantize"]);
    fs::write(folder.path("cut"), &ABPN_X3[..ABPN_X3.len() - 1]).unwrap();
    folder.refuse("info cut", 6, &["cut"]);
    fs::write(folder.path("nan"), float_file(f32::NAN)).unwrap();
    folder.refuse("quantize nan --calibrate pictures -o out", 6, &["nan", "conv.0.weight", "NaN"]);
    fs::write(folder.path("int"), ABPN_X3).unwrap();
    folder.refuse("quantize int --calibrate pictures -o out", 6, &["int", "format is \"abpn\""]);
    fs::write(folder.path("huge"), float_file(f32::MAX)).unwrap();
    folder.refuse("quantize huge --calibrate pictures -o out", 6, &["huge", "conv.0.weight"]);
}

#[test]
fn quantize_makes_the_same_net_each_time() {
    let folder = Weights::new();
    let arguments = "quantize float.safetensors --calibrate pictures --provenance here --license MIT --crops 3 -o";
    let said = folder.accept(&format!("{arguments} a"));
    assert!(said.contains("codes 0 to 255") && said.contains("3 crops"), "{said}");
    folder.accept(&format!("{arguments} b"));
    let bytes = fs::read(folder.path("a")).unwrap();
    assert_eq!(bytes, fs::read(folder.path("b")).unwrap());
    let net = Net::read(&bytes).unwrap();
    assert_eq!((net.scale(), net.hidden().len(), net.hidden()[0].out_channels), (2, 1, 4));
    let notes: Vec<_> = net.notes().iter().map(|(key, note)| (key.as_str(), note.as_str())).collect();
    assert_eq!(notes, [("license", "MIT"), ("provenance", "here")]);
    assert_eq!(folder.0.files(), ["a", "b", "float.safetensors", "pictures/a.png", "pictures/b.png"]);
    // Another float net is another integer net.
    fs::write(folder.path("float.safetensors"), float_file(0.5)).unwrap();
    folder.accept(&format!("{arguments} c"));
    assert_ne!(bytes, fs::read(folder.path("c")).unwrap());
}

#[test]
fn quantize_keeps_what_is_there_unless_told_otherwise() {
    let folder = Weights::new();
    fs::write(folder.path("out"), "old").unwrap();
    folder.refuse("quantize float.safetensors --calibrate pictures -o out", 1, &["out", "--overwrite"]);
    assert_eq!(fs::read(folder.path("out")).unwrap(), b"old");
    folder.accept("quantize float.safetensors --calibrate pictures -o out --overwrite");
    Net::read(&fs::read(folder.path("out")).unwrap()).unwrap();
    folder.refuse("quantize float.safetensors --calibrate pictures -o none/out", 1, &["none"]);
}

#[test]
fn quantize_names_pictures_that_it_can_not_use() {
    let folder = Weights::new();
    folder.refuse("quantize float.safetensors --calibrate none -o out", 1, &["none"]);
    fs::create_dir(folder.path("empty")).unwrap();
    folder.refuse("quantize float.safetensors --calibrate empty -o out", 1, &["empty", "no picture"]);
    fs::write(folder.path("pictures/b.png"), "no picture").unwrap();
    folder.refuse("quantize float.safetensors --calibrate pictures -o out", 1, &["b.png"]);
    folder.refuse("quantize float.safetensors --calibrate pictures --crops 0 -o out", 2, &["--crops"]);
}

#[test]
fn quantize_takes_ranges_in_place_of_pictures() {
    let folder = Weights::new();
    fs::write(folder.path("ranges.json"), r#"{"ranges": [301.5]}"#).unwrap();
    let said = folder.accept("quantize float.safetensors --ranges ranges.json -o out");
    assert_eq!(said, "codes 0 to 255 of each hidden layer: 0.0..301.5\n");
    let float = FloatNet::read(&fs::read(folder.path("float.safetensors")).unwrap()).unwrap();
    let net = Net::read(&fs::read(folder.path("out")).unwrap()).unwrap();
    assert_eq!(net, quantize(&float, &[301.5], BTreeMap::new()).unwrap());
    // Another range is another net.
    assert_ne!(net, quantize(&float, &[300.0], BTreeMap::new()).unwrap());
}

#[test]
fn quantize_refuses_ranges_that_do_not_fit() {
    let folder = Weights::new();
    for (text, reason) in [
        ("", "ranges"),
        ("[1.5]", "ranges"),
        ("{}", "ranges"),
        (r#"{"ranges": ["1.5"]}"#, "ranges"),
        (r#"{"ranges": [1.5], "scale": 3}"#, "scale"),
        (r#"{"ranges": [1.5, 2.5]}"#, "2 ranges"),
        (r#"{"ranges": [0.0]}"#, "positive"),
        (r#"{"ranges": [1e999]}"#, "ranges"),
    ] {
        fs::write(folder.path("ranges.json"), text).unwrap();
        folder.refuse("quantize float.safetensors --ranges ranges.json -o out", 6, &[reason]);
    }
    folder.refuse("quantize float.safetensors --ranges none.json -o out", 6, &["none.json"]);
    // Exactly one of the two.
    folder.refuse("quantize float.safetensors -o out", 2, &["--calibrate", "--ranges"]);
    let both = "quantize float.safetensors --calibrate pictures --ranges ranges.json -o out";
    folder.refuse(both, 2, &["--calibrate", "--ranges"]);
    folder.refuse("quantize float.safetensors --ranges ranges.json --crops 3 -o out", 2, &["--crops"]);
}

/// A folder with the nets of `tests/data/nets`.
fn nets_of_others() -> Weights {
    let folder = Weights::new();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/nets");
    for name in ["net.param", "net.bin", "net.pth", "int8.tflite", "input.png"] {
        fs::copy(data.join(name), folder.path(name)).unwrap();
    }
    folder
}

#[test]
fn a_net_of_others_is_imported_with_its_origin() {
    let folder = nets_of_others();
    let said = folder.accept("import net.param --range 0..1 --license BSD-3-Clause -o out");
    for words in ["net.param: ncnn, x2, 3 layers", "pixels are 0..1 (as given)", "pytorch", "rgb", "9 crops", "PSNR"] {
        assert!(said.contains(words), "{words}: {said}");
    }
    let net = Net::read(&fs::read(folder.path("out")).unwrap()).unwrap();
    assert_eq!((net.scale(), net.layers().len()), (2, 3));
    assert_eq!(net.notes()["provenance"], "imported from net.param, ncnn");
    assert_eq!(net.notes()["license"], "BSD-3-Clause");
    for (note, file) in [("source-sha256", "net.param"), ("source-weights-sha256", "net.bin")] {
        let sha256: String =
            Sha256::digest(fs::read(folder.path(file)).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(net.notes()[note], sha256);
    }
    // Other pictures, other integers.
    folder.accept("import net.param --range 0..1 --calibrate pictures --crops 2 -o other");
    assert_ne!(net.layers(), Net::read(&fs::read(folder.path("other")).unwrap()).unwrap().layers());
    // And the net runs.
    let ended = ended(&mut folder.0.bare_command("upscale input.png --model out --device cpu -o large.png"));
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[test]
fn a_net_can_be_kept_in_real_numbers_and_quantised_later() {
    let folder = nets_of_others();
    folder.accept("import net.pth --range 0..1 --float -o float");
    let float = FloatNet::read(&fs::read(folder.path("float")).unwrap()).unwrap();
    assert_eq!((float.scale(), float.hidden_layers()), (2, 2));
    assert_eq!(float.notes()["provenance"], "imported from net.pth, PyTorch");
    folder.accept("quantize float --calibrate pictures --crops 2 -o late");
    folder.accept("import net.pth --range 0..1 --calibrate pictures --crops 2 -o at-once");
    let [late, at_once] = ["late", "at-once"].map(|name| Net::read(&fs::read(folder.path(name)).unwrap()).unwrap());
    assert_eq!(late.layers(), at_once.layers());
}

#[test]
fn integers_of_others_are_kept_unless_new_ones_are_asked_for() {
    let folder = nets_of_others();
    let said = folder.accept("import int8.tflite -o kept");
    assert!(said.contains("its integers are kept") && !said.contains("crops"), "{said}");
    let said = folder.accept("import int8.tflite --requantise -o new");
    assert!(said.contains("9 crops"), "{said}");
    let [kept, new] = ["kept", "new"].map(|name| Net::read(&fs::read(folder.path(name)).unwrap()).unwrap());
    assert_ne!(kept.layers(), new.layers());
}

#[test]
fn import_asks_for_what_it_can_not_know() {
    let folder = nets_of_others();
    folder.refuse("import net.pth -o out", 6, &["net.pth", "--range 0..1 or --range 0..255"]);
    folder.refuse("import net.pth --range 0..2 -o out", 2, &["0..255"]);
    folder.refuse("import net.bin -o out", 6, &["net.bin", ".param"]);
    folder.refuse("import none.pth -o out", 6, &["none.pth"]);
    folder.refuse("import input.png -o out", 6, &["input.png", "ONNX"]);
    folder.refuse("import net.param --bin none.bin -o out", 6, &["none.bin"]);
    folder.refuse("import net.pth --float --calibrate pictures -o out", 2, &["--calibrate"]);
    folder.refuse("import net.pth --range 0..1 --float -o net.bin", 1, &["net.bin", "--overwrite"]);
}
