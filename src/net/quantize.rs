//! Float weights to an integer net.
