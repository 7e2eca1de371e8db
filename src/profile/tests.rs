//! Profiles on every adapter of this machine, and of the CPU. That something is fast is never asserted.

use super::*;
use crate::Layout;
use crate::gpu::test::{HOW_TO_INSTALL, test_adapters};
use crate::net::Net;
use crate::net::random::random_net;
use crate::{Samples, Target, TileSize};

fn net() -> Net {
    random_net(1, 3, &[12, 12, 8]).unwrap()
}

fn on(target: Target) -> Upscaler {
    Upscaler::new(net(), target).unwrap()
}

#[test]
fn stages_add_up_to_the_frame() {
    // By their timestamps, within one submission, so that a busy machine can't come between two measurements.
    let mut by_gpu = 0;
    for adapter in test_adapters() {
        let upscaler = on(Target::Adapter(adapter.adapter)).with_tile(TileSize::Whole);
        let profile = upscaler.profile(&test_frame(320, 180).unwrap(), 9).unwrap();
        if profile.clock != Clock::Gpu {
            continue;
        }
        by_gpu += 1;
        let sums = profile.frames.iter().map(|frame| {
            let stages = frame.tiles.iter().flat_map(|tile| &tile.stages);
            stages.map(Span::duration_ns).sum::<f64>() / frame.total_ns(TileTimes::computing)
        });
        let ratio = Stats::of(sums).median;
        assert!((0.95..=1.0 + 1e-9).contains(&ratio), "{}: {ratio}", profile.device);
    }
    if cfg!(target_os = "linux") {
        assert!(by_gpu > 0, "no adapter with timestamps: {HOW_TO_INSTALL}");
    }
}

/// What must hold of every profile.
fn check(profile: &Profile, net: &Net, frames: usize) {
    assert_eq!(profile.frames.len(), frames);
    assert_eq!(profile.stages.len(), net.layers().len());
    let pixels = u64::from(profile.width) * u64::from(profile.height);
    assert!(profile.stages.iter().map(|stage| stage.macs).sum::<u64>() >= net.macs_per_pixel() * pixels);
    for stage in &profile.stages {
        let Stats { median, min, max, .. } = stage.time_ns;
        assert!(0.0 <= min && min <= median && median <= max, "{stage:?}");
        assert!(stage.bytes > 0 && stage.share >= 0.0);
    }
    let mut before_ns = 0.0;
    for frame in &profile.frames {
        assert!(before_ns <= frame.span.start_ns);
        before_ns = frame.span.end_ns;
        let mut before_ns = frame.span.start_ns;
        for tile in &frame.tiles {
            assert_eq!(tile.stages.len(), net.layers().len());
            for phase in &tile.phases {
                assert!(before_ns <= phase.start_ns && phase.start_ns <= phase.end_ns, "{tile:?}");
                before_ns = phase.end_ns;
            }
            let mut before_ns = tile.stages[0].start_ns;
            for stage in &tile.stages {
                assert!(before_ns <= stage.start_ns && stage.start_ns <= stage.end_ns, "{tile:?}");
                before_ns = stage.end_ns;
            }
        }
        assert!(before_ns <= frame.span.end_ns);
    }
}

#[test]
fn any_image_is_profiled_on_any_device_by_any_clock() {
    let noise: Vec<u16> = (0..60 * 50 * 4_u32).map(|i| (i.wrapping_mul(i) % 65_521) as u16).collect();
    let deep = Image::new(60, 50, Layout::Rgba, Samples::U16(noise)).unwrap();
    let plain = test_frame(50, 40).unwrap();
    let gpus = test_adapters().into_iter().map(|adapter| Target::Adapter(adapter.adapter));
    for target in gpus.chain([Target::Cpu]) {
        let upscaler = on(target).with_tile(TileSize::Side(32));
        for clock in [upscaler.clock(), Clock::Host] {
            let profile = upscaler.profile_by(&deep, 2, clock).unwrap();
            check(&profile, &net(), 2);
            assert_eq!(profile.clock, clock);
            // Two by two tiles of colours, and as many of alpha.
            assert!(profile.frames.iter().all(|frame| frame.tiles.len() == 8));
        }
        check(&upscaler.profile(&plain, 0).unwrap(), &net(), 1);
    }
}

#[test]
fn a_device_without_timestamps_is_timed_by_the_host() {
    for adapter in test_adapters() {
        let limits = wgpu::Limits::downlevel_defaults();
        let descriptor = wgpu::DeviceDescriptor { required_limits: limits, ..Default::default() };
        let (device, queue) = pollster::block_on(adapter.adapter.request_device(&descriptor)).unwrap();
        let upscaler = on(Target::Device(device, queue));
        let profile = upscaler.profile(&test_frame(20, 10).unwrap(), 3).unwrap();
        assert_eq!(profile.clock, Clock::Host);
        check(&profile, &net(), 3);
    }
}

#[test]
fn every_adapter_has_ceilings_and_the_cpu_has_none() {
    for adapter in test_adapters() {
        let label = adapter.label();
        let ceilings = on(Target::Adapter(adapter.adapter)).ceilings().unwrap().unwrap();
        let speeds = [ceilings.dot4_gops, ceilings.fma_gops, ceilings.copy_gb_per_s];
        assert!(speeds.iter().all(|speed| speed.is_finite() && *speed > 0.0), "{label}: {ceilings:?}");
    }
    assert_eq!(on(Target::Cpu).ceilings().unwrap(), None);
}
