//! Checks a device against the reference, stage by stage, before it is trusted with a picture.
//!
//! Integers don't save anyone from drivers that miscompile, so this runs on the very adapter, driver and stages that
//! will be used.

pub(crate) mod verdict;

use std::ops::ControlFlow;

use crate::backend::{Backend, PackedWords};
use crate::frame::{PixelFormat, Rgb, RgbSink};
use crate::image::{Sample, zeros};
use crate::net::random::{random_net, random_prelu_net};
use crate::net::{ABPN_X3, Net};
use crate::options::TileSize;
use crate::random::Random;
use crate::reference::{self, Features};
use crate::{Error, Result};

/// A single pixel: no more than padding around it.
const SINGLE: (usize, usize) = (1, 1);
/// More than a workgroup of any kernel along both axes, in one tile; the last workgroups of its rows and columns are partly
/// idle.
pub(crate) const WORKGROUPS: (usize, usize) = (131, 9);
/// Cut into tiles along both axes, of as many pixels along each.
const CUT: (usize, usize) = (45, 23);
pub(crate) const TILE: TileSize = TileSize::Side(17);

/// Nets for a thorough test: the shipped one, and random members of the family that differ in scale, depth and width.
///
/// # Errors
/// None, unless abpn was built with a damaged weight file.
pub fn nets() -> Result<Vec<(String, Net)>> {
    let members: [(usize, &[usize]); 4] = [(2, &[16, 16]), (3, &[28, 27]), (4, &[48, 48]), (3, &[5, 64, 1, 33])];
    let random = (1..).zip(members).map(|(seed, (scale, hidden))| {
        let net = random_net(seed, scale, hidden)?;
        Ok((format!("random x{scale} net, hidden layers of {hidden:?} channels"), net))
    });
    let with_prelu: [(usize, &[usize]); 2] = [(1, &[12, 7]), (4, &[24, 24])];
    let with_prelu = (5..).zip(with_prelu).map(|(seed, (scale, hidden))| {
        let net = random_prelu_net(seed, scale, hidden)?;
        Ok((format!("random x{scale} net with PReLU, hidden layers of {hidden:?} channels"), net))
    });
    std::iter::once(Net::read(ABPN_X3).map(|net| ("the shipped x3 net".to_owned(), net)))
        .chain(random)
        .chain(with_prelu)
        .collect()
}

/// The proof that an engine gave the reference's bytes. Nothing makes one but the self-test, now or, as a cache remembers,
/// earlier.
#[derive(Debug)]
pub(crate) struct Passed {
    /// The engine's.
    identity: Vec<u8>,
}

impl Passed {
    /// Whether it is of this engine, or of one that can't differ from it.
    pub fn is_of(&self, engine: &dyn Backend) -> bool {
        self.identity == engine.identity()
    }
}

/// Compares every stage of `net` on `engine` with the reference, on 8-bit and 16-bit pictures.
///
/// # Errors
/// [`Error::SelfTest`] for the first stage that differs; whatever the device refuses.
pub(crate) fn run(net: &Net, engine: &dyn Backend) -> Result<Passed> {
    Test::new(net).run(engine)
}

/// The same on pictures of one size.
pub(crate) fn on_picture(net: &Net, engine: &dyn Backend, size: (usize, usize), tile: TileSize) -> Result<()> {
    Case::new(net, size, tile, true).run(engine)
}

/// The test of a net, with what the reference gives: for any number of engines.
pub(crate) struct Test([Case; 3]);

impl Test {
    /// Runs the reference.
    pub fn new(net: &Net) -> Self {
        Self([
            Case::new(net, SINGLE, TileSize::Whole, true),
            Case::new(net, WORKGROUPS, TileSize::Whole, true),
            Case::new(net, CUT, TILE, false),
        ])
    }

    /// Compares an engine of the same net with it.
    ///
    /// # Errors
    /// As [`run`].
    pub fn run(&self, engine: &dyn Backend) -> Result<Passed> {
        self.0.iter().try_for_each(|case| case.run(engine))?;
        Ok(Passed { identity: engine.identity() })
    }
}

/// Pictures of one size, and what the reference gives for them.
struct Case {
    pictures: Pictures,
    tile: TileSize,
    expected8: Expected<u8>,
    expected16: Expected<u16>,
}

/// What the reference gives for one picture.
struct Expected<S> {
    /// The codes of each hidden layer, if these are compared too.
    hidden: Option<Vec<Features>>,
    whole: Vec<S>,
}

impl Case {
    fn new(net: &Net, size: (usize, usize), tile: TileSize, stages: bool) -> Self {
        let pictures = Pictures::new(size);
        let expected8 = Expected::new(net, pictures.rgb8(), stages);
        let expected16 = Expected::new(net, pictures.rgb16(), stages);
        Self { pictures, tile, expected8, expected16 }
    }

    fn run(&self, engine: &dyn Backend) -> Result<()> {
        let (rgb8, rgb16) = (self.pictures.rgb8(), self.pictures.rgb16());
        self.expected8.before_last_stage(engine, rgb8)?;
        self.expected16.before_last_stage(engine, rgb16)?;
        self.expected8.whole_net(engine, rgb8, self.tile)?;
        self.expected16.whole_net(engine, rgb16, self.tile)
    }
}

/// A picture of 8 bits, and one of 16.
struct Pictures {
    width: usize,
    height: usize,
    samples8: Vec<u8>,
    samples16: Vec<u16>,
}

impl Pictures {
    fn new((width, height): (usize, usize)) -> Self {
        let samples8 = picture(width, height);
        // The low byte moves the 16-bit sample off the values that 8 bits can hold.
        let bytes = samples8.iter().zip(picture(height, width));
        let samples16 = bytes.map(|(&high, low)| u16::from_be_bytes([high, low])).collect();
        Self { width, height, samples8, samples16 }
    }

    fn rgb8(&self) -> Rgb<'_, u8> {
        Rgb { width: self.width, height: self.height, samples: &self.samples8 }
    }

    fn rgb16(&self) -> Rgb<'_, u16> {
        Rgb { width: self.width, height: self.height, samples: &self.samples16 }
    }
}

/// Noise, hard edges between the extremes, and a ramp, side by side; `[height, width, 3]`.
fn picture(width: usize, height: usize) -> Vec<u8> {
    let mut random = Random::new(width as u64);
    let mut samples = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            samples.extend((0..3).map(|colour| match 3 * x / width {
                0 => random.byte(),
                1 => (random.byte() & 1) * u8::MAX,
                _ => ((x + y) * (colour + 2)).to_le_bytes()[0],
            }));
        }
    }
    samples
}

impl<S: Sample + std::fmt::Display> Expected<S> {
    fn new(net: &Net, rgb: Rgb<S>, stages: bool) -> Self {
        let hidden = stages.then(|| {
            let mut features = Features::of_image(rgb);
            let step = |layer| {
                features = reference::hidden(&features, layer);
                features.clone()
            };
            net.hidden().iter().map(step).collect()
        });
        Self { hidden, whole: reference::run(net, rgb) }
    }

    /// The packing of the picture, and each hidden stage on its own, fed with what the stages before it wrote.
    fn before_last_stage(&self, engine: &dyn Backend, rgb: Rgb<S>) -> Result<()> {
        let Some(hidden) = &self.hidden else { return Ok(()) };
        for PackedWords { label, expected, actual } in engine.packed(&rgb)? {
            if let Some(at) = first_difference(&expected, &actual) {
                let detail = format!("word {at} is {:#010x}, not {:#010x}", actual[at], expected[at]);
                return Err(differs(engine, label, &detail));
            }
        }
        engine.trace(&rgb, &mut |index, label, features, padding_intact| {
            let expected = &hidden[index];
            let stage = format!("{label} (layer {index})");
            if let Some(at) = first_difference(&expected.codes, &features.codes) {
                let detail = place(at, rgb.width, features.channels, expected.codes[at], features.codes[at]);
                return Err(differs(engine, stage, &detail));
            }
            if !padding_intact {
                return Err(differs(engine, stage, "it wrote outside its window"));
            }
            Ok(())
        })
    }

    /// All stages, over tiles, up to finished pixels.
    fn whole_net(&self, engine: &dyn Backend, rgb: Rgb<S>, tile: TileSize) -> Result<()> {
        let (expected, actual) = (&self.whole, upscaled(engine, rgb, tile)?);
        match first_difference(expected, &actual) {
            None => Ok(()),
            Some(at) => {
                let stage = format!("reconstruct and unpack, {}-bit", S::BITS);
                let width = rgb.width * engine.net().scale();
                Err(differs(engine, stage, &place(at, width, 3, expected[at], actual[at])))
            }
        }
    }
}

/// What `engine` makes of `rgb`, over tiles of that size.
pub(crate) fn upscaled<S: Sample>(engine: &dyn Backend, rgb: Rgb<S>, tile: TileSize) -> Result<Vec<S>> {
    let Rgb { width, height, samples } = rgb;
    let scale = engine.net().scale();
    let mut picture = zeros(samples.len() * scale * scale)?;
    let tiling = engine.tiling(tile, width, height, PixelFormat::rgb::<S>())?;
    let mut sink = RgbSink::new(&mut picture, width * scale);
    engine.run(&rgb, &mut sink, &tiling, &|_| ControlFlow::Continue(()))?;
    Ok(picture)
}

/// Index of the first element that is not the same.
fn first_difference<T: PartialEq>(expected: &[T], actual: &[T]) -> Option<usize> {
    if expected.len() != actual.len() {
        return Some(expected.len().min(actual.len()).saturating_sub(1));
    }
    expected.iter().zip(actual).position(|(expected, actual)| expected != actual)
}

fn place(
    at: usize,
    width: usize,
    channels: usize,
    expected: impl std::fmt::Display,
    actual: impl std::fmt::Display,
) -> String {
    let (pixel, channel) = (at / channels, at % channels);
    format!("channel {channel} of pixel ({}, {}) is {actual}, not {expected}", pixel % width, pixel / width)
}

fn differs(engine: &dyn Backend, stage: String, detail: &str) -> Error {
    Error::SelfTest { adapter: engine.label(), stage, detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::Kernel;

    #[test]
    fn every_kernel_has_a_second_workgroup_along_both_axes() {
        let (width, height) = WORKGROUPS;
        for kernel in Kernel::ALL {
            let [x, y] = kernel.workgroup.map(|threads| threads as usize);
            let made = [x * kernel.pixels, y];
            assert!(made[0] < width && made[1] < height, "{kernel} makes {made:?}");
            // The last one, and the last thread of a row that makes several pixels, have something to leave out.
            assert!(!width.is_multiple_of(made[0]) && !height.is_multiple_of(made[1]), "{kernel} makes {made:?}");
            assert!(kernel.pixels == 1 || !width.is_multiple_of(kernel.pixels), "{kernel}");
        }
    }

    #[test]
    fn one_changed_element_is_found() {
        let expected = picture(9, 5);
        assert_eq!(first_difference(&expected, &expected), None);
        for at in 0..expected.len() {
            let mut actual = expected.clone();
            actual[at] ^= 1;
            assert_eq!(first_difference(&expected, &actual), Some(at));
        }
        assert!(first_difference(&expected, &expected[1..]).is_some());
    }
}
