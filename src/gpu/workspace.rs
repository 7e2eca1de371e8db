//! The buffers and bind groups that compute windows of one size: made once, used for every window of that size.

use std::sync::Arc;

use super::context::Context;
use super::packing::Geometry;
use super::plan::Plan;
use super::program::Program;
use super::task::{End, Task};
use super::timing::{self, Record};
use super::wait_native::read_words;
use crate::Result;
use crate::reference::Features;
use crate::timing::{Clock, Span};

/// One net's buffers on the GPU for windows of one size and pictures of one depth. Submissions run one after the other, so
/// all windows in flight share them.
pub(crate) struct Workspace {
    pub context: Arc<Context>,
    pub program: Arc<Program>,
    pub plan: Plan,
    /// Stage i reads the other one of i % 2 and writes it.
    features: [wgpu::Buffer; 2],
    /// The window's words, which the first stage reads.
    image: wgpu::Buffer,
    /// The anchor of 16-bit pictures; that of 8-bit pictures is `image`.
    anchor16: Option<wgpu::Buffer>,
    /// The samples of the window, and of its result.
    input_samples: wgpu::Buffer,
    output_samples: wgpu::Buffer,
    pack: wgpu::BindGroup,
    /// One a stage.
    stages: Vec<wgpu::BindGroup>,
    unpack: wgpu::BindGroup,
}

impl Workspace {
    /// Makes the buffers.
    pub fn new(context: Arc<Context>, program: Arc<Program>, geometry: Geometry) -> Result<Self> {
        use wgpu::BufferUsages as Usage;
        let plan = Plan::new(&program.tasks, program.format, geometry);
        let buffers = context.checked(|device| {
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
            let blank = plan.blank_features(0);
            let features =
                ["features 0", "features 1"].map(|label| filled(label, &blank, Usage::STORAGE | Usage::COPY_SRC));
            let input_samples = buffer("input", plan.input_samples_words(), Usage::STORAGE | Usage::COPY_DST);
            // New buffers hold zeros: the padding, which nothing writes.
            let image = buffer("image", plan.image_words(), Usage::STORAGE | Usage::COPY_SRC);
            let anchor16 = (plan.format.bits() == 16)
                .then(|| buffer("anchor", plan.anchor16_words(), Usage::STORAGE | Usage::COPY_SRC));
            let anchor = anchor16.as_ref().unwrap_or(&image);
            let pixels = buffer("pixels", plan.output_words(), Usage::STORAGE);
            let output_samples = buffer("output", plan.output_samples_words(), Usage::STORAGE | Usage::COPY_SRC);

            let buffers = [("window", &window), ("bytes", &input_samples), ("image", &image), ("anchor", anchor)];
            let pack = program.pack.bind(device, &buffers);
            let bind = |(index, task): (usize, &Task)| {
                let input = if task.reads_image { &image } else { &features[(index + 1) % 2] };
                let target = if task.end.is_features() { &features[index % 2] } else { &pixels };
                let buffers = [
                    ("window", &window),
                    ("layer", &program.layers[index]),
                    ("input", input),
                    ("output", target),
                    ("anchor", anchor),
                ];
                program.stages[index].bind(device, &buffers)
            };
            let stages = program.tasks.iter().enumerate().map(bind).collect();
            let buffers = [("window", &window), ("pixels", &pixels), ("bytes", &output_samples)];
            let unpack = program.unpack.bind(device, &buffers);
            (features, image, anchor16, input_samples, output_samples, pack, stages, unpack)
        })?;
        let (features, image, anchor16, input_samples, output_samples, pack, stages, unpack) = buffers;
        Ok(Self {
            context,
            program,
            plan,
            features,
            image,
            anchor16,
            input_samples,
            output_samples,
            pack,
            stages,
            unpack,
        })
    }

    /// Records the way of a window's samples to the GPU.
    pub fn record_input(&self, encoder: &mut wgpu::CommandEncoder, samples: &wgpu::Buffer) {
        encoder.copy_buffer_to_buffer(samples, 0, &self.input_samples, 0, samples.size());
    }

    /// Records the way of the result to `samples`.
    pub fn record_output(&self, encoder: &mut wgpu::CommandEncoder, samples: &wgpu::Buffer) {
        encoder.copy_buffer_to_buffer(&self.output_samples, 0, samples, 0, samples.size());
    }

    /// Records the whole way from the window's samples to the result's.
    pub fn record(&self, pass: &mut wgpu::ComputePass) {
        self.record_pack(pass);
        self.record_stages(pass);
        self.record_unpack(pass);
    }

    /// Records the conversion of the window's samples to words.
    pub fn record_pack(&self, pass: &mut wgpu::ComputePass) {
        self.program.pack.record(pass, &self.pack, self.plan.geometry);
    }

    /// Records all stages.
    pub fn record_stages(&self, pass: &mut wgpu::ComputePass) {
        (0..self.stages.len()).for_each(|index| self.record_stage(index, pass));
    }

    /// Records one stage.
    fn record_stage(&self, index: usize, pass: &mut wgpu::ComputePass) {
        self.program.stages[index].record(pass, &self.stages[index], self.plan.geometry);
    }

    /// Records the conversion of finished pixels to samples.
    pub fn record_unpack(&self, pass: &mut wgpu::ComputePass) {
        self.program.unpack.record(pass, &self.unpack, self.plan.geometry);
    }

    /// Runs all stages on the packed window, each as a pass of its own, and says when each ran.
    pub fn time_stages(&self, clock: Clock) -> Result<Vec<Span>> {
        let record = |index| move |pass: &mut wgpu::ComputePass| self.record_stage(index, pass);
        let recorders: Vec<_> = (0..self.stages.len()).map(record).collect();
        let passes: Vec<Record> = recorders.iter().map(|record| record as Record).collect();
        timing::run(&self.context, clock, &passes)
    }

    /// The packed window's words, and its anchor's where that has words of its own.
    pub fn read_packed(&self) -> Result<(Vec<u32>, Option<Vec<u32>>)> {
        let anchor16 = self.anchor16.as_ref().map(|anchor| read_words(&self.context, anchor)).transpose()?;
        Ok((read_words(&self.context, &self.image)?, anchor16))
    }

    /// Runs one hidden stage alone and gives the codes it wrote, and whether it left the padding alone.
    ///
    /// Stage 0 reads the packed window, the others what the stage before wrote.
    pub fn trace(&self, index: usize, channels: usize, zero_point: u8) -> Result<(Features, bool)> {
        let target = &self.features[index % 2];
        let Task { out_words, end, .. } = self.program.tasks[index];
        let padded_words = if matches!(end, End::Features { pads: true, .. }) { out_words } else { 0 };
        self.context.checked(|device| {
            self.context.queue.write_buffer(target, 0, bytemuck::cast_slice(&self.plan.blank_features(padded_words)));
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("trace") });
            self.record_stage(index, &mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
            self.context.queue.submit([encoder.finish()])
        })?;
        let map = read_words(&self.context, target)?;
        Ok(self.plan.geometry.unpack_features(&map, channels, zero_point, padded_words))
    }
}
