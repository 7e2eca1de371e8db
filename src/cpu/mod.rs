//! The net on the CPU, as fast as it goes; the bytes are the reference's.
//!
//! What differs between instruction sets is one file each: `avx2.rs` and its neighbours, behind the trait of `lanes.rs`.
//! `convolve.rs` is every kernel's hot loop, or `winograd.rs` where that takes fewer instructions; `row_kernel.rs` makes a layer's
//! rows, `sweep.rs` takes rows through the layers.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512_vnni;
#[cfg(target_arch = "x86_64")]
mod avx_vnni;
mod choice;
mod convolve;
mod groups;
mod lanes;
#[cfg(test)]
mod model;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon_dot;
#[cfg(all(target_arch = "aarch64", target_endian = "little"))]
mod neon_i8mm;
mod packing;
mod portable;
mod reconstruct;
mod requantise;
mod row_kernel;
#[cfg(all(target_arch = "wasm32", target_feature = "simd128"))]
mod simd128;
#[cfg(target_arch = "x86_64")]
mod sse2;
mod sweep;
#[cfg(test)]
mod tests;
mod winograd;

pub use choice::{CPU_VARIABLE, kernels};

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rayon::prelude::*;

use crate::image::{self, Rgb, Sample};
use crate::net::{Layer, Net};
use crate::reference::Features;
use crate::selftest::Subject;
use crate::tile::{Tile, Tiling};
use crate::upscaler::TileSize;
use crate::{Error, Result};
use row_kernel::RowKernel;
use sweep::{Area, PackedNet, RowGeometry, SweepBuffers, Watch, sweep};

/// Side of the largest tile that is chosen without a wish, in input pixels: its rows stay in the cache, what neighbours
/// compute twice costs little, and an observer hears of one every fraction of a second.
const TILE: usize = 512;

/// A net on one of the CPU's kernels.
pub(crate) struct Engine {
    program: PackedNet,
    pool: Mutex<Vec<SweepBuffers>>,
}

impl Engine {
    /// With the best kernel of this machine that passes a short test, or the one that [`CPU_VARIABLE`] names.
    ///
    /// # Errors
    /// [`Error::CpuKernel`] if that isn't one of this machine.
    pub fn new(net: &Net) -> Result<Self> {
        Ok(Self::with_kernel(net, choice::kernel()?))
    }

    fn with_kernel(net: &Net, kernel: Arc<dyn RowKernel>) -> Self {
        let layers = net.layers().iter().map(|layer| kernel.pack(layer)).collect();
        Self { program: PackedNet { kernel, layers, scale: net.scale() }, pool: Mutex::default() }
    }

    /// A name for people, with the kernel.
    pub fn label(&self) -> String {
        format!("CPU ({})", self.program.kernel.name())
    }

    /// All that the self-test's outcome depends on.
    pub fn identity(&self, net: &Net) -> Vec<u8> {
        [format!("{} {}\n", self.label(), std::env::consts::ARCH).into_bytes(), net.write()].concat()
    }

    /// How a picture is cut. Tiles of the whole width need no column twice.
    pub fn tiling(&self, size: TileSize, width: usize, height: usize) -> Tiling {
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
        Tiling::new(width, height, tile_width, tile_height, self.program.layers.len())
    }

    /// Runs the net over the tiles of a picture; `[height, width, 3]` to `[scale*height, scale*width, 3]`.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if `done`, which is told of the number of finished tiles, breaks; [`Error::Memory`].
    pub fn upscale<S: Sample>(
        &self,
        rgb: Rgb<S>,
        tiling: &Tiling,
        done: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<Vec<S>> {
        let mut picture = self.blank(rgb)?;
        self.upscale_into(rgb, tiling, &mut picture, done)?;
        Ok(picture)
    }

    /// The same into a picture that is there already.
    ///
    /// # Errors
    /// [`Error::Cancelled`], as [`Engine::upscale`].
    pub fn upscale_into<S: Sample>(
        &self,
        rgb: Rgb<S>,
        tiling: &Tiling,
        picture: &mut [S],
        done: &(dyn Fn(usize) -> ControlFlow<()> + Sync),
    ) -> Result<()> {
        let tiles: Vec<Tile> = tiling.tiles().collect();
        let tile_rows: Vec<&[Tile]> = tiles.chunk_by(|a, b| a.rows == b.rows).collect();
        let part_done = |(), finished, parts| done(tiling.len() * finished / parts);
        match self.run(rgb, &tile_rows, picture, &part_done) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Error::Cancelled),
        }
    }

    /// The same tile by tile, with the time of each layer in each tile: the mean of the threads that share it.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn timed<S: Sample>(&self, rgb: Rgb<S>, tiling: &Tiling, mut tile_done: impl FnMut(&[Duration])) -> Result<()> {
        let mut picture = self.blank(rgb)?;
        for tile in tiling.tiles() {
            let total = Mutex::new(vec![Duration::ZERO; self.program.layers.len()]);
            let add = |stopwatch: Stopwatch, _, parts: usize| {
                let mut total = total.lock().unwrap_or_else(PoisonError::into_inner);
                let parts = u32::try_from(parts).unwrap_or(u32::MAX);
                total.iter_mut().zip(stopwatch.layers).for_each(|(total, time)| *total += time / parts);
                ControlFlow::Continue(())
            };
            let start = self.samples_of_rows(rgb, tile.rows.start);
            // Nothing stops it.
            let _ = self.run(rgb, &[&[tile]], &mut picture[start..], &add);
            tile_done(&total.into_inner().unwrap_or_else(PoisonError::into_inner));
        }
        std::hint::black_box(picture);
        Ok(())
    }

    /// An upscaled picture before anything is known of it.
    fn blank<S: Sample>(&self, rgb: Rgb<S>) -> Result<Vec<S>> {
        image::zeros(self.samples_of_rows(rgb, rgb.height))
    }

    /// Samples of the upscaled picture that come from so many rows.
    fn samples_of_rows<S: Sample>(&self, rgb: Rgb<S>, rows: usize) -> usize {
        rows * rgb.width * self.program.scale.pow(2) * 3
    }

    /// Computes neighbouring rows of tiles, `output` from the first one on, spread over the threads of the pool. A *part*
    /// is what one thread does of one tile; `part_done` hears of each, with how many parts are finished and how many there
    /// are, and may stop the work.
    fn run<S: Sample, W: Watch + Default>(
        &self,
        rgb: Rgb<S>,
        tile_rows: &[&[Tile]],
        mut output: &mut [S],
        part_done: &(dyn Fn(W, usize, usize) -> ControlFlow<()> + Sync),
    ) -> ControlFlow<()> {
        let bands_a_row = rayon::current_num_threads().div_ceil(tile_rows.len());
        let mut bands: Vec<(&[Tile], Range<usize>, &mut [S])> = Vec::new();
        for &tiles in tile_rows {
            for rows in split(&tiles[0].rows, bands_a_row) {
                let samples = output.split_off_mut(..self.samples_of_rows(rgb, rows.len())).unwrap_or_default();
                bands.push((tiles, rows, samples));
            }
        }
        let parts = bands.iter().map(|(tiles, ..)| tiles.len()).sum();
        // Locked while `part_done` runs, so that it hears of parts in their order.
        let finished = Mutex::new(0);
        bands.into_par_iter().try_for_each(|(tiles, rows, output)| {
            let mut workspace = self.take_workspace();
            let outcome = tiles.iter().try_for_each(|tile| {
                let area = Area { columns: tile.columns.clone(), rows: rows.clone() };
                let mut watch = W::default();
                sweep(&self.program, rgb, &area, &mut workspace, output, &mut watch);
                let mut finished = finished.lock().unwrap_or_else(PoisonError::into_inner);
                *finished += 1;
                part_done(watch, *finished, parts)
            });
            self.give_back(workspace);
            outcome
        })
    }

    fn take_workspace(&self) -> SweepBuffers {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give_back(&self, workspace: SweepBuffers) {
        self.pool.lock().unwrap_or_else(PoisonError::into_inner).push(workspace);
    }
}

/// The time that each layer took.
struct Stopwatch {
    last: Instant,
    layers: Vec<Duration>,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self { last: Instant::now(), layers: Vec::new() }
    }
}

impl Watch for Stopwatch {
    fn row(&mut self, layer: usize, _: usize, _: &[u32], _: RowGeometry) {
        let now = Instant::now();
        self.layers.resize(self.layers.len().max(layer + 1), Duration::ZERO);
        self.layers[layer] += now - self.last;
        self.last = now;
    }
}

/// The codes of every hidden layer.
struct Trace {
    codes: usize,
    layers: Vec<Features>,
}

impl Watch for Trace {
    fn row(&mut self, layer: usize, y: usize, words: &[u32], RowGeometry { origin, stride }: RowGeometry) {
        let Some(Features { width, channels, codes, .. }) = self.layers.get_mut(layer) else { return };
        let bits = 32 / self.codes;
        for (i, code) in codes[y * *width * *channels..][..*width * *channels].iter_mut().enumerate() {
            let (x, channel) = (i / *channels, i % *channels);
            let word = words[channel / self.codes * stride + x - origin + 1];
            *code = (word >> (channel % self.codes * bits)).to_le_bytes()[0];
        }
    }
}

impl Subject for Engine {
    fn label(&self) -> String {
        self.label()
    }

    fn trace<S: Sample>(
        &self,
        net: &Net,
        rgb: Rgb<S>,
        mut check: impl FnMut(usize, &str, Features, bool) -> Result<()>,
    ) -> Result<()> {
        let Rgb { width, height, .. } = rgb;
        let blank = |layer: &Layer| {
            let channels = layer.out_channels;
            Features { width, height, channels, codes: vec![0; width * height * channels] }
        };
        let mut trace = Trace { codes: self.program.kernel.codes(), layers: net.hidden().iter().map(blank).collect() };
        let area = Area { columns: 0..width, rows: 0..height };
        sweep(&self.program, rgb, &area, &mut self.take_workspace(), &mut self.blank(rgb)?, &mut trace);
        trace.layers.into_iter().enumerate().try_for_each(|(index, features)| check(index, "conv3x3", features, true))
    }

    fn whole<S: Sample>(&self, _: &Net, rgb: Rgb<S>, tile: TileSize) -> Result<Vec<S>> {
        self.upscale(rgb, &self.tiling(tile, rgb.width, rgb.height), &|_| ControlFlow::Continue(()))
    }
}

/// Cuts a range into at most `parts` of about one length, none of them empty.
fn split(range: &Range<usize>, parts: usize) -> impl Iterator<Item = Range<usize>> + use<> {
    let (start, len) = (range.start, range.len());
    let parts = parts.min(len);
    (0..parts).map(move |i| start + i * len / parts..start + (i + 1) * len / parts)
}
