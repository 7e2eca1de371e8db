//! Operator latencies: the method of Du et al., "Anchor-based Plain Net for Mobile Image Super-Resolution" (arXiv
//! 2105.09750), in its section on meta-node latency, for any adapter.
//!
//! The paper takes light super-resolution nets apart into operators ("meta-nodes"), times each on its target, and only
//! then designs a net. [`operators`] is that list as data, each operator with a compute shader written with care and a
//! plain version on the CPU that the shader is compared with; a [`Session`] measures them. [`nets`] describes published
//! nets as lists of operators, and a [`Predictor`] gives their latency from the measured table.

mod check;
mod interpolation;
mod kernels;
mod layout;
pub mod nets;
mod number;
mod operands;
mod operator;
mod predict;
mod program;
mod reference;
mod session;
mod tensor;
#[cfg(test)]
mod tests;

pub use number::Precision;
pub use operator::{Class, Kind, Operator, SCALE, operators};
pub use predict::{Predictor, Residual, residuals};
pub use session::{Measurement, Session};
