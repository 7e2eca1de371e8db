//! Runs the stages of a net one at a time, to time them.

use std::time::{Duration, Instant};

use crate::image::{Rgb, Samples};
use crate::net::Net;
use crate::reference::{self, Features};
use crate::upscaler::{Engine, Upscaler};
use crate::{Error, Image, Layout, Result, gpu};

/// The stages of an [`Upscaler`], each with its input in place. Made by [`Upscaler::stages`].
pub struct Stages<'a> {
    net: &'a Net,
    engine: Bound<'a>,
}

enum Bound<'a> {
    /// The picture, and the input of each stage.
    Cpu(Rgb<'a, u8>, Vec<Features>),
    Gpu(gpu::Stages<'a>),
}

impl Upscaler {
    /// The stages with `image`, 8-bit RGB, as one window: nothing is cut into tiles.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if `image` is not 8-bit RGB; as [`Upscaler::upscale`].
    pub fn stages<'a>(&'a self, image: &'a Image) -> Result<Stages<'a>> {
        let (Samples::U8(samples), Layout::Rgb) = (image.samples(), image.layout()) else {
            return Err(Error::Unsupported("stages are timed on 8-bit RGB images only".to_owned()));
        };
        let rgb = Rgb { width: image.width() as usize, height: image.height() as usize, samples };
        let net = self.net();
        let engine = match &self.engine {
            Engine::Cpu => {
                let mut inputs = vec![Features::of_image(rgb)];
                for (index, layer) in net.hidden().iter().enumerate() {
                    inputs.push(reference::hidden(&inputs[index], layer));
                }
                Bound::Cpu(rgb, inputs)
            }
            Engine::Gpu(engine) => Bound::Gpu(engine.stages(net, rgb)?),
        };
        Ok(Stages { net, engine })
    }
}

impl Stages<'_> {
    /// A name for each stage, in their order.
    pub fn labels(&self) -> Vec<String> {
        let label = |(index, layer): (usize, &crate::net::Layer)| {
            let kind = if index + 1 == self.net.layers().len() { "reconstruct" } else { "conv3x3" };
            format!("{index} {kind} {}>{}", layer.in_channels, layer.out_channels)
        };
        self.net.layers().iter().enumerate().map(label).collect()
    }

    /// Multiply-accumulates of each stage for one input pixel.
    pub fn macs_per_pixel(&self) -> Vec<u64> {
        self.net.layers().iter().map(crate::net::Layer::macs_per_pixel).collect()
    }

    /// Runs stage `index` so many times, and says how long all of them took by the host's clock, submission and waiting
    /// included.
    ///
    /// # Errors
    /// As [`Upscaler::upscale`].
    ///
    /// # Panics
    /// If there is no such stage.
    pub fn run(&mut self, index: usize, repetitions: usize) -> Result<Duration> {
        let layer = &self.net.layers()[index];
        let start = Instant::now();
        match &mut self.engine {
            Bound::Gpu(stages) => stages.run(index, repetitions)?,
            Bound::Cpu(rgb, inputs) => {
                for _ in 0..repetitions {
                    if index + 1 == inputs.len() {
                        std::hint::black_box(reference::last(&inputs[index], layer, *rgb, self.net.scale()));
                    } else {
                        std::hint::black_box(reference::hidden(&inputs[index], layer));
                    }
                }
            }
        }
        Ok(start.elapsed())
    }
}
