//! Time to decode files of 12 megapixels, a mosaic of a photo: `cargo bench --bench decode`.
//!
//! `cjpeg` makes the JPEGs of quality 90, `ffmpeg` the lossy WebP, and abpn the others. docs/files.md has results.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::Command;

use abpn::codec::{DEFAULT_MAX_PIXELS, DEFAULT_QUALITY, Format, Picture, decode, encode};
use abpn::{Image, Samples};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

/// Sides of the mosaic in pixels.
const SIDES: (usize, usize) = (4000, 3000);

/// Copies of the photo beside and below each other.
fn mosaic() -> Picture {
    let photo = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/kodim23.png");
    let (picture, _) = abpn::codec::read(&photo, DEFAULT_MAX_PIXELS).expect("the example photo is there");
    let Samples::U8(samples) = picture.image.samples() else { panic!("it has 8 bits") };
    let (width, height) = (picture.image.width() as usize, picture.image.height() as usize);
    let pixels = (0..SIDES.1).flat_map(|y| (0..SIDES.0).map(move |x| (y % height * width + x % width) * 3));
    let pixels = pixels.flat_map(|at| [samples[at], samples[at + 1], samples[at + 2]]).collect();
    let image = Image::from_rgb8(4000, 3000, pixels).expect("it has as many pixels");
    Picture { image, ..picture }
}

fn file(picture: &Picture, format: Format) -> Vec<u8> {
    let mut file = Cursor::new(Vec::new());
    encode(picture, format, DEFAULT_QUALITY, &mut file).expect("the format holds it");
    file.into_inner()
}

/// What a program makes of the mosaic.
fn made(program: &str, arguments: &[&str]) {
    let status = Command::new(program).args(arguments).status().unwrap_or_else(|cause| panic!("{program}: {cause}"));
    assert!(status.success(), "{program}");
}

fn bench(criterion: &mut Criterion) {
    let picture = mosaic();
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let path = |name: &str| folder.path().join(name).to_str().expect("its name is text").to_owned();
    let (source, target) = (path("mosaic.ppm"), path("made"));
    fs::write(&source, file(&picture, Format::Pnm)).expect("it can be written");
    let jpeg = |options: &[&str]| {
        made("cjpeg", &[&["-quality", "90", "-outfile", &target], options, &[source.as_str()]].concat());
        fs::read(&target).expect("it was made")
    };
    let mut files = vec![
        ("JPEG 4:2:0", jpeg(&[])),
        ("JPEG 4:2:0, progressive", jpeg(&["-progressive"])),
        ("JPEG 4:4:4", jpeg(&["-sample", "1x1"])),
    ];
    made("ffmpeg", &["-v", "error", "-i", &source, "-quality", "90", "-f", "webp", "-y", &target]);
    files.push(("WebP, lossy", fs::read(&target).expect("it was made")));
    files.extend([("PNG", file(&picture, Format::Png)), ("WebP, lossless", file(&picture, Format::WebP))]);
    let mut group = criterion.benchmark_group("decode");
    group.sample_size(10).sampling_mode(SamplingMode::Flat);
    group.throughput(Throughput::Elements((SIDES.0 * SIDES.1) as u64));
    for (name, file) in files {
        group.bench_function(name, |bencher| {
            bencher.iter(|| decode(&file, DEFAULT_MAX_PIXELS).expect("it is whole"));
        });
    }
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
