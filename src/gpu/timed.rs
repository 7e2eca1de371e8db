//! Runs a net tile by tile with each stage timed by itself.

use super::context::Context;
use super::stage::Stage;
use super::timing::{Clock, Span};
use super::workspace::Workspace;
use crate::Result;
use crate::image::{Rgb, Sample};
use crate::tile::Tile;

/// A net's stages and the buffers of one window, for pictures of one kind.
pub(crate) struct Timed<'a, S: Sample> {
    pub context: &'a Context,
    pub stages: Vec<&'a Stage>,
    pub workspace: &'a mut Workspace,
    pub clock: Clock,
    /// The upscaled picture.
    pub picture: Vec<S>,
}

impl<S: Sample> Timed<'_, S> {
    /// Packs a tile's window.
    pub fn pack(&mut self, rgb: Rgb<S>, tile: &Tile) {
        self.workspace.pack(rgb, tile.x, tile.y);
    }

    /// Hands the packed window to the GPU.
    pub fn upload(&self) -> Result<()> {
        self.context.checked(|_| self.workspace.upload(self.context, 0))
    }

    /// Runs all stages, and says when each ran.
    pub fn compute(&self) -> Result<Vec<Span>> {
        self.workspace.time_stages(self.context, &self.stages, self.clock)
    }

    /// Reads the tile's pixels back into the picture, which is upscaled from one of `width` pixels.
    pub fn read_back(&mut self, tile: Tile, width: usize) -> Result<()> {
        let in_flight = self.workspace.fetch(self.context, tile)?;
        in_flight.wait(self.context)?;
        self.workspace.read_back(in_flight, &mut self.picture, width)
    }
}
