//! The buffers and bind groups for windows of one size: made once, used for every tile of that size.

use super::context::{Context, Mapping, read_words};
use super::packing::{unpack_row, words_per_pixel};
use super::plan::{Plan, SLOTS};
use super::shader::{End, Variant};
use super::stage::Stage;
use super::timing::{self, Clock, Record, Span};
use crate::image::{Rgb, Sample};
use crate::reference::Features;
use crate::tile::Tile;
use crate::{Error, Result};

/// One net's buffers for windows of one size and pictures of one depth.
pub(crate) struct Workspace {
    pub plan: Plan,
    /// Stage i reads the other one of i % 2 and writes it.
    features: [wgpu::Buffer; 2],
    slots: Vec<Slot>,
    /// The window's words on their way to the GPU: picture, and anchor of a 16-bit one.
    packed_image: Vec<u32>,
    packed_anchor16: Vec<u32>,
}

/// What a tile in flight does not share with the others.
struct Slot {
    image: wgpu::Buffer,
    /// The anchor of 16-bit pictures; that of 8-bit pictures is `image`.
    anchor16: Option<wgpu::Buffer>,
    output: wgpu::Buffer,
    read_back: wgpu::Buffer,
    /// One a stage.
    bind_groups: Vec<wgpu::BindGroup>,
}

/// A submitted tile.
pub(crate) struct InFlight {
    tile: Tile,
    slot: usize,
    mapping: Mapping,
}

impl InFlight {
    /// Waits until it is finished and can be read back.
    pub fn wait(&self, context: &Context) -> Result<()> {
        self.mapping.wait(context)
    }
}

impl Workspace {
    /// Makes the buffers; `layers` holds each layer's parameters.
    pub fn new(
        context: &Context,
        variants: &[Variant],
        stages: &[&Stage],
        layers: &[wgpu::Buffer],
        plan: Plan,
    ) -> Result<Self> {
        use wgpu::BufferUsages as Usage;
        context.checked(|device| {
            let buffer = |label, words: usize, usage| {
                let (size, mapped_at_creation) = (words as u64 * 4, false);
                device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation })
            };
            let filled = |label, words: &[u32], usage| {
                let buffer = buffer(label, words.len(), usage | Usage::COPY_DST);
                context.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
                buffer
            };
            let window = filled("window", &plan.geometry.window_words(), Usage::UNIFORM);
            let blank = plan.blank_features();
            let features =
                ["features 0", "features 1"].map(|label| filled(label, &blank, Usage::STORAGE | Usage::COPY_SRC));
            let slot = |_| {
                let image = buffer("image", plan.image_words(), Usage::STORAGE | Usage::COPY_DST);
                let anchor16 = (plan.bits == 16)
                    .then(|| buffer("anchor", plan.anchor16_words(), Usage::STORAGE | Usage::COPY_DST));
                let output = buffer("output", plan.output_words(), Usage::STORAGE | Usage::COPY_SRC);
                let read_back = buffer("read back", plan.output_words(), Usage::MAP_READ | Usage::COPY_DST);
                let bind = |(index, variant): (usize, &Variant)| {
                    let input = if variant.reads_image { &image } else { &features[(index + 1) % 2] };
                    let target = if variant.end == End::Features { &features[index % 2] } else { &output };
                    let buffers = [
                        ("window", &window),
                        ("layer", &layers[index]),
                        ("input", input),
                        ("output", target),
                        ("anchor", anchor16.as_ref().unwrap_or(&image)),
                    ];
                    stages[index].bind(device, &buffers)
                };
                let bind_groups = variants.iter().enumerate().map(bind).collect();
                Slot { image, anchor16, output, read_back, bind_groups }
            };
            let slots = (0..SLOTS).map(slot).collect();
            Self { plan, features, slots, packed_image: Vec::new(), packed_anchor16: Vec::new() }
        })
    }

    /// Puts the pixels of the window at (`x`, `y`) into the words that the shaders read.
    pub fn pack<S: Sample>(&mut self, rgb: Rgb<S>, x: usize, y: usize) {
        self.plan.geometry.pack_image(rgb, x, y, &mut self.packed_image);
        if self.plan.bits == 16 {
            self.plan.geometry.pack_anchor16(rgb, x, y, &mut self.packed_anchor16);
        }
    }

    /// Hands the packed window to the GPU.
    pub fn upload(&self, context: &Context, slot: usize) {
        context.queue.write_buffer(&self.slots[slot].image, 0, bytemuck::cast_slice(&self.packed_image));
        if let Some(anchor) = &self.slots[slot].anchor16 {
            context.queue.write_buffer(anchor, 0, bytemuck::cast_slice(&self.packed_anchor16));
        }
    }

    /// Uploads a tile's window, and submits all stages and the copy of their result.
    ///
    /// The tile before the last one must have been waited for: they share a slot.
    pub fn submit<S: Sample>(
        &mut self,
        context: &Context,
        stages: &[&Stage],
        index: usize,
        rgb: Rgb<S>,
        tile: Tile,
    ) -> Result<InFlight> {
        let slot = index % SLOTS;
        context.checked(|device| {
            self.pack(rgb, tile.x, tile.y);
            self.upload(context, slot);
            let Slot { bind_groups, output, read_back, .. } = &self.slots[slot];
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("tile") });
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                for (stage, bind_group) in stages.iter().zip(bind_groups) {
                    stage.record(&mut pass, bind_group, self.plan.geometry);
                }
            }
            encoder.copy_buffer_to_buffer(output, 0, read_back, 0, output.size());
            let submission = context.queue.submit([encoder.finish()]);
            InFlight { tile, slot, mapping: Mapping::new(read_back, submission) }
        })
    }

    /// Copies what a finished tile gives into the upscaled picture of `width` input pixels, `[.., scale*width, 3]`.
    pub fn read_back<S: Sample>(&self, in_flight: InFlight, picture: &mut [S], width: usize) -> Result<()> {
        let InFlight { tile, slot, .. } = in_flight;
        let Plan { scale, bits, .. } = self.plan;
        let buffer = &self.slots[slot].read_back;
        let view = buffer.slice(..).get_mapped_range().map_err(|error| Error::Gpu(error.to_string()))?;
        let words: &[u32] = bytemuck::cast_slice(&view);
        let row_words = self.plan.output_row_words();
        let first_word = (tile.columns.start - tile.x) * scale * words_per_pixel(bits);
        for y in tile.rows.start * scale..tile.rows.end * scale {
            let row = &words[(y - tile.y * scale) * row_words + first_word..];
            let target = &mut picture[(y * width + tile.columns.start) * scale * 3..][..tile.columns.len() * scale * 3];
            unpack_row(row, target);
        }
        drop(view);
        buffer.unmap();
        Ok(())
    }

    /// Runs all stages on what is uploaded to the first slot, each as a pass of its own, and says when each ran.
    pub fn time_stages(&self, context: &Context, stages: &[&Stage], clock: Clock) -> Result<Vec<Span>> {
        let recorders: Vec<_> = stages
            .iter()
            .zip(&self.slots[0].bind_groups)
            .map(|(stage, bind_group)| {
                move |pass: &mut wgpu::ComputePass| stage.record(pass, bind_group, self.plan.geometry)
            })
            .collect();
        let passes: Vec<Record> = recorders.iter().map(|record| record as Record).collect();
        timing::run(context, clock, &passes)
    }

    /// Submits the copy of the first slot's result.
    pub fn fetch(&self, context: &Context, tile: Tile) -> Result<InFlight> {
        context.checked(|device| {
            let Slot { output, read_back, .. } = &self.slots[0];
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("fetch") });
            encoder.copy_buffer_to_buffer(output, 0, read_back, 0, output.size());
            let submission = context.queue.submit([encoder.finish()]);
            InFlight { tile, slot: 0, mapping: Mapping::new(read_back, submission) }
        })
    }

    /// Runs one hidden stage alone and gives the codes it wrote, and whether it left the ring alone.
    ///
    /// Stage 0 reads `rgb`, which is one whole window; the others read what the stage before wrote.
    pub fn trace<S: Sample>(
        &mut self,
        context: &Context,
        index: usize,
        stage: &Stage,
        rgb: Rgb<S>,
        channels: usize,
    ) -> Result<(Features, bool)> {
        if index == 0 {
            self.pack(rgb, 0, 0);
            context.checked(|_| self.upload(context, 0))?;
        }
        let target = &self.features[index % 2];
        context.checked(|device| {
            context.queue.write_buffer(target, 0, bytemuck::cast_slice(&self.plan.blank_features()));
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("trace") });
            {
                let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
                stage.record(&mut pass, &self.slots[0].bind_groups[index], self.plan.geometry);
            }
            context.queue.submit([encoder.finish()])
        })?;
        let map = read_words(context, target)?;
        Ok(self.plan.geometry.unpack_features(&map, channels))
    }
}
