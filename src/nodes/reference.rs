//! The operators as the shortest code that computes them, on unpacked data: what every shader is compared with.

use rayon::prelude::*;

use super::interpolation::weights;
use super::number::Number;
use super::operands::{Attention, Filter, Operands, Parameters};
use super::operator::{COLOURS, Kind, Operator, SCALE};
use super::tensor::{Shape, Tensor};

/// The outputs of an operator.
pub(super) fn run<N: Number>(operator: &Operator, operands: &Operands<N>) -> Vec<Tensor<N>> {
    let (inputs, output) = (&operands.inputs, operator.outputs()[0]);
    let input = &inputs[0];
    let binary = |function: fn(N, N) -> N| {
        let other = &inputs[1];
        rows(output, |y, row| {
            let start = y * row.len();
            for (i, value) in row.iter_mut().enumerate() {
                *value = function(input.values[start + i], other.values[start + i]);
            }
        })
    };
    let unary = |function: &(dyn Fn(usize, N) -> N + Sync)| {
        let channels = output.channels;
        pixels(output, |x, y, pixel| {
            for (channel, (value, &from)) in pixel.iter_mut().zip(input.pixel(x, y)).enumerate() {
                *value = function(channel % channels, from);
            }
        })
    };
    let first = match (operator.kind, &operands.parameters) {
        (Kind::Add, _) => binary(N::add),
        (Kind::Multiply, _) => binary(N::multiply),
        (Kind::Concatenate, _) => pixels(output, |x, y, pixel| {
            let (first, second) = pixel.split_at_mut(input.shape.channels);
            first.copy_from_slice(input.pixel(x, y));
            second.copy_from_slice(inputs[1].pixel(x, y));
        }),
        (Kind::Split, _) => return split(operator, input),
        (Kind::Anchor, _) => pixels(output, |x, y, pixel| {
            pixel.chunks_mut(COLOURS).for_each(|copy| copy.copy_from_slice(input.pixel(x, y)));
        }),
        (Kind::Transposed { .. }, Parameters::Filter(filter)) => {
            let shape = Shape { channels: filter.channels.len(), ..input.shape };
            shuffled(&convolved(input, filter, shape), None, output)
        }
        (_, Parameters::Filter(filter)) => convolved(input, filter, output),
        (Kind::Relu, _) => unary(&|_, value| value.maximum(N::default())),
        (Kind::LeakyRelu, _) => unary(&|_, value| value.prelu(N::leaky_slope())),
        (_, Parameters::Slopes(slopes)) => unary(&|channel, value| value.prelu(slopes[channel])),
        (Kind::Sigmoid, _) => unary(&|_, value| value.sigmoid()),
        (_, Parameters::Attention(attention)) => {
            let gates = gates(input, attention);
            unary(&|channel, value| value.gated(gates[channel]))
        }
        (Kind::Nearest, _) => pixels(output, |x, y, pixel| pixel.copy_from_slice(input.pixel(x / SCALE, y / SCALE))),
        (Kind::Bilinear | Kind::Bicubic, _) => interpolated(operator.kind, input, output),
        (Kind::PixelShuffle, _) => shuffled(input, None, output),
        (Kind::AnchoredShuffle, _) => shuffled(input, Some(&inputs[1]), output),
        (Kind::AveragePool, _) => pooled(input, output, N::average),
        (Kind::MaxPool, _) => pooled(input, output, |[a, b, c, d]| a.maximum(b).maximum(c.maximum(d))),
        (Kind::Prelu | Kind::ChannelAttention | Kind::Convolution { .. }, _)
        | (Kind::Grouped | Kind::Depthwise | Kind::Transposed { .. }, _) => unreachable!("it has its parameters"),
    };
    vec![first]
}

/// A map whose rows, `[width, channels]`, are made independently.
fn rows<N: Number>(shape: Shape, make: impl Fn(usize, &mut [N]) + Sync) -> Tensor<N> {
    let mut tensor = Tensor::zeros(shape);
    let row_len = shape.width * shape.channels;
    if row_len > 0 {
        tensor.values.par_chunks_mut(row_len).enumerate().for_each(|(y, row)| make(y, row));
    }
    tensor
}

/// A map whose pixels are made independently, from their place.
fn pixels<N: Number>(shape: Shape, make: impl Fn(usize, usize, &mut [N]) + Sync) -> Tensor<N> {
    rows(shape, |y, row| row.chunks_mut(shape.channels).enumerate().for_each(|(x, pixel)| make(x, y, pixel)))
}

fn split<N: Number>(operator: &Operator, input: &Tensor<N>) -> Vec<Tensor<N>> {
    let mut start = 0;
    let mut part = |shape: Shape| {
        let from = start;
        start += shape.channels;
        pixels(shape, move |x, y, pixel| pixel.copy_from_slice(&input.pixel(x, y)[from..][..shape.channels]))
    };
    operator.outputs().into_iter().map(&mut part).collect()
}

/// A convolution; outside the map every value is 0.
fn convolved<N: Number>(input: &Tensor<N>, filter: &Filter<N>, output: Shape) -> Tensor<N> {
    let (side, count) = (filter.side, filter.inputs_a_tap);
    let taps = side * side;
    pixels(output, |x, y, pixel| {
        for (out, value) in pixel.iter_mut().enumerate() {
            let (channel, group) = (&filter.channels[out], out / filter.group);
            let mut sum = N::begin(channel);
            for tap in 0..taps {
                let (from_x, from_y) = (x + tap % side, y + tap / side);
                let reach = side / 2;
                if from_x < reach || from_y < reach {
                    continue;
                }
                let (from_x, from_y) = (from_x - reach, from_y - reach);
                if from_x < input.shape.width && from_y < input.shape.height {
                    let values = &input.pixel(from_x, from_y)[group * count..][..count];
                    let weights = &filter.weights[(out * taps + tap) * count..][..count];
                    for (&from, &weight) in values.iter().zip(weights) {
                        sum = N::plus_product(sum, from, weight);
                    }
                }
            }
            *value = N::finish(sum, channel);
        }
    })
}

/// Channels to blocks of pixels: channel `(dy*scale + dx)*colours + colour` is the one at row dy, column dx.
fn shuffled<N: Number>(input: &Tensor<N>, anchor: Option<&Tensor<N>>, output: Shape) -> Tensor<N> {
    let (colours, scale) = (output.channels, output.width / input.shape.width);
    pixels(output, |x, y, pixel| {
        let place = y % scale * scale + x % scale;
        let (from_x, from_y) = (x / scale, y / scale);
        pixel.copy_from_slice(&input.pixel(from_x, from_y)[place * colours..][..colours]);
        if let Some(anchor) = anchor {
            let anchors = anchor.pixel(from_x, from_y);
            pixel.iter_mut().zip(anchors).for_each(|(value, &anchor)| *value = value.plus_anchor(anchor));
        }
    })
}

/// Separable interpolation; outside the map are the pixels of its border.
fn interpolated<N: Number>(kind: Kind, input: &Tensor<N>, output: Shape) -> Tensor<N> {
    let weights = weights(kind, N::PRECISION);
    let reach = weights[0].len() / 2;
    let near = |position: usize, tap: usize, size: usize| (position + tap).saturating_sub(reach).min(size - 1);
    pixels(output, |x, y, pixel| {
        let (from_x, from_y) = (x / SCALE, y / SCALE);
        for (channel, value) in pixel.iter_mut().enumerate() {
            let terms = weights[y % SCALE].iter().enumerate().flat_map(|(tap_y, &along_y)| {
                let row = near(from_y, tap_y, input.shape.height);
                weights[x % SCALE].iter().enumerate().map(move |(tap_x, &along_x)| {
                    (input.pixel(near(from_x, tap_x, input.shape.width), row)[channel], along_x, along_y)
                })
            });
            *value = N::interpolate(terms);
        }
    })
}

fn pooled<N: Number>(input: &Tensor<N>, output: Shape, pool: fn([N; 4]) -> N) -> Tensor<N> {
    pixels(output, |x, y, pixel| {
        let four = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| input.pixel(2 * x + dx, 2 * y + dy));
        for (channel, value) in pixel.iter_mut().enumerate() {
            *value = pool(four.map(|pixel| pixel[channel]));
        }
    })
}

/// The factor of each channel in channel attention.
fn gates<N: Number>(input: &Tensor<N>, attention: &Attention) -> Vec<f32> {
    let channels = input.shape.channels;
    let mut means = vec![0.0; channels];
    for pixel in input.values.chunks(channels) {
        means.iter_mut().zip(pixel).for_each(|(sum, value)| *sum += f64::from(value.real()));
    }
    #[expect(clippy::cast_possible_truncation, reason = "f64 to the nearest f32")]
    let means: Vec<f32> = means.into_iter().map(|sum| (sum / input.shape.pixels() as f64) as f32).collect();
    let dot = |a: &[f32], b: &mut dyn Iterator<Item = &f32>| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    let down = attention.down.chunks(channels).zip(&attention.down_bias);
    let squeezed: Vec<f32> = down.map(|(weights, bias)| (dot(&means, &mut weights.iter()) + bias).max(0.0)).collect();
    let gate = |(channel, bias): (usize, &f32)| {
        (dot(&squeezed, &mut attention.up.iter().skip(channel).step_by(channels)) + bias).sigmoid()
    };
    attention.up_bias.iter().enumerate().map(gate).collect()
}
