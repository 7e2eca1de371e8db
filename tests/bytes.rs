//! The promise: the same bytes from every adapter and from the CPU, however a photo is cut.

use std::path::Path;

use abpn::codec::{DEFAULT_MAX_PIXELS, read};
use abpn::net::ABPN_X3;
use abpn::{Image, Layout, Net, Samples, Target, TileSize, Upscaler};
use sha2::{Digest, Sha256};

use crate::machine::adapters;
use crate::pictures::noise;

const TILES: [TileSize; 4] = [TileSize::Side(32), TileSize::Side(100), TileSize::Side(256), TileSize::Whole];

/// A photo that ships with the tests, 256x170.
fn photo() -> Image {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/kodim23_x3.png");
    read(&path, DEFAULT_MAX_PIXELS).unwrap().0.image
}

/// The photo with 16 bits: each 8-bit level plus some of what lies between two levels.
fn photo16() -> Image {
    let photo = photo();
    let Samples::U8(samples) = photo.samples() else { panic!("the photo has 8 bits") };
    let between = |(i, &sample): (usize, &u8)| u16::from(sample) * 256 + u16::try_from(i * 37 % 256).unwrap();
    let samples = Samples::U16(samples.iter().enumerate().map(between).collect());
    Image::new(photo.width(), photo.height(), Layout::Rgb, samples).unwrap()
}

fn sha256(image: &Image) -> String {
    let bytes: Vec<u8> = match image.samples() {
        Samples::U8(samples) => samples.clone(),
        Samples::U16(samples) => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
    };
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn upscaler(target: Target, tile: TileSize) -> Upscaler {
    Upscaler::new(Net::read(ABPN_X3).unwrap(), target).unwrap().with_tile(tile)
}

#[test]
fn a_photo_has_one_sha256_whatever_computes_it_and_however_it_is_cut() {
    for photo in [photo(), photo16()] {
        let expected = sha256(&upscaler(Target::Cpu, TileSize::Whole).upscale(&photo).unwrap());
        for tile in TILES {
            assert_eq!(sha256(&upscaler(Target::Cpu, tile).upscale(&photo).unwrap()), expected, "CPU, {tile:?}");
        }
        for adapter in adapters() {
            for tile in TILES {
                let actual = upscaler(Target::Adapter(adapter.adapter.clone()), tile).upscale(&photo).unwrap();
                assert_eq!(sha256(&actual), expected, "{}, {tile:?}", adapter.label());
            }
        }
    }
}

#[test]
fn one_changed_pixel_changes_the_sha256() {
    let photo = photo();
    let Samples::U8(mut samples) = photo.samples().clone() else { panic!("the photo has 8 bits") };
    samples[1234] ^= 1;
    let changed = Image::new(photo.width(), photo.height(), Layout::Rgb, Samples::U8(samples)).unwrap();
    assert_ne!(sha256(&photo), sha256(&changed));
}

#[test]
fn every_layout_and_depth_has_the_same_bytes_on_every_adapter() {
    for adapter in adapters() {
        let gpu = upscaler(Target::Adapter(adapter.adapter.clone()), TileSize::Side(16));
        let cpu = upscaler(Target::Cpu, TileSize::Auto);
        for layout in [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba] {
            for bits in [8, 16] {
                let image = noise(21, 34, layout, bits);
                assert!(
                    gpu.upscale(&image).unwrap() == cpu.upscale(&image).unwrap(),
                    "{layout:?} {bits} {}",
                    adapter.label()
                );
            }
        }
    }
}
