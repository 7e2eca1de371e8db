//! Everything that is tested from outside, as one binary.

mod adapters;
mod bench;
mod bytes;
mod cli;
mod codec;
mod documents;
mod eval;
mod files;
mod folders;
mod frames;
mod machine;
mod metadata;
mod model;
mod nets;
mod nodes;
mod pictures;
mod profile;
mod program;
mod video;
