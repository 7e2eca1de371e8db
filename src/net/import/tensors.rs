//! Named tensors without a graph, as checkpoints hold them: which layer each belongs to.

use std::cmp::Ordering;

use super::Options;
use super::draft::{Draft, DraftLayer};
use super::graph::{Kernel, ShuffleOrder, printable, to_3x3};
use crate::net::{MAX_CHANNELS, MAX_LAYERS};
use crate::{Error, Result};

/// A tensor of real numbers.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct NamedTensor {
    pub name: String,
    pub shape: Vec<usize>,
    /// As many as the shape says.
    pub values: Vec<f32>,
}

/// Tensors in the file's order.
pub(super) type Tensors = Vec<NamedTensor>;

/// Last parts of names, by what they name; in front of them is the layer's name.
const WEIGHTS: [&str; 3] = ["weight", "w", "kernel"];
const BIASES: [&str; 2] = ["bias", "b"];
const SLOPES: [&str; 3] = ["slope", "alpha", "a"];

/// A layer's name, and which of its tensors this is.
fn parts(name: &str) -> (&str, &str) {
    // `conv1/kernel:0` is TensorFlow's.
    let name = name.strip_suffix(":0").unwrap_or(name);
    name.rsplit_once(['.', '/', '_']).unwrap_or(("", name))
}

/// Numbers in names by their value: `body.2` is before `body.10`.
fn natural(a: &str, b: &str) -> Ordering {
    // Words and the numbers behind them, in turns.
    let pieces = |text: &str| -> Vec<(String, u64)> {
        let mut pieces = vec![(String::new(), 0u64)];
        let mut in_number = false;
        for c in text.chars() {
            if let Some(digit) = c.to_digit(10) {
                in_number = true;
                if let Some((_, number)) = pieces.last_mut() {
                    *number = number.saturating_mul(10).saturating_add(digit.into());
                }
                continue;
            }
            if std::mem::take(&mut in_number) {
                pieces.push((String::new(), 0));
            }
            if let Some((words, _)) = pieces.last_mut() {
                words.push(c);
            }
        }
        pieces
    };
    pieces(a).cmp(&pieces(b))
}

/// A layer in the making.
struct Layer {
    name: String,
    /// `[out, in, 3, 3]`.
    kernel: Kernel,
    slopes: Option<Vec<f32>>,
}

/// The net of these tensors.
///
/// # Errors
/// [`Error::Tensor`] names the first tensor that no layer of the family has.
pub(super) fn draft(mut tensors: Tensors, options: &Options) -> Result<Draft> {
    order(&mut tensors, &options.layers)?;
    let layout = layout(&tensors)?;
    let mut layers: Vec<Layer> = Vec::new();
    let biases: Vec<_> = tensors.iter().filter(|tensor| BIASES.contains(&parts(&tensor.name).1)).cloned().collect();
    for tensor in tensors {
        let (name, part) = parts(&tensor.name);
        let refused = |reason: &str| Err(Error::Tensor { tensor: printable(&tensor.name), reason: reason.to_owned() });
        if BIASES.contains(&part) {
            continue;
        }
        let bias = biases.iter().find(|bias| parts(&bias.name).0 == name);
        if tensor.shape.len() == 4 && WEIGHTS.contains(&part) {
            let kernel = kernel(&tensor, bias, layout)?;
            layers.push(Layer { name: name.to_owned(), kernel, slopes: None });
            continue;
        }
        let is_vector = tensor.shape.iter().filter(|&&len| len != 1).count() <= 1;
        if is_vector && (WEIGHTS.contains(&part) || SLOPES.contains(&part)) {
            if bias.is_some() && WEIGHTS.contains(&part) {
                return refused("a vector of weights with a bias is a normalisation, which plain nets have not");
            }
            let Some(layer) = layers.last_mut() else { return refused("slopes before the first convolution") };
            let channels = layer.kernel.out_channels;
            let slopes = match tensor.values[..] {
                [slope] => vec![slope; channels],
                _ if tensor.values.len() == channels => tensor.values.clone(),
                _ => {
                    let (count, after) = (tensor.values.len(), &layer.name);
                    return refused(&format!("{count} slopes after {channels} channels of {after:?}"));
                }
            };
            if layer.slopes.replace(slopes).is_some() {
                return refused("a second vector of slopes after one convolution");
            }
            continue;
        }
        let shape = &tensor.shape;
        return refused(&format!("plain 3x3 nets have no tensor of this name and shape {shape:?}"));
    }
    let order = match layout {
        Layout::Oihw => ShuffleOrder::ColourFirst,
        Layout::Hwio => ShuffleOrder::BlockFirst,
    };
    finished(layers, order, options)
}

/// Sorts tensors into the order of layers: as given, or by the numbers in their names.
fn order(tensors: &mut Tensors, layers: &[String]) -> Result<()> {
    if layers.is_empty() {
        // The file's order stands if each layer reads what the one before gives; names decide otherwise.
        if !is_chain(tensors) {
            tensors.sort_by(|a, b| natural(parts(&a.name).0, parts(&b.name).0));
        }
        return Ok(());
    }
    let place = |tensor: &NamedTensor| layers.iter().position(|layer| tensor.name.starts_with(layer.as_str()));
    if let Some(layer) =
        layers.iter().find(|layer| !tensors.iter().any(|tensor| tensor.name.starts_with(layer.as_str())))
    {
        return Err(Error::WeightFile(format!("no tensor's name begins with {layer:?}; there are {}", names(tensors))));
    }
    tensors.retain(|tensor| place(tensor).is_some());
    tensors.sort_by(|a, b| place(a).cmp(&place(b)).then_with(|| natural(parts(&a.name).0, parts(&b.name).0)));
    Ok(())
}

/// Whether the convolutions follow each other in this order.
fn is_chain(tensors: &Tensors) -> bool {
    let Ok(layout) = layout(tensors) else { return false };
    let mut given = 3;
    let convolutions = tensors.iter().filter(|tensor| tensor.shape.len() == 4);
    convolutions.filter_map(|tensor| layout.sizes(&tensor.shape)).all(|[outputs, inputs, _]| {
        let fits = inputs == given;
        given = outputs;
        fits
    })
}

/// The order of a kernel's dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layout {
    /// `[out, in, row, column]`, PyTorch's.
    Oihw,
    /// `[row, column, in, out]`, TensorFlow's.
    Hwio,
}

impl Layout {
    /// Output and input channels and the kernel's side of a shape; none if the side is not 1 or 3.
    fn sizes(self, shape: &[usize]) -> Option<[usize; 3]> {
        let &[a, b, c, d] = shape else { return None };
        let (outputs, inputs, height, width) = match self {
            Self::Oihw => (a, b, c, d),
            Self::Hwio => (d, c, a, b),
        };
        (height == width && matches!(height, 1 | 3)).then_some([outputs, inputs, height])
    }
}

/// The one layout in which all convolutions are square and the first reads colours.
fn layout(tensors: &Tensors) -> Result<Layout> {
    let shapes: Vec<_> = tensors.iter().map(|tensor| &tensor.shape).filter(|shape| shape.len() == 4).collect();
    if shapes.is_empty() {
        return Err(Error::WeightFile(format!("it has no convolution's weights; there are {}", names(tensors))));
    }
    let fits = |layout: &Layout| shapes.iter().all(|shape| layout.sizes(shape).is_some());
    [Layout::Oihw, Layout::Hwio].into_iter().find(fits).ok_or_else(|| {
        let odd = tensors.iter().find(|tensor| {
            tensor.shape.len() == 4
                && Layout::Oihw.sizes(&tensor.shape).is_none()
                && Layout::Hwio.sizes(&tensor.shape).is_none()
        });
        match odd {
            Some(tensor) => Error::Tensor {
                tensor: printable(&tensor.name),
                reason: format!("its shape is {:?}; convolutions of 3x3 or 1x1 can be run", tensor.shape),
            },
            None => Error::WeightFile("its convolutions' weights are of different layouts".to_owned()),
        }
    })
}

/// A convolution's kernel, `[out, in, 3, 3]`.
fn kernel(tensor: &NamedTensor, bias: Option<&NamedTensor>, layout: Layout) -> Result<Kernel> {
    let refused = |tensor: &NamedTensor, reason: String| Error::Tensor { tensor: printable(&tensor.name), reason };
    let sizes = layout
        .sizes(&tensor.shape)
        .filter(|&[outputs, inputs, _]| (1..=MAX_CHANNELS).contains(&outputs) && (1..=MAX_CHANNELS).contains(&inputs));
    let [outputs, inputs, side] = sizes.ok_or_else(|| {
        refused(tensor, format!("its shape is {:?}; 1 to {MAX_CHANNELS} channels can be run", tensor.shape))
    })?;
    let taps = side * side;
    let source = |i: usize| match layout {
        Layout::Oihw => i,
        Layout::Hwio => (i % taps * inputs + i / taps % inputs) * outputs + i / taps / inputs,
    };
    let weights: Vec<_> = (0..tensor.values.len()).map(|i| tensor.values[source(i)]).collect();
    let bias = match bias {
        None => vec![0.0; outputs],
        Some(bias) if bias.values.len() == outputs => bias.values.clone(),
        Some(bias) => return Err(refused(bias, format!("it has {} values for {outputs} channels", bias.values.len()))),
    };
    Ok(Kernel { in_channels: inputs, out_channels: outputs, weights: to_3x3(&weights, side), bias, integers: None })
}

/// The net of these layers, if they follow each other.
fn finished(layers: Vec<Layer>, usual_shuffle: ShuffleOrder, options: &Options) -> Result<Draft> {
    if layers.len() > MAX_LAYERS {
        return Err(Error::WeightFile(format!("it has {} convolutions; {MAX_LAYERS} can be run", layers.len())));
    }
    let mut given = 3;
    for layer in &layers {
        let inputs = layer.kernel.in_channels;
        if inputs != given {
            let all: Vec<_> = layers.iter().map(|layer| printable(&layer.name)).collect();
            return Err(Error::WeightFile(format!(
                "{:?} reads {inputs} channels and is given {given}; the layers' order is {}; name them in the net's order with --map",
                printable(&layer.name),
                all.join(", ")
            )));
        }
        given = layer.kernel.out_channels;
    }
    let scale = (1..=4).find(|scale| 3 * scale * scale == given).ok_or_else(|| {
        Error::WeightFile(format!("its last layer gives {given} channels; nets of scale 1 to 4 give 3, 12, 27 or 48"))
    })?;
    let last = layers.len() - 1;
    if layers[last].slopes.is_some() {
        return Err(Error::WeightFile("slopes follow its last convolution".to_owned()));
    }
    let mut assumed = Vec::new();
    if layers[..last].iter().any(|layer| layer.slopes.is_none()) {
        assumed.push(match options.negative_slope {
            Some(slope) => {
                format!("activations without slopes in the file multiply negative values with {slope} (as given)")
            }
            None => "activations without slopes in the file are ReLU (assumed; else --negative-slope)".to_owned(),
        });
    }
    assumed.push(
        "between its input and its output, the net is these layers, pixel shuffle and the picture added (assumed)"
            .to_owned(),
    );
    let layers = layers.into_iter().map(|Layer { kernel, slopes, .. }| {
        let slope = options.negative_slope.unwrap_or(0.0);
        DraftLayer { slopes: slopes.unwrap_or_else(|| vec![slope; kernel.out_channels]), kernel, codes: None }
    });
    Ok(Draft {
        scale,
        layers: layers.collect(),
        shuffle: None,
        usual_shuffle,
        range: None,
        head: 1.0,
        input_codes: None,
        resize: None,
        assumed,
    })
}

/// Names for a message.
fn names(tensors: &Tensors) -> String {
    const MOST_NAMED: usize = 12;
    let mut names: Vec<_> = tensors.iter().take(MOST_NAMED).map(|tensor| printable(&tensor.name)).collect();
    if tensors.len() > MOST_NAMED {
        names.push(format!("and {} more", tensors.len() - MOST_NAMED));
    }
    if names.is_empty() { "no tensors".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::net::TAPS;

    fn tensor(name: &str, shape: &[usize]) -> NamedTensor {
        let count = shape.iter().product::<usize>();
        let values = (0..count).map(|i| (i % 251) as f32).collect();
        NamedTensor { name: name.to_owned(), shape: shape.to_vec(), values }
    }

    fn reason(tensors: &[NamedTensor]) -> String {
        match draft(tensors.to_vec(), &Options::default()) {
            Err(error) => error.to_string(),
            Ok(_) => String::new(),
        }
    }

    #[test]
    fn numbers_in_names_are_numbers() {
        let mut names = ["body.10", "body.2", "body.2.1", "a9b10", "a9b9", "tail"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a9b9", "a9b10", "body.2", "body.2.1", "body.10", "tail"]);
    }

    #[test]
    fn layers_are_found_by_names_and_shapes() {
        let tensors = [
            tensor("body.10.bias", &[12]),
            tensor("body.10.weight", &[12, 5, 3, 3]),
            tensor("body.0.weight", &[4, 3, 3, 3]),
            tensor("body.0.bias", &[4]),
            tensor("body.1.weight", &[4]),
            tensor("body.2.weight", &[5, 4, 1, 1]),
            tensor("body.3.weight", &[1]),
        ];
        let draft = draft(tensors.to_vec(), &Options::default()).unwrap();
        assert_eq!((draft.scale, draft.layers.len()), (2, 3));
        assert_eq!(draft.layers[0].slopes, [0.0, 1.0, 2.0, 3.0]);
        assert_eq!(draft.layers[1].slopes, [0.0; 5]);
        assert_eq!(draft.layers[1].kernel.bias, [0.0; 5]);
        assert_eq!(draft.layers[1].kernel.weights[9 + 4], 1.0);
        assert_eq!(draft.layers[2].kernel.bias, tensors[0].values);
        assert_eq!(draft.layers[2].kernel.weights, tensors[1].values);
    }

    #[test]
    fn tensorflows_layout_is_turned() {
        let weights = tensor("conv0_w", &[3, 3, 3, 12]);
        let draft = draft(vec![weights.clone(), tensor("conv0_b", &[12])], &Options::default()).unwrap();
        let kernel = &draft.layers[0].kernel;
        for (i, &weight) in kernel.weights.iter().enumerate() {
            let (out, input, tap) = (i / TAPS / 3, i / TAPS % 3, i % TAPS);
            assert_eq!(weight, weights.values[(tap * 3 + input) * 12 + out]);
        }
    }

    #[test]
    fn names_can_be_given_in_the_nets_order() {
        let tensors = vec![
            tensor("body.0.weight", &[5, 4, 3, 3]),
            tensor("body.1.weight", &[6, 5, 3, 3]),
            tensor("head.weight", &[4, 3, 3, 3]),
            tensor("other.weight", &[9, 9, 9, 9]),
            tensor("upsample.weight", &[12, 6, 3, 3]),
        ];
        assert!(reason(&tensors).contains("other.weight"));
        assert!(reason(&[&tensors[..3], &tensors[4..]].concat()).contains("--map"));
        let layers = ["head", "body", "upsample"].map(str::to_owned).to_vec();
        let mut options = Options { layers, ..Options::default() };
        let draft = draft(tensors.clone(), &options).unwrap();
        assert_eq!(draft.layers.iter().map(|layer| layer.kernel.out_channels).collect::<Vec<_>>(), [4, 5, 6, 12]);
        options.layers.push("nothing".to_owned());
        assert!(super::draft(tensors, &options).is_err());
    }

    #[test]
    fn what_plain_nets_have_not_is_named() {
        let first = tensor("a.weight", &[4, 3, 3, 3]);
        let with = |more: &[NamedTensor]| reason(&[std::slice::from_ref(&first), more].concat());
        for (more, word) in [
            (vec![tensor("n.weight", &[4]), tensor("n.bias", &[4])], "normalisation"),
            (vec![tensor("b.weight", &[12, 5, 3, 3])], "reads 5 channels and is given 4"),
            (vec![tensor("b.weight", &[12, 4, 5, 5])], "[12, 4, 5, 5]"),
            (vec![tensor("b.weight", &[13, 4, 3, 3])], "13 channels"),
            (vec![tensor("b.weight", &[99, 4, 3, 3])], "1 to 64 channels"),
            (vec![tensor("running_mean", &[4])], "running_mean"),
            (vec![tensor("p.weight", &[5])], "5 slopes after 4 channels"),
            (vec![tensor("b.weight", &[12, 4, 3, 3]), tensor("p.weight", &[12])], "slopes follow its last"),
            (vec![tensor("b.weight", &[12, 4, 3, 3]), tensor("b.bias", &[11])], "11 values for 12"),
        ] {
            assert!(with(&more).contains(word), "{word}: {}", with(&more));
        }
        assert!(reason(&[tensor("p.weight", &[5])]).contains("no convolution"));
    }
}
