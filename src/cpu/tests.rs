//! Every kernel of this machine against the reference.

use super::engine::split;
use super::lanes::Tiles;
use super::model::Model;
use super::packing::PackedLayer;
use super::portable::Portable;
use super::reconstruct::{FinishedRows, Reconstruction};
use super::row_kernel::{Mixed, OutputRows, RowKernel, Rows, Scratch};
use super::*;
use crate::backend::Backend;
use crate::frame::{PixelFormat, Rgb, RgbSink};
use crate::image::Sample;
use crate::net::random::{random_mixed_net, random_net, random_prelu_net};
use crate::net::{BUILT_IN, Border, Layer, Net, Prelu};
use crate::options::TileSize;
use crate::random::Random;
use crate::selftest::{self, upscaled};
use crate::{Error, reference};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};

/// The kernels of this machine, and models of the instructions of others. Where layers are computed in two ways, also those
/// that compute all of them in one.
fn kernels() -> Vec<Arc<dyn RowKernel>> {
    fn in_one_way<L: Tiles>(kernels: &mut Vec<Arc<dyn RowKernel>>) {
        if let Some(lanes) = L::detect() {
            kernels.extend([Arc::new(lanes) as Arc<dyn RowKernel>, Arc::new(Mixed::winograd(lanes))]);
        }
    }
    let mut kernels = choice::runnable();
    in_one_way::<Portable>(&mut kernels);
    #[cfg(target_arch = "x86_64")]
    {
        in_one_way::<sse2::Sse2>(&mut kernels);
        in_one_way::<avx2::Avx2>(&mut kernels);
        in_one_way::<avx_vnni::AvxVnni>(&mut kernels);
        in_one_way::<avx512_vnni::Avx512Vnni>(&mut kernels);
    }
    kernels.extend([
        Arc::new(Model::<0, 0>) as Arc<dyn RowKernel>,
        Arc::new(Model::<128, 0>),
        Arc::new(Model::<0, 2>),
        Arc::new(Model::<128, 1>),
    ]);
    kernels
}

fn engines(net: &Net) -> impl Iterator<Item = Engine> + use<> {
    let net = Arc::new(net.clone());
    kernels().into_iter().map(move |kernel| Engine::with_kernel(Arc::clone(&net), kernel))
}

fn noise<S: Sample>(seed: u64, width: usize, height: usize) -> Vec<S> {
    let mut random = Random::new(seed);
    let levels = (1_i64 << S::BITS) - 1;
    (0..width * height * 3).map(|_| S::saturating_from(random.within(0..=levels).try_into().unwrap())).collect()
}

/// Runs `work` in a pool of so many threads; in this one on targets that have no others.
fn on_threads<R: Send>(threads: usize, work: impl FnOnce() -> R + Send) -> R {
    if cfg!(target_family = "wasm") {
        return work();
    }
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(work)
}

#[test]
fn every_layer_of_many_nets_has_the_references_codes() {
    let nets: [(usize, &[usize]); 8] = [
        (3, &[]),
        (2, &[1]),
        (3, &[5, 3, 28, 27]),
        (4, &[64, 2]),
        (2, &[7, 33, 64, 1, 4]),
        (3, &[28, 28, 28, 28, 28, 27]),
        (4, &[31, 30, 29]),
        (3, &[6; 12]),
    ];
    for (seed, (scale, hidden)) in (1..).zip(nets) {
        let net = random_net(seed, scale, hidden).unwrap();
        for engine in engines(&net) {
            // Smaller than a vector, than a block, and of several of them; the large before the small, so that a buffer that
            // keeps something is found.
            for (width, height) in [(131, 9), (64, 5), (1, 1), (1, 40), (3, 5), (9, 8), (33, 17), (70, 1)] {
                selftest::on_picture(&net, &engine, (width, height), selftest::TILE)
                    .unwrap_or_else(|error| panic!("x{scale} {hidden:?} {width}x{height}: {error}"));
            }
        }
    }
}

#[test]
fn every_layer_of_nets_with_prelu_has_the_references_codes() {
    let nets: [(usize, &[usize]); 6] =
        [(1, &[1]), (3, &[5, 3, 28, 27]), (4, &[64, 64]), (1, &[7, 33, 64, 1, 4]), (2, &[28; 5]), (4, &[6; 12])];
    for (seed, (scale, hidden)) in (1..).zip(nets) {
        for net in [random_prelu_net(seed, scale, hidden).unwrap(), random_mixed_net(seed, scale, hidden).unwrap()] {
            for engine in engines(&net) {
                for (width, height) in [(131, 9), (64, 5), (1, 1), (1, 40), (3, 5), (33, 17)] {
                    selftest::on_picture(&net, &engine, (width, height), selftest::TILE)
                        .unwrap_or_else(|error| panic!("x{scale} {hidden:?} {width}x{height}: {error}"));
                }
            }
        }
    }
}

#[test]
fn a_wrong_slope_or_zero_point_is_found() {
    let net = random_prelu_net(4, 1, &[9, 28, 6]).unwrap();
    for kernel in 0..kernels().len() {
        let engine = |net: &Net| Engine::with_kernel(Arc::new(net.clone()), kernels().swap_remove(kernel));
        selftest::run(&net, &engine(&net)).unwrap();
        for layer in 0..3 {
            for change in 0..3 {
                let mut layers = net.layers().to_vec();
                let prelu = layers[layer].prelu.as_mut().unwrap();
                match change {
                    // Of all channels, as some have accumulators of one sign only.
                    0 => prelu.mul_negative.iter_mut().for_each(|mul| *mul ^= 0x2000),
                    1 => prelu.zero_point ^= 1,
                    _ => layers[layer].mul.iter_mut().for_each(|mul| *mul ^= 0x1000),
                }
                let wrong = Net::new(net.scale(), layers, net.notes().clone()).unwrap();
                let outcome = selftest::run(&net, &engine(&wrong)).map(|_| ());
                let Err(Error::SelfTest { stage, .. }) = outcome else {
                    panic!("{layer}, change {change}: {outcome:?}")
                };
                assert!(stage.starts_with(&format!("conv3x3 (layer {layer})")), "{layer}, change {change}: {stage}");
            }
        }
    }
}

/// A layer with a zero point that what is outside the picture does not have: only borders tell.
#[test]
fn padding_with_another_code_is_found() {
    let net = random_prelu_net(4, 1, &[9, 6]).unwrap();
    let mut layers = net.layers().to_vec();
    // The same codes: what the zero point adds is what the bias takes, through a multiplier of one half.
    let channels = layers[0].out_channels;
    layers[0].prelu = Some(Prelu { mul_negative: vec![1 << 8; channels], zero_point: 100 });
    (layers[0].mul, layers[0].pre, layers[0].post) = (vec![1 << 8; channels], vec![9; channels], vec![9; channels]);
    let net = Net::new(1, layers.clone(), net.notes().clone()).unwrap();
    layers[0].bias.iter_mut().for_each(|bias| *bias += 2 << 9);
    layers[0].prelu.as_mut().unwrap().zero_point = 99;
    let wrong = Net::new(1, layers, net.notes().clone()).unwrap();
    for engine in engines(&wrong) {
        let error = selftest::on_picture(&net, &engine, (9, 7), selftest::TILE).unwrap_err();
        let Error::SelfTest { stage, .. } = error else { panic!("{error}") };
        assert!(stage.starts_with("conv3x3 (layer 1)"), "{stage}");
    }
}

#[test]
fn a_mirrored_border_is_the_references_and_a_flat_picture_stays_flat() {
    let net = random_net(7, 3, &[9, 28, 6]).unwrap().with_border(Border::Mirror);
    for engine in engines(&net) {
        for (width, height) in [(1, 1), (2, 3), (5, 1), (33, 17)] {
            selftest::on_picture(&net, &engine, (width, height), selftest::TILE)
                .unwrap_or_else(|error| panic!("{width}x{height}: {error}"));
            let rgb = Rgb { width, height, samples: &[200_u8, 90, 30].repeat(width * height) };
            let upscaled = upscaled(&engine, rgb, TileSize::Side(4)).unwrap();
            // All of its pixels become the same 3x3 block.
            let rows: Vec<&[u8]> = upscaled.chunks_exact(9 * width).collect();
            assert!(rows.iter().enumerate().all(|(y, row)| *row == rows[y % 3][..9].repeat(width)), "{width}x{height}");
        }
    }
}

#[test]
fn a_net_with_another_border_is_found() {
    let net = random_net(7, 3, &[9, 6]).unwrap();
    let mirrored = net.clone().with_border(Border::Mirror);
    for (net, other) in [(&net, &mirrored), (&mirrored, &net)] {
        let engine = engines(other).next().unwrap();
        assert!(matches!(selftest::run(net, &engine), Err(Error::SelfTest { .. })));
    }
}

/// A net of which one layer's accumulators are too large for Winograd's way, and its requantisation too.
fn wide_net() -> Net {
    let net = random_net(9, 2, &[28, 28]).unwrap();
    let mut layers = net.layers().to_vec();
    let wide = &mut layers[0];
    (wide.bias[3], wide.limit[3], wide.pre[3], wide.mul[3], wide.post[3]) = (40_000_000, 40_100_000, 16, 3, 9);
    Net::new(2, layers, net.notes().clone()).unwrap()
}

#[test]
fn a_layer_that_winograd_can_not_hold_has_the_references_codes() {
    let net = wide_net();
    for engine in engines(&net) {
        selftest::on_picture(&net, &engine, (40, 11), selftest::TILE).unwrap();
    }
}

#[test]
fn neither_tiles_nor_threads_change_a_byte() {
    fn check<S: Sample>(net: &Net) {
        let (width, height) = (150, 61);
        let samples = noise::<S>(3, width, height);
        let rgb = Rgb { width, height, samples: &samples };
        let expected = reference::run(net, rgb);
        for engine in engines(net) {
            for threads in [1, 2, 5, 100] {
                for size in [TileSize::Auto, TileSize::Whole, TileSize::Side(1), TileSize::Side(16), TileSize::Side(64)]
                {
                    // Tiles of one pixel are slow; they are worth it once.
                    if size == TileSize::Side(1) && threads != 5 {
                        continue;
                    }
                    let actual = on_threads(threads, || upscaled(&engine, rgb, size).unwrap());
                    assert!(actual == expected, "{} {}-bit {threads} {size:?}", engine.label(), S::BITS);
                }
            }
        }
    }
    let net = random_net(2, 2, &[5, 9]).unwrap();
    check::<u8>(&net);
    check::<u16>(&net);
    let prelu = random_prelu_net(2, 1, &[5, 9]).unwrap();
    check::<u8>(&prelu);
    check::<u16>(&prelu);
    let net = net.with_border(Border::Mirror);
    check::<u8>(&net);
    check::<u16>(&net);
}

#[test]
fn a_wrong_weight_or_bias_or_scale_is_found() {
    let net = random_net(4, 3, &[9, 28, 6]).unwrap();
    for kernel in 0..kernels().len() {
        let engine = |net: &Net| Engine::with_kernel(Arc::new(net.clone()), kernels().swap_remove(kernel));
        assert!(selftest::run(&net, &engine(&net)).is_ok());
        for layer in 0..net.layers().len() {
            for change in 0..3 {
                let mut layers = net.layers().to_vec();
                let changed = &mut layers[layer];
                let last = changed.out_channels - 1;
                match change {
                    0 => *changed.weights.last_mut().unwrap() ^= 64,
                    1 => changed.bias[last] += 20_000,
                    _ => changed.mul[last] -= changed.mul[last] / 4,
                }
                let wrong = Net::new(net.scale(), layers, net.notes().clone()).unwrap();
                let error = selftest::run(&net, &engine(&wrong)).unwrap_err();
                let Error::SelfTest { stage, .. } = error else { panic!("{error}") };
                let expected = if layer < 3 { format!("conv3x3 (layer {layer})") } else { "reconstruct".to_owned() };
                assert!(stage.starts_with(&expected), "layer {layer}, change {change}: {stage}");
            }
        }
    }
}

#[test]
fn an_observer_hears_of_every_tile_once_and_may_stop() {
    let net = random_net(1, 2, &[4]).unwrap();
    let samples = noise::<u8>(1, 40, 40);
    let rgb = Rgb { width: 40, height: 40, samples: &samples };
    for engine in engines(&net) {
        let tiling = engine.tiling(TileSize::Side(16), 40, 40, PixelFormat::Rgb8).unwrap();
        let mut picture = vec![0_u8; 80 * 80 * 3];
        let heard = Mutex::new(Vec::new());
        let listen = |done| {
            heard.lock().unwrap().push(done);
            ControlFlow::Continue(())
        };
        // More threads than rows of tiles: several of them share a tile.
        let pool = rayon::ThreadPoolBuilder::new().num_threads(7).build().unwrap();
        pool.install(|| engine.run(&rgb, &mut RgbSink::new(&mut picture, 80), &tiling, &listen)).unwrap();
        assert_eq!(heard.into_inner().unwrap(), (1..=tiling.len()).collect::<Vec<_>>());
        let stop = |_| ControlFlow::Break(());
        let stopped = engine.run(&rgb, &mut RgbSink::new(&mut picture, 80), &tiling, &stop);
        assert!(matches!(stopped, Err(Error::Cancelled)));
    }
}

#[test]
fn buffers_are_used_again() {
    let net = random_net(1, 3, &[28, 28]).unwrap();
    let samples = noise::<u8>(1, 90, 50);
    let rgb = Rgb { width: 90, height: 50, samples: &samples };
    let engine = Engine::new(Arc::new(net)).unwrap();
    on_threads(3, || {
        for _ in 0..5 {
            upscaled(&engine, rgb, TileSize::Auto).unwrap();
        }
    });
    let idle = engine.idle_buffers();
    assert!((1..=3).contains(&idle), "{idle}");
}

#[test]
fn a_range_is_cut_into_parts_that_cover_it() {
    for len in 1..50 {
        for parts in 1..60 {
            let cut: Vec<_> = split(&(7..7 + len), parts).collect();
            assert_eq!(cut.iter().cloned().flatten().collect::<Vec<_>>(), (7..7 + len).collect::<Vec<_>>());
            assert!(cut.len() <= parts && cut.iter().all(|part| !part.is_empty()));
        }
    }
}

/// Computes with another weight than the layer's.
struct Wrong(Arc<dyn RowKernel>);

impl RowKernel for Wrong {
    fn name(&self) -> &'static str {
        "wrong"
    }

    fn codes(&self) -> usize {
        self.0.codes()
    }

    fn beyond(&self) -> usize {
        self.0.beyond()
    }

    fn pack(&self, layer: &Layer) -> PackedLayer {
        let mut layer = layer.clone();
        layer.weights[4] ^= 1;
        self.0.pack(&layer)
    }

    fn hidden(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<u32>) {
        self.0.hidden(layer, rows, scratch, output);
    }

    fn last8(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<i32>) {
        self.0.last8(layer, rows, scratch, output);
    }

    fn last16(&self, layer: &PackedLayer, rows: &Rows, scratch: &mut Scratch, output: OutputRows<i32>) {
        self.0.last16(layer, rows, scratch, output);
    }

    fn reconstruct8(&self, work: Reconstruction<u8>, to: FinishedRows<u8>) {
        self.0.reconstruct8(work, to);
    }

    fn reconstruct16(&self, work: Reconstruction<u16>, to: FinishedRows<u16>) {
        self.0.reconstruct16(work, to);
    }
}

#[test]
fn a_kernel_that_is_wrong_is_not_chosen() {
    let right = || Arc::new(Portable) as Arc<dyn RowKernel>;
    let wrong = || Arc::new(Wrong(right())) as Arc<dyn RowKernel>;
    let chosen = |kernels| choice::first_right(kernels, false).unwrap();
    assert_eq!(chosen(vec![wrong(), wrong(), right()]).name(), right().name());
    assert_eq!(choice::first_right(vec![wrong(), right()], true).unwrap().name(), right().name());
    // Without a right one it is for the self-test to say so.
    let net = random_net(1, 2, &[4]).unwrap();
    assert!(selftest::run(&net, &Engine::with_kernel(Arc::new(net.clone()), chosen(vec![wrong()]))).is_err());
}

#[test]
fn each_layer_is_computed_in_the_way_that_takes_fewer_instructions() {
    let rows = |kernel: &dyn RowKernel, net: &Net| -> Vec<usize> {
        net.layers().iter().map(|layer| kernel.pack(layer).rows()).collect()
    };
    let (few, many) = (1, 64);
    let net = random_net(1, 3, &[few, many]).unwrap();
    assert_eq!(rows(&Mixed::new(Portable), &net), [1, 1, 4]);
    assert_eq!(rows(&Mixed::winograd(Portable), &net), [4; 3]);
    assert_eq!(rows(&Mixed::winograd(Portable), &wide_net()), [1, 4, 4]);
    let shipped: Vec<Net> = BUILT_IN.iter().map(|net| net.net().unwrap()).collect();
    #[cfg(target_arch = "x86_64")]
    let x3 = BUILT_IN.iter().position(|net| net.scale == 3).unwrap();
    for kernel in choice::runnable() {
        #[cfg(target_arch = "x86_64")]
        assert_eq!(rows(&*kernel, &shipped[x3])[1..], [4; 6], "{}", kernel.name());
        let tested = rows(&*kernel, &choice::small_net(false).unwrap());
        assert_eq!(tested, rows(&*kernel, &choice::small_net(true).unwrap()), "{}", kernel.name());
        for ways in shipped.iter().map(|net| rows(&*kernel, net)) {
            let untested = ways.iter().find(|way| !tested.contains(way));
            assert_eq!(untested, None, "{}: {ways:?}, at start-up {tested:?}", kernel.name());
        }
    }
}
