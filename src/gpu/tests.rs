//! Every stage against its twin, on every adapter of this machine; the shaders in every language that drivers take.

use std::collections::HashSet;

use super::conversion::{self, Way};
use super::shader::Variant;
use super::test::{spirv_val, test_adapters, validate};
use super::*;
use crate::net::random::random_net;
use crate::net::{Layer, Net};
use crate::upscaler::{Target, TileSize, Upscaler};
use crate::{Error, Image, selftest};

fn engine(adapter: &Adapter, net: &Net) -> Engine {
    Engine::new(Context::open(&adapter.adapter).unwrap(), net).unwrap()
}

/// Members of the family that differ in all that the shaders are composed from.
fn family() -> Vec<Net> {
    let members: [(usize, &[usize]); 6] = [
        (3, &[28, 28, 27]),
        (2, &[16, 16]),
        (4, &[48, 48]),
        // Twelve layers; a single channel, and channels that fill no word and no group.
        (3, &[5, 1, 7, 6, 9, 8, 12, 3, 4, 10, 11]),
        (2, &[64, 41]),
        (3, &[]),
    ];
    (1..).zip(members).map(|(seed, (scale, hidden))| random_net(seed, scale, hidden).unwrap()).collect()
}

#[test]
fn every_stage_equals_its_twin() {
    // Single pixels, and around the self-test's tile and the workgroups' sides.
    let sizes = [(1, 1), (2, 3), (16, 17), (17, 16), (18, 33), (67, 5)];
    for adapter in test_adapters() {
        for net in family() {
            let engine = engine(&adapter, &net);
            for (width, height) in sizes {
                selftest::on_picture(&net, &engine, width, height)
                    .unwrap_or_else(|error| panic!("x{} {:?} {width}x{height}: {error}", net.scale(), widths(&net)));
            }
        }
    }
}

fn widths(net: &Net) -> Vec<usize> {
    net.layers().iter().map(|layer| layer.out_channels).collect()
}

/// `net` with one parameter of one layer changed.
fn changed(net: &Net, index: usize, change: impl Fn(&mut Layer)) -> Net {
    let mut layers = net.layers().to_vec();
    change(&mut layers[index]);
    Net::new(net.scale(), layers, net.notes().clone()).unwrap()
}

#[test]
fn the_self_test_finds_one_wrong_parameter_in_any_stage() {
    let net = random_net(9, 2, &[6, 5]).unwrap();
    for adapter in test_adapters() {
        assert!(selftest::run(&net, &engine(&adapter, &net)).is_ok());
        for index in 0..net.layers().len() {
            // A weight in the middle of the window, since a corner's sees only zeros in a picture of one pixel.
            let wrong_weight = changed(&net, index, |layer| layer.weights[4] ^= 3);
            let wrong_shift = changed(&net, index, |layer| layer.mul[1] -= layer.mul[1] / 8);
            for wrong in [wrong_weight, wrong_shift] {
                let error = selftest::run(&net, &engine(&adapter, &wrong)).unwrap_err();
                let Error::SelfTest { stage, .. } = &error else { panic!("{error}") };
                let expected = if index == 2 { "reconstruct".to_owned() } else { format!("layer {index}") };
                assert!(stage.contains(&expected), "{stage}: {error}");
            }
        }
    }
}

#[test]
fn a_lost_device_is_an_error() {
    let net = random_net(3, 2, &[8]).unwrap();
    let image = Image::from_rgb8(3, 2, vec![7; 18]).unwrap();
    for adapter in test_adapters() {
        let context = Context::open(&adapter.adapter).unwrap();
        let device = context.device.clone();
        let engine = Engine::new(context, &net).unwrap();
        device.destroy();
        let tiling = engine.tiling(&net, TileSize::Whole, 3, 2, 8).unwrap();
        let rgb = crate::image::Rgb { width: 3, height: 2, samples: &[7_u8; 18] };
        let done = |_| std::ops::ControlFlow::Continue(());
        let error = engine.upscale(&net, rgb, &tiling, &done, &mut Default::default()).unwrap_err();
        assert!(matches!(error, Error::DeviceLost { .. } | Error::Gpu(_)), "{error}");
    }
    // The CPU is still there.
    assert!(Upscaler::new(net, Target::Cpu).unwrap().upscale(&image).is_ok());
}

#[test]
fn a_device_of_the_callers_with_small_buffers_gives_the_same_bytes() {
    let net = random_net(4, 3, &[28]).unwrap();
    let samples: Vec<u8> = (0..600 * 500 * 3_u32).map(|i| (i.wrapping_mul(i) / 7).to_le_bytes()[0]).collect();
    let image = Image::from_rgb8(600, 500, samples).unwrap();
    let expected = Upscaler::new(net.clone(), Target::Cpu).unwrap().upscale(&image).unwrap();
    for adapter in test_adapters() {
        let limits = wgpu::Limits {
            max_storage_buffer_binding_size: 1 << 20,
            max_buffer_size: 1 << 20,
            ..wgpu::Limits::downlevel_defaults()
        };
        let descriptor = wgpu::DeviceDescriptor { required_limits: limits, ..Default::default() };
        let (device, queue) = pollster::block_on(adapter.adapter.request_device(&descriptor)).unwrap();
        let upscaler = Upscaler::new(net.clone(), Target::Device(device, queue)).unwrap();
        assert!(upscaler.upscale(&image).unwrap() == expected);
        let error = upscaler.with_tile(TileSize::Whole).upscale(&image).unwrap_err();
        assert!(matches!(error, Error::TileSize { side: 600, largest: 1..600 }), "{error}");
    }
}

#[test]
fn threads_share_an_upscaler() {
    let net = random_net(5, 2, &[8, 8]).unwrap();
    let reference = Upscaler::new(net.clone(), Target::Cpu).unwrap();
    for adapter in test_adapters() {
        let upscaler =
            Upscaler::new(net.clone(), Target::Adapter(adapter.adapter)).unwrap().with_tile(TileSize::Side(20));
        std::thread::scope(|scope| {
            for side in [30_u32, 47, 30] {
                let (upscaler, reference) = (&upscaler, &reference);
                scope.spawn(move || {
                    let samples = (0..side * side * 3).map(|i| (i * side).to_le_bytes()[0]).collect();
                    let image = Image::from_rgb8(side, side, samples).unwrap();
                    assert!(upscaler.upscale(&image).unwrap() == reference.upscale(&image).unwrap());
                });
            }
        });
    }
}

/// Every shader that some net of the family runs; the first has the shapes of ABPN.
fn all_variants() -> HashSet<Variant> {
    family().iter().flat_map(|net| [8, 16].into_iter().flat_map(|bits| Variant::of_net(net, bits))).collect()
}

#[test]
fn every_shader_is_valid_in_every_language() {
    for variant in all_variants() {
        validate(&variant.label(), &variant.wgsl().unwrap());
    }
    for bits in [8, 16] {
        for way in [Way::Pack, Way::Unpack { scale: 3 }] {
            validate(&conversion::label(way, bits), &conversion::wgsl(way, bits));
        }
    }
}

#[test]
fn spirv_val_finds_a_broken_module() {
    let folder = tempfile::tempdir().unwrap();
    assert!(spirv_val(&folder.path().join("broken.spv"), &[0x0723_0203, 0x0001_0300, 0, 1, 0, 0]).is_err());
}
