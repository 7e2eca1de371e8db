//! What a file holds, in its own terms, and how it becomes a net on pixels 0..255.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::family::{self, Chain};
use super::graph::{Affine, Graph, Kernel, ShuffleOrder};
use super::sanity;
use super::{Format, Imported, Options};
use crate::net::quantize::{Codes, FloatLayer, FloatNet, ScaledLayer, ScaledNet};
use crate::net::{Border, TAPS};
use crate::{Error, Result};

/// The values of pixels that a net reads and gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueRange {
    /// 0 to 1.
    Unit,
    /// 0 to 255.
    Byte,
}

/// The order of the colours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChannelOrder {
    /// Red first.
    Rgb,
    /// Blue first, as OpenCV has it.
    Bgr,
}

impl ValueRange {
    /// The name, as `0..1`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unit => "0..1",
            Self::Byte => "0..255",
        }
    }

    /// The value of white.
    fn white(self) -> f64 {
        match self {
            Self::Unit => 1.0,
            Self::Byte => 255.0,
        }
    }
}

impl ChannelOrder {
    /// The name: `rgb` or `bgr`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rgb => "rgb",
            Self::Bgr => "bgr",
        }
    }
}

impl ShuffleOrder {
    /// The name: `pytorch` or `tensorflow`.
    pub fn name(self) -> &'static str {
        match self {
            Self::ColourFirst => "pytorch",
            Self::BlockFirst => "tensorflow",
        }
    }
}

/// `Display` and `FromStr` by name.
macro_rules! named {
    ($type:ty, $($value:expr),+) => {
        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str(self.name())
            }
        }

        impl FromStr for $type {
            type Err = Error;

            fn from_str(name: &str) -> Result<Self> {
                let all = [$($value),+];
                all.into_iter().find(|value| value.name() == name).ok_or_else(|| {
                    Error::Unsupported(format!("{name:?} is none of {}", all.map(Self::name).join(", ")))
                })
            }
        }
    };
}

named!(ValueRange, ValueRange::Unit, ValueRange::Byte);
named!(ChannelOrder, ChannelOrder::Rgb, ChannelOrder::Bgr);
named!(ShuffleOrder, ShuffleOrder::ColourFirst, ShuffleOrder::BlockFirst);

/// A layer in the file's terms.
pub(super) struct DraftLayer {
    pub kernel: Kernel,
    /// `[out]`: what negative sums are multiplied with.
    pub slopes: Vec<f32>,
    /// The codes of the result, in a quantised net.
    pub codes: Option<Affine>,
}

/// A net in the file's terms.
pub(super) struct Draft {
    pub scale: usize,
    pub layers: Vec<DraftLayer>,
    /// None where the file doesn't say.
    pub shuffle: Option<ShuffleOrder>,
    /// The one of the framework whose layout the weights have.
    pub usual_shuffle: ShuffleOrder,
    pub range: Option<ValueRange>,
    /// What the picture is multiplied with before the first layer; the result is divided by it.
    pub head: f64,
    /// The codes of the picture, in a quantised net.
    pub input_codes: Option<Affine>,
    /// A resizing behind the net: its factor and kind.
    pub resize: Option<(f64, String)>,
    /// What was assumed where the file says nothing, a sentence each.
    pub assumed: Vec<String>,
}

impl Draft {
    /// Of a graph of real numbers or integers.
    pub fn of_graph(graph: &Graph) -> Result<Self> {
        let Chain { scale, layers, order, head, tail, clip, resize, input_codes } = family::chain(graph)?;
        if (head * tail - 1.0).abs() > 1e-5 {
            let reason = format!("it multiplies the picture with {head} and its result with {tail}: that is no anchor");
            return Err(Error::WeightFile(reason));
        }
        let range = range_of(head, clip, input_codes)?;
        let layers = layers.into_iter().map(|link| {
            let slopes = link.slopes.unwrap_or_else(|| vec![1.0; link.kernel.out_channels]);
            DraftLayer { kernel: link.kernel, slopes, codes: link.codes }
        });
        let layers = layers.collect();
        Ok(Self {
            scale,
            layers,
            shuffle: Some(order),
            usual_shuffle: order,
            range,
            head,
            input_codes,
            resize,
            assumed: Vec::new(),
        })
    }

    /// The net, with what `options` say and, where neither they nor the file say it, a picture shows.
    pub fn imported(self, format: Format, options: &Options) -> Result<Imported> {
        let mut findings = self.assumed.clone();
        contradiction("range", options.range.map(ValueRange::name), self.range.map(ValueRange::name))?;
        contradiction("pixel shuffle", options.shuffle.map(ShuffleOrder::name), self.shuffle.map(ShuffleOrder::name))?;
        let channels = options.channels.unwrap_or(ChannelOrder::Rgb);
        findings.push(match options.channels {
            Some(_) => format!("colours are {channels} (as given)"),
            None => format!("colours are {channels} (assumed, as no file says it; else --channels bgr)"),
        });
        let shuffle = options.shuffle.or(self.shuffle).unwrap_or(self.usual_shuffle);
        findings.push(match (options.shuffle, self.shuffle) {
            (Some(_), _) => format!("the pixel shuffle is {shuffle}'s (as given)"),
            (_, Some(_)) => format!("the pixel shuffle is {shuffle}'s (as the file says)"),
            _ => format!("the pixel shuffle is {shuffle}'s (assumed, as the weights' layout is; else --shuffle)"),
        });
        let stated = options.range.or(self.range);
        let (range, float, likeness_db) = match stated {
            Some(range) => {
                let net = self.float_net(range, channels, shuffle)?;
                let likeness_db = sanity::likeness_db(&net)?;
                let who = if options.range.is_some() { "given" } else { "the file says" };
                findings.push(format!("pixels are {range} (as {who})"));
                (range, net, likeness_db)
            }
            None => {
                let [unit, byte] = [ValueRange::Unit, ValueRange::Byte].map(|range| -> Result<_> {
                    let net = self.float_net(range, channels, shuffle)?;
                    let likeness_db = sanity::likeness_db(&net)?;
                    Ok((range, net, likeness_db))
                });
                let (unit, byte) = (unit?, byte?);
                let (best, other) = if unit.2 >= byte.2 { (unit, byte) } else { (byte, unit) };
                let measured = format!("with {} {:.1} dB, with {} {:.1} dB", best.0, best.2, other.0, other.2);
                if best.2 - other.2 < sanity::CLEAR_DB {
                    return Err(Error::WeightFile(format!(
                        "it doesn't say what pixels are, and a picture does not show it clearly ({measured}): give --range 0..1 \
                         or --range 0..255"
                    )));
                }
                findings.push(format!(
                    "pixels are {} (the file doesn't say; of a picture enlarged and reduced again is kept: {measured})",
                    best.0
                ));
                best
            }
        };
        if likeness_db < sanity::LEAST_DB {
            return Err(Error::WeightFile(format!(
                "it does not enlarge a picture: reduced again, of the result is kept {likeness_db:.1} dB, and {} dB are the \
                 least; what was taken for true: {}",
                sanity::LEAST_DB,
                findings.join("; ")
            )));
        }
        findings.push(format!("a first picture, enlarged and reduced again, is kept with {likeness_db:.1} dB"));
        if let Some((factor, kind)) = &self.resize {
            let size = factor * self.scale as f64;
            findings.push(format!(
                "the file ends with a {kind} resizing by {factor}, to x{size}; the net itself is x{}",
                self.scale
            ));
        }
        let integers = self
            .integers(range, channels, shuffle)
            .map(|scaled| scaled.and_then(|scaled| scaled.net(BTreeMap::new()).map_err(|error| error.to_string())));
        let integers = match integers {
            None => None,
            Some(Ok(net)) => {
                findings.push("its integers are kept; the last sum is not squeezed into 8 bits".to_owned());
                Some(net)
            }
            Some(Err(reason)) => {
                findings.push(format!("its integers can't be kept: {reason}"));
                None
            }
        };
        let resized_to = self.resize.as_ref().map(|(factor, _)| factor * self.scale as f64);
        Ok(Imported { format, float, integers, resized_to, findings })
    }

    /// The net on pixels 0..255, red first, with the family's order of the last channels.
    pub(super) fn float_net(
        &self,
        range: ValueRange,
        channels: ChannelOrder,
        shuffle: ShuffleOrder,
    ) -> Result<FloatNet> {
        // Layers, ReLU and PReLU commute with a positive factor; only biases don't.
        let bias_factor = 255.0 / range.white() / self.head;
        let layers = self.layers.iter().enumerate().map(|(index, DraftLayer { kernel, slopes, .. })| {
            let places = self.places(index, channels, shuffle)?;
            #[expect(clippy::cast_possible_truncation, reason = "an f32 times at most 255, and it is checked")]
            let bias: Vec<_> = kernel.bias.iter().map(|&bias| (f64::from(bias) * bias_factor) as f32).collect();
            Ok(FloatLayer {
                in_channels: kernel.in_channels,
                out_channels: kernel.out_channels,
                weights: places.weights(&kernel.weights),
                bias: places.outputs.iter().map(|&out| bias[out]).collect(),
                slopes: slopes.clone(),
            })
        });
        FloatNet::new(self.scale, layers.collect::<Result<_>>()?, BTreeMap::new())
    }

    /// The net of the file's own integers; the reason if it has integers that can't be kept, and none if it has none.
    pub(super) fn integers(
        &self,
        range: ValueRange,
        channels: ChannelOrder,
        shuffle: ShuffleOrder,
    ) -> Option<std::result::Result<ScaledNet, String>> {
        let has_integers = |layer: &DraftLayer| layer.kernel.integers.is_some();
        if !self.layers.iter().any(has_integers) {
            return None;
        }
        let pixel = 255.0 / range.white();
        let picture = match self.input_codes {
            Some(codes) if self.layers.iter().all(has_integers) => codes,
            _ => return Some(Err("some layers or the picture have real numbers".to_owned())),
        };
        if (picture.step * pixel - 1.0).abs() > 1e-4
            || picture.code_of_zero() != Some(0)
            || (self.head - 1.0).abs() > 1e-6
        {
            let Affine { step, zero_point, .. } = picture;
            return Some(Err(format!("the picture's codes are not its levels: step {step}, zero point {zero_point}")));
        }
        let (mut input, last) = (picture, self.layers.len() - 1);
        let layers = self.layers.iter().enumerate().map(|(index, DraftLayer { kernel, slopes, codes })| {
            let integers = kernel.integers.as_ref().ok_or("a layer has real numbers")?;
            let places = self.places(index, channels, shuffle).map_err(|error| error.to_string())?;
            let units: Vec<f64> = integers.scales.iter().map(|scale| scale * input.step * pixel).collect();
            let codes = match codes {
                // The last sum is not squeezed into codes.
                _ if index == last => Codes::PICTURE,
                Some(codes) => {
                    input = *codes;
                    let zero_point = codes.code_of_zero().ok_or("a zero point is beyond the codes")?;
                    Codes { step: codes.step * pixel, zero_point }
                }
                None => return Err("a layer's result has no codes".to_owned()),
            };
            Ok(ScaledLayer {
                in_channels: kernel.in_channels,
                out_channels: kernel.out_channels,
                weights: places.weights(&integers.weights),
                bias: places.outputs.iter().map(|&out| integers.bias[out]).collect(),
                units: places.outputs.iter().map(|&out| units[out]).collect(),
                slopes: slopes.clone(),
                reach: None,
                codes,
            })
        });
        let layers = layers.collect::<std::result::Result<_, String>>();
        Some(layers.map(|layers| ScaledNet { scale: self.scale, layers, border: Border::Zeros }))
    }

    /// Where in the file's layer the channels of the family's are.
    fn places(&self, index: usize, channels: ChannelOrder, shuffle: ShuffleOrder) -> Result<Places> {
        let kernel = &self.layers[index].kernel;
        let (inputs, outputs, block) = (kernel.in_channels, kernel.out_channels, self.scale * self.scale);
        let colour = |colour: usize| if channels == ChannelOrder::Bgr { 2 - colour } else { colour };
        let inputs = (0..inputs).map(|input| if index == 0 && inputs == 3 { colour(input) } else { input });
        let is_last = index + 1 == self.layers.len();
        if is_last && outputs != 3 * block {
            return Err(Error::WeightFile(format!(
                "its last layer has {outputs} channels; {} are needed for x{}",
                3 * block,
                self.scale
            )));
        }
        let outputs = (0..outputs).map(|out| match (is_last, shuffle) {
            (false, _) => out,
            (true, ShuffleOrder::ColourFirst) => colour(out % 3) * block + out / 3,
            (true, ShuffleOrder::BlockFirst) => out / 3 * 3 + colour(out % 3),
        });
        Ok(Places { inputs: inputs.collect(), outputs: outputs.collect() })
    }
}

/// Where channels are in another order.
struct Places {
    inputs: Vec<usize>,
    outputs: Vec<usize>,
}

impl Places {
    /// Weights `[out, in, 3, 3]` in this order.
    fn weights<T: Copy>(&self, weights: &[T]) -> Vec<T> {
        let terms = self.inputs.len() * TAPS;
        let of = |out: usize| self.inputs.iter().flat_map(move |&input| &weights[out * terms + input * TAPS..][..TAPS]);
        self.outputs.iter().flat_map(|&out| of(out)).copied().collect()
    }
}

/// The range that factors and clips tell; none if they don't.
fn range_of(head: f64, clip: Option<(f32, f32)>, codes: Option<Affine>) -> Result<Option<ValueRange>> {
    // A step of the codes of 8 bits is a level.
    if let Some(Affine { step, .. }) = codes {
        let levels = [(ValueRange::Unit, 1.0 / 255.0), (ValueRange::Byte, 1.0)];
        if let Some((range, _)) = levels.into_iter().find(|(_, level)| (step / level - 1.0).abs() < 0.1) {
            return Ok(Some(range));
        }
    }
    // 0..255 made 0..1 inside the graph.
    if (head * 255.0 - 1.0).abs() < 1e-3 {
        return Ok(Some(ValueRange::Byte));
    }
    match clip {
        None => Ok(None),
        Some((0.0, 1.0)) => Ok(Some(ValueRange::Unit)),
        Some((0.0, 255.0)) => Ok(Some(ValueRange::Byte)),
        // A lower or an upper clip alone.
        Some((low, high)) if low <= 0.0 && high > 255.0 => Ok(None),
        Some((low, high)) => {
            Err(Error::WeightFile(format!("its result is clamped to {low}..{high}; pixels are 0..1 or 0..255")))
        }
    }
}

fn contradiction(what: &str, given: Option<&str>, found: Option<&str>) -> Result<()> {
    match (given, found) {
        (Some(given), Some(found)) if given != found => {
            Err(Error::WeightFile(format!("its {what} is {found}, as the file says, not {given}")))
        }
        _ => Ok(()),
    }
}
