//! Runs a net over the tiles of pictures, spread over the threads of the pool.

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rayon::prelude::*;

use super::choice;
use super::queue::Queue;
use super::row_kernel::RowKernel;
use super::sweep::{Area, PackedNet, SweepBuffers, sweep};
use super::watch::{Stopwatch, Trace, Watch};
use crate::backend::{Backend, Check, Done, FrameQueue, FrameShape, PackedWords};
use crate::clock::Instant;
use crate::frame::{Extended, PixelFormat, Sink, Source, forgotten};
use crate::net::{Layer, Net};
use crate::options::{TileSize, Timings};
use crate::reference::Features;
use crate::tile::{Tile, Tiling};
use crate::timing::{Clock, Span, TileTimes};
use crate::{Error, Result};

/// Side of the largest tile that is chosen without a wish, in input pixels: its rows stay in the cache, what neighbours
/// compute twice costs little, and an observer hears of one every fraction of a second.
const TILE: usize = 512;

/// A net on one of the CPU's kernels.
pub(crate) struct Engine {
    net: Arc<Net>,
    packed: PackedNet,
    /// Buffers that no thread uses just now.
    pool: Mutex<Vec<SweepBuffers>>,
}

/// What one thread has done of a tile.
struct Part<W> {
    watch: W,
    /// Parts of the tile.
    count: usize,
    /// How many tiles are finished, if this was the last part of one.
    tiles_done: Option<usize>,
}

impl Engine {
    /// With the best kernel of this machine that passes a short test, or the one that
    /// [`CPU_VARIABLE`](super::CPU_VARIABLE) names.
    ///
    /// # Errors
    /// [`Error::CpuKernel`] if that isn't one of this machine.
    pub fn new(net: Arc<Net>) -> Result<Self> {
        let kernel = choice::kernel(net.has_prelu())?;
        Ok(Self::with_kernel(net, kernel))
    }

    pub(super) fn with_kernel(net: Arc<Net>, kernel: Arc<dyn RowKernel>) -> Self {
        let layers = net.layers().iter().map(|layer| kernel.pack(layer)).collect();
        let packed = PackedNet { kernel, layers, scale: net.scale() };
        Self { net, packed, pool: Mutex::default() }
    }

    /// Computes neighbouring rows of tiles, spread over the threads. A *part* is what one thread does of one tile; `part_done`
    /// hears of each, and may stop the work.
    fn sweep<W: Watch + Default>(
        &self,
        source: &dyn Source,
        sink: &mut dyn Sink,
        tile_rows: &[&[Tile]],
        part_done: &(dyn Fn(Part<W>) -> ControlFlow<()> + Sync),
    ) -> ControlFlow<()> {
        let bands_a_row = rayon::current_num_threads().div_ceil(tile_rows.len());
        let rows: Vec<Vec<Range<usize>>> =
            tile_rows.iter().map(|tiles| split(&tiles[0].rows, bands_a_row).collect()).collect();
        // What is above the tiles is a band of its own, that nobody writes.
        let above = tile_rows[0][0].rows.start * self.packed.scale;
        let heights = rows.iter().flatten().map(|rows| rows.len() * self.packed.scale);
        let heights: Vec<usize> = std::iter::once(above).chain(heights).collect();
        let bands = rows.iter().enumerate().flat_map(|(index, bands)| bands.iter().map(move |rows| (index, rows)));
        let bands: Vec<_> = bands.zip(sink.bands(&heights).into_iter().skip(1)).collect();
        // The parts of each tile that are to come. Locked while `part_done` runs, so that it hears of them in their order.
        let first_tile = |row: usize| tile_rows[..row].iter().map(|tiles| tiles.len()).sum::<usize>();
        let left: Vec<usize> =
            tile_rows.iter().zip(&rows).flat_map(|(tiles, bands)| vec![bands.len(); tiles.len()]).collect();
        let progress = Mutex::new((left, 0));
        bands.into_par_iter().try_for_each(|((index, rows_of_band), mut band)| {
            let mut buffers = self.take_buffers();
            let outcome = tile_rows[index].iter().enumerate().try_for_each(|(column, tile)| {
                let area = Area { columns: tile.columns.clone(), rows: rows_of_band.clone(), margin: tile.margin };
                let mut watch = W::default();
                self.sweep_area(source, &area, &mut buffers, &mut *band, &mut watch);
                let mut progress = progress.lock().unwrap_or_else(PoisonError::into_inner);
                let (left, finished) = &mut *progress;
                let left = &mut left[first_tile(index) + column];
                *left -= 1;
                *finished += usize::from(*left == 0);
                let tiles_done = (*left == 0).then_some(*finished);
                part_done(Part { watch, count: rows[index].len(), tiles_done })
            });
            self.give_back(buffers);
            outcome
        })
    }

    /// One sweep, in samples of the source's format.
    fn sweep_area(
        &self,
        source: &dyn Source,
        area: &Area,
        buffers: &mut SweepBuffers,
        sink: &mut dyn Sink,
        watch: &mut impl Watch,
    ) {
        match source.format() {
            PixelFormat::Rgb8 => sweep::<u8>(&self.packed, source, area, buffers, sink, watch),
            PixelFormat::Rgb16 => sweep::<u16>(&self.packed, source, area, buffers, sink, watch),
        }
    }

    /// Buffers that no thread uses just now.
    #[cfg(test)]
    pub(super) fn idle_buffers(&self) -> usize {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn take_buffers(&self) -> SweepBuffers {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, buffers: SweepBuffers) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).push(buffers);
    }

    /// Runs the net over a whole picture on this thread, and forgets the result.
    fn traced(&self, source: &dyn Source, trace: &mut Trace) -> Result<()> {
        let area = Area { columns: 0..source.width(), rows: 0..source.height(), margin: 0 };
        let mut buffers = self.take_buffers();
        self.scratch(source, |sink| self.sweep_area(source, &area, &mut buffers, sink, trace))?;
        self.give_back(buffers);
        Ok(())
    }

    /// Has `work` write an upscaled picture of which nothing is kept.
    fn scratch<T>(&self, source: &dyn Source, work: impl FnOnce(&mut dyn Sink) -> T) -> Result<T> {
        let scale = self.packed.scale;
        forgotten(source.format(), source.width() * scale, source.height() * scale, work)
    }
}

impl Backend for Engine {
    fn net(&self) -> &Net {
        &self.net
    }

    fn label(&self) -> String {
        format!("CPU ({})", self.packed.kernel.name())
    }

    fn identity(&self) -> Vec<u8> {
        [format!("{} {}\n", self.label(), std::env::consts::ARCH).into_bytes(), self.net.write()].concat()
    }

    /// Tiles of the whole width need no column twice.
    fn tiling(&self, size: TileSize, width: usize, height: usize, _: PixelFormat) -> Result<Tiling> {
        let (tile_width, tile_height) = match size {
            TileSize::Auto => {
                // As many rows of tiles for each thread, so that none waits for another.
                let threads = rayon::current_num_threads();
                let rows = height.div_ceil(TILE);
                let rows = if rows > threads { rows.next_multiple_of(threads) } else { rows };
                (2 * TILE, height.div_ceil(rows))
            }
            TileSize::Whole => (width, height),
            TileSize::Side(side) => (side as usize, side as usize),
        };
        Ok(Tiling::new([width, height], [tile_width, tile_height], self.net.halo(), self.net.margin()))
    }

    fn run(&self, source: &dyn Source, sink: &mut dyn Sink, tiling: &Tiling, done: Done) -> Result<Timings> {
        let start = Instant::now();
        let source = &Extended::new(source, &self.net);
        let tiles: Vec<Tile> = tiling.tiles().collect();
        let tile_rows: Vec<&[Tile]> = tiles.chunk_by(|a, b| a.rows == b.rows).collect();
        let part_done = |part: Part<()>| part.tiles_done.map_or(ControlFlow::Continue(()), done);
        match self.sweep(source, sink, &tile_rows, &part_done) {
            ControlFlow::Continue(()) => Ok(Timings { compute: start.elapsed(), ..Timings::default() }),
            ControlFlow::Break(()) => Err(Error::Cancelled),
        }
    }

    fn queue(self: Arc<Self>, frame: FrameShape, tiling: &Tiling, depth: usize) -> Result<Box<dyn FrameQueue>> {
        Ok(Box::new(Queue::new(self, frame, tiling.clone(), depth)?))
    }

    fn packed(&self, _: &dyn Source) -> Result<Vec<PackedWords>> {
        Ok(Vec::new())
    }

    fn trace(&self, source: &dyn Source, check: Check) -> Result<()> {
        let (width, height) = (source.width(), source.height());
        let blank = |layer: &Layer| {
            let channels = layer.out_channels;
            Features {
                width,
                height,
                channels,
                zero_point: layer.zero_point(),
                codes: vec![0; width * height * channels],
            }
        };
        let layers = self.net.hidden().iter().map(blank).collect();
        let mut trace = Trace { codes: self.packed.kernel.codes(), layers };
        self.traced(source, &mut trace)?;
        trace.layers.into_iter().enumerate().try_for_each(|(index, features)| check(index, "conv3x3", features, true))
    }

    fn clock(&self) -> Clock {
        Clock::Host
    }

    /// A layer's time in a tile is the mean of the threads that share it.
    fn timed(
        &self,
        source: &dyn Source,
        tiling: &Tiling,
        _: Clock,
        zero: Instant,
        tile_done: &mut dyn FnMut(TileTimes),
    ) -> Result<()> {
        let mut start_ns = zero.elapsed_ns();
        self.scratch(source, |sink| {
            for tile in tiling.tiles() {
                let total = Mutex::new(vec![Duration::ZERO; self.packed.layers.len()]);
                let add = |part: Part<Stopwatch>| {
                    let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                    let parts = u32::try_from(part.count).unwrap_or(u32::MAX);
                    total.iter_mut().zip(part.watch.layers).for_each(|(total, time)| *total += time / parts);
                    ControlFlow::Continue(())
                };
                // Nothing stops it.
                let _ = self.sweep(&Extended::new(source, &self.net), sink, &[&[tile]], &add);
                let layers = total.into_inner().unwrap_or_else(PoisonError::into_inner);
                let stages = layers.iter().map(|time| {
                    let end_ns = start_ns + time.as_secs_f64() * 1e9;
                    Span { start_ns: std::mem::replace(&mut start_ns, end_ns), end_ns }
                });
                tile_done(TileTimes { phases: Vec::new(), stages: stages.collect() });
                start_ns = zero.elapsed_ns();
            }
        })
    }
}

/// Cuts a range into at most `parts` of about one length, none of them empty.
pub(super) fn split(range: &Range<usize>, parts: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let (start, len) = (range.start, range.len());
    let parts = parts.min(len);
    (0..parts).map(move |i| start + i * len / parts..start + (i + 1) * len / parts)
}
