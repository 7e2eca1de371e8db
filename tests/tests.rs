//! Everything that is tested from outside, as one binary.

mod adapters;
mod bench;
mod bytes;
mod cli;
mod codec;
mod eval;
mod frames;
mod model;
mod nodes;
mod pictures;
mod profile;
mod program;
