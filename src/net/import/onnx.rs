//! ONNX: a graph of nodes in Protocol Buffers, of real numbers, or of integers between pairs of QuantizeLinear and
//! DequantizeLinear.

use std::collections::HashMap;

use super::graph::{Affine, Graph, Integers, Kernel, Node, Operator, Place, ShuffleOrder, ValueId, printable, to_3x3};
use super::protobuf::{Field, Message, floats, ints};
use super::{MAX_CONVOLUTIONS, MAX_NODES, bfloat_to_f32, half_to_f32};
use crate::net::MAX_CHANNELS;
use crate::{Error, Result};

/// Most values of a constant that is looked at: a convolution's weights at most.
const MOST_VALUES: usize = MAX_CHANNELS * MAX_CHANNELS * 9;

/// Whether these bytes begin like a model: its version, then its producer, opsets or graph.
pub(super) fn is_onnx(bytes: &[u8]) -> bool {
    let mut fields = Message::new(bytes);
    matches!(fields.next(), Some(Ok((1, Field::Varint(1..=1000)))))
        && Message::new(bytes).take(MAX_NODES).any(|field| matches!(field, Ok((7, Field::Bytes(_)))))
}

/// The graph of a model.
///
/// # Errors
/// [`Error::WeightFile`] names the node that can't be read.
pub(super) fn read(bytes: &[u8]) -> Result<Graph> {
    let mut graph = None;
    for field in Message::new(bytes) {
        if let (7, Field::Bytes(message)) = field? {
            graph = Some(message);
        }
    }
    let graph = graph.ok_or_else(|| Error::WeightFile("the model has no graph".to_owned()))?;
    let mut reader = Reader::default();
    let (mut inputs, mut outputs, mut nodes) = (Vec::new(), Vec::new(), Vec::new());
    for field in Message::new(graph) {
        match field? {
            (1, Field::Bytes(node)) => nodes.push(node),
            (5, Field::Bytes(tensor)) => {
                let tensor = Tensor::new(tensor)?;
                reader.constants.insert(tensor.name, Constant::Stored(tensor));
            }
            (11, Field::Bytes(value)) => inputs.push(value_name(value)?),
            (12, Field::Bytes(value)) => outputs.push(value_name(value)?),
            _ => {}
        }
    }
    if nodes.len() > MAX_NODES {
        return Err(Error::WeightFile(format!("it has {} nodes; {MAX_NODES} are the most", nodes.len())));
    }
    // Files of old versions list constants among the inputs.
    inputs.retain(|name| !reader.constants.contains_key(name));
    let (&[input], &[output]) = (&inputs[..], &outputs[..]) else {
        return Err(Error::WeightFile("a graph of one input and one output is expected".to_owned()));
    };
    let input = reader.value(input);
    for (index, node) in nodes.into_iter().enumerate() {
        let node = NodeProto::new(index, node)?;
        reader.node(&node)?;
    }
    let output = reader.value(output);
    let Reader { nodes, codes, .. } = reader;
    Ok(Graph { nodes, input, output, codes })
}

/// A value's name.
fn value_name(message: &[u8]) -> Result<&str> {
    for field in Message::new(message) {
        if let (1, field) = field? {
            return field.text().ok_or_else(|| Error::WeightFile("a name is not text".to_owned()));
        }
    }
    Ok("")
}

/// A constant tensor as it is stored.
#[derive(Clone, Debug, Default)]
struct Tensor<'a> {
    name: &'a str,
    shape: Vec<usize>,
    kind: i64,
    raw: Option<&'a [u8]>,
    /// What is not raw.
    floats: Vec<f32>,
    ints: Vec<i64>,
    is_elsewhere: bool,
}

impl<'a> Tensor<'a> {
    fn new(message: &'a [u8]) -> Result<Self> {
        let mut tensor = Self::default();
        for field in Message::new(message) {
            match field? {
                (1, field) => {
                    let lens = ints(field).unwrap_or_default().into_iter();
                    tensor.shape.extend(lens.map(|len| usize::try_from(len).unwrap_or(usize::MAX)));
                }
                (2, field) => tensor.kind = field.int().unwrap_or(0),
                (4, field) => tensor.floats.extend(floats(field).unwrap_or_default()),
                (5 | 7, field) => tensor.ints.extend(ints(field).unwrap_or_default()),
                (8, field) => tensor.name = field.text().unwrap_or(""),
                (9, field) => tensor.raw = field.bytes(),
                (14, field) => tensor.is_elsewhere = field.int() == Some(1),
                _ => {}
            }
        }
        Ok(tensor)
    }

    /// How many values the shape asks for, if not too many.
    fn count(&self) -> Result<usize> {
        let count = self.shape.iter().try_fold(1usize, |count, &len| count.checked_mul(len));
        count
            .filter(|&count| count <= MOST_VALUES)
            .ok_or_else(|| self.error("it is too large for a net of this family"))
    }

    fn error(&self, reason: &str) -> Error {
        Error::Tensor { tensor: printable(self.name), reason: reason.to_owned() }
    }

    fn checked<T>(&self, values: Vec<T>) -> Result<Vec<T>> {
        if self.is_elsewhere {
            return Err(self.error("its values are in another file; save the model with its data inside"));
        }
        if values.len() == self.count()? { Ok(values) } else { Err(self.error("its values don't fit its shape")) }
    }

    /// Its real numbers; none if it has whole ones.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a net's weights are f32, halves 16 bits"
    )]
    fn reals(&self) -> Result<Option<Vec<f32>>> {
        self.count()?;
        let values = match (self.kind, self.raw) {
            (1, Some(raw)) => raw.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect(),
            (1, None) => self.floats.clone(),
            (10, Some(raw)) => raw.as_chunks().0.iter().map(|&bytes| half_to_f32(u16::from_le_bytes(bytes))).collect(),
            (10, None) => self.ints.iter().map(|&bits| half_to_f32(bits as u16)).collect(),
            (16, Some(raw)) => {
                raw.as_chunks().0.iter().map(|&bytes| bfloat_to_f32(u16::from_le_bytes(bytes))).collect()
            }
            (11, Some(raw)) => raw.as_chunks().0.iter().map(|&bytes| f64::from_le_bytes(bytes) as f32).collect(),
            _ => return Ok(None),
        };
        self.checked(values).map(Some)
    }

    /// Its whole numbers; none if it has real ones.
    fn whole(&self) -> Result<Option<Vec<i64>>> {
        self.count()?;
        let values = match (self.kind, self.raw) {
            (3, Some(raw)) => raw.iter().map(|&byte| byte.cast_signed().into()).collect(),
            (2, Some(raw)) => raw.iter().map(|&byte| byte.into()).collect(),
            (6, Some(raw)) => raw.as_chunks().0.iter().map(|&bytes| i32::from_le_bytes(bytes).into()).collect(),
            (7, Some(raw)) => raw.as_chunks().0.iter().map(|&bytes| i64::from_le_bytes(bytes)).collect(),
            (2 | 3 | 6 | 7, None) => {
                self.ints.iter().map(|&value| if self.kind == 7 { value } else { i64::from(to_i32(value)) }).collect()
            }
            _ => return Ok(None),
        };
        self.checked(values).map(Some)
    }
}

/// An i32 that a varint holds.
fn to_i32(value: i64) -> i32 {
    i32::try_from(value).unwrap_or(0)
}

/// A constant value.
#[derive(Clone, Debug)]
enum Constant<'a> {
    Stored(Tensor<'a>),
    /// Dequantised: the tensor, its scales, and the axis that these are along.
    Scaled {
        tensor: Tensor<'a>,
        scales: Vec<f32>,
        axis: usize,
    },
}

impl Constant<'_> {
    fn shape(&self) -> &[usize] {
        match self {
            Self::Stored(tensor) | Self::Scaled { tensor, .. } => &tensor.shape,
        }
    }

    fn reals(&self) -> Result<Option<Vec<f32>>> {
        match self {
            Self::Stored(tensor) => tensor.reals(),
            Self::Scaled { tensor, scales, axis } => {
                let Some(whole) = tensor.whole()? else { return Ok(None) };
                let inner: usize = tensor.shape.get(axis + 1..).unwrap_or_default().iter().product();
                let scale = |i: usize| scales[i / inner.max(1) % scales.len()];
                #[expect(clippy::cast_precision_loss, reason = "a net's weights are f32")]
                let values = whole.iter().enumerate().map(|(i, &value)| value as f32 * scale(i));
                Ok(Some(values.collect()))
            }
        }
    }
}

/// A node's attributes.
#[derive(Clone, Debug, Default)]
struct Attribute<'a> {
    float: Option<f32>,
    int: Option<i64>,
    text: Option<&'a str>,
    tensor: Option<&'a [u8]>,
    ints: Vec<i64>,
    floats: Vec<f32>,
}

/// A node.
struct NodeProto<'a> {
    place: Place,
    domain: &'a str,
    inputs: Vec<&'a str>,
    outputs: Vec<&'a str>,
    attributes: HashMap<&'a str, Attribute<'a>>,
}

impl<'a> NodeProto<'a> {
    fn new(index: usize, message: &'a [u8]) -> Result<Self> {
        let place = Place { unit: "node", number: index, kind: String::new(), name: String::new() };
        let mut node = Self { place, domain: "", inputs: Vec::new(), outputs: Vec::new(), attributes: HashMap::new() };
        let text = |field: Field<'a>| {
            field.text().ok_or_else(|| Error::WeightFile(format!("node {index}: a name is not text")))
        };
        for field in Message::new(message) {
            match field? {
                (1, field) => node.inputs.push(text(field)?),
                (2, field) => node.outputs.push(text(field)?),
                (3, field) => node.place.name = text(field)?.to_owned(),
                (4, field) => node.place.kind = text(field)?.to_owned(),
                (5, Field::Bytes(attribute)) => {
                    let (name, attribute) = attribute_of(attribute)?;
                    node.attributes.insert(name, attribute);
                }
                (7, field) => node.domain = text(field)?,
                _ => {}
            }
        }
        Ok(node)
    }

    fn int(&self, name: &str, default: i64) -> i64 {
        self.attributes.get(name).and_then(|attribute| attribute.int).unwrap_or(default)
    }

    fn float(&self, name: &str, default: f32) -> f32 {
        self.attributes.get(name).and_then(|attribute| attribute.float).unwrap_or(default)
    }

    fn text(&self, name: &str, default: &'static str) -> &str {
        self.attributes.get(name).and_then(|attribute| attribute.text).unwrap_or(default)
    }

    fn ints(&self, name: &str) -> &[i64] {
        self.attributes.get(name).map(|attribute| &attribute.ints[..]).unwrap_or_default()
    }

    fn error(&self, reason: &str) -> Error {
        super::family::refused(&self.place, reason)
    }
}

fn attribute_of(message: &[u8]) -> Result<(&str, Attribute<'_>)> {
    let (mut name, mut attribute) = ("", Attribute::default());
    for field in Message::new(message) {
        match field? {
            (1, field) => name = field.text().unwrap_or(""),
            (2, field) => attribute.float = field.float(),
            (3, field) => attribute.int = field.int(),
            (4, field) => attribute.text = field.text(),
            (5, field) => attribute.tensor = field.bytes(),
            (7, field) => attribute.floats.extend(floats(field).unwrap_or_default()),
            (8, field) => attribute.ints.extend(ints(field).unwrap_or_default()),
            _ => {}
        }
    }
    Ok((name, attribute))
}

#[derive(Default)]
struct Reader<'a> {
    values: HashMap<&'a str, ValueId>,
    constants: HashMap<&'a str, Constant<'a>>,
    nodes: Vec<Node>,
    codes: Vec<Option<Affine>>,
    convolutions: usize,
    /// Values that are a reshaped and turned value, by what a last reshaping makes a pixel shuffle of.
    turned: HashMap<&'a str, (&'a str, usize, ShuffleOrder)>,
    /// Values that are a reshaped value: the value, and the new shape.
    reshaped: HashMap<&'a str, (&'a str, Vec<i64>)>,
}

impl<'a> Reader<'a> {
    fn value(&mut self, name: &'a str) -> ValueId {
        let next = self.values.len();
        let value = *self.values.entry(name).or_insert(next);
        if value == next {
            self.codes.push(None);
        }
        value
    }

    fn push(&mut self, node: &NodeProto<'a>, operator: Operator, inputs: &[&'a str]) -> Result<()> {
        let inputs = inputs.iter().map(|name| self.value(name)).collect();
        let &[output] = &node.outputs[..] else {
            // Of a Dropout's results the second is for training.
            let Some(&output) = node.outputs.first() else { return Err(node.error("it has no result")) };
            let output = self.value(output);
            self.nodes.push(Node {
                operator: Operator::Foreign("several results".to_owned()),
                inputs,
                output,
                place: node.place.clone(),
            });
            return Ok(());
        };
        let output = self.value(output);
        self.nodes.push(Node { operator, inputs, output, place: node.place.clone() });
        Ok(())
    }

    /// Input `index` as real numbers, if it is a constant.
    fn reals(&self, node: &NodeProto<'a>, index: usize) -> Result<Option<Vec<f32>>> {
        let constant = node.inputs.get(index).and_then(|name| self.constants.get(name));
        constant.map_or(Ok(None), Constant::reals)
    }

    fn real(&self, node: &NodeProto<'a>, index: usize) -> Result<Option<f32>> {
        Ok(match self.reals(node, index)?.as_deref() {
            Some(&[value]) => Some(value),
            _ => None,
        })
    }

    fn whole(&self, node: &NodeProto<'a>, index: usize) -> Result<Option<Vec<i64>>> {
        match node.inputs.get(index).and_then(|name| self.constants.get(name)) {
            Some(Constant::Stored(tensor)) => tensor.whole(),
            _ => Ok(None),
        }
    }

    fn is_constant(&self, node: &NodeProto<'a>, index: usize) -> bool {
        node.inputs.get(index).is_some_and(|name| self.constants.contains_key(name))
    }

    #[expect(clippy::too_many_lines, reason = "a list of operators")]
    fn node(&mut self, node: &NodeProto<'a>) -> Result<()> {
        let foreign = |reason: &str| Operator::Foreign(reason.to_owned());
        let first = node.inputs.first().copied().unwrap_or("");
        let output = node.outputs.first().copied().unwrap_or("");
        if !matches!(node.domain, "" | "ai.onnx" | "com.microsoft") {
            return self.push(node, foreign("of another domain"), &node.inputs);
        }
        let operator = match node.place.kind.as_str() {
            "Constant" => {
                let tensor = match (
                    node.attributes.get("value").and_then(|value| value.tensor),
                    node.attributes.values().next(),
                ) {
                    (Some(tensor), _) => Tensor::new(tensor)?,
                    (None, Some(Attribute { float: Some(value), .. })) => {
                        Tensor { kind: 1, floats: vec![*value], ..Tensor::default() }
                    }
                    (None, Some(Attribute { int: Some(value), .. })) => {
                        Tensor { kind: 7, ints: vec![*value], ..Tensor::default() }
                    }
                    (None, Some(Attribute { floats, .. })) if !floats.is_empty() => {
                        Tensor { kind: 1, shape: vec![floats.len()], floats: floats.clone(), ..Tensor::default() }
                    }
                    (None, Some(Attribute { ints, .. })) => {
                        Tensor { kind: 7, shape: vec![ints.len()], ints: ints.clone(), ..Tensor::default() }
                    }
                    _ => Tensor::default(),
                };
                self.constants.insert(output, Constant::Stored(tensor));
                return Ok(());
            }
            "Identity" if self.is_constant(node, 0) => {
                if let Some(constant) = self.constants.get(first).cloned() {
                    self.constants.insert(output, constant);
                }
                return Ok(());
            }
            "Identity" | "Dropout" | "Cast" => Operator::Identity,
            "Conv" => {
                let operator = self.convolution(node)?;
                return self.push(node, operator, &[first]);
            }
            "Relu" => Operator::Activation(vec![0.0]),
            "LeakyRelu" => Operator::Activation(vec![node.float("alpha", 0.01)]),
            "PRelu" => match self.reals(node, 1)? {
                Some(slopes) if slopes.len() <= MAX_CHANNELS && !slopes.is_empty() => Operator::Activation(slopes),
                _ => foreign("slopes that are no constant vector"),
            },
            "Clip" => {
                let bound = |index: usize, name: &str, default: f32| -> Result<Option<f32>> {
                    match node.inputs.get(index) {
                        Some(&input) if !input.is_empty() => self.real(node, index),
                        _ => Ok(Some(node.float(name, default))),
                    }
                };
                match (bound(1, "min", f32::NEG_INFINITY)?, bound(2, "max", f32::INFINITY)?) {
                    (Some(low), Some(high)) => Operator::Clip(low, high),
                    _ => foreign("bounds that are no constants"),
                }
            }
            "Min" | "Max" if node.inputs.len() == 2 => match self.real(node, 1)? {
                Some(bound) if node.place.kind == "Min" => Operator::Clip(f32::NEG_INFINITY, bound),
                Some(bound) => Operator::Clip(bound, f32::INFINITY),
                None => foreign(""),
            },
            "Mul" | "Div" => match (self.real(node, 0)?, self.real(node, 1)?) {
                (None, Some(factor)) if node.place.kind == "Mul" => Operator::Times(factor),
                (None, Some(divisor)) if divisor != 0.0 => Operator::Times(1.0 / divisor),
                (Some(factor), None) if node.place.kind == "Mul" => {
                    let inputs: Vec<_> = node.inputs.get(1).copied().into_iter().collect();
                    return self.push(node, Operator::Times(factor), &inputs);
                }
                _ => foreign("not by a number"),
            },
            "Add" if !self.is_constant(node, 0) && !self.is_constant(node, 1) => {
                return self.push(node, Operator::Add, &node.inputs);
            }
            "Add" => foreign("of a constant"),
            "Concat" if node.int("axis", 1) == 1 => return self.push(node, Operator::Concatenate, &node.inputs),
            "DepthToSpace" => match (usize::try_from(node.int("blocksize", 0)), node.text("mode", "DCR")) {
                (Ok(scale @ 1..=4), "DCR") => Operator::PixelShuffle(scale, ShuffleOrder::BlockFirst),
                (Ok(scale @ 1..=4), "CRD") => Operator::PixelShuffle(scale, ShuffleOrder::ColourFirst),
                _ => foreign("of a block other than 1 to 4"),
            },
            // Older exporters write a pixel shuffle as two reshapings with a turn between.
            "Reshape" => {
                if let Some(&(source, scale, order)) = self.turned.get(first) {
                    return self.push(node, Operator::PixelShuffle(scale, order), &[source]);
                }
                if let Some(shape) = self.whole(node, 1)? {
                    self.reshaped.insert(output, (first, shape));
                }
                foreign("")
            }
            "Transpose" => match (node.ints("perm"), self.reshaped.get(first)) {
                // From and to pictures whose channels come last.
                ([0, 3, 1, 2] | [0, 2, 3, 1], _) => Operator::Identity,
                ([0, 1, 4, 2, 5, 3], Some((source, shape))) => {
                    if let &[_, 3, scale @ 1..=4, other, ..] = &shape[..]
                        && scale == other
                    {
                        self.turned
                            .insert(output, (source, usize::try_from(scale).unwrap_or(1), ShuffleOrder::ColourFirst));
                    }
                    foreign("")
                }
                ([0, 3, 4, 1, 5, 2], Some((source, shape))) => {
                    if let &[_, scale @ 1..=4, other, 3, ..] = &shape[..]
                        && scale == other
                    {
                        self.turned
                            .insert(output, (source, usize::try_from(scale).unwrap_or(1), ShuffleOrder::BlockFirst));
                    }
                    foreign("")
                }
                _ => foreign(""),
            },
            "Resize" | "Upsample" => self.resize(node)?,
            "QuantizeLinear" => {
                let codes = self.codes_of(node)?;
                let value = self.value(output);
                self.codes[value] = codes;
                if codes.is_some() {
                    Operator::Identity
                } else {
                    foreign("codes of other than 8 bits, or no constants")
                }
            }
            "DequantizeLinear" if self.is_constant(node, 0) => return self.dequantized(node, first, output),
            "DequantizeLinear" => {
                let codes = self.codes_of(node)?;
                for name in [first, output] {
                    let value = self.value(name);
                    self.codes[value] = codes;
                }
                if codes.is_some() {
                    Operator::Identity
                } else {
                    foreign("codes of other than 8 bits, or no constants")
                }
            }
            _ => return self.push(node, foreign(""), &node.inputs),
        };
        self.push(node, operator, &[first])
    }

    /// What a pair's codes stand for.
    fn codes_of(&self, node: &NodeProto<'a>) -> Result<Option<Affine>> {
        let Some(step) = self.real(node, 1)? else { return Ok(None) };
        let (zero_point, is_signed) = match node.inputs.get(2).and_then(|name| self.constants.get(name)) {
            None => (0, false),
            Some(Constant::Stored(tensor)) => match (tensor.whole()?.as_deref(), tensor.kind) {
                (Some(&[zero]), 2) => (to_i32(zero), false),
                (Some(&[zero]), 3) => (to_i32(zero), true),
                _ => return Ok(None),
            },
            Some(_) => return Ok(None),
        };
        let range = if is_signed { (-128, 127) } else { (0, 255) };
        Ok((step > 0.0 && step.is_finite()).then_some(Affine { step: step.into(), zero_point, range }))
    }

    /// A constant of integers: weights or biases.
    fn dequantized(&mut self, node: &NodeProto<'a>, first: &'a str, output: &'a str) -> Result<()> {
        let Some(Constant::Stored(tensor)) = self.constants.get(first).cloned() else {
            return Err(node.error("it dequantises what is no stored constant"));
        };
        if let Some(zeros) = self.whole(node, 2)?
            && zeros.iter().any(|&zero| zero != 0)
        {
            return self.push(node, Operator::Foreign("weights with a zero point".to_owned()), &[first]);
        }
        let scales = self.reals(node, 1)?.filter(|scales| !scales.is_empty());
        let scales = scales.ok_or_else(|| node.error("its scales are no constants"))?;
        let axis = node.int("axis", 1);
        let from_end = usize::try_from(axis.unsigned_abs()).ok().and_then(|axis| tensor.shape.len().checked_sub(axis));
        let axis = if axis < 0 { from_end } else { usize::try_from(axis).ok() }.unwrap_or(0);
        let along = tensor.shape.get(axis).copied().unwrap_or(1);
        if scales.len() != 1 && scales.len() != along {
            return Err(node.error(&format!("{} scales for {along} channels", scales.len())));
        }
        self.constants.insert(output, Constant::Scaled { tensor, scales, axis });
        Ok(())
    }

    fn convolution(&mut self, node: &NodeProto<'a>) -> Result<Operator> {
        let foreign = |reason: &str| Ok(Operator::Foreign(reason.to_owned()));
        let Some(weights) = node.inputs.get(1).and_then(|name| self.constants.get(name)) else {
            return foreign("weights that are no constants");
        };
        let &[outputs @ 1..=MAX_CHANNELS, inputs @ 1..=MAX_CHANNELS, height, width] = weights.shape() else {
            return foreign(&format!("weights {:?}; 1 to {MAX_CHANNELS} channels can be run", weights.shape()));
        };
        if height != width || !matches!(width, 1 | 3) {
            return foreign(&format!("kernel {height}x{width}"));
        }
        if node.int("group", 1) != 1 {
            return foreign(&format!("{} groups", node.int("group", 1)));
        }
        if node.ints("strides").iter().any(|&stride| stride != 1) {
            return foreign(&format!("strides {:?}", node.ints("strides")));
        }
        if width > 1 && node.ints("dilations").iter().any(|&dilation| dilation != 1) {
            return foreign("dilated");
        }
        let keeping = i64::from(width == 3);
        let pads = node.ints("pads");
        let keeps = match node.text("auto_pad", "NOTSET") {
            "SAME_UPPER" | "SAME_LOWER" => true,
            "NOTSET" if pads.is_empty() => width == 1,
            "NOTSET" => pads.iter().all(|&pad| pad == keeping),
            _ => width == 1,
        };
        if !keeps {
            return foreign(&format!("pads {pads:?}; {keeping} on each side keeps the size"));
        }
        self.convolutions += 1;
        if self.convolutions > MAX_CONVOLUTIONS {
            return Err(node.error("it has too many convolutions"));
        }
        let Some(reals) = weights.reals()? else { return foreign("weights that are no real numbers") };
        let bias = match node.inputs.get(2).filter(|name| !name.is_empty()) {
            None => vec![0.0; outputs],
            Some(_) => match self.reals(node, 2)? {
                Some(bias) if bias.len() == outputs => bias,
                _ => return foreign("a bias that is no constant of its channels"),
            },
        };
        let integers = self.integers(node, weights, outputs, width)?;
        Ok(Operator::Convolution(Kernel {
            in_channels: inputs,
            out_channels: outputs,
            weights: to_3x3(&reals, width),
            bias,
            integers,
        }))
    }

    /// A convolution's integers, if it has them and its bias is in units of its accumulator.
    fn integers(
        &self,
        node: &NodeProto<'a>,
        weights: &Constant,
        outputs: usize,
        side: usize,
    ) -> Result<Option<Integers>> {
        let Constant::Scaled { tensor, scales, axis } = weights else { return Ok(None) };
        let Some(whole) = tensor.whole()? else { return Ok(None) };
        let Ok(weights) = whole.iter().map(|&weight| i8::try_from(weight)).collect::<std::result::Result<Vec<_>, _>>()
        else {
            return Ok(None);
        };
        if scales.len() != 1 && *axis != 0 || weights.contains(&i8::MIN) {
            return Ok(None);
        }
        let scales: Vec<f64> = (0..outputs).map(|out| scales[out % scales.len()].into()).collect();
        // What it reads is in codes of some step.
        let input = node.inputs.first().and_then(|name| self.values.get(name)).and_then(|&value| self.codes[value]);
        let Some(Affine { step, .. }) = input else { return Ok(None) };
        let bias = match node.inputs.get(2).and_then(|name| self.constants.get(name)) {
            None => vec![0; outputs],
            Some(constant) => {
                let Some(reals) = constant.reals()? else { return Ok(None) };
                let integers =
                    reals.iter().zip(&scales).map(|(&bias, scale)| (f64::from(bias) / (scale * step)).round());
                #[expect(clippy::cast_possible_truncation, reason = "saturation is checked by the net")]
                let integers = integers.map(|bias| bias as i32).collect();
                integers
            }
        };
        Ok((bias.len() == outputs).then(|| Integers { weights: to_3x3(&weights, side), scales, bias }))
    }

    /// A resizing.
    fn resize(&self, node: &NodeProto<'a>) -> Result<Operator> {
        let foreign = |reason: &str| Ok(Operator::Foreign(reason.to_owned()));
        let place = if node.place.kind == "Resize" && node.inputs.len() > 2 { 2 } else { 1 };
        let scales = match self.reals(node, place)? {
            Some(scales) => scales,
            None => node.attributes.get("scales").map(|scales| scales.floats.clone()).unwrap_or_default(),
        };
        let &[1.0, 1.0, height, width] = &scales[..] else {
            return foreign("to a size, or by factors that are no constants");
        };
        if height != width || !(width.is_finite() && width > 0.0) {
            return foreign(&format!("by {height}x{width}"));
        }
        let (mode, turn) = (node.text("mode", "nearest"), node.text("coordinate_transformation_mode", "half_pixel"));
        let rounding = node.text("nearest_mode", "round_prefer_floor");
        if mode == "nearest" {
            let repeats = node.place.kind == "Upsample"
                || match turn {
                    "asymmetric" => rounding == "floor",
                    "half_pixel" | "pytorch_half_pixel" | "half_pixel_symmetric" => {
                        rounding.starts_with("round_prefer")
                    }
                    _ => false,
                };
            return match (1..=4u8).find(|&scale| f32::from(scale) == width) {
                Some(scale) if repeats => Ok(Operator::Nearest(scale.into())),
                Some(_) => foreign(&format!("nearest neighbour with {turn} and {rounding}, which shifts pixels")),
                None => Ok(Operator::Resize(width.into(), "nearest neighbour".to_owned())),
            };
        }
        Ok(Operator::Resize(
            width.into(),
            match mode {
                "linear" => "bilinear".to_owned(),
                "cubic" => "bicubic".to_owned(),
                other => printable(other),
            },
        ))
    }
}
