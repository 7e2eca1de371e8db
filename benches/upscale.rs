//! Time of a whole frame, 640x360 to 1920x1080, alone and as one of several in work, and of each stage, on the CPU
//! and on an adapter.
//!
//! `cargo bench` takes the best real GPU; `WGPU_ADAPTER_NAME=llvmpipe cargo bench` names one, and without a real GPU the
//! first adapter is taken. `cargo bench -- --quick` is a fast, coarse run.

use std::sync::Arc;
use std::time::Duration;

use abpn::gpu::{self, Choice};
use abpn::net::ABPN_X3;
use abpn::{Net, Samples, Target, Upscaler, profile};
use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};

/// The frame that the paper times, in pixels.
const FRAME: (u32, u32) = (640, 360);
/// Frames in work at once, where one follows the other.
const DEPTH: usize = 3;

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

fn bench(criterion: &mut Criterion) {
    let net = Net::read(ABPN_X3).expect("the shipped net loads");
    let (width, height) = FRAME;
    let frame = profile::test_frame(width, height).expect("it has pixels");
    let Samples::U8(samples) = frame.samples() else { unreachable!("it has 8 bits") };
    for target in targets() {
        let upscaler = Arc::new(Upscaler::new(net.clone(), target).expect("the device opens"));
        let mut group = criterion.benchmark_group(upscaler.device());
        group.sample_size(10).sampling_mode(SamplingMode::Flat).warm_up_time(Duration::from_millis(100));
        let pixels = u64::from(width) * u64::from(height);
        group.throughput(Throughput::Elements(net.macs_per_pixel() * pixels));
        group.bench_function("frame", |bencher| bencher.iter(|| upscaler.upscale(&frame).expect("it runs")));
        let mut frames = upscaler.frames::<u8>(width, height, DEPTH).expect("the buffers are there");
        let mut large = vec![0; frames.output_len()];
        group.bench_function(format!("frame, {DEPTH} in work"), |bencher| {
            bencher.iter(|| {
                if frames.is_full() {
                    frames.pop(&mut large).expect("it runs");
                }
                frames.push(samples).expect("it runs");
            });
        });
        drop(frames);
        let stages = upscaler.profile(&frame, 1).expect("it runs").stages;
        for (index, stage) in stages.iter().enumerate() {
            group.throughput(Throughput::Elements(stage.macs));
            group.bench_function(&stage.label, |bencher| {
                bencher.iter_custom(|count| {
                    let frames = usize::try_from(count).expect("a small count");
                    let time_ns = upscaler.profile(&frame, frames).expect("it runs").stages[index].time_ns.median;
                    Duration::from_secs_f64(time_ns * frames as f64 / 1e9)
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
