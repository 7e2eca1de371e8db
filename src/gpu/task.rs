//! What the stages of a net compute, however they do it.

use crate::net::{Layer, Net};

/// Most words of four channels that one thread makes of a feature map: more accumulators than a GPU's registers hold are
/// slow.
pub(crate) const MAX_GROUP_WORDS: usize = 8;

/// What a stage computes, however it does it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Task {
    /// Words of four channels a pixel that it reads.
    pub in_words: usize,
    /// Words a pixel that it writes, or has residuals for: its channels, padded to whole words and whole groups.
    pub out_words: usize,
    /// Whether it reads the picture instead of a feature map.
    pub reads_image: bool,
    pub end: End,
}

/// How a stage ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum End {
    /// Requantised codes.
    Features {
        activation: Activation,
        /// Whether it writes the padding too: in nets of which a layer has PReLU, as zero points differ from layer to layer.
        pads: bool,
    },
    /// Finished pixels.
    Pixels {
        /// The net's scale.
        scale: usize,
        /// Bits a sample: 8 or 16.
        bits: u32,
    },
}

/// What a hidden layer's requantisation does with accumulators below 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Activation {
    Relu,
    Prelu,
}

impl End {
    /// Whether it makes a feature map, not pixels.
    pub fn is_features(self) -> bool {
        matches!(self, Self::Features { .. })
    }
}

impl Task {
    /// Every stage of `net` for pictures of `bits` bits a sample.
    pub fn of_net(net: &Net, bits: u32) -> Vec<Self> {
        let last = net.layers().len() - 1;
        let pads = net.has_prelu();
        let mut in_words = 1;
        let task = |(index, layer): (usize, &Layer)| {
            let words = layer.out_channels.div_ceil(4);
            let activation = if layer.prelu.is_some() { Activation::Prelu } else { Activation::Relu };
            let end = if index == last {
                End::Pixels { scale: net.scale(), bits }
            } else {
                End::Features { activation, pads }
            };
            let task =
                Self { in_words, out_words: words.next_multiple_of(groups(words, end)), reads_image: index == 0, end };
            in_words = task.out_words;
            task
        };
        net.layers().iter().enumerate().map(task).collect()
    }

    /// A name for people and profilers, as `conv3x3 7>7`.
    pub fn label(&self) -> String {
        let Self { in_words, out_words, .. } = self;
        match self.end {
            End::Features { activation: Activation::Relu, .. } => format!("conv3x3 {in_words}>{out_words}"),
            End::Features { activation: Activation::Prelu, .. } => format!("conv3x3 {in_words}>{out_words} PReLU"),
            End::Pixels { scale, bits } => format!("reconstruct x{scale} {bits}-bit {in_words}>{out_words}"),
        }
    }
}

/// The groups into which so many output words are cut for threads that make a group each. Finished pixels need all words.
pub(super) fn groups(words: usize, end: End) -> usize {
    if end.is_features() { words.div_ceil(MAX_GROUP_WORDS) } else { 1 }
}

/// The label of each layer of `net`, as [`Kernels::set`](super::kernels::Kernels::set) takes it, for 8-bit pictures.
pub fn layer_labels(net: &Net) -> Vec<String> {
    Task::of_net(net, 8).iter().map(Task::label).collect()
}
