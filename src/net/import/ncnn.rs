//! ncnn: a text file of layers, `.param`, and their weights in order, `.bin`.

use std::collections::{HashMap, HashSet};

use super::family::{refuse_foreign, refused};
use super::graph::{Graph, Kernel, Node, Operator, Place, ShuffleOrder, ValueId, to_3x3};
use super::{MAX_NODES, half_to_f32};
use crate::net::MAX_CHANNELS;
use crate::{Error, Result};

/// The first line of every `.param`.
const MAGIC: &str = "7767517";

/// Before a convolution's weights in the `.bin`: they are f32.
const TAG_F32: u32 = 0;
/// They are f16, padded to a multiple of 4 bytes.
const TAG_F16: u32 = 0x0130_6B47;
/// What padding the padding parameters stand for: as much as keeps the size.
const PAD_SAME: [i64; 2] = [-233, -234];

/// Whether these bytes begin like a `.param`.
pub(super) fn is_param(bytes: &[u8]) -> bool {
    bytes.strip_prefix(MAGIC.as_bytes()).and_then(|rest| rest.first()).is_some_and(u8::is_ascii_whitespace)
}

/// The graph of a `.param` and its `.bin`.
///
/// # Errors
/// [`Error::WeightFile`] names the line that can't be read.
pub(super) fn read(param: &[u8], bin: &[u8]) -> Result<Graph> {
    let text = std::str::from_utf8(param).map_err(|_| Error::WeightFile("the .param is not text".to_owned()))?;
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()).skip(2).peekable();
    if lines.peek().is_none() {
        return Err(Error::WeightFile("the .param has no layers".to_owned()));
    }
    let mut reader = Reader::new(bin);
    for (index, line) in lines {
        reader.line(index + 1, line)?;
    }
    reader.finish()
}

/// One layer's line.
struct Line<'a> {
    place: Place,
    inputs: Vec<&'a str>,
    outputs: Vec<&'a str>,
    parameters: HashMap<i64, Vec<f64>>,
}

impl<'a> Line<'a> {
    fn new(number: usize, line: &'a str) -> Result<Self> {
        let malformed = |reason: &str| Error::WeightFile(format!("line {number} of the .param: {reason}"));
        let mut words = line.split_whitespace();
        let mut word = || words.next().ok_or_else(|| malformed("it is too short"));
        let (kind, name) = (word()?, word()?);
        let mut count = || -> Result<usize> {
            let count: usize = word()?.parse().map_err(|_| malformed("a number of inputs and outputs is expected"))?;
            if count > MAX_NODES { Err(malformed("it has too many inputs or outputs")) } else { Ok(count) }
        };
        let (input_count, output_count) = (count()?, count()?);
        let inputs = (0..input_count).map(|_| word()).collect::<Result<_>>()?;
        let outputs = (0..output_count).map(|_| word()).collect::<Result<_>>()?;
        let mut parameters = HashMap::new();
        for word in words {
            let (key, value) = word.split_once('=').ok_or_else(|| malformed("key=value is expected"))?;
            let key: i64 = key.parse().map_err(|_| malformed("a key is no number"))?;
            let numbers = value.split(',').map(|number| number.parse::<f64>().ok());
            let numbers: Vec<f64> = numbers.collect::<Option<_>>().unwrap_or_default();
            // -23300 - n is parameter n as an array, its length first.
            if key <= -23300 {
                parameters.insert(-23300 - key, numbers.get(1..).unwrap_or_default().to_vec());
            } else {
                parameters.insert(key, numbers);
            }
        }
        let place = Place { unit: "line", number, kind: kind.to_owned(), name: name.to_owned() };
        Ok(Self { place, inputs, outputs, parameters })
    }

    fn number(&self, key: i64, default: f64) -> f64 {
        self.parameters.get(&key).and_then(|numbers| numbers.first()).copied().unwrap_or(default)
    }

    #[expect(clippy::cast_possible_truncation, reason = "saturation is as good as any wrong number")]
    fn whole(&self, key: i64, default: i64) -> i64 {
        self.number(key, default as f64) as i64
    }

    /// A number of channels.
    fn channels(&self, key: i64) -> Result<usize> {
        let value = self.whole(key, 0);
        let channels = usize::try_from(value).ok().filter(|channels| (1..=MAX_CHANNELS).contains(channels));
        channels.ok_or_else(|| self.error(&format!("it has {value} channels; 1 to {MAX_CHANNELS} can be run")))
    }

    fn error(&self, reason: &str) -> Error {
        refused(&self.place, reason)
    }
}

struct Reader<'a> {
    bin: &'a [u8],
    /// How much of the `.bin` has been read.
    at: usize,
    /// An operator was seen whose weights can't be told from those after it.
    lost: bool,
    values: HashMap<&'a str, ValueId>,
    /// How many values there are, those without a name too.
    count: ValueId,
    nodes: Vec<Node>,
    input: Option<ValueId>,
}

impl<'a> Reader<'a> {
    fn new(bin: &'a [u8]) -> Self {
        Self { bin, at: 0, lost: false, values: HashMap::new(), count: 0, nodes: Vec::new(), input: None }
    }

    fn value(&mut self, name: &'a str) -> ValueId {
        if let Some(&value) = self.values.get(name) {
            return value;
        }
        let value = self.unnamed();
        self.values.insert(name, value);
        value
    }

    fn unnamed(&mut self) -> ValueId {
        self.count += 1;
        self.count - 1
    }

    fn line(&mut self, number: usize, text: &'a str) -> Result<()> {
        let line = Line::new(number, text)?;
        if self.nodes.len() >= MAX_NODES {
            return Err(line.error("it has too many layers"));
        }
        let inputs: Vec<_> = line.inputs.iter().map(|name| self.value(name)).collect();
        let outputs: Vec<_> = line.outputs.iter().map(|name| self.value(name)).collect();
        if line.place.kind == "Input" {
            return match (self.input, &outputs[..]) {
                (None, &[output]) => {
                    self.input = Some(output);
                    Ok(())
                }
                _ => Err(line.error("a net of one input is expected")),
            };
        }
        // A Split has an output for each reader, and copies nothing.
        if line.place.kind != "Split" && outputs.len() > 1 || line.place.kind == "Split" && inputs.len() != 1 {
            return Err(line.error("it has too many inputs or outputs"));
        }
        let mut operators = self.operators(&line)?;
        let Some(last) = operators.pop() else { return Ok(()) };
        let mut inputs = inputs;
        for operator in operators {
            let output = self.unnamed();
            self.nodes.push(Node {
                operator,
                inputs: std::mem::replace(&mut inputs, vec![output]),
                output,
                place: line.place.clone(),
            });
        }
        for output in outputs {
            self.nodes.push(Node { operator: last.clone(), inputs: inputs.clone(), output, place: line.place.clone() });
        }
        Ok(())
    }

    /// What a layer computes, one operator after the other.
    fn operators(&mut self, line: &Line) -> Result<Vec<Operator>> {
        let operator = match line.place.kind.as_str() {
            "Split" | "Noop" | "Dropout" => Operator::Identity,
            "Convolution" => return self.convolution(line),
            "ReLU" => Operator::Activation(vec![as_f32(line.number(0, 0.0))]),
            "PReLU" => {
                let count = line.channels(0)?;
                Operator::Activation(self.f32s(line, count)?)
            }
            "Clip" => Operator::Clip(as_f32(line.number(0, f64::MIN)), as_f32(line.number(1, f64::MAX))),
            "PixelShuffle" => match (usize::try_from(line.whole(0, 1)), line.whole(1, 0)) {
                (Ok(scale @ 1..=4), 0) => Operator::PixelShuffle(scale, ShuffleOrder::ColourFirst),
                (Ok(scale @ 1..=4), 1) => Operator::PixelShuffle(scale, ShuffleOrder::BlockFirst),
                _ => foreign("of a scale other than 1 to 4"),
            },
            "Interp" => interp(line),
            "Concat" if line.whole(0, 0) == 0 => Operator::Concatenate,
            "Concat" => foreign("not along the channels"),
            "BinaryOp" => match (line.whole(0, 0), line.whole(1, 0)) {
                (0, 0) => Operator::Add,
                (2, 1) => Operator::Times(as_f32(line.number(2, 0.0))),
                (3, 1) => Operator::Times(as_f32(1.0 / line.number(2, 0.0))),
                (kind, _) => foreign(&format!("operation {kind}")),
            },
            "Eltwise" if line.whole(0, 0) == 1 && !line.parameters.contains_key(&1) => Operator::Add,
            _ => {
                self.lost = true;
                foreign("")
            }
        };
        Ok(vec![operator])
    }

    fn convolution(&mut self, line: &Line) -> Result<Vec<Operator>> {
        let outputs = line.channels(0)?;
        let width = line.whole(1, 0);
        let height = line.whole(11, width);
        let side = match (width, height) {
            (1, 1) => 1,
            (3, 3) => 3,
            _ => {
                self.lost = true;
                return Ok(vec![foreign(&format!("kernel {width}x{height}"))]);
            }
        };
        if line.whole(8, 0) != 0 {
            self.lost = true;
            return Ok(vec![foreign("weights in ncnn's int8")]);
        }
        let terms = usize::try_from(line.whole(6, 0)).unwrap_or(0);
        let inputs = terms / (outputs * side * side);
        if inputs * outputs * side * side != terms || !(1..=MAX_CHANNELS).contains(&inputs) {
            return Err(line.error(&format!("it has {terms} weights for {outputs} output channels")));
        }
        let weights = to_3x3(&self.tagged(line, terms)?, side);
        let bias = if line.whole(5, 0) == 0 { vec![0.0; outputs] } else { self.f32s(line, outputs)? };
        let (stride, dilation) = (line.whole(3, 1), line.whole(2, 1));
        let strides = [stride, line.whole(13, stride)];
        let dilations = [dilation, line.whole(12, dilation)];
        let left = line.whole(4, 0);
        let top = line.whole(14, left);
        let paddings = [left, top, line.whole(15, left), line.whole(16, top)];
        let keeping = i64::from(side == 3);
        let reason = if strides != [1, 1] {
            format!("stride {}x{}", strides[0], strides[1])
        } else if dilations != [1, 1] && side > 1 {
            "dilated".to_owned()
        } else if !paddings.into_iter().all(|padding| padding == keeping || PAD_SAME.contains(&padding)) {
            format!("padding {left}; {keeping} keeps the size")
        } else if line.number(18, 0.0) != 0.0 {
            "padded with other values than 0".to_owned()
        } else {
            let kernel = Kernel { in_channels: inputs, out_channels: outputs, weights, bias, integers: None };
            // ncnn's optimiser merges activations into convolutions.
            let activation = match line.whole(9, 0) {
                0 => None,
                1 => Some(Operator::Activation(vec![0.0])),
                2 => Some(Operator::Activation(vec![as_f32(line.number(10, 0.0))])),
                kind => Some(foreign(&format!("with merged activation {kind}"))),
            };
            return Ok([Operator::Convolution(kernel)].into_iter().chain(activation).collect());
        };
        Ok(vec![foreign(&reason)])
    }

    /// `count` weights behind their tag.
    fn tagged(&mut self, line: &Line, count: usize) -> Result<Vec<f32>> {
        if self.lost {
            return Ok(vec![0.0; count]);
        }
        let tag = self.take(line, 4)?.first_chunk().map_or(0, |&bytes| u32::from_le_bytes(bytes));
        match tag {
            TAG_F32 => self.f32s(line, count),
            TAG_F16 => {
                let bytes = self.take(line, (count * 2).next_multiple_of(4))?;
                let (halves, _) = bytes[..count * 2].as_chunks();
                Ok(halves.iter().map(|&half| half_to_f32(u16::from_le_bytes(half))).collect())
            }
            _ => {
                Err(line
                    .error(&format!("its weights in the .bin begin with {tag:#010x}, which is neither f32 nor f16")))
            }
        }
    }

    fn f32s(&mut self, line: &Line, count: usize) -> Result<Vec<f32>> {
        if self.lost {
            return Ok(vec![0.0; count]);
        }
        let (chunks, _) = self.take(line, count * 4)?.as_chunks();
        Ok(chunks.iter().map(|&bytes| f32::from_le_bytes(bytes)).collect())
    }

    fn take(&mut self, line: &Line, count: usize) -> Result<&'a [u8]> {
        let bytes = self.bin[self.at..].get(..count);
        self.at += count;
        bytes.ok_or_else(|| line.error(&format!("the .bin ends before its weights, after {} bytes", self.bin.len())))
    }

    fn finish(self) -> Result<Graph> {
        let Self { bin, at, lost, nodes, input, count, .. } = self;
        if lost {
            refuse_foreign(&nodes)?;
        }
        if at != bin.len() {
            let reason = format!(
                "the .bin has {} bytes, and the .param's layers take {at}: they don't belong together",
                bin.len()
            );
            return Err(Error::WeightFile(reason));
        }
        let input = input.ok_or_else(|| Error::WeightFile("the .param has no Input".to_owned()))?;
        // The one value that nobody reads.
        let read: HashSet<_> = nodes.iter().flat_map(|node| &node.inputs).copied().collect();
        let mut outputs = nodes.iter().map(|node| node.output).filter(|output| !read.contains(output));
        match (outputs.next(), outputs.next()) {
            (Some(output), None) => Ok(Graph { nodes, input, output, codes: vec![None; count] }),
            _ => Err(Error::WeightFile("the .param's layers lead to more than one result, or to none".to_owned())),
        }
    }
}

fn foreign(reason: &str) -> Operator {
    Operator::Foreign(reason.to_owned())
}

#[expect(clippy::cast_possible_truncation, reason = "a parameter of an f32 layer")]
fn as_f32(value: f64) -> f32 {
    value as f32
}

/// A resizing: 1 is nearest neighbour, 2 bilinear, 3 bicubic.
fn interp(line: &Line) -> Operator {
    let factors = [line.number(1, 1.0), line.number(2, 1.0)];
    if factors[0] != factors[1]
        || !(factors[0].is_finite() && factors[0] > 0.0)
        || line.whole(3, 0) != 0
        || line.whole(4, 0) != 0
    {
        return foreign("to a fixed size, or by two factors");
    }
    let kind = match line.whole(0, 0) {
        1 => {
            if let Some(scale) = (1..=4).find(|&scale| scale as f64 == factors[0]) {
                return Operator::Nearest(scale);
            }
            "nearest neighbour"
        }
        2 => "bilinear",
        3 => "bicubic",
        _ => return foreign("of an unknown kind"),
    };
    Operator::Resize(factors[0], kind.to_owned())
}
