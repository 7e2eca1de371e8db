//! Everything that is tested from outside, as one binary.

mod cli;
mod codec;
mod eval;
mod pictures;
mod program;
