//! How much memory a window takes, and how large a tile an adapter can have.

use super::packing::{Geometry, words_per_pixel};
use super::task::{End, Task};
use crate::frame::PixelFormat;

/// Tiles of a picture in flight: while the GPU computes one, the host reads back the one before and uploads the one after.
pub(crate) const TILES_IN_FLIGHT: usize = 2;

/// Memory that the buffers of one window may take where the tile size is ours to choose.
const BUDGET_BYTES: u64 = 192 << 20;
/// Longest side of a tile that is ours to choose: larger ones don't pay, and a submission must stay short on slow GPUs.
const MAX_TILE: usize = 1024;
/// The same for software drivers, which are a hundred times slower: 640x360 in tiles of 256 takes a fifth longer.
const MAX_TILE_SOFTWARE: usize = 640;

/// The buffers of a window, as sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    pub geometry: Geometry,
    /// Of the samples, in and out.
    pub format: PixelFormat,
    pub scale: usize,
    /// Planes of the feature maps, the widest layer's.
    feature_planes: usize,
}

impl Plan {
    /// The plan for windows of `geometry`; `tasks` are the net's stages for this format.
    pub fn new(tasks: &[Task], format: PixelFormat, geometry: Geometry) -> Self {
        let feature_planes = tasks.iter().map(|task| task.in_words).max().unwrap_or(1);
        let last = tasks.iter().find_map(|task| match task.end {
            End::Pixels { scale, .. } => Some(scale),
            End::Features { .. } => None,
        });
        Self { geometry, format, scale: last.expect("a net has a last stage"), feature_planes }
    }

    /// A feature map before its first use, of which kernels are to write the padding of so many words.
    pub fn blank_features(&self, padded_words: usize) -> Vec<u32> {
        self.geometry.blank_features(self.feature_planes, padded_words)
    }

    /// Words of the picture's window.
    pub fn image_words(&self) -> usize {
        self.geometry.plane_words()
    }

    /// Words of the anchor of 16-bit pictures; 0 for 8-bit ones, whose anchor is the picture.
    pub fn anchor16_words(&self) -> usize {
        if self.format.bits() == 16 { 2 * self.geometry.plane_words() } else { 0 }
    }

    /// The window of the result.
    pub fn upscaled(&self) -> Geometry {
        self.geometry.upscaled(self.scale)
    }

    /// Words of the finished pixels.
    pub fn output_words(&self) -> usize {
        let Geometry { width, height } = self.upscaled();
        width * height * words_per_pixel(self.format.bits())
    }

    /// Words of the window's samples.
    pub fn input_samples_words(&self) -> usize {
        self.geometry.samples_words(self.format)
    }

    /// Words of the result's samples.
    pub fn output_samples_words(&self) -> usize {
        self.upscaled().samples_words(self.format)
    }

    fn features_words(&self) -> usize {
        self.feature_planes * self.geometry.plane_words()
    }

    /// Bytes of all buffers with so many windows in flight: two feature maps, the picture and the output as words, and the
    /// samples of both, once more for each window in flight.
    pub fn total_bytes(&self, depth: usize) -> u64 {
        let words = 2 * self.features_words() + self.image_words() + self.anchor16_words() + self.output_words();
        bytes(words + (1 + depth) * (self.input_samples_words() + self.output_samples_words()))
    }

    /// Bytes of the largest buffer.
    fn largest_bytes(&self) -> u64 {
        let words = [self.features_words(), self.anchor16_words(), self.output_words(), self.output_samples_words()];
        bytes(words.into_iter().fold(0, usize::max))
    }

    /// Whether the device can have these buffers and dispatch over them, and the shaders' 32 bits can number their words.
    pub fn fits(&self, limits: &wgpu::Limits) -> bool {
        let side = self.geometry.width.max(self.geometry.height);
        self.largest_bytes() / 4 <= u64::from(u32::MAX)
            && self.largest_bytes() <= limits.max_storage_buffer_binding_size.min(limits.max_buffer_size)
            && side <= limits.max_compute_workgroups_per_dimension as usize
    }
}

/// The longest side of a tile for a net of `tasks` on a device: within its limits and our budget.
pub(crate) fn tile_side(
    tasks: &[Task],
    format: PixelFormat,
    halo: usize,
    limits: &wgpu::Limits,
    is_software: bool,
) -> usize {
    let mut side = if is_software { MAX_TILE_SOFTWARE } else { MAX_TILE };
    loop {
        let plan = Plan::new(tasks, format, Geometry { width: side + 2 * halo, height: side + 2 * halo });
        if side <= 1 || (plan.fits(limits) && plan.total_bytes(TILES_IN_FLIGHT) <= BUDGET_BYTES) {
            return side;
        }
        side -= side.div_ceil(16);
    }
}

/// Bytes of so many words.
fn bytes(words: usize) -> u64 {
    words as u64 * 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::task::Activation;

    fn tasks(words: usize, bits: u32) -> Vec<Task> {
        let end = End::Features { activation: Activation::Relu, pads: false };
        let first = Task { in_words: 1, out_words: words, reads_image: true, end };
        vec![first, Task { in_words: words, reads_image: false, end: End::Pixels { scale: 3, bits }, ..first }]
    }

    #[test]
    fn words_that_32_bits_can_not_number_do_not_fit() {
        let endless = wgpu::Limits {
            max_buffer_size: u64::MAX,
            max_storage_buffer_binding_size: u64::MAX,
            ..wgpu::Limits::default()
        };
        let plan = |side| Plan::new(&tasks(16, 8), PixelFormat::Rgb8, Geometry { width: side, height: side });
        assert!(plan(16_000).fits(&endless));
        let large = plan(17_000);
        assert!(large.geometry.width < endless.max_compute_workgroups_per_dimension as usize);
        assert!(large.largest_bytes() <= endless.max_buffer_size && !large.fits(&endless));
    }

    #[test]
    fn tiles_keep_to_the_budget_and_to_the_limits() {
        let phone = wgpu::Limits { max_storage_buffer_binding_size: 4 << 20, ..wgpu::Limits::downlevel_defaults() };
        for (limits, is_software) in
            [(wgpu::Limits::downlevel_defaults(), false), (phone, false), (wgpu::Limits::default(), true)]
        {
            for (words, format) in [(7, PixelFormat::Rgb8), (7, PixelFormat::Rgb16), (16, PixelFormat::Rgb16)] {
                let tasks = tasks(words, format.bits());
                let side = tile_side(&tasks, format, 7, &limits, is_software);
                let plan = |side| Plan::new(&tasks, format, Geometry { width: side + 14, height: side + 14 });
                assert!(
                    side > 64 && plan(side).fits(&limits) && plan(side).total_bytes(TILES_IN_FLIGHT) <= BUDGET_BYTES
                );
                // Not needlessly small either.
                let larger = plan(side * 5 / 4);
                let most = if is_software { MAX_TILE_SOFTWARE } else { MAX_TILE };
                assert!(side == most || !larger.fits(&limits) || larger.total_bytes(TILES_IN_FLIGHT) > BUDGET_BYTES);
            }
        }
    }
}
