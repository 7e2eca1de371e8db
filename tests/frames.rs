//! Frame after frame: the bytes of one image at a time, whatever is in flight; and nothing new is made for a frame.

use std::alloc::{GlobalAlloc, Layout as Memory, System};
use std::cell::Cell;
use std::sync::Arc;

use abpn::gpu;
use abpn::net::ABPN_X3;
use abpn::{Error, Frames, Image, Layout, Net, Sample, Samples, Target, TileSize, Upscaler};

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
    let gpus = gpu::adapters();
    assert!(!gpus.is_empty(), "no adapter to test on: apt-get install mesa-vulkan-drivers libegl1 libgl1-mesa-dri");
    let targets = gpus.into_iter().map(|adapter| Target::Adapter(adapter.adapter)).chain([Target::Cpu]);
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

#[test]
fn nothing_is_made_for_a_frame() {
    const FRAMES: usize = 8;
    for adapter in gpu::adapters() {
        let label = adapter.label();
        let net = zeros(3, 1, 4);
        let limits = wgpu::Limits::downlevel_defaults();
        let descriptor = wgpu::DeviceDescriptor { required_limits: limits, ..Default::default() };
        let (device, queue) = pollster::block_on(adapter.adapter.request_device(&descriptor)).unwrap();
        let upscaler = Arc::new(Upscaler::new(net, Target::Device(device.clone(), queue)).unwrap());
        let made = || {
            let hal = device.get_internal_counters().hal;
            [&hal.buffers, &hal.bind_groups, &hal.compute_pipelines, &hal.shader_modules].map(|counter| counter.read())
        };
        let picture = vec![9; 320 * 180 * 3];
        let mut frames = upscaler.frames::<u8>(320, 180, 2).unwrap();
        let mut large = vec![0; frames.output_len()];
        frames.push(&picture).unwrap();
        frames.push(&picture).unwrap();
        frames.pop(&mut large).unwrap();
        let (before, allocated) = (made(), ALLOCATED_BYTES.get());
        assert!(before[0] > 0, "the counters count");
        for _ in 0..FRAMES {
            frames.push(&picture).unwrap();
            assert_eq!(made(), before, "{label}");
            frames.pop(&mut large).unwrap();
        }
        // What wgpu needs to record a submission: much less than a frame.
        let per_frame = (ALLOCATED_BYTES.get() - allocated) / FRAMES;
        assert!(per_frame < picture.len() / 2, "{label}: {per_frame} bytes a frame");
        // The test can fail.
        let extra = device.create_buffer(&wgpu::BufferDescriptor {
            label: None,
            size: 4,
            usage: wgpu::BufferUsages::COPY_DST,
            mapped_at_creation: false,
        });
        assert_ne!(made(), before, "{label}");
        drop(extra);
    }
}
