//! An operator compiled for a device, and bound to buffers of a size.

use super::Precision;
use super::kernels::{Grid, Kernel, Walked, group_words, kernels, sums_words};
use super::layout::{Planes, attention_words, filter_words, sigmoid_words, slope_words};
use super::number::Number;
use super::operands::{Operands, Parameters};
use super::operator::{Kind, Operator};
use super::tensor::{Shape, Tensor};
use crate::gpu::{Compiled, Context, read_words, to_u32};
use crate::{Error, Result};

/// The kernels of an operator; maps of any size run through them.
pub(super) struct Program {
    kernels: Vec<(Compiled, Grid)>,
    precision: Precision,
}

impl Program {
    /// Compiles the kernels of `operator`, whose size does not matter.
    pub fn new(context: &Context, operator: &Operator, precision: Precision) -> Result<Self> {
        // As the kernels with which the net begins on any device.
        let uniform_bytes = context.device.limits().max_uniform_buffer_binding_size;
        let texts = kernels(operator, precision, uniform_bytes)
            .map_err(|error| Error::Gpu(format!("{}: {error}", operator.name())))?;
        let compile = |Kernel { label, wgsl, grid }| {
            // SAFETY: every loop is bounded by a constant or by a map's size, no shader divides integers by a variable, and no index
            // leaves its buffer:
            // - a thread goes on only if its pixel is inside the map that it walks over, and as many threads are dispatched along z
            //   as there are planes, or groups of planes;
            // - a convolution's window reaches at most MARGIN_Y rows and, with the pixels that a thread makes, MARGIN_X columns
            //   beyond a map, which `Planes` makes room for; interpolation keeps its positions inside;
            // - a pack begins at a multiple of four pixels, and rows are padded to whole packs; pooling reads the two packs that
            //   hold pixels 2x to 2x + 7, and 2x + 1 is inside the map;
            // - `parameters`, `sums` and `gates` have the sizes that their types state or that `bind` gives them, and are indexed by
            //   planes, by constants below them, or by a byte where there are 256 entries;
            // - workgroup memory is indexed by lanes below its size.
            #[expect(unsafe_code, reason = "its proof stands here")]
            let compiled = unsafe { Compiled::trusted(context, label, &wgsl) }?;
            Ok((compiled, grid))
        };
        Ok(Self { kernels: texts.into_iter().map(compile).collect::<Result<_>>()?, precision })
    }

    /// Makes the buffers for `operator` and fills them with `operands`, of the precision it was compiled for.
    pub fn bind<'a, N: Number>(
        &'a self,
        context: &'a Context,
        operator: &Operator,
        operands: &Operands<N>,
    ) -> Result<Bound<'a>> {
        let (shapes, input) = (operator.outputs(), operator.inputs()[0]);
        let filled = |device: &wgpu::Device, label, words: &[u32], usage| {
            let size = words.len() as u64 * 4;
            let usage = usage | wgpu::BufferUsages::COPY_DST | wgpu::BufferUsages::COPY_SRC;
            let descriptor = wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false };
            let buffer = device.create_buffer(&descriptor);
            context.queue.write_buffer(&buffer, 0, bytemuck::cast_slice(words));
            buffer
        };
        context.checked(|device| {
            let storage = wgpu::BufferUsages::STORAGE;
            let mut buffers = vec![];
            let maps: Vec<u32> = [input, shapes[0]].into_iter().flat_map(|shape| Planes(shape).words()).collect();
            buffers.push(("maps", filled(device, "maps", &maps, wgpu::BufferUsages::UNIFORM)));
            for (name, tensor) in ["input", "input_b"].into_iter().zip(&operands.inputs) {
                buffers.push((name, filled(device, name, &Planes(tensor.shape).pack(tensor), storage)));
            }
            let parameters = match &operands.parameters {
                Parameters::None if operator.kind == Kind::Sigmoid => sigmoid_words(),
                Parameters::None => Vec::new(),
                Parameters::Slopes(slopes) => slope_words(slopes),
                Parameters::Filter(filter) => filter_words(filter, group_words(operator)),
                Parameters::Attention(attention) => attention_words(attention),
            };
            if !parameters.is_empty() {
                buffers.push((
                    "parameters",
                    filled(device, "parameters", &parameters, storage | wgpu::BufferUsages::UNIFORM),
                ));
            }
            if operator.kind == Kind::ChannelAttention {
                let zeros = |words: usize| vec![0; words * 4];
                buffers.push(("sums", filled(device, "sums", &zeros(sums_words(operator)), storage)));
                buffers.push(("gates", filled(device, "gates", &zeros(input.words()), storage)));
            }
            let outputs: Vec<_> = ["output", "output_b"]
                .into_iter()
                .zip(&shapes)
                .map(|(name, &shape)| {
                    (name, filled(device, name, &Planes(shape).pack(&Tensor::<N>::zeros(shape)), storage))
                })
                .collect();
            let named: Vec<_> = buffers.iter().chain(&outputs).map(|(name, buffer)| (*name, buffer)).collect();
            let bind = |(compiled, grid): &'a (Compiled, Grid)| {
                (compiled, compiled.bind(device, &named), invocations(*grid, compiled, input, shapes[0], operator))
            };
            let dispatches = self.kernels.iter().map(bind).collect();
            let outputs = outputs.into_iter().map(|(_, buffer)| buffer).zip(shapes).collect();
            Bound { context, dispatches, outputs }
        })
    }

    /// The precision it was compiled for.
    pub fn precision(&self) -> Precision {
        self.precision
    }
}

/// Invocations of a kernel along x, y and z.
fn invocations(grid: Grid, compiled: &Compiled, input: Shape, output: Shape, operator: &Operator) -> [u32; 3] {
    let [x, y, z] = match grid {
        Grid::Map { of, pixels, words } => {
            // Two outputs share the planes of their one input.
            let map = match of {
                Walked::Input => input,
                Walked::Output => Shape { channels: operator.out_channels, ..output },
            };
            [map.width.div_ceil(pixels), map.height, map.words() / words]
        }
        Grid::Planes(groups) => [groups * compiled.workgroup_size[0] as usize, 1, input.words()],
        Grid::One => [1, 1, 1],
    };
    [to_u32(x), to_u32(y), to_u32(z)]
}

/// An operator with its buffers, ready to run.
pub(super) struct Bound<'a> {
    context: &'a Context,
    dispatches: Vec<(&'a Compiled, wgpu::BindGroup, [u32; 3])>,
    outputs: Vec<(wgpu::Buffer, Shape)>,
}

impl Bound<'_> {
    /// Records the operator once.
    pub fn record(&self, pass: &mut wgpu::ComputePass) {
        for (compiled, bind_group, invocations) in &self.dispatches {
            compiled.record(pass, bind_group, *invocations);
        }
    }

    /// Runs the operator once and reads back what it made, and whether nothing outside was written.
    pub fn outputs<N: Number>(&self) -> Result<Vec<(Tensor<N>, bool)>> {
        let submission = self.context.checked(|device| {
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("node") });
            self.record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
            self.context.queue.submit([encoder.finish()])
        })?;
        self.context.wait(submission)?;
        let read = |(buffer, shape): &(wgpu::Buffer, Shape)| {
            Ok(Planes(*shape).unpack::<N>(&read_words(self.context, buffer)?))
        };
        self.outputs.iter().map(read).collect()
    }
}
