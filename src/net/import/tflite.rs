//! TFLite: a graph of operators in a FlatBuffer, of real numbers or of int8 and uint8 codes.

use super::flatbuffer::Table;
use super::graph::{Affine, Graph, Integers, Kernel, Node, Operator, Place, ShuffleOrder, ValueId, to_3x3};
use super::{MAX_CONVOLUTIONS, MAX_NODES, half_to_f32};
use crate::net::MAX_CHANNELS;
use crate::{Error, Result};

/// Whether these bytes begin like a model: an offset, and the schema's mark.
pub(super) fn is_tflite(bytes: &[u8]) -> bool {
    bytes.get(4..8) == Some(b"TFL3")
}

/// Most bytes of a constant that is looked at: a convolution's weights in f32.
const MOST_BYTES: usize = MAX_CHANNELS * MAX_CHANNELS * 9 * 4;

/// Types of tensors, by the schema's number.
const FLOAT32: i8 = 0;
const FLOAT16: i8 = 1;
const INT32: i8 = 2;
const UINT8: i8 = 3;
const INT64: i8 = 4;
const INT8: i8 = 9;

/// The names of the operators that mean something here, by the schema's number.
const NAMES: [(i32, &str); 40] = [
    (0, "ADD"),
    (1, "AVERAGE_POOL_2D"),
    (2, "CONCATENATION"),
    (3, "CONV_2D"),
    (4, "DEPTHWISE_CONV_2D"),
    (5, "DEPTH_TO_SPACE"),
    (6, "DEQUANTIZE"),
    (9, "FULLY_CONNECTED"),
    (14, "LOGISTIC"),
    (17, "MAX_POOL_2D"),
    (18, "MUL"),
    (19, "RELU"),
    (20, "RELU_N1_TO_1"),
    (21, "RELU6"),
    (22, "RESHAPE"),
    (23, "RESIZE_BILINEAR"),
    (25, "SOFTMAX"),
    (26, "SPACE_TO_DEPTH"),
    (28, "TANH"),
    (34, "PAD"),
    (39, "TRANSPOSE"),
    (40, "MEAN"),
    (41, "SUB"),
    (42, "DIV"),
    (45, "STRIDED_SLICE"),
    (49, "SPLIT"),
    (53, "CAST"),
    (54, "PRELU"),
    (55, "MAXIMUM"),
    (57, "MINIMUM"),
    (60, "PADV2"),
    (67, "TRANSPOSE_CONV"),
    (69, "TILE"),
    (83, "PACK"),
    (97, "RESIZE_NEAREST_NEIGHBOR"),
    (98, "LEAKY_RELU"),
    (100, "MIRROR_PAD"),
    (114, "QUANTIZE"),
    (117, "HARD_SWISH"),
    (150, "GELU"),
];

/// The graph of a model.
///
/// # Errors
/// [`Error::WeightFile`] names the operator that can't be read.
pub(super) fn read(bytes: &[u8]) -> Result<Graph> {
    let model = Table::root(bytes)?;
    let kinds: Vec<String> = model.tables(1, MAX_NODES)?.iter().map(kind).collect::<Result<_>>()?;
    let buffers = model.tables(4, 2 * MAX_NODES)?;
    let graphs = model.tables(2, MAX_NODES)?;
    let [graph] = graphs[..] else {
        return Err(Error::WeightFile(format!("it has {} graphs; one is expected", graphs.len())));
    };
    let tensors = graph.tables(0, 4 * MAX_NODES)?;
    let tensors: Vec<Tensor> = tensors.iter().map(|tensor| Tensor::new(tensor, &buffers)).collect::<Result<_>>()?;
    let (&[input], &[output]) = (&graph.i32s(1)?[..], &graph.i32s(2)?[..]) else {
        return Err(Error::WeightFile("a graph of one input and one output is expected".to_owned()));
    };
    let value = |index: i32| {
        let index = usize::try_from(index).ok().filter(|&index| index < tensors.len());
        index.ok_or_else(|| Error::WeightFile(format!("it has no tensor {index:?}")))
    };
    let codes = tensors.iter().map(Tensor::codes).collect();
    let mut reader = Reader { tensors: &tensors, nodes: Vec::new(), count: tensors.len(), convolutions: 0, codes };
    let (input, output) = (value(input)?, value(output)?);
    for (number, operator) in graph.tables(3, MAX_NODES)?.iter().enumerate() {
        let kind = kinds.get(operator.u32(0)? as usize).cloned().unwrap_or_else(|| "unknown".to_owned());
        let inputs = operator.i32s(1)?;
        if inputs.len() > MAX_NODES {
            return Err(Error::WeightFile(format!("operator {number} has too many inputs")));
        }
        // -1 is an input that is left out.
        let inputs = inputs.into_iter().filter(|&input| input >= 0).map(value).collect::<Result<Vec<_>>>()?;
        let &[result] = &operator.i32s(2)?[..] else {
            return Err(Error::WeightFile(format!("operator {number}, {kind}, has several results")));
        };
        let result = value(result)?;
        let name = tensors[result].name.clone();
        let place = Place { unit: "operator", number, kind, name };
        reader.operator(operator, place, &inputs, result)?;
    }
    let Reader { nodes, mut codes, count, .. } = reader;
    codes.resize(count, None);
    Ok(Graph { nodes, input, output, codes })
}

/// An operator's type.
fn kind(code: &Table) -> Result<String> {
    // The number outgrew its first field.
    let number = code.i32(3, 0)?.max(code.i8(0, 0)?.into());
    let name = NAMES.iter().find(|(known, _)| *known == number).map(|(_, name)| (*name).to_owned());
    Ok(name.unwrap_or(format!("operator type {number}")))
}

/// A tensor: a constant if it has data.
struct Tensor<'a> {
    name: String,
    shape: Vec<i32>,
    kind: i8,
    data: &'a [u8],
    scales: Vec<f32>,
    zero_points: Vec<i64>,
    axis: i32,
}

impl<'a> Tensor<'a> {
    fn new(table: &Table<'a>, buffers: &[Table<'a>]) -> Result<Self> {
        let data = match buffers.get(table.u32(2)? as usize) {
            Some(buffer) => buffer.bytes(0)?,
            None => &[],
        };
        let (mut scales, mut zero_points, mut axis) = (Vec::new(), Vec::new(), 0);
        if let Some(quantization) = table.table(4)? {
            (scales, zero_points, axis) = (quantization.f32s(2)?, quantization.i64s(3)?, quantization.i32(6, 0)?);
        }
        if scales.len() > MOST_BYTES || zero_points.len() > MOST_BYTES {
            return Err(Error::WeightFile("a tensor of it has too many scales".to_owned()));
        }
        let mut name = table.text(3)?;
        name.truncate(name.char_indices().nth(200).map_or(name.len(), |(at, _)| at));
        let shape = table.i32s(0)?;
        if shape.len() > 8 {
            return Err(Error::WeightFile(format!("a tensor of it has {} dimensions", shape.len())));
        }
        Ok(Self { name, shape, kind: table.i8(1, 0)?, data, scales, zero_points, axis })
    }

    fn is_constant(&self) -> bool {
        !self.data.is_empty()
    }

    /// What its codes stand for, if it has such.
    fn codes(&self) -> Option<Affine> {
        let range = match self.kind {
            INT8 => (-128, 127),
            UINT8 => (0, 255),
            _ => return None,
        };
        let (&[step], &[zero]) = (&self.scales[..], &self.zero_points[..]) else { return None };
        let zero_point = i32::try_from(zero).ok()?;
        (step > 0.0 && step.is_finite()).then_some(Affine { step: step.into(), zero_point, range })
    }

    /// A constant's whole numbers.
    fn whole(&self) -> Option<Vec<i64>> {
        if self.data.len() > MOST_BYTES {
            return None;
        }
        Some(match self.kind {
            INT8 => self.data.iter().map(|&byte| byte.cast_signed().into()).collect(),
            UINT8 => self.data.iter().map(|&byte| byte.into()).collect(),
            INT32 => self.data.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes).into()).collect(),
            INT64 => self.data.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect(),
            _ => return None,
        })
    }

    /// A constant's real numbers, dequantised if need be.
    #[expect(clippy::cast_precision_loss, reason = "a net's weights are f32")]
    fn reals(&self) -> Option<Vec<f32>> {
        if self.data.is_empty() || self.data.len() > MOST_BYTES {
            return None;
        }
        match self.kind {
            FLOAT32 => Some(self.data.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect()),
            FLOAT16 => {
                Some(self.data.as_chunks().0.iter().map(|&bytes| half_to_f32(u16::from_le_bytes(bytes))).collect())
            }
            _ => {
                let (whole, inner) = (self.whole()?, self.inner());
                if self.scales.is_empty() || self.zero_points.is_empty() {
                    return None;
                }
                let at = |i: usize, len: usize| i / inner % len;
                let real = |(i, &value): (usize, &i64)| {
                    let zero = self.zero_points[at(i, self.zero_points.len())];
                    value.saturating_sub(zero) as f32 * self.scales[at(i, self.scales.len())]
                };
                Some(whole.iter().enumerate().map(real).collect())
            }
        }
    }

    /// How many values lie between one channel's scale and the next's.
    fn inner(&self) -> usize {
        let after = usize::try_from(self.axis).ok().and_then(|axis| self.shape.get(axis + 1..)).unwrap_or_default();
        let product = after.iter().try_fold(1usize, |product, &len| product.checked_mul(usize::try_from(len).ok()?));
        product.unwrap_or(1).max(1)
    }
}

struct Reader<'a> {
    tensors: &'a [Tensor<'a>],
    nodes: Vec<Node>,
    /// How many values there are, those that are no tensors too.
    count: ValueId,
    convolutions: usize,
    codes: Vec<Option<Affine>>,
}

impl Reader<'_> {
    fn operator(&mut self, operator: &Table, place: Place, inputs: &[ValueId], result: ValueId) -> Result<()> {
        let tensors = self.tensors;
        let foreign = |reason: &str| Operator::Foreign(reason.to_owned());
        let options = operator.table(4)?;
        let option = |field: usize| -> Result<i32> { options.map_or(Ok(0), |options| options.i32(field, 0)) };
        let fused = |field: usize| -> Result<i8> { options.map_or(Ok(0), |options| options.i8(field, 0)) };
        let first = inputs.first().copied();
        let (constants, values): (Vec<ValueId>, Vec<ValueId>) =
            inputs.iter().partition(|&&input| tensors[input].is_constant());
        let number = || match constants[..] {
            [constant] => tensors[constant].reals().filter(|reals| reals.len() == 1).map(|reals| reals[0]),
            _ => None,
        };
        let mut activation = 0;
        let computed = match place.kind.as_str() {
            "CONV_2D" => {
                activation = fused(3)?;
                self.convolution(&place, options.as_ref(), inputs)?
            }
            "ADD" if constants.is_empty() => {
                activation = fused(0)?;
                Operator::Add
            }
            "CONCATENATION" => {
                activation = fused(1)?;
                if matches!(option(0)?, 3 | -1) { Operator::Concatenate } else { foreign("not along the channels") }
            }
            "DEPTH_TO_SPACE" => match usize::try_from(option(0)?) {
                Ok(scale @ 1..=4) => Operator::PixelShuffle(scale, ShuffleOrder::BlockFirst),
                _ => foreign("of a block other than 1 to 4"),
            },
            // Codes to other codes, or to real numbers and back.
            "QUANTIZE" | "DEQUANTIZE" | "CAST" => Operator::Identity,
            "RELU" => Operator::Activation(vec![0.0]),
            "LEAKY_RELU" => Operator::Activation(vec![options.map_or(Ok(0.0), |options| options.f32(0, 0.0))?]),
            "PRELU" => match constants[..] {
                [constant] => match tensors[constant].reals() {
                    Some(slopes) if (1..=MAX_CHANNELS).contains(&slopes.len()) => Operator::Activation(slopes),
                    _ => foreign("slopes that are no constants"),
                },
                _ => foreign("slopes that are no constants"),
            },
            "MINIMUM" => number().map_or(foreign("of two values"), |bound| Operator::Clip(f32::NEG_INFINITY, bound)),
            "MAXIMUM" => number().map_or(foreign("of two values"), |bound| Operator::Clip(bound, f32::INFINITY)),
            "MUL" => {
                activation = fused(0)?;
                number().map_or(foreign("not by a number"), Operator::Times)
            }
            "DIV" if first.is_some_and(|first| !tensors[first].is_constant()) => {
                activation = fused(0)?;
                number().filter(|&by| by != 0.0).map_or(foreign("not by a number"), |by| Operator::Times(1.0 / by))
            }
            "RESIZE_NEAREST_NEIGHBOR" | "RESIZE_BILINEAR" => self.resize(&place, options.as_ref(), inputs, result)?,
            _ => foreign(""),
        };
        let inputs = if matches!(computed, Operator::Foreign(_)) { inputs.to_vec() } else { values };
        let fused = match activation {
            0 => None,
            1 => Some(Operator::Activation(vec![0.0])),
            2 => Some(Operator::Clip(-1.0, 1.0)),
            3 => Some(Operator::Clip(0.0, 6.0)),
            other => Some(foreign(&format!("with merged activation {other}"))),
        };
        match fused {
            None => self.nodes.push(Node { operator: computed, inputs, output: result, place }),
            Some(fused) => {
                let between = self.count;
                self.count += 1;
                self.nodes.push(Node { operator: computed, inputs, output: between, place: place.clone() });
                self.nodes.push(Node { operator: fused, inputs: vec![between], output: result, place });
            }
        }
        Ok(())
    }

    fn convolution(&mut self, place: &Place, options: Option<&Table>, inputs: &[ValueId]) -> Result<Operator> {
        let foreign = |reason: &str| Ok(Operator::Foreign(reason.to_owned()));
        let (Some(&input), Some(&weights), bias) = (inputs.first(), inputs.get(1), inputs.get(2)) else {
            return foreign("without weights");
        };
        let weights = &self.tensors[weights];
        let sizes: Vec<usize> = weights.shape.iter().map(|&len| usize::try_from(len).unwrap_or(0)).collect();
        let &[outputs @ 1..=MAX_CHANNELS, height, width, channels @ 1..=MAX_CHANNELS] = &sizes[..] else {
            return foreign(&format!("weights {sizes:?}; 1 to {MAX_CHANNELS} channels can be run"));
        };
        if height != width || !matches!(width, 1 | 3) {
            return foreign(&format!("kernel {height}x{width}"));
        }
        let option = |field: usize, default: i32| options.map_or(Ok(default), |options| options.i32(field, default));
        let (strides, dilations) = ([option(2, 0)?, option(1, 0)?], [option(5, 1)?, option(4, 1)?]);
        if strides != [1, 1] {
            return foreign(&format!("strides {strides:?}"));
        }
        if width > 1 && dilations != [1, 1] {
            return foreign("dilated");
        }
        if width > 1 && options.map_or(Ok(0), |options| options.i8(0, 0))? != 0 {
            return foreign("padding VALID, which makes the picture smaller");
        }
        self.convolutions += 1;
        if self.convolutions > MAX_CONVOLUTIONS {
            return Err(super::family::refused(place, "it has too many convolutions"));
        }
        let count = outputs * channels * width * height;
        let Some(reals) = weights.reals().filter(|reals| reals.len() == count) else {
            return foreign("weights that are no constants of their shape");
        };
        // [out, row, column, in] to [out, in, row, column].
        let taps = width * height;
        let source = |i: usize| (i / taps / channels * taps + i % taps) * channels + i / taps % channels;
        let turned: Vec<f32> = (0..count).map(|i| reals[source(i)]).collect();
        let bias = bias.map(|&bias| &self.tensors[bias]);
        let integers = self.integers(input, weights, bias, outputs).map(|mut integers| {
            let turned: Vec<i8> = (0..count).map(|i| integers.weights[source(i)]).collect();
            integers.weights = to_3x3(&turned, width);
            integers
        });
        let bias = match (bias, &integers) {
            (None, _) => vec![0.0; outputs],
            // Biases say their scale again, or not at all.
            (Some(_), Some(integers)) => self.real_bias(input, integers),
            (Some(bias), None) => match bias.reals().filter(|bias| bias.len() == outputs) {
                Some(bias) => bias,
                None => return foreign("a bias that is no constant of its channels"),
            },
        };
        Ok(Operator::Convolution(Kernel {
            in_channels: channels,
            out_channels: outputs,
            weights: to_3x3(&turned, width),
            bias,
            integers,
        }))
    }

    /// A convolution's integers, weights as they are stored; none if it has real numbers.
    fn integers(&self, input: ValueId, weights: &Tensor, bias: Option<&Tensor>, outputs: usize) -> Option<Integers> {
        self.codes.get(input).copied().flatten()?;
        let scales = &weights.scales;
        let per_channel = scales.len() == outputs && weights.axis == 0;
        if weights.kind != INT8
            || weights.zero_points.iter().any(|&zero| zero != 0)
            || !(per_channel || scales.len() == 1)
        {
            return None;
        }
        let whole = weights.whole()?.into_iter().map(|weight| i8::try_from(weight).ok()).collect::<Option<Vec<_>>>()?;
        if whole.contains(&i8::MIN) {
            return None;
        }
        let bias = match bias {
            None => vec![0; outputs],
            Some(bias) if bias.kind == INT32 => {
                bias.whole()?.into_iter().map(|bias| i32::try_from(bias).ok()).collect::<Option<Vec<_>>>()?
            }
            Some(_) => return None,
        };
        let scales = (0..outputs).map(|out| f64::from(scales[out % scales.len()]));
        (bias.len() == outputs).then(|| Integers { weights: whole, scales: scales.collect(), bias })
    }

    #[expect(clippy::cast_possible_truncation, reason = "a net's biases are f32")]
    fn real_bias(&self, input: ValueId, integers: &Integers) -> Vec<f32> {
        let step = self.codes.get(input).copied().flatten().map_or(1.0, |codes| codes.step);
        let biases = integers.bias.iter().zip(&integers.scales);
        biases.map(|(&bias, scale)| (f64::from(bias) * scale * step) as f32).collect()
    }

    /// A resizing, by the sizes of what it reads and gives.
    fn resize(&self, place: &Place, options: Option<&Table>, inputs: &[ValueId], result: ValueId) -> Result<Operator> {
        let foreign = |reason: &str| Ok(Operator::Foreign(reason.to_owned()));
        let Some(&input) = inputs.first() else { return foreign("") };
        let (&[_, height, width, _], &[_, to_height, to_width, _]) =
            (&self.tensors[input].shape[..], &self.tensors[result].shape[..])
        else {
            return foreign("of unknown sizes");
        };
        if height <= 0
            || width <= 0
            || i64::from(to_height) * i64::from(width) != i64::from(to_width) * i64::from(height)
        {
            return foreign("of sizes that are no multiples");
        }
        let factor = f64::from(to_width) / f64::from(width);
        let flag = |field: usize| options.map_or(Ok(0), |options| options.i8(field, 0));
        if place.kind == "RESIZE_BILINEAR" {
            return Ok(Operator::Resize(factor, "bilinear".to_owned()));
        }
        if flag(0)? != 0 {
            return foreign("with aligned corners");
        }
        match (1..=4u8).find(|&scale| f64::from(scale) == factor) {
            Some(scale) => Ok(Operator::Nearest(scale.into())),
            None => Ok(Operator::Resize(factor, "nearest neighbour".to_owned())),
        }
    }
}
