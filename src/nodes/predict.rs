//! The latency of a net, predicted from the table.

use super::nets::Network;
use super::operator::{ANCHOR_CHANNELS, COLOURS, Class, Kind, Operator, SCALE};
use super::{Measurement, Precision};

/// Predicts from measured operators.
///
/// The rule: a net takes as long as its operators together. An operator takes as long as the measured one of its kind,
/// times the ratio of their work: of multiply-accumulates, over channels padded to whole words, for convolutions, of bytes
/// moved for all others. A convolution with a kernel size that was not measured is like the next smaller measured one, and
/// an operator without an int8 version takes in int8 what it takes in f32. The least of a row's samples counts: whatever
/// disturbs a run only adds to it.
pub struct Predictor {
    rows: Vec<Measurement>,
}

impl Predictor {
    /// Predicts from these rows.
    pub fn new(rows: Vec<Measurement>) -> Self {
        Self { rows }
    }

    /// Milliseconds of a net; none if the table lacks an operator.
    pub fn network_ms(&self, network: &Network, precision: Precision) -> Option<f64> {
        network.steps.iter().map(|step| self.operator_ms(&step.operator, precision)).sum()
    }

    /// Milliseconds that a residual adds to a net without one; none if the table lacks an operator.
    pub fn residual_ms(&self, residual: &Residual, precision: Precision) -> Option<f64> {
        let sum = |operators: &[Operator]| -> Option<f64> {
            operators.iter().map(|operator| self.operator_ms(operator, precision)).sum()
        };
        Some(sum(&residual.extra)? - sum(&residual.instead_of)?)
    }

    /// Milliseconds of an operator of any size; none if the table lacks its kind.
    pub fn operator_ms(&self, operator: &Operator, precision: Precision) -> Option<f64> {
        let precision = if operator.has(precision) { precision } else { Precision::F32 };
        let rows = self.rows.iter().filter(|row| row.precision == precision);
        let side = |kind| match kind {
            Kind::Convolution { side } | Kind::Transposed { side } => side,
            _ => 0,
        };
        let is_alike = |row: &&Measurement| {
            std::mem::discriminant(&row.operator.kind) == std::mem::discriminant(&operator.kind)
                && side(row.operator.kind) <= side(operator.kind)
        };
        let row = rows.filter(is_alike).max_by_key(|row| side(row.operator.kind))?;
        let ratio = match operator.class() {
            Class::Convolution => operator.padded_macs() as f64 / row.operator.padded_macs() as f64,
            _ => operator.bytes(precision) as f64 / row.operator.bytes(precision) as f64,
        };
        Some(row.ms.min * ratio)
    }
}

/// A way to add a residual to an enlarged picture, of those that the paper compares.
#[derive(Clone, Debug)]
pub struct Residual {
    /// What the paper calls it, and what it runs.
    pub name: &'static str,
    /// What it runs in addition to a net without a residual.
    pub extra: Vec<Operator>,
    /// What it runs these instead of.
    pub instead_of: Vec<Operator>,
}

/// The residual kinds that the paper compares, for pictures of `width` x `height` pixels and features of `channels`
/// channels.
pub fn residuals(width: usize, height: usize, channels: usize) -> Vec<Residual> {
    let operator = |kind, in_channels, out_channels| Operator { kind, width, height, in_channels, out_channels };
    let resize = |kind| operator(kind, COLOURS, COLOURS);
    let shuffle = |kind| operator(kind, ANCHOR_CHANNELS, COLOURS);
    let add = |channels| operator(Kind::Add, channels, channels);
    let add_to_picture = Operator { width: SCALE * width, height: SCALE * height, ..add(COLOURS) };
    let residual = |name, extra, instead_of| Residual { name, extra, instead_of };
    vec![
        residual("none", vec![], vec![]),
        residual("features (FSRL): add", vec![add(channels)], vec![]),
        residual("image (ISRL): nearest, add", vec![resize(Kind::Nearest), add_to_picture], vec![]),
        residual("image (ISRL): bilinear, add", vec![resize(Kind::Bilinear), add_to_picture], vec![]),
        residual(
            "anchor (ABRL): repeat, add",
            vec![operator(Kind::Anchor, COLOURS, ANCHOR_CHANNELS), add(ANCHOR_CHANNELS)],
            vec![],
        ),
        residual(
            "anchor inside the pixel shuffle",
            vec![shuffle(Kind::AnchoredShuffle)],
            vec![shuffle(Kind::PixelShuffle)],
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nodes::{nets::networks, operators};
    use crate::stats::Stats;

    /// A device on which everything takes a nanosecond for each of its units of work.
    fn predictor() -> Predictor {
        let mut rows = Vec::new();
        for operator in operators(64, 36, 28).unwrap() {
            for precision in Precision::ALL.into_iter().filter(|&precision| operator.has(precision)) {
                let is_convolution = operator.class() == Class::Convolution;
                let work = if is_convolution { operator.padded_macs() } else { operator.bytes(precision) };
                let ms = Stats::of([work as f64 / 1e6]);
                rows.push(Measurement { operator, precision, ms, samples: 1 });
            }
        }
        Predictor::new(rows)
    }

    #[test]
    fn work_decides() {
        let predictor = predictor();
        let convolution = |side, in_channels, out_channels| Operator {
            kind: Kind::Convolution { side },
            width: 10,
            height: 10,
            in_channels,
            out_channels,
        };
        let ms = |operator| predictor.operator_ms(&operator, Precision::Int8).unwrap();
        let close = |a: f64, b: f64| assert!((a / b - 1.0).abs() < 1e-9, "{a} {b}");
        close(ms(convolution(3, 28, 28)), 100.0 * 28.0 * 28.0 * 9.0 / 1e6);
        // Three channels take a word of four; a kernel that was not measured scales too.
        close(ms(convolution(3, 3, 28)), 100.0 * 4.0 * 28.0 * 9.0 / 1e6);
        close(ms(convolution(9, 28, 28)), 100.0 * 28.0 * 28.0 * 81.0 / 1e6);
        let add = Operator { kind: Kind::Add, ..convolution(1, 3, 3) };
        close(ms(add), 3.0 * 4.0 * 100.0 / 1e6);
        // Attention exists in f32 alone.
        let attention = Operator { kind: Kind::ChannelAttention, ..convolution(1, 28, 28) };
        assert_eq!(Some(ms(attention)), predictor.operator_ms(&attention, Precision::F32));
    }

    #[test]
    fn every_net_and_residual_has_a_prediction() {
        let predictor = predictor();
        for precision in Precision::ALL {
            for network in networks() {
                assert!(predictor.network_ms(&network, precision).unwrap() > 0.0, "{}", network.name);
            }
            for residual in residuals(640, 360, 28) {
                assert!(predictor.residual_ms(&residual, precision).is_some(), "{}", residual.name);
            }
        }
        assert!(Predictor::new(Vec::new()).network_ms(&networks()[0], Precision::F32).is_none());
    }
}
