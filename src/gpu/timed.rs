//! Runs a net tile by tile with each stage timed by itself.

use super::context::Context;
use super::ring::Ring;
use super::timing::{Clock, Span};
use crate::Result;
use crate::image::{Rgb, Sample};
use crate::tile::Tile;

/// A net's stages and the buffers of one window, for pictures of one kind.
pub(crate) struct Timed<'a, S: Sample> {
    pub context: &'a Context,
    pub ring: &'a mut Ring,
    pub clock: Clock,
    /// The upscaled picture.
    pub picture: Vec<S>,
}

impl<S: Sample> Timed<'_, S> {
    /// Copies a tile's window to the GPU and packs it there.
    pub fn upload(&mut self, rgb: Rgb<S>, tile: &Tile) -> Result<()> {
        self.ring.upload(self.context, rgb, tile)
    }

    /// Runs all stages, and says when each ran.
    pub fn compute(&self) -> Result<Vec<Span>> {
        self.ring.time_stages(self.context, self.clock)
    }

    /// Unpacks the tile's pixels and copies them into the picture, which is upscaled from one of `width` pixels.
    pub fn read_back(&mut self, tile: &Tile, width: usize) -> Result<()> {
        self.ring.read_back(self.context, tile, &mut self.picture, width)
    }
}
