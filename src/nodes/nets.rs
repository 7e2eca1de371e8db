//! Published nets as data: lists of operators.
//!
//! All make 1920x1080 pixels from 640x360, but SRGAN's generator, which exists for x4 only and takes 480x270. An
//! activation right behind a convolution runs inside of it on every target that we know of, ours and the paper's, and is
//! not listed; nor are its few parameters counted, as the papers don't. Batch normalisation is folded into weights.

use super::operator::{ANCHOR_CHANNELS, COLOURS, Kind, Operator, SCALE, convolution_parameters};

/// A net.
#[derive(Clone, Debug)]
pub struct Network {
    /// As it is called.
    pub name: &'static str,
    /// Authors, title, venue.
    pub source: &'static str,
    /// How many times it enlarges.
    pub scale: usize,
    /// Its operators, in order.
    pub steps: Vec<Step>,
    /// Parameters as published.
    pub published: Option<Published>,
}

/// A published number of parameters.
#[derive(Clone, Copy, Debug)]
pub struct Published {
    /// What the paper says.
    pub parameters: usize,
    /// Parameters that the paper counts and a run at this scale does not have: the branches for other scales.
    pub elsewhere: usize,
}

/// A run of an operator in a net.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// The operator.
    pub operator: Operator,
    /// Values that must be kept meanwhile for later steps, besides inputs and outputs.
    pub held: usize,
    /// Whether it has parameters of its own, rather than those of an earlier step.
    pub owns_parameters: bool,
}

impl Network {
    /// Weights and biases.
    pub fn parameters(&self) -> usize {
        self.steps.iter().filter(|step| step.owns_parameters).map(|step| step.operator.parameters()).sum()
    }

    /// Multiply-accumulates of a frame.
    pub fn macs(&self) -> u64 {
        self.steps.iter().map(|step| step.operator.macs()).sum()
    }

    /// The most values that are alive at once: a step's inputs and outputs, and what is held for later. Times the bytes of
    /// a value, the memory that features need, if every buffer is reused as soon as it can be.
    pub fn peak_values(&self) -> usize {
        self.steps.iter().map(|step| step.operator.values() + step.held).max().unwrap_or(0)
    }
}

/// Builds a list of steps.
struct Builder {
    width: usize,
    height: usize,
    channels: usize,
    held: usize,
    shares: bool,
    steps: Vec<Step>,
}

impl Builder {
    /// Begins with a picture of so many channels.
    fn new(width: usize, height: usize, channels: usize) -> Self {
        Self { width, height, channels, held: 0, shares: false, steps: Vec::new() }
    }

    fn step(&mut self, kind: Kind, out_channels: usize) -> &mut Self {
        let (width, height, in_channels) = (self.width, self.height, self.channels);
        let operator = Operator { kind, width, height, in_channels, out_channels };
        self.steps.push(Step { operator, held: self.held, owns_parameters: !self.shares });
        let output = operator.outputs()[0];
        (self.width, self.height, self.channels) = (output.width, output.height, out_channels);
        self
    }

    fn convolution(&mut self, side: usize, out_channels: usize) -> &mut Self {
        self.step(Kind::Convolution { side }, out_channels)
    }

    /// Adds a map that was held since [`Builder::hold`].
    fn add(&mut self) -> &mut Self {
        let channels = self.channels;
        self.release(channels).step(Kind::Add, channels)
    }

    /// Keeps so many channels of the present size for later.
    fn hold(&mut self, channels: usize) -> &mut Self {
        self.held += channels * self.width * self.height;
        self
    }

    /// Gives them up, or makes them an input of the next step.
    fn release(&mut self, channels: usize) -> &mut Self {
        self.held = self.held.saturating_sub(channels * self.width * self.height);
        self
    }

    /// Goes on with only so many of the channels, the others having been split off.
    fn take(&mut self, channels: usize) -> &mut Self {
        self.channels = channels;
        self
    }

    /// Two halves joined: the other is as large as this one only in the operator's cost.
    fn concatenate(&mut self, channels: usize) -> &mut Self {
        self.channels = channels / 2;
        self.step(Kind::Concatenate, channels)
    }

    fn finish(&mut self) -> Vec<Step> {
        std::mem::take(&mut self.steps)
    }
}

/// The frame that the paper times.
const FRAME: (usize, usize) = (640, 360);

fn frame(channels: usize) -> Builder {
    Builder::new(FRAME.0, FRAME.1, channels)
}

/// All nets, the lightest first.
pub fn networks() -> Vec<Network> {
    let published = |parameters, elsewhere| Some(Published { parameters, elsewhere });
    let x3 = |name, source, steps, published| Network { name, source, scale: SCALE, steps, published };
    vec![
        x3(
            "FSRCNN",
            "Dong, Loy, Tang: Accelerating the Super-Resolution Convolutional Neural Network, ECCV 2016, arXiv 1608.00367",
            fsrcnn(),
            published(12_464, 0),
        ),
        abpn(FRAME.0, FRAME.1),
        x3(
            "DRRN",
            "Tai, Yang, Liu: Image Super-Resolution via Deep Recursive Residual Network, CVPR 2017 (B1U25)",
            drrn(),
            published(297_000, 0),
        ),
        x3(
            "IDN",
            "Hui, Wang, Gao: Fast and Accurate Single Image Super-Resolution via Information Distillation Network, CVPR 2018, \
             arXiv 1803.09454",
            idn(),
            published(553_000, 0),
        ),
        x3(
            "VDSR",
            "Kim, Lee, Lee: Accurate Image Super-Resolution Using Very Deep Convolutional Networks, CVPR 2016, \
             arXiv 1511.04587",
            vdsr(),
            published(665_000, 0),
        ),
        x3(
            "IMDN",
            "Hui, Gao, Yang, Wang: Lightweight Image Super-Resolution with Information Multi-distillation Network, ACM MM \
             2019, arXiv 1909.11856",
            imdn(),
            published(703_000, 0),
        ),
        x3(
            "LatticeNet",
            "Luo, Xie, Zhang, Qu, Li, Fu: LatticeNet: Towards Lightweight Image Super-Resolution with Lattice Block, ECCV 2020",
            lattice_net(),
            published(765_000, 0),
        ),
        x3(
            "CARN",
            "Ahn, Kang, Sohn: Fast, Accurate, and Lightweight Super-Resolution with Cascading Residual Network, ECCV 2018, \
             arXiv 1803.08664",
            carn(),
            // The paper's one net has the upsamplers for x2, and for x4 (two of x2), too.
            published(1_592_000, 3 * convolution_parameters(3 * 3 * 64, 4 * 64)),
        ),
        Network {
            name: "SRGAN's generator",
            source: "Ledig et al.: Photo-Realistic Single Image Super-Resolution Using a Generative Adversarial Network, \
                     CVPR 2017, arXiv 1609.04802 (x4)",
            scale: 4,
            steps: srresnet(),
            published: None,
        },
        x3(
            "EDSR (baseline)",
            "Lim, Son, Kim, Nah, Lee: Enhanced Deep Residual Networks for Single Image Super-Resolution, CVPRW 2017, \
             arXiv 1707.02921",
            edsr(),
            published(1_554_000, 0),
        ),
    ]
}

/// FSRCNN(56, 12, 4), on luma alone.
fn fsrcnn() -> Vec<Step> {
    let mut net = frame(1);
    net.convolution(5, 56).convolution(1, 12);
    for _ in 0..4 {
        net.convolution(3, 12);
    }
    net.convolution(1, 56).step(Kind::Transposed { side: 9 }, 1).finish()
}

/// ABPN for pictures of a size: seven convolutions; the anchor is added while pixels are shuffled.
pub fn abpn(width: usize, height: usize) -> Network {
    let mut net = Builder::new(width, height, COLOURS);
    net.convolution(3, 28).hold(COLOURS);
    for _ in 0..4 {
        net.convolution(3, 28);
    }
    net.convolution(3, ANCHOR_CHANNELS).convolution(3, ANCHOR_CHANNELS).release(COLOURS);
    Network {
        name: "ABPN",
        source: "Du, Liu, Tang, Wu: Anchor-based Plain Net for Mobile Image Super-Resolution, CVPRW 2021, arXiv 2105.09750",
        scale: SCALE,
        steps: net.step(Kind::AnchoredShuffle, COLOURS).finish(),
        published: Some(Published { parameters: 42_540, elsewhere: 0 }),
    }
}

/// One recursive block whose residual unit runs 25 times with the same weights, on interpolated luma.
fn drrn() -> Vec<Step> {
    let mut net = frame(1);
    net.step(Kind::Bicubic, 1).hold(1).convolution(3, 128).hold(128);
    for unit in 0..25 {
        net.shares = unit > 0;
        // What the first convolution made is added again and again.
        net.convolution(3, 128).convolution(3, 128).add().hold(128);
    }
    net.shares = false;
    net.release(128).convolution(3, 1).add().finish()
}

/// 20 convolutions on interpolated luma, without biases in the count of the paper.
fn vdsr() -> Vec<Step> {
    let mut net = frame(1);
    net.step(Kind::Bicubic, 1).hold(1);
    for _ in 0..19 {
        net.convolution(3, 64);
    }
    net.convolution(3, 1).add().finish()
}

/// Four distillation blocks on luma: an enhancement unit of two times three convolutions, of which a quarter of the
/// channels skips the second three, and a compression unit.
fn idn() -> Vec<Step> {
    let mut net = frame(1);
    net.hold(1).convolution(3, 64).convolution(3, 64);
    for _ in 0..4 {
        net.hold(64).convolution(3, 48);
        grouped(&mut net, 32);
        net.convolution(3, 64).step(Kind::Split, 64).hold(16).take(48).convolution(3, 64);
        grouped(&mut net, 48);
        net.convolution(3, 80).release(16 + 64);
        // What skipped, joined by the block's input, to the other path.
        net.concatenate(80).step(Kind::Add, 80).convolution(1, 64);
    }
    // Interpolation of the picture, to which the net adds its residual.
    net.release(1).step(Kind::Transposed { side: 17 }, 1);
    let (width, height) = FRAME;
    let bicubic = Operator { kind: Kind::Bicubic, width, height, in_channels: 1, out_channels: 1 };
    let held = net.width * net.height;
    net.steps.push(Step { operator: bicubic, held, owns_parameters: true });
    net.add().finish()
}

/// A 3x3 convolution in four groups of channels, as four convolutions side by side.
fn grouped(net: &mut Builder, out_channels: usize) {
    const GROUPS: usize = 4;
    let in_channels = net.channels;
    for _ in 0..GROUPS {
        net.take(in_channels / GROUPS).convolution(3, out_channels / GROUPS);
    }
    net.take(out_channels);
}

/// Six distillation blocks; each of three steps splits a quarter of the channels off.
fn imdn() -> Vec<Step> {
    let mut net = frame(COLOURS);
    net.convolution(3, 64).hold(64);
    for _ in 0..6 {
        for _ in 0..3 {
            net.convolution(3, 64).step(Kind::Split, 64).hold(16).take(48);
        }
        net.convolution(3, 16).release(3 * 16).concatenate(64).step(Kind::ChannelAttention, 64);
        // The block's input stays for the fusion, and so does its output.
        net.convolution(1, 64).add().hold(2 * 64);
    }
    net.release(6 * 64).concatenate(6 * 64).convolution(1, 64).convolution(3, 64).add();
    net.convolution(3, ANCHOR_CHANNELS).step(Kind::PixelShuffle, COLOURS).finish()
}

/// Four lattice blocks: twice a branch of three convolutions, joined crosswise with coefficients from attention by mean
/// and by deviation; then the blocks' outputs are joined from the last to the first.
fn lattice_net() -> Vec<Step> {
    let mut net = frame(COLOURS);
    net.convolution(3, 64).convolution(3, 64).hold(64);
    for _ in 0..4 {
        for _ in 0..2 {
            net.hold(64).convolution(3, 48).convolution(3, 48).convolution(3, 64);
            for _ in 0..4 {
                net.step(Kind::ChannelAttention, 64);
            }
            net.step(Kind::Add, 64).step(Kind::Add, 64);
        }
        net.release(2 * 64).concatenate(128).convolution(1, 64).hold(64);
    }
    for _ in 0..3 {
        net.take(64).convolution(1, 32).hold(32).take(64).convolution(1, 32).release(32).concatenate(64);
    }
    net.release(4 * 64).convolution(3, 64).add();
    net.convolution(3, ANCHOR_CHANNELS).step(Kind::PixelShuffle, COLOURS).finish()
}

/// Three cascading blocks of three residual blocks. Before each 1x1 convolution, within blocks and between them, all that
/// came before is joined, and the joined map is kept for the next.
fn carn() -> Vec<Step> {
    let mut net = frame(COLOURS);
    net.convolution(3, 64);
    let mut joined_blocks = 64;
    for block in 2..=4 {
        net.hold(joined_blocks);
        let mut joined_units = 64;
        for unit in 2..=4 {
            net.hold(joined_units).hold(64).convolution(3, 64).convolution(3, 64).add();
            net.release(joined_units).concatenate(unit * 64);
            joined_units = unit * 64;
            net.convolution(1, 64);
        }
        net.release(joined_blocks).concatenate(block * 64);
        joined_blocks = block * 64;
        net.convolution(1, 64);
    }
    net.convolution(3, 64 * SCALE * SCALE).step(Kind::PixelShuffle, 64).convolution(3, COLOURS).finish()
}

/// SRResNet: 16 residual blocks, two times two.
fn srresnet() -> Vec<Step> {
    let mut net = Builder::new(480, 270, COLOURS);
    net.convolution(9, 64).hold(64);
    for _ in 0..16 {
        net.hold(64).convolution(3, 64).convolution(3, 64).add();
    }
    net.convolution(3, 64).add();
    for _ in 0..2 {
        net.convolution(3, 4 * 64).step(Kind::PixelShuffle, 64);
    }
    net.convolution(9, COLOURS).finish()
}

/// 16 residual blocks without normalisation.
fn edsr() -> Vec<Step> {
    let mut net = frame(COLOURS);
    net.convolution(3, 64).hold(64);
    for _ in 0..16 {
        net.hold(64).convolution(3, 64).convolution(3, 64).add();
    }
    net.convolution(3, 64).add().convolution(3, 64 * SCALE * SCALE).step(Kind::PixelShuffle, 64);
    net.convolution(3, COLOURS).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(name: &str) -> Network {
        networks().into_iter().find(|network| network.name == name).unwrap()
    }

    /// Published numbers are rounded to three digits or so; those of FSRCNN's paper, the smallest net, leave out biases.
    const TOLERANCE: f64 = 0.015;

    #[test]
    fn parameters_are_those_published() {
        for network in networks() {
            if let Some(Published { parameters, elsewhere }) = network.published {
                let ours = (network.parameters() + elsewhere) as f64;
                let ratio = ours / parameters as f64;
                assert!((ratio - 1.0).abs() < TOLERANCE, "{}: {ours}, published {parameters}", network.name);
            }
        }
        let biases = 56 + 12 + 4 * 12 + 56 + 1;
        assert_eq!(network("FSRCNN").parameters() - biases, 12_464);
    }

    #[test]
    fn abpn_is_the_shipped_net() {
        let net = crate::Net::read(crate::net::ABPN_X3).unwrap();
        let (width, height) = FRAME;
        assert_eq!(network("ABPN").macs(), net.macs_per_pixel() * (width * height) as u64);
        let parameters: usize = net.layers().iter().map(|layer| layer.weights.len() + layer.bias.len()).sum();
        assert_eq!(network("ABPN").parameters(), parameters);
    }

    #[test]
    fn steps_fit_together() {
        for network in networks() {
            let last = network.steps.last().unwrap().operator.outputs()[0];
            assert_eq!((last.width, last.height), (1920, 1080), "{}", network.name);
            // What is held never takes more than the sum of all that was made.
            let made: usize = network.steps.iter().map(|step| step.operator.values()).sum();
            assert!(network.peak_values() < made, "{}", network.name);
        }
        // Two maps of 28 channels and the picture.
        assert_eq!(network("ABPN").peak_values(), 640 * 360 * (28 + 28 + 3));
    }

    #[test]
    fn every_hold_is_released() {
        // ABPN holds nothing but the picture until its end.
        let abpn = network("ABPN");
        assert_eq!(abpn.steps.last().unwrap().held, 0);
        for name in ["CARN", "EDSR (baseline)", "IMDN", "LatticeNet", "SRGAN's generator"] {
            assert_eq!(network(name).steps.last().unwrap().held, 0, "{name}");
        }
    }
}
