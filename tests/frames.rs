//! Frame after frame: the bytes of one image at a time, whatever is in flight; and nothing new is made for a frame.

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;
use std::sync::Arc;

use abpn::net::ABPN_X3;
use abpn::{Error, Frames, Image, Layout, Net, Sample, Samples, Target, TileSize, Upscaler};

use crate::machine::adapters;
use crate::pictures::noise;
use crate::program::zeros;

/// Counts what this thread allocates.
struct Counting;

thread_local! {
    static ALLOCATED_BYTES: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: it hands everything to the system's allocator as it is.
#[expect(unsafe_code, reason = "its proof stands here")]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, memory: Memory) -> *mut u8 {
        let _ = ALLOCATED_BYTES.try_with(|bytes| bytes.set(bytes.get() + memory.size()));
        // SAFETY: the caller's.
        unsafe { System.alloc(memory) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, memory: Memory) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(pointer, memory) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The CPU and every adapter of this machine, with a net.
fn upscalers(net: &Net, tile: TileSize) -> Vec<Arc<Upscaler>> {
    let targets = adapters().into_iter().map(|adapter| Target::Adapter(adapter.adapter)).chain([Target::Cpu]);
    targets.map(|target| Arc::new(Upscaler::new(net.clone(), target).unwrap().with_tile(tile))).collect()
}

/// Different pictures of one size.
fn pictures(width: u32, height: u32, bits: u32, count: u32) -> Vec<Image> {
    let rows = noise(width, height * count, Layout::Rgb, bits);
    let len = (width * height * 3) as usize;
    let cut = |at: usize| match rows.samples() {
        Samples::U8(samples) => Samples::U8(samples[at * len..][..len].to_vec()),
        Samples::U16(samples) => Samples::U16(samples[at * len..][..len].to_vec()),
    };
    (0..count as usize).map(|at| Image::new(width, height, Layout::Rgb, cut(at)).unwrap()).collect()
}

/// Sends `pictures` through a queue of this depth.
fn through<S: Sample>(mut frames: Frames<S>, pictures: &[Vec<S>]) -> Vec<Vec<S>> {
    let mut results = Vec::new();
    let mut large = vec![S::default(); frames.output_len()];
    for picture in pictures {
        if frames.is_full() {
            assert!(frames.pop(&mut large).unwrap());
            results.push(large.clone());
        }
        frames.push(picture).unwrap();
    }
    while frames.pop(&mut large).unwrap() {
        results.push(large.clone());
    }
    assert!(frames.is_empty());
    results
}

#[test]
fn frames_have_the_bytes_of_images_at_every_depth() {
    let net = Net::read(ABPN_X3).unwrap();
    let reference = Upscaler::new(net.clone(), Target::Cpu).unwrap();
    for (width, height, tile) in
        [(1, 1, TileSize::Auto), (2, 3, TileSize::Auto), (13, 7, TileSize::Whole), (37, 30, TileSize::Side(16))]
    {
        for upscaler in upscalers(&net, tile) {
            for depth in 1..=3 {
                for bits in [8, 16] {
                    let pictures = pictures(width, height, bits, 5);
                    let expected: Vec<_> =
                        pictures.iter().map(|image| reference.upscale(image).unwrap().into_samples()).collect();
                    let input: Vec<_> = pictures.into_iter().map(Image::into_samples).collect();
                    let actual: Vec<Samples> = match bits {
                        8 => {
                            let input: Vec<_> = input
                                .into_iter()
                                .map(|samples| match samples {
                                    Samples::U8(samples) => samples,
                                    Samples::U16(_) => unreachable!(),
                                })
                                .collect();
                            let frames = upscaler.frames::<u8>(width, height, depth).unwrap();
                            through(frames, &input).into_iter().map(Samples::U8).collect()
                        }
                        _ => {
                            let input: Vec<_> = input
                                .into_iter()
                                .map(|samples| match samples {
                                    Samples::U16(samples) => samples,
                                    Samples::U8(_) => unreachable!(),
                                })
                                .collect();
                            let frames = upscaler.frames::<u16>(width, height, depth).unwrap();
                            through(frames, &input).into_iter().map(Samples::U16).collect()
                        }
                    };
                    let device = upscaler.device();
                    assert!(actual == expected, "{width}x{height}, {bits} bits, depth {depth}, {device}");
                }
            }
        }
    }
}

#[test]
fn what_a_queue_can_not_take_is_an_error_and_changes_nothing() {
    for upscaler in upscalers(&zeros(2, 1, 4), TileSize::Auto) {
        let mut frames = upscaler.frames::<u8>(2, 1, 1).unwrap();
        let mut large = vec![0; frames.output_len()];
        assert!(!frames.pop(&mut large).unwrap());
        assert!(matches!(frames.push(&[0; 5]), Err(Error::SampleCount { expected: 6, actual: 5, .. })));
        frames.push(&[10, 20, 30, 40, 50, 60]).unwrap();
        assert!(matches!(frames.push(&[0; 6]), Err(Error::FramesFull { depth: 1 })));
        assert!(matches!(frames.pop(&mut large[1..]), Err(Error::SampleCount { expected: 24, actual: 23, .. })));
        assert!(frames.pop(&mut large).unwrap());
        assert_eq!(large[..12], [10, 20, 30, 10, 20, 30, 40, 50, 60, 40, 50, 60]);
        assert!(matches!(upscaler.frames::<u8>(0, 1, 1), Err(Error::ImageSize { .. })));
        assert!(matches!(upscaler.frames::<u8>(u32::MAX, 1, 1), Err(Error::ImageSize { .. })));
    }
}

/// Buffers, bind groups, pipelines and shader modules of a device that exist now.
fn made(device: &wgpu::Device) -> [isize; 4] {
    let hal = device.get_internal_counters().hal;
    [&hal.buffers, &hal.bind_groups, &hal.compute_pipelines, &hal.shader_modules].map(|counter| counter.read())
}

/// Sends frames through a queue, and gives what this thread allocates for one.
fn allocated_bytes(upscaler: &Arc<Upscaler>, device: &wgpu::Device, width: u32, height: u32) -> usize {
    const FRAMES: usize = 8;
    let mut frames = upscaler.frames::<u8>(width, height, 2).unwrap();
    let (picture, mut large) = (vec![9; frames.input_len()], vec![0; frames.output_len()]);
    // The first round finds lists that have yet to grow.
    for _ in 0..2 {
        frames.push(&picture).unwrap();
        frames.push(&picture).unwrap();
        frames.pop(&mut large).unwrap();
        frames.pop(&mut large).unwrap();
    }
    frames.push(&picture).unwrap();
    let (before, allocated) = (made(device), ALLOCATED_BYTES.get());
    for _ in 0..FRAMES {
        frames.push(&picture).unwrap();
        // While it is in flight: nothing that is made for a frame alone could be gone yet.
        assert_eq!(made(device), before, "{}", upscaler.device());
        frames.pop(&mut large).unwrap();
    }
    (ALLOCATED_BYTES.get() - allocated) / FRAMES
}

/// Sends frames through a queue on the CPU, all in this thread, and gives what it allocates for one.
fn allocated_bytes_on_cpu(upscaler: &Arc<Upscaler>, width: u32, height: u32) -> usize {
    const FRAMES: usize = 8;
    let mut frames = upscaler.frames::<u8>(width, height, 2).unwrap();
    let (picture, mut large) = (vec![9; frames.input_len()], vec![0; frames.output_len()]);
    let mut allocated = 0;
    // The first frames find workspaces that have yet to grow.
    for pushed in 0..FRAMES + 2 {
        if pushed == 2 {
            allocated = ALLOCATED_BYTES.get();
        }
        frames.push(&picture).unwrap();
        frames.pop(&mut large).unwrap();
    }
    (ALLOCATED_BYTES.get() - allocated) / FRAMES
}

#[test]
fn nothing_is_allocated_for_a_frame_on_the_cpu() {
    let upscaler = Arc::new(Upscaler::new(Net::read(ABPN_X3).unwrap(), Target::Cpu).unwrap());
    // In a thread that is the whole pool everything is counted.
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let [small, large] =
        [(32, 18), (320, 180)].map(|(width, height)| pool.install(|| allocated_bytes_on_cpu(&upscaler, width, height)));
    // What is to be done for a frame is in lists, of one entry a tile; a row of samples would be more.
    assert_eq!(small, large);
    assert!(large < 320 * 3, "{large} bytes");
}

#[test]
fn nothing_is_made_for_a_frame() {
    for adapter in adapters() {
        let label = adapter.label();
        let limits = wgpu::Limits::downlevel_defaults();
        let descriptor = wgpu::DeviceDescriptor { required_limits: limits, ..Default::default() };
        let (device, queue) = pollster::block_on(adapter.adapter.request_device(&descriptor)).unwrap();
        let upscaler = Upscaler::new(zeros(3, 1, 4), Target::Device(device.clone(), queue)).unwrap();
        let upscaler = Arc::new(upscaler.with_tile(TileSize::Whole));
        let small = allocated_bytes(&upscaler, &device, 32, 18);
        let large = allocated_bytes(&upscaler, &device, 320, 180);
        // wgpu allocates on the host to record a submission, however large the frame is.
        assert!(
            large < small + small / 4,
            "{label}: {small} bytes for a small frame, {large} for one 100 times larger"
        );

        // Both counts would show it.
        let (before, allocated) = (made(&device), ALLOCATED_BYTES.get());
        let usage = wgpu::BufferUsages::COPY_DST;
        let descriptor = wgpu::BufferDescriptor { label: None, size: 4, usage, mapped_at_creation: false };
        let buffer = device.create_buffer(&descriptor);
        assert_ne!(made(&device), before, "{label}");
        drop((buffer, vec![0_u8; large]));
        assert!(ALLOCATED_BYTES.get() >= allocated + large);
    }
}

#[test]
fn a_frame_without_colours_stays_so() {
    let net = abpn::selftest::nets().unwrap().swap_remove(1).1;
    let upscaler = Arc::new(Upscaler::new(net, Target::Cpu).unwrap());
    let grey = noise(13, 9, Layout::Grey, 8);
    let Samples::U8(levels) = grey.samples() else { panic!("8 bits were asked for") };
    let without: Vec<u8> = levels.iter().flat_map(|&level| [level; 3]).collect();
    let mut with = without.clone();
    with[13 * 9 * 3 - 1] ^= 1;
    let mut frames = upscaler.frames::<u8>(13, 9, 2).unwrap();
    frames.push(&without).unwrap();
    frames.push(&with).unwrap();
    let mut large = vec![0; frames.output_len()];
    for (frame, is_grey) in [(without, true), (with, false)] {
        assert!(frames.pop(&mut large).unwrap());
        let image = Image::from_rgb8(13, 9, frame).unwrap();
        assert!(*upscaler.upscale(&image).unwrap().samples() == Samples::U8(large.clone()));
        assert_eq!(large.chunks_exact(3).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2]), is_grey);
    }
}
