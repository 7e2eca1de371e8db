//! Time of each stage and of a whole frame, 640x360 to 1920x1080, on the CPU reference and on an adapter.
//!
//! `cargo bench` takes the best real GPU; `WGPU_ADAPTER_NAME=llvmpipe cargo bench` names one, and without a real GPU the
//! first adapter is taken. `cargo bench -- --quick` is a fast, coarse run.

use std::time::Duration;

use abpn::gpu::{self, Choice};
use abpn::net::ABPN_X3;
use abpn::{Image, Net, Target, Upscaler};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

/// The frame that the paper times, in pixels.
const FRAME: (u32, u32) = (640, 360);

fn targets() -> Vec<Target> {
    let adapter = gpu::choose(&Choice::from_env()).or_else(|_| gpu::choose(&Choice::Index(0)));
    match adapter {
        Ok(adapter) => vec![Target::Cpu, Target::Adapter(adapter.adapter)],
        Err(error) => {
            eprintln!("only the CPU is measured: {error}");
            vec![Target::Cpu]
        }
    }
}

/// A picture with structure at every scale: the time of the CPU reference depends on how many codes are 0.
fn frame() -> Image {
    let (width, height) = FRAME;
    let sample = |i: u32| {
        let (x, y, colour) = (i / 3 % width, i / 3 / width, i % 3);
        ((x * (y / 16 + 1) / 7) ^ (y * (x / 32 + 2) / 5)).wrapping_add(colour * 40).to_le_bytes()[0]
    };
    Image::from_rgb8(width, height, (0..width * height * 3).map(sample).collect()).expect("the length is right")
}

fn bench(criterion: &mut Criterion) {
    let net = Net::read(ABPN_X3).expect("the shipped net loads");
    let frame = frame();
    for target in targets() {
        let upscaler = Upscaler::new(net.clone(), target).expect("the device opens");
        let mut group = criterion.benchmark_group(upscaler.device());
        group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(100));
        let pixels = u64::from(FRAME.0) * u64::from(FRAME.1);
        group.throughput(Throughput::Elements(net.macs_per_pixel() * pixels));
        group.bench_function("frame", |bencher| bencher.iter(|| upscaler.upscale(&frame).expect("it runs")));
        let mut stages = upscaler.stages(&frame).expect("the frame is 8-bit RGB");
        for (index, (label, macs)) in stages.labels().into_iter().zip(stages.macs_per_pixel()).enumerate() {
            group.throughput(Throughput::Elements(macs * pixels));
            group.bench_function(label, |bencher| {
                bencher.iter_custom(|count| {
                    let repetitions = usize::try_from(count).expect("a small count");
                    stages.run(index, repetitions).expect("it runs")
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
