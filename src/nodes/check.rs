//! Compares what an adapter makes of an operator with the plain version.

use super::number::Number;
use super::operands::Operands;
use super::operator::{Kind, Operator};
use super::program::Program;
use super::tensor::Tensor;
use super::{Precision, reference};
use crate::gpu::{self, Context};
use crate::{Error, Result};

/// The largest error of a sigmoid in f32: GPUs promise no more than a few units in the last place for `exp`.
const SIGMOID_TOLERANCE: f64 = 1e-5;

/// Runs a program on random operands of a size and compares its outputs.
///
/// # Errors
/// [`Error::SelfTest`] names the operator if they differ, or if it wrote outside of its outputs.
pub(super) fn program(context: &Context, program: &Program, operator: &Operator) -> Result<()> {
    match program.precision() {
        Precision::F32 => compare::<f32>(context, program, operator),
        Precision::Int8 => compare::<i8>(context, program, operator),
    }
}

fn compare<N: Number>(context: &Context, program: &Program, operator: &Operator) -> Result<()> {
    let operands = Operands::<N>::random(operator, 1);
    let (actual, intact): (Vec<_>, Vec<_>) =
        program.bind(context, operator, &operands)?.outputs::<N>()?.into_iter().unzip();
    let detail = if !intact.into_iter().all(|intact| intact) {
        Some("it wrote outside its map".to_owned())
    } else {
        difference(operator, &reference::run(operator, &operands), &actual)
    };
    detail.map_or(Ok(()), |detail| {
        let adapter = gpu::label(&context.device.adapter_info());
        let stage = format!("{} {}", operator.name(), N::PRECISION.name());
        Err(Error::SelfTest { adapter, stage, detail })
    })
}

/// The first value that is off by more than the operator's tolerance; int8 has none.
pub(super) fn difference<N: Number>(
    operator: &Operator,
    expected: &[Tensor<N>],
    actual: &[Tensor<N>],
) -> Option<String> {
    let tolerance = tolerance(operator, N::PRECISION);
    if expected.len() != actual.len() {
        return Some(format!("{} outputs instead of {}", actual.len(), expected.len()));
    }
    for (expected, actual) in expected.iter().zip(actual) {
        if expected.shape != actual.shape {
            return Some(format!("a map of {:?} instead of {:?}", actual.shape, expected.shape));
        }
        for (at, (&value, &right)) in actual.values.iter().zip(&expected.values).enumerate() {
            let error = (f64::from(value.real()) - f64::from(right.real())).abs();
            // Not a number is not within any tolerance.
            if error.is_nan() || error > tolerance {
                let (pixel, channel) = (at / expected.shape.channels, at % expected.shape.channels);
                let (x, y) = (pixel % expected.shape.width, pixel / expected.shape.width);
                return Some(format!("channel {channel} of pixel ({x}, {y}) is {value:?}, not {right:?}"));
            }
        }
    }
    None
}

/// How far a value may be off: nothing in int8.
///
/// In f32 the order of a sum and whether its products are rounded are the driver's. Values lie in -1..1, and weights are
/// such that all products of a sum together do; then n terms, in any order, are off by at most n half units in the last
/// place of 1 on either side.
fn tolerance(operator: &Operator, precision: Precision) -> f64 {
    if precision == Precision::Int8 {
        return 0.0;
    }
    let terms = match operator.kind {
        Kind::Sigmoid => return SIGMOID_TOLERANCE,
        Kind::ChannelAttention => {
            let pixels = operator.width * operator.height;
            return SIGMOID_TOLERANCE + f64::from(f32::EPSILON) * (pixels + operator.in_channels) as f64;
        }
        Kind::Concatenate | Kind::Split | Kind::Anchor | Kind::Relu | Kind::MaxPool | Kind::Nearest => 0,
        Kind::PixelShuffle => 0,
        Kind::Bilinear | Kind::Bicubic => 25,
        Kind::Transposed { .. } | Kind::Convolution { .. } | Kind::Grouped | Kind::Depthwise => {
            operator.taps() * operator.inputs_a_tap() + 1
        }
        _ => 4,
    };
    // The bias doubles the range of a sum.
    2.0 * f64::from(f32::EPSILON) * terms as f64
}
