//! Cutting a picture into tiles that together give the very bytes of the uncut picture.
//!
//! An engine runs the net on a *window* of the picture, with zeros outside it. A result pixel is exact if its
//! receptive field (`halo` pixels around it, one a layer) lies inside the window, or reaches over the window's edge
//! only where that edge is the picture's own. So neighbouring windows overlap by two halos, each window keeps the
//! part that is exact, and all windows of a picture have one size: the last row and column are shifted inwards.
//!
//! A net that sees no zeros at the picture's borders reads a picture that goes on beyond them by a *margin*, of which nothing
//! is kept.

use std::ops::Range;

/// A part of the picture, computed at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tile {
    /// Left edge of the window in what the engine reads, in input pixels.
    pub x: usize,
    /// Top edge of the window in what the engine reads, in input pixels.
    pub y: usize,
    /// Columns of the picture that this tile gives; a part of its window.
    pub columns: Range<usize>,
    /// Rows of the picture that this tile gives; a part of its window.
    pub rows: Range<usize>,
    /// How far what the engine reads goes beyond the picture, on each side.
    pub margin: usize,
}

/// How a picture is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tiling {
    /// Width of every window, halo included, in input pixels.
    pub window_width: usize,
    /// Height of every window, halo included, in input pixels.
    pub window_height: usize,
    columns: Vec<Span>,
    rows: Vec<Span>,
    margin: usize,
}

/// A tile along one axis: where its window starts, and what it gives.
type Span = (usize, Range<usize>);

impl Tiling {
    /// Cuts a picture of `[width, height]` pixels into tiles that give at most so many pixels each, for an engine that reads
    /// `margin` pixels more on each side of the picture.
    pub fn new([width, height]: [usize; 2], tile: [usize; 2], halo: usize, margin: usize) -> Self {
        let (window_width, columns) = cut(width, tile[0], halo, margin);
        let (window_height, rows) = cut(height, tile[1], halo, margin);
        Self { window_width, window_height, columns, rows, margin }
    }

    /// Number of tiles, at least 1.
    pub fn len(&self) -> usize {
        self.columns.len() * self.rows.len()
    }

    /// The first tile.
    pub fn first(&self) -> Tile {
        self.tiles().next().expect("there is at least one")
    }

    /// The tiles, row by row.
    pub fn tiles(&self) -> impl Iterator<Item = Tile> + '_ {
        self.rows.iter().flat_map(|(y, rows)| {
            self.columns.iter().map(|(x, columns)| Tile {
                x: *x,
                y: *y,
                columns: columns.clone(),
                rows: rows.clone(),
                margin: self.margin,
            })
        })
    }
}

/// Cuts one axis of `len` pixels; returns the window's length and the tiles' spans.
fn cut(len: usize, tile: usize, halo: usize, margin: usize) -> (usize, Vec<Span>) {
    let tile = tile.max(1);
    let count = len.div_ceil(tile);
    // Even tiles waste less on the last one; the pictures of one size still share one window.
    let tile = len.div_ceil(count);
    let readable = len + 2 * margin;
    let window = readable.min(tile + 2 * halo);
    let spans = (0..len.div_ceil(tile))
        .map(|i| {
            let wanted = i * tile..len.min((i + 1) * tile);
            ((wanted.start + margin).saturating_sub(halo).min(readable - window), wanted)
        })
        .collect();
    (window, spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_cover_the_picture_once_and_keep_only_exact_pixels() {
        for len in 1..120 {
            for tile in 1..50 {
                for (halo, margin) in [1, 3, 7, 12].into_iter().flat_map(|halo| [(halo, 0), (halo, halo)]) {
                    let (window, spans) = cut(len, tile, halo, margin);
                    let readable = len + 2 * margin;
                    assert!(window <= readable && window <= tile + 2 * halo);
                    let mut next = 0;
                    for (start, wanted) in spans {
                        let end = start + window;
                        assert_eq!(wanted.start, next, "len {len} tile {tile} halo {halo} margin {margin}");
                        assert!(wanted.len() <= tile && !wanted.is_empty());
                        assert!(end <= readable);
                        assert!(start == 0 || wanted.start + margin >= start + halo);
                        assert!(end == readable || wanted.end + margin + halo <= end);
                        next = wanted.end;
                    }
                    assert_eq!(next, len);
                }
            }
        }
    }
}
