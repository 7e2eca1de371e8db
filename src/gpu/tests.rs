//! Every stage against its twin, on every adapter of this machine; the shaders in every language that drivers take.

use std::collections::HashSet;
use std::sync::Arc;

use super::conversion::{self, Way};
use super::emulation::Emulation;
use super::kernels::{Abilities, Words};
use super::task::Task;
use super::test::{HOW_TO_INSTALL, spirv_val, test_adapters, validate_and_prove, validate_with_matrices};
use super::variant::Variant;
use super::*;
use crate::frame::{PixelFormat, Rgb};
use crate::net::random::{random_mixed_net, random_net, random_prelu_net};
use crate::net::{Border, Layer, Net, Prelu};
use crate::selftest::upscaled;
use crate::{Error, Image, Target, TileSize, Upscaler, selftest};

fn engine(adapter: &Adapter, net: &Net) -> Engine {
    on_context(&Arc::new(Context::open(&adapter.adapter, DeviceOptions::default()).unwrap()), net, None).unwrap()
}

/// An engine with these kernels, tested only if it must be.
fn on_context(context: &Arc<Context>, net: &Net, kernels: Option<Kernels>) -> crate::Result<Engine> {
    Untested::new(Arc::clone(context), Arc::new(net.clone()), kernels)?.trusted()
}

/// An engine whose layers `kernel` computes wherever that is possible.
fn with_kernel(context: &Arc<Context>, net: &Net, kernel: Kernel) -> Engine {
    let engine = on_context(context, net, Some(Kernels::only(kernel))).unwrap();
    let chosen: Vec<_> = engine.kernels().into_iter().map(|(_, chosen)| chosen).collect();
    assert_eq!(chosen, wherever_possible(net, kernel), "{kernel}");
    engine
}

/// `kernel` for each layer, but for the last one where a thread makes one word: finished pixels need all of them.
fn wherever_possible(net: &Net, kernel: Kernel) -> Vec<Kernel> {
    let is_possible = |task: &Task| kernel.words == Words::Group || task.end.is_features();
    Task::of_net(net, 8).iter().map(|task| if is_possible(task) { kernel } else { Kernel::DOT4 }).collect()
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
    let nets = (1..).zip(members).map(|(seed, (scale, hidden))| random_net(seed, scale, hidden).unwrap());
    let mirrored = random_net(7, 3, &[6, 5]).unwrap().with_border(Border::Mirror);
    let with_prelu = [
        random_prelu_net(8, 1, &[7, 16, 5]),
        random_prelu_net(9, 4, &[36]),
        random_mixed_net(10, 2, &[6, 9, 5, 8]),
        random_prelu_net(11, 3, &[4, 8]).map(|net| net.with_border(Border::Mirror)),
    ];
    nets.chain([mirrored]).chain(with_prelu.map(Result::unwrap)).collect()
}

#[test]
fn every_stage_equals_its_twin() {
    // Single pixels, and around the self-test's tile and the workgroups' sides.
    let sizes = [(1, 1), (2, 3), (16, 17), (17, 16), (18, 33), (67, 5)];
    for adapter in test_adapters() {
        for net in family() {
            let engine = engine(&adapter, &net);
            for (width, height) in sizes {
                selftest::on_picture(&net, &engine, (width, height), selftest::TILE)
                    .unwrap_or_else(|error| panic!("x{} {:?} {width}x{height}: {error}", net.scale(), widths(&net)));
            }
            selftest::on_picture(&net, &engine, selftest::WORKGROUPS, TileSize::Whole)
                .unwrap_or_else(|error| panic!("x{} {:?}: {error}", net.scale(), widths(&net)));
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
fn every_kernel_equals_the_reference() {
    for adapter in test_adapters() {
        let context = Arc::new(Context::open(&adapter.adapter, DeviceOptions::default()).unwrap());
        // GL's software driver compiles wide layers for a minute.
        let hidden: &[usize] = if adapter.info.backend == wgpu::Backend::Gl { &[12, 8] } else { &[28, 28, 27] };
        let nets = [random_net(11, 3, hidden).unwrap(), random_prelu_net(11, 1, &[12, 8]).unwrap()];
        // Where there are no matrices, the next test emulates them.
        let has = |kernel: &&Kernel| !is_matrix(kernel) || !context.abilities.matrix_sides.is_empty();
        for (&kernel, net) in
            Kernel::ALL.iter().filter(has).flat_map(|kernel| nets.iter().map(move |net| (kernel, net)))
        {
            let engine = with_kernel(&context, net, kernel);
            selftest::run(net, &engine).unwrap_or_else(|error| panic!("{kernel}: {error}"));
        }
    }
}

/// Cooperative matrices emulated, on all adapters that have f16.
fn matrix_contexts(emulation: Emulation) -> Vec<Context> {
    let with_f16 = |adapter: &Adapter| {
        let features = wgpu::Features::SHADER_F16;
        let descriptor = wgpu::DeviceDescriptor {
            required_features: features,
            required_limits: adapter.adapter.limits(),
            ..Default::default()
        };
        adapter.adapter.features().contains(features).then(|| {
            let (device, queue) = pollster::block_on(adapter.adapter.request_device(&descriptor)).unwrap();
            let mut context = Context::borrow(device, queue, DeviceOptions::default());
            context.emulation = Some(emulation);
            context.abilities.matrix_sides = vec![8, 16];
            context
        })
    };
    let contexts: Vec<_> = test_adapters().iter().filter_map(with_f16).collect();
    assert!(!contexts.is_empty(), "no adapter with f16: {HOW_TO_INSTALL}");
    contexts
}

fn is_matrix(kernel: &Kernel) -> bool {
    matches!(kernel.family(), Family::Matrix { .. })
}

fn matrix_kernels() -> impl Iterator<Item = Kernel> {
    Kernel::ALL.iter().copied().filter(is_matrix)
}

#[test]
fn every_kernel_with_matrices_equals_the_reference_with_emulated_ones() {
    for context in matrix_contexts(Emulation::Exact) {
        let context = Arc::new(context);
        // Channels of one matrix and of several, whole and not.
        let prelu = random_prelu_net(17, 1, &[10, 14]).unwrap();
        for net in [random_net(15, 2, &[20, 14]).unwrap(), random_net(16, 3, &[8]).unwrap(), prelu] {
            for kernel in matrix_kernels() {
                let engine = with_kernel(&context, &net, kernel);
                selftest::run(&net, &engine).unwrap_or_else(|error| panic!("{kernel}: {error}"));
            }
        }
        // Several to several: the tile of some kernels is larger than this adapter's workgroup memory.
        let net = random_net(17, 2, &[20, 18]).unwrap();
        let engines = matrix_kernels().map(|kernel| {
            let engine = on_context(&context, &net, Some(Kernels::only(kernel))).unwrap();
            selftest::run(&net, &engine).unwrap_or_else(|error| panic!("{kernel}: {error}"));
            engine
        });
        let whole = engines.filter(|engine| engine.kernels().iter().all(|(_, chosen)| is_matrix(chosen)));
        assert!(whole.count() > 0);
    }
}

#[test]
fn a_wrong_weight_of_a_matrix_is_found() {
    let net = random_net(9, 2, &[6, 5]).unwrap();
    for context in matrix_contexts(Emulation::Exact) {
        let context = Arc::new(context);
        for (index, kernel) in matrix_kernels().enumerate() {
            let wrong = changed(&net, index % net.layers().len(), |layer| layer.weights[4] ^= 3);
            let engine = on_context(&context, &wrong, Some(Kernels::only(kernel))).unwrap();
            let error = selftest::run(&net, &engine).unwrap_err();
            assert!(matches!(error, Error::SelfTest { .. }), "{error}");
        }
    }
}

#[test]
fn a_matrix_kernel_that_computes_wrong_bytes_can_not_be_selected() {
    let net = random_net(9, 2, &[6, 5]).unwrap();
    for context in matrix_contexts(Emulation::OffByOne) {
        let context = Arc::new(context);
        for kernel in matrix_kernels() {
            let error = on_context(&context, &net, Some(Kernels::only(kernel))).map(|_| ()).unwrap_err();
            assert!(matches!(error, Error::SelfTest { .. }), "{kernel}: {error}");
        }
        // Nor by the tuner, which goes on without them.
        let tuning = on_context(&context, &net, None).unwrap().tune().unwrap();
        let failed = tuning.trials.iter().filter(|trial| trial.layers_ns.is_err()).map(|trial| trial.kernel);
        assert_eq!(failed.collect::<Vec<_>>(), matrix_kernels().collect::<Vec<_>>());
        assert!(!tuning.kernels.layers().any(|(_, kernel)| is_matrix(&kernel)));
    }
}

#[test]
fn a_proof_counts_for_the_engine_that_gave_it_alone() {
    let net = random_net(9, 2, &[6, 5]).unwrap();
    let context = Arc::new(matrix_contexts(Emulation::Exact).swap_remove(0));
    let untested = |kernels| Untested::new(Arc::clone(&context), Arc::new(net.clone()), kernels).unwrap();
    let plain = untested(None).trusted().unwrap();
    let passed = selftest::run(&net, &plain).unwrap();
    assert!(passed.is_of(&plain) && untested(None).proven(&passed).is_ok());
    let matrix = Kernels::only(matrix_kernels().next().unwrap());
    assert!(untested(Some(matrix)).proven(&passed).is_err());
}

#[test]
fn two_nets_on_one_device_each_give_their_own_pictures() {
    // Of one shape: they have the same shaders.
    let nets = [1, 2].map(|seed| random_net(seed, 2, &[7, 8]).unwrap());
    let samples: Vec<u8> = (0..21 * 9 * 3_u32).map(|i| (i.wrapping_mul(i) / 3).to_le_bytes()[0]).collect();
    let rgb = Rgb { width: 21, height: 9, samples: &samples };
    let expected = nets.each_ref().map(|net| crate::reference::run(net, rgb));
    assert_ne!(expected[0], expected[1]);
    for adapter in test_adapters() {
        let context = Arc::new(Context::open(&adapter.adapter, DeviceOptions::default()).unwrap());
        let engines = nets.each_ref().map(|net| on_context(&context, net, None).unwrap());
        for _ in 0..2 {
            let actual = engines.each_ref().map(|engine| upscaled(engine, rgb, TileSize::Side(8)).unwrap());
            assert!(actual == expected);
        }
    }
}

#[test]
fn layers_may_have_different_kernels() {
    let net = random_net(12, 2, &[8, 36, 12]).unwrap();
    let labels = layer_labels(&net);
    for adapter in test_adapters() {
        for shift in 0..Kernel::ALL.len() {
            let mut kernels = Kernels::of_adapter(&adapter.info);
            for (index, label) in labels.iter().enumerate() {
                kernels.set(label.clone(), Kernel::ALL[(shift + 5 * index) % Kernel::ALL.len()]);
            }
            let engine = Untested::like(&engine(&adapter, &net), kernels).unwrap().tested().unwrap();
            selftest::on_picture(&net, &engine, (21, 9), selftest::TILE).unwrap();
        }
    }
}

#[test]
fn what_a_uniform_buffer_can_not_hold_is_computed_all_the_same() {
    let net = random_net(13, 3, &[28, 28]).unwrap();
    let uniform: Kernel = "dot4-2x1-uniform".parse().unwrap();
    let limits = wgpu::Limits { max_uniform_buffer_binding_size: 4096, ..wgpu::Limits::downlevel_defaults() };
    for adapter in test_adapters() {
        let descriptor = wgpu::DeviceDescriptor { required_limits: limits.clone(), ..Default::default() };
        let (device, queue) = pollster::block_on(adapter.adapter.request_device(&descriptor)).unwrap();
        let context = Arc::new(Context::borrow(device, queue, DeviceOptions::default()));
        let engine = on_context(&context, &net, Some(Kernels::only(uniform))).unwrap();
        let kernels: Vec<_> = engine.kernels().into_iter().map(|(_, kernel)| kernel).collect();
        assert_eq!(kernels, [uniform, Kernel::DOT4, Kernel::DOT4]);
        selftest::on_picture(&net, &engine, (21, 9), selftest::TILE).unwrap();
    }
}

#[test]
fn the_tuner_tries_every_kernel_on_every_layer() {
    let net = random_net(14, 2, &[8, 8]).unwrap();
    for adapter in test_adapters() {
        let tuning = engine(&adapter, &net).tune().unwrap();
        assert_eq!(tuning.layers.iter().map(|(_, count)| count).sum::<usize>(), net.layers().len());
        let tried = |family| tuning.trials.iter().any(|trial| trial.kernel.family() == family);
        assert!(adapter.families().into_iter().all(tried));
        for Trial { kernel, layers_ns } in &tuning.trials {
            let layers_ns = layers_ns.as_ref().unwrap_or_else(|error| panic!("{kernel}: {error}"));
            assert!(layers_ns.iter().flatten().all(|stats| stats.min > 0.0), "{kernel}");
        }
        let tuned = Untested::like(&engine(&adapter, &net), tuning.kernels.clone()).unwrap();
        let engine = tuned.trusted().unwrap();
        for (label, kernel) in engine.kernels() {
            assert!(tuning.kernels.layers().any(|chosen| chosen == (label.as_str(), kernel)), "{label}: {kernel}");
        }
        selftest::on_picture(&net, &engine, (21, 9), selftest::TILE).unwrap();
    }
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
fn the_self_test_finds_a_wrong_slope_or_zero_point_or_padding() {
    let net = random_prelu_net(9, 1, &[6, 5]).unwrap();
    let prelu_of = |layer: &mut Layer, change: &dyn Fn(&mut Prelu)| change(layer.prelu.as_mut().unwrap());
    for adapter in test_adapters() {
        assert!(selftest::run(&net, &engine(&adapter, &net)).is_ok());
        for index in 0..2 {
            let wrong_slope = changed(&net, index, |layer| {
                prelu_of(layer, &|prelu| prelu.mul_negative.iter_mut().for_each(|mul| *mul ^= 0x2000));
            });
            let wrong_zero = changed(&net, index, |layer| prelu_of(layer, &|prelu| prelu.zero_point ^= 1));
            for wrong in [wrong_slope, wrong_zero] {
                let error = selftest::run(&net, &engine(&adapter, &wrong)).unwrap_err();
                let Error::SelfTest { stage, .. } = &error else { panic!("{error}") };
                assert!(stage.contains(&format!("layer {index}")), "{stage}: {error}");
            }
        }
    }
}

#[test]
fn padding_that_a_kernel_leaves_out_is_found() {
    let geometry = packing::Geometry { width: 5, height: 3 };
    let plane = geometry.plane_words();
    let (words, padded_words, zero_point) = (3, 2, 77);
    let mut map = geometry.blank_features(words, padded_words);
    let is_intact = |map: &[u32]| geometry.unpack_features(map, 8, zero_point, padded_words).1;
    assert!(!is_intact(&map));
    for plane in map.chunks_exact_mut(plane).take(padded_words) {
        for row in plane.chunks_exact_mut(geometry.stride_words()) {
            row[..geometry.width + 2].fill(0x4d4d_4d4d ^ 0x8080_8080);
        }
    }
    assert!(is_intact(&map));
    // Any pixel of the padding, of the slack beyond it and of the plane that is not padded; not those inside.
    for at in 0..map.len() {
        let (x, y) = (at % plane % geometry.stride_words(), at % plane / geometry.stride_words());
        let is_inside = (1..=geometry.width).contains(&x) && (1..=geometry.height).contains(&y);
        map[at] ^= 1;
        assert_eq!(is_intact(&map), is_inside, "word {at}");
        map[at] ^= 1;
    }
}

#[test]
fn a_lost_device_is_an_error() {
    let net = random_net(3, 2, &[8]).unwrap();
    let image = Image::from_rgb8(3, 2, vec![7; 18]).unwrap();
    for adapter in test_adapters() {
        let context = Context::open(&adapter.adapter, DeviceOptions::default()).unwrap();
        let device = context.device.clone();
        let engine = on_context(&Arc::new(context), &net, None).unwrap();
        device.destroy();
        let rgb = Rgb { width: 3, height: 2, samples: &[7_u8; 18] };
        let error = upscaled(&engine, rgb, TileSize::Whole).unwrap_err();
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
    let limits = wgpu::Limits { max_compute_workgroup_storage_size: 48 << 10, ..wgpu::Limits::downlevel_defaults() };
    let abilities = Abilities { limits, matrix_sides: vec![8, 16] };
    let mut variants = HashSet::new();
    for (index, net) in family().into_iter().enumerate() {
        for &kernel in Kernel::ALL {
            for bits in [8, 16] {
                let of_net = Variant::of_net(&net, bits, &Kernels::only(kernel), &abilities);
                if index == 0 {
                    let chosen: Vec<_> = of_net.iter().map(|variant| variant.kernel).collect();
                    assert_eq!(chosen, wherever_possible(&net, kernel), "{kernel}");
                }
                variants.extend(of_net);
            }
        }
    }
    variants
}

#[test]
fn every_shader_is_valid_in_every_language() {
    for variant in all_variants() {
        let (label, text) = (format!("{} {}", variant.task.label(), variant.kernel), variant.wgsl().unwrap());
        if matches!(variant.kernel.family(), Family::Matrix { .. }) {
            validate_with_matrices(&label, &text);
        } else {
            validate_and_prove(&label, &text);
        }
    }
    for format in PixelFormat::ALL {
        for way in [Way::Pack].into_iter().chain([1, 2, 3, 4].map(|scale| Way::Unpack { scale })) {
            validate_and_prove(&conversion::label(way, format), &conversion::wgsl(way, format));
        }
    }
}

#[test]
fn spirv_val_finds_a_broken_module() {
    assert!(spirv_val(&[0x0723_0203, 0x0001_0300, 0, 1, 0, 0], "vulkan1.1").is_err());
}
