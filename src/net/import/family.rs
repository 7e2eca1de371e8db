//! A graph as a net of the family: what it computes, or what of it the family has not.

use std::collections::{BTreeSet, HashMap};

use super::graph::{Affine, Graph, Kernel, Node, Operator, Place, ShuffleOrder, ValueId};
use crate::{Error, Result};

/// A graph's convolutions in order, and what stands around them.
#[derive(Debug)]
pub(super) struct Chain {
    pub scale: usize,
    pub layers: Vec<Link>,
    pub order: ShuffleOrder,
    /// What the picture is multiplied with before the first layer, and the result after the last.
    pub head: f64,
    pub tail: f64,
    /// What the result is clamped to, if the graph says.
    pub clip: Option<(f32, f32)>,
    /// A resizing behind it all, with its kind.
    pub resize: Option<(f64, String)>,
    /// What the codes of the picture stand for, in a quantised graph.
    pub input_codes: Option<Affine>,
}

/// A convolution and its activation.
#[derive(Debug)]
pub(super) struct Link {
    pub kernel: Kernel,
    /// `[out]`; none is linear.
    pub slopes: Option<Vec<f32>>,
    /// The codes of the result, in a quantised graph.
    pub codes: Option<Affine>,
}

/// The chain of a graph.
///
/// # Errors
/// [`Error::WeightFile`] names every operator that the family has not, or the place from which on the graph is no chain.
pub(super) fn chain(graph: &Graph) -> Result<Chain> {
    let walk = Walk::new(graph)?;
    walk.refuse_foreign()?;
    walk.chain()
}

/// A look at the graph from its output.
struct Walk<'a> {
    graph: &'a Graph,
    /// The node that gives a value.
    makers: HashMap<ValueId, &'a Node>,
}

impl<'a> Walk<'a> {
    fn new(graph: &'a Graph) -> Result<Self> {
        let mut makers = HashMap::new();
        for (index, node) in graph.nodes.iter().enumerate() {
            // Each value is made before it is read: so no walk goes in circles.
            if node.output == graph.input || makers.insert(node.output, index).is_some() {
                return Err(refused(&node.place, "its result is made twice"));
            }
            if node.inputs.contains(&node.output) {
                return Err(refused(&node.place, "it reads its own result"));
            }
        }
        for (index, node) in graph.nodes.iter().enumerate() {
            if node.inputs.iter().any(|input| makers.get(input).is_some_and(|&maker| maker >= index)) {
                return Err(refused(&node.place, "it reads what is made after it"));
            }
        }
        let makers = makers.into_iter().map(|(value, index)| (value, &graph.nodes[index])).collect();
        Ok(Self { graph, makers })
    }

    /// Names every operator on the way to the output that the family has not.
    fn refuse_foreign(&self) -> Result<()> {
        let (mut seen, mut left) = (BTreeSet::new(), vec![self.graph.output]);
        while let Some(value) = left.pop() {
            if seen.insert(value)
                && let Some(node) = self.makers.get(&value)
            {
                left.extend(&node.inputs);
            }
        }
        refuse_foreign(self.graph.nodes.iter().filter(|node| seen.contains(&node.output)))
    }

    /// The node that gives a value, and its input if it has one alone; identities are looked through.
    fn maker(&self, mut value: ValueId) -> Option<&'a Node> {
        loop {
            let node = *self.makers.get(&value)?;
            match node.operator {
                Operator::Identity => value = *node.inputs.first()?,
                _ => return Some(node),
            }
        }
    }

    /// What the codes of a value stand for.
    fn codes(&self, value: ValueId) -> Option<Affine> {
        self.graph.codes.get(value).copied().flatten()
    }

    /// Whether a value is the picture itself.
    fn is_picture(&self, mut value: ValueId) -> bool {
        while let Some(node) = self.makers.get(&value) {
            match (&node.operator, node.inputs.first()) {
                (Operator::Identity, Some(&input)) => value = input,
                _ => return false,
            }
        }
        value == self.graph.input
    }

    /// Whether a value is the picture times `factor`: the first of several factors on the way.
    fn picture_factor(&self, value: ValueId) -> Option<f64> {
        if self.is_picture(value) {
            return Some(1.0);
        }
        let node = self.maker(value)?;
        match (&node.operator, &node.inputs[..]) {
            (Operator::Times(factor), &[input]) if self.is_picture(input) => Some(f64::from(*factor)),
            // Clamping the picture to where it lies changes nothing.
            (Operator::Clip(..), &[input]) => self.picture_factor(input),
            _ => None,
        }
    }

    fn chain(&self) -> Result<Chain> {
        let mut end = End { value: self.graph.output, tail: 1.0, clip: None, resize: None };
        // From the output back to the sum with the anchor or the pixel shuffle.
        let last = self.strip(&mut end)?;
        let (shuffled, residual) = match (&last.operator, &last.inputs[..]) {
            (Operator::Add, &[a, b]) => self.sum_of_pictures(last, a, b)?,
            (&Operator::PixelShuffle(scale, order), &[input]) => {
                self.shuffled_sum(last, scale, order, input, &mut end)?
            }
            (Operator::Convolution(_), _) => return Err(refused(&last.place, "no pixel shuffle follows it")),
            _ => {
                return Err(refused(
                    &last.place,
                    "here a pixel shuffle, or the sum with the enlarged picture, is expected",
                ));
            }
        };
        let Shuffled { scale, order, head } = shuffled;
        let Read { layers, factor, input_codes } = self.layers(residual)?;
        if (factor - head).abs() > 1e-6 * head.abs() {
            let reason =
                format!("the first layer reads the picture times {factor}, the anchor is the picture times {head}");
            return Err(refused(&last.place, &reason));
        }
        Ok(Chain { scale, layers, order, head, tail: end.tail, clip: end.clip, resize: end.resize, input_codes })
    }

    /// What stands behind the net, from the output on: clips, factors, a resizing. Gives the node before them.
    fn strip(&self, end: &mut End) -> Result<&'a Node> {
        loop {
            let Some(node) = self.maker(end.value) else { return Err(no_layers()) };
            match (&node.operator, &node.inputs[..]) {
                (&Operator::Clip(low, high), &[input]) => {
                    end.clip_to(low, high);
                    end.value = input;
                }
                // ReLU at the end: the result's lower clip.
                (Operator::Activation(slopes), &[input]) if slopes.iter().all(|&slope| slope == 0.0) => {
                    end.clip_to(0.0, f32::INFINITY);
                    end.value = input;
                }
                (&Operator::Times(factor), &[input]) if factor > 0.0 => {
                    end.clip = end.clip.map(|(low, high)| (low / factor, high / factor));
                    end.tail *= f64::from(factor);
                    end.value = input;
                }
                (Operator::Resize(factor, kind), &[input]) if end.resize.is_none() => {
                    end.resize = Some((*factor, kind.clone()));
                    end.value = input;
                }
                _ => return Ok(node),
            }
        }
    }

    /// The anchor is added to the shuffled pixels, or both before there is a shuffle: an x1 net.
    fn sum_of_pictures(&self, add: &Node, a: ValueId, b: ValueId) -> Result<(Shuffled, ValueId)> {
        for (anchor, other) in [(a, b), (b, a)] {
            let Some((factor, head)) = self.nearest(anchor) else { continue };
            let shuffle = self.maker(other).map(|node| (&node.operator, &node.inputs[..], node));
            return match shuffle {
                Some((&Operator::PixelShuffle(scale, order), &[residual], _)) if scale == factor => {
                    Ok((Shuffled { scale, order, head }, residual))
                }
                Some((&Operator::PixelShuffle(scale, _), _, node)) => {
                    Err(refused(&node.place, &format!("it enlarges {scale} times, and the anchor {factor} times")))
                }
                Some(_) if factor == 1 => Ok((Shuffled { scale: 1, order: ShuffleOrder::BlockFirst, head }, other)),
                _ => Err(refused(&add.place, "the picture's pixels are added to what is not pixels")),
            };
        }
        let smooth = [a, b].into_iter().filter_map(|value| self.maker(value)).find_map(|node| match &node.operator {
            Operator::Resize(factor, kind) => Some((node, factor, kind)),
            _ => None,
        });
        Err(match smooth {
            Some((node, factor, kind)) => refused(
                &node.place,
                &format!(
                    "the picture is enlarged {factor} times by {kind} interpolation; the anchor is its nearest neighbour"
                ),
            ),
            None => refused(&add.place, "neither of what it adds is the picture enlarged by nearest neighbour"),
        })
    }

    /// The picture enlarged by nearest neighbour: the scale, and what the picture is multiplied with.
    fn nearest(&self, value: ValueId) -> Option<(usize, f64)> {
        if let Some(head) = self.picture_factor(value) {
            return Some((1, head));
        }
        let node = self.maker(value)?;
        match (&node.operator, &node.inputs[..]) {
            (&Operator::Nearest(scale), &[input]) => Some((scale, self.picture_factor(input)?)),
            // Repeated and shuffled.
            (&Operator::PixelShuffle(scale, order), &[input]) => Some((scale, self.repeated(input, scale, order)?)),
            (Operator::Times(factor), &[input]) => {
                self.nearest(input).map(|(scale, head)| (scale, head * f64::from(*factor)))
            }
            _ => None,
        }
    }

    /// Whether a value is the picture once for each pixel of a block, so that shuffling makes the anchor of it.
    fn repeated(&self, value: ValueId, scale: usize, order: ShuffleOrder) -> Option<f64> {
        let node = self.maker(value)?;
        let copies = scale * scale;
        match &node.operator {
            Operator::Concatenate if order == ShuffleOrder::BlockFirst && node.inputs.len() == copies => {
                let head = self.picture_factor(*node.inputs.first()?)?;
                node.inputs.iter().all(|&input| self.picture_factor(input) == Some(head)).then_some(head)
            }
            // A convolution that copies colours.
            Operator::Convolution(kernel) => {
                let head = self.picture_factor(*node.inputs.first()?)?;
                copies_colours(kernel, scale, order).then_some(head)
            }
            _ => None,
        }
    }

    /// A pixel shuffle behind the sum with the anchor.
    fn shuffled_sum(
        &self,
        shuffle: &Node,
        scale: usize,
        order: ShuffleOrder,
        input: ValueId,
        end: &mut End,
    ) -> Result<(Shuffled, ValueId)> {
        end.value = input;
        let add = self.strip(end)?;
        if let (Operator::Add, &[a, b]) = (&add.operator, &add.inputs[..]) {
            for (anchor, residual) in [(a, b), (b, a)] {
                if let Some(head) = self.repeated(anchor, scale, order) {
                    return Ok((Shuffled { scale, order, head }, residual));
                }
            }
            return Err(refused(&add.place, "neither of what it adds is the picture once for each pixel of a block"));
        }
        Err(refused(
            &shuffle.place,
            "the picture is added neither before nor after it; nets without this anchor can't be run",
        ))
    }

    /// The layers from the residual back to the picture, in their order, and what the picture is multiplied with.
    fn layers(&self, mut value: ValueId) -> Result<Read> {
        let mut layers = Vec::new();
        let mut activation: Option<(&Node, &Vec<f32>)> = None;
        let mut codes = None;
        loop {
            if let Some(factor) = self.picture_factor(value) {
                if let Some((node, _)) = activation {
                    return Err(refused(&node.place, "it follows no convolution"));
                }
                if layers.is_empty() {
                    return Err(no_layers());
                }
                layers.reverse();
                // On the way from the picture its codes may be given.
                let input_codes = self.codes(value).or_else(|| self.codes(self.graph.input));
                return Ok(Read { layers, factor, input_codes });
            }
            let Some(node) = self.maker(value) else {
                return Err(Error::WeightFile("the layers lead to another input than the picture".to_owned()));
            };
            codes = codes.or_else(|| self.codes(value));
            match (&node.operator, &node.inputs[..]) {
                (Operator::Activation(slopes), &[input]) if activation.is_none() => {
                    if layers.is_empty() {
                        return Err(refused(&node.place, "an activation follows the last convolution"));
                    }
                    (activation, value) = (Some((node, slopes)), input);
                }
                (Operator::Convolution(kernel), &[input]) => {
                    let slopes = activation.take().map(|(node, slopes)| slopes_of(node, slopes, kernel)).transpose()?;
                    layers.push(Link { kernel: kernel.clone(), slopes, codes: codes.take() });
                    value = input;
                }
                (Operator::Add, _) => {
                    return Err(refused(
                        &node.place,
                        "a sum between layers: only the picture may be added, at the end",
                    ));
                }
                _ => return Err(refused(&node.place, "it can't stand between the layers of such a net")),
            }
        }
    }
}

/// What stands behind the net.
struct End {
    /// The value before what was found so far.
    value: ValueId,
    /// What the result is multiplied with.
    tail: f64,
    /// What it is clamped to before that.
    clip: Option<(f32, f32)>,
    resize: Option<(f64, String)>,
}

impl End {
    /// Clamps to what lies between, and within what it is clamped to already.
    fn clip_to(&mut self, low: f32, high: f32) {
        let (least, most) = self.clip.unwrap_or((f32::NEG_INFINITY, f32::INFINITY));
        self.clip = Some((low.max(least), high.min(most)));
    }
}

/// What is found at the end of the layers.
struct Shuffled {
    scale: usize,
    order: ShuffleOrder,
    /// What the anchor is multiplied with.
    head: f64,
}

/// The layers of a graph.
struct Read {
    layers: Vec<Link>,
    /// What the picture is multiplied with before the first.
    factor: f64,
    input_codes: Option<Affine>,
}

/// A slope for each channel.
fn slopes_of(node: &Node, slopes: &[f32], kernel: &Kernel) -> Result<Vec<f32>> {
    match slopes {
        &[slope] => Ok(vec![slope; kernel.out_channels]),
        _ if slopes.len() == kernel.out_channels => Ok(slopes.to_vec()),
        _ => {
            let reason = format!("it has {} slopes for {} channels", slopes.len(), kernel.out_channels);
            Err(refused(&node.place, &reason))
        }
    }
}

/// Whether a convolution gives each colour once for each pixel of a block, in this order.
fn copies_colours(kernel: &Kernel, scale: usize, order: ShuffleOrder) -> bool {
    let (inputs, block) = (kernel.in_channels, scale * scale);
    let expected = |out: usize, input: usize, tap: usize| {
        let colour = match order {
            ShuffleOrder::ColourFirst => out / block,
            ShuffleOrder::BlockFirst => out % 3,
        };
        f32::from(u8::from(colour == input && tap == 4))
    };
    inputs == 3
        && kernel.out_channels == 3 * block
        && kernel.bias.iter().all(|&bias| bias == 0.0)
        && kernel.weights.iter().enumerate().all(|(i, &w)| w == expected(i / 9 / inputs, i / 9 % inputs, i % 9))
}

/// Names every operator of `nodes` that the family has not.
///
/// # Errors
/// [`Error::WeightFile`] if there are such.
pub(super) fn refuse_foreign<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Result<()> {
    const MOST_NAMED: usize = 20;
    let foreign = nodes.into_iter().filter_map(|node| match &node.operator {
        Operator::Foreign(more) if more.is_empty() => Some(node.place.to_string()),
        Operator::Foreign(more) => Some(format!("{} ({more})", node.place)),
        _ => None,
    });
    let mut foreign: Vec<_> = foreign.collect();
    if foreign.is_empty() {
        return Ok(());
    }
    if foreign.len() > MOST_NAMED {
        let more = format!("and {} more", foreign.len() - MOST_NAMED);
        foreign.splice(MOST_NAMED.., [more]);
    }
    let named = foreign.join("; ");
    Err(Error::WeightFile(format!("it has operators that plain 3x3 nets with an anchor have not: {named}")))
}

fn no_layers() -> Error {
    Error::WeightFile("no convolution lies between its input and its output".to_owned())
}

/// The error about an operator.
pub(super) fn refused(place: &Place, reason: &str) -> Error {
    Error::WeightFile(format!("{place}: {reason}"))
}
