//! What alpha may become: what a net makes of it is clamped to the values round about, because there an overshoot is not a
//! sharper edge but a hole or a veil.

use std::ops::Range;

use super::view::Pixels;
use crate::image::Sample;

/// How far from a visible pixel the result can be visible, in input pixels: the reach of [`neighbourhood`].
pub(super) const REACH: usize = 1;

/// The least and the largest alpha round each pixel.
#[derive(Clone)]
pub(super) struct Bounds<'a, S> {
    pixels: Pixels<'a, S>,
    scale: usize,
    /// Those of some pixels of a row, for the output rows that come from it.
    row: usize,
    columns: Range<usize>,
    bounds: Vec<[i32; 2]>,
}

impl<'a, S: Sample> Bounds<'a, S> {
    /// For a picture whose last channel is alpha, and a result so many times as large.
    pub fn new(pixels: Pixels<'a, S>, scale: usize) -> Self {
        Self { pixels, scale, row: 0, columns: 0..0, bounds: Vec::new() }
    }

    /// The bounds of `width` output pixels of row `y` from column `x` on.
    pub fn of_row(&mut self, x: usize, y: usize, width: usize) -> impl Iterator<Item = [i32; 2]> {
        let scale = self.scale;
        let columns = x / scale..(x + width).div_ceil(scale);
        if (self.row, &self.columns) != (y / scale, &columns) {
            (self.row, self.columns) = (y / scale, columns.clone());
            let Pixels { width, height, .. } = self.pixels;
            let bounds = columns.map(|column| {
                let around = neighbourhood(column, self.row, width, height);
                let alphas = around.map(|(x, y)| self.pixels.last(x, y).to_i32());
                alphas.fold([i32::MAX, i32::MIN], |[low, high], alpha| [low.min(alpha), high.max(alpha)])
            });
            self.bounds.clear();
            self.bounds.extend(bounds);
        }
        let first = self.columns.start;
        (x..x + width).map(move |x| self.bounds[x / scale - first])
    }
}

/// A pixel and the eight round it, as columns and rows; fewer at the picture's edges.
pub(super) fn neighbourhood(x: usize, y: usize, width: usize, height: usize) -> impl Iterator<Item = (usize, usize)> {
    let columns = x.saturating_sub(REACH)..(x + REACH + 1).min(width);
    let rows = y.saturating_sub(REACH)..(y + REACH + 1).min(height);
    rows.flat_map(move |row| columns.clone().map(move |column| (column, row)))
}
