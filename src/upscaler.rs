//! Image in, image out: the library's main type.

use std::fmt;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::backend::{Backend, FrameShape};
use crate::frame::{ImageView, ImageViewMut, Picture, PixelFormat, SamplesMut, SamplesRef};
use crate::image::{Image, Layout, Sample, Samples, zeros};
use crate::net::Net;
use crate::options::{Observer, TileSize, Timings};
use crate::startup::{Startup, Target};
use crate::tile::Tiling;
use crate::{Error, Result};
use crate::{cpu, gpu, selftest};

/// Upscales images with one net on one device. It can be shared by threads, each upscaling its own image.
pub struct Upscaler {
    backend: Arc<dyn Backend>,
    /// The same, if it is a GPU.
    gpu: Option<Arc<gpu::Engine>>,
    tile: TileSize,
    startup: Startup,
}

impl fmt::Debug for Upscaler {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let mut fields = formatter.debug_struct("Upscaler");
        fields.field("device", &self.device()).field("scale", &self.net().scale());
        fields.field("layers", &self.net().layers().len()).field("tile", &self.tile).finish_non_exhaustive()
    }
}

impl Upscaler {
    /// An upscaler that runs `net` on `target`; [`Upscaler::builder`] leaves more to choose.
    ///
    /// An adapter or device of the caller's is not tested: see [`Upscaler::self_test`].
    ///
    /// # Errors
    /// As [`Builder::build`](crate::Builder::build).
    pub fn new(net: Net, target: Target) -> Result<Self> {
        Self::builder(net).target(target).build()
    }

    pub(crate) fn on_cpu(engine: cpu::Engine, startup: Startup) -> Self {
        Self { backend: Arc::new(engine), gpu: None, tile: TileSize::Auto, startup }
    }

    pub(crate) fn on_gpu(engine: gpu::Engine, startup: Startup) -> Self {
        let engine = Arc::new(engine);
        Self { backend: Arc::<gpu::Engine>::clone(&engine), gpu: Some(engine), tile: TileSize::Auto, startup }
    }

    /// What runs the net.
    pub(crate) fn backend(&self) -> &Arc<dyn Backend> {
        &self.backend
    }

    /// The same, if it is a GPU.
    pub(crate) fn gpu(&self) -> Option<&gpu::Engine> {
        self.gpu.as_deref()
    }

    /// How it started.
    pub fn startup(&self) -> &Startup {
        &self.startup
    }

    /// Why [`Target::Auto`] took the CPU and no GPU, if so.
    pub fn fallback(&self) -> Option<&Error> {
        self.startup.fallback.as_ref()
    }

    /// Times every kernel on this GPU, layer by layer, and checks each against the reference; none on the CPU, whose kernel
    /// depends on its instruction set alone. It takes a second or two on a real GPU, and a minute on a software driver.
    ///
    /// # Errors
    /// As [`Upscaler::upscale`].
    pub fn tune(&self) -> Result<Option<gpu::Tuning>> {
        self.gpu().map(gpu::Engine::tune).transpose()
    }

    /// Computes with these kernels from now on; on the CPU nothing changes. The bytes never depend on them. Kernels with
    /// cooperative matrices, which are experimental in wgpu and in drivers, are tested now.
    ///
    /// # Errors
    /// As [`Upscaler::upscale`]; [`Error::SelfTest`] if a kernel that needs a test computes wrong bytes.
    pub fn with_kernels(self, kernels: gpu::Kernels) -> Result<Self> {
        match &self.gpu {
            None => Ok(self),
            Some(engine) => {
                let engine = gpu::Untested::like(engine, kernels)?.trusted()?;
                Ok(Self::on_gpu(engine, self.startup).with_tile(self.tile))
            }
        }
    }

    /// Which kernel computes which layer, by the layer's label, for 8-bit pictures; none on the CPU.
    pub fn kernels(&self) -> Vec<(String, gpu::Kernel)> {
        self.gpu().map(gpu::Engine::kernels).unwrap_or_default()
    }

    /// Runs test pictures through every stage, and compares each with the reference.
    ///
    /// # Errors
    /// [`Error::SelfTest`] names the first stage whose bytes differ: this device must not be used. Other errors as
    /// [`Upscaler::upscale`].
    pub fn self_test(&self) -> Result<()> {
        selftest::run(self.net(), &*self.backend).map(|_| ())
    }

    /// All that the self-test's outcome depends on, as bytes: a program may remember the outcome under it.
    pub fn identity(&self) -> Vec<u8> {
        self.backend.identity()
    }

    /// Sets the tile size.
    #[must_use]
    pub fn with_tile(mut self, tile: TileSize) -> Self {
        self.tile = tile;
        self
    }

    /// The net it runs.
    pub fn net(&self) -> &Net {
        self.backend.net()
    }

    /// What it runs on, for people: an adapter's name and backend, or `CPU` with its kernel.
    pub fn device(&self) -> String {
        self.backend.label()
    }

    /// Upscales `image`, `[height, width, channels]`, to `[scale*height, scale*width, channels]`, same layout and depth.
    ///
    /// # Errors
    /// [`Error::ImageSize`] if the result can't be addressed; on a GPU [`Error::OutOfMemory`], [`Error::DeviceLost`],
    /// [`Error::Timeout`] and [`Error::Gpu`].
    pub fn upscale(&self, image: &Image) -> Result<Image> {
        self.upscale_observed(image, &|_, _| ControlFlow::Continue(())).map(|(image, _)| image)
    }

    /// As [`Upscaler::upscale`], telling `observer` of each tile, and the caller where the time went.
    ///
    /// # Errors
    /// As [`Upscaler::upscale`]; [`Error::Cancelled`] if `observer` breaks.
    pub fn upscale_observed(&self, image: &Image, observer: Observer) -> Result<(Image, Timings)> {
        let (width, height) = self.check_size(image.width(), image.height())?;
        let layout = image.layout();
        let stride = width as usize * layout.channels();
        let len = stride * height as usize;
        let mut samples = match image.samples() {
            Samples::U8(_) => Samples::U8(zeros(len)?),
            Samples::U16(_) => Samples::U16(zeros(len)?),
        };
        let large = match &mut samples {
            Samples::U8(samples) => SamplesMut::U8(samples),
            Samples::U16(samples) => SamplesMut::U16(samples),
        };
        let large = ImageViewMut::new(width, height, layout, large, stride)?;
        let timings = self.upscale_into(image.view(), large, observer)?;
        Image::new(width, height, layout, samples).map(|image| (image, timings))
    }

    /// Upscales a picture in the caller's memory into another: rows may lie apart, and nothing is allocated that is as large
    /// as the result.
    ///
    /// # Errors
    /// [`Error::Unsupported`] if `large` has not the size that [`Net::scale`] asks for, or another layout or depth than
    /// `image`; as [`Upscaler::upscale_observed`]. After an error, `large` holds part of the result.
    pub fn upscale_into(&self, image: ImageView, large: ImageViewMut, observer: Observer) -> Result<Timings> {
        let (width, height) = self.check_size(image.width(), image.height())?;
        let (layout, stride) = (large.layout(), large.stride());
        if (large.width(), large.height(), layout) != (width, height, image.layout()) {
            let given = shape(large.width(), large.height(), layout);
            let wanted = shape(width, height, image.layout());
            return Err(Error::Unsupported(format!("the result is {wanted}, and there is room for {given}")));
        }
        match (image.samples(), large.samples()) {
            (SamplesRef::U8(samples), SamplesMut::U8(large)) => {
                self.upscale_samples(&image, samples, large, stride, observer)
            }
            (SamplesRef::U16(samples), SamplesMut::U16(large)) => {
                self.upscale_samples(&image, samples, large, stride, observer)
            }
            _ => Err(Error::Unsupported("the result has another depth than the image".to_owned())),
        }
    }

    fn upscale_samples<S: Sample>(
        &self,
        image: &ImageView,
        samples: &[S],
        large: &mut [S],
        stride: usize,
        observer: Observer,
    ) -> Result<Timings> {
        let picture = Picture::new(image, samples, self.net().halo())?;
        let sources = picture.sources();
        let (width, height) = (image.width() as usize, image.height() as usize);
        let tiling = self.tiling(FrameShape { width, height, format: PixelFormat::rgb::<S>() })?;
        let total = sources.len() * tiling.len();
        let mut timings = Timings::default();
        for (index, source) in sources.iter().enumerate() {
            let mut sink = picture.sink(index, large, stride, self.net().scale());
            let done = |tiles: usize| observer(index * tiling.len() + tiles, total);
            timings += self.backend.run(&**source, &mut sink, &tiling, &done)?;
        }
        Ok(timings)
    }

    /// The result's width and height.
    pub(crate) fn check_size(&self, width: u32, height: u32) -> Result<(u32, u32)> {
        let scale = self.net().scale();
        let error = |reason| Error::ImageSize { width, height, scale, reason };
        #[expect(clippy::cast_possible_truncation, reason = "1 to 4")]
        let scaled = |length: u32| length.checked_mul(scale as u32).ok_or(error("a side would exceed 2^32 - 1 pixels"));
        let (out_width, out_height) = (scaled(width)?, scaled(height)?);
        let bytes = u128::from(out_width) * u128::from(out_height) * 4 * 2;
        if bytes > isize::MAX as u128 {
            return Err(error("the result exceeds this machine's address space"));
        }
        Ok((out_width, out_height))
    }

    /// How pictures of this shape are cut.
    pub(crate) fn tiling(&self, shape: FrameShape) -> Result<Tiling> {
        self.backend.tiling(self.tile, shape.width, shape.height, shape.format)
    }
}

/// A picture's shape, for people.
fn shape(width: u32, height: u32, layout: Layout) -> String {
    format!("{width}x{height} pixels of {} channels", layout.channels())
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use crate::gpu::test::test_adapters;
    use crate::net::random::random_net;

    /// The CPU and every adapter, in small tiles.
    fn upscalers() -> Vec<Upscaler> {
        let gpus = test_adapters().into_iter().map(|adapter| Target::Adapter(adapter.adapter));
        let upscaler = |target| Upscaler::new(random_net(4, 3, &[6, 5]).unwrap(), target).unwrap();
        [Target::Cpu].into_iter().chain(gpus).map(|target| upscaler(target).with_tile(TileSize::Side(16))).collect()
    }

    /// Noise, of which each second pixel of a layout with alpha is transparent.
    fn noise(width: u32, height: u32, layout: Layout) -> Vec<u8> {
        let sample = |i: u32| (i.wrapping_mul(i) / 5).to_le_bytes()[0];
        let mut samples: Vec<u8> = (0..width * height * 4).map(sample).collect();
        samples.truncate(width as usize * height as usize * layout.channels());
        if layout.has_alpha() {
            samples.chunks_exact_mut(2 * layout.channels()).for_each(|pair| pair[layout.channels() - 1] = 0);
        }
        samples
    }

    #[test]
    fn rows_may_lie_apart_and_what_is_between_them_is_left_alone() {
        const GAP: usize = 5;
        let (width, height) = (21, 18);
        for upscaler in upscalers() {
            for layout in [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba] {
                let samples = noise(width, height, layout);
                let image = Image::new(width, height, layout, Samples::U8(samples.clone())).unwrap();
                let expected = upscaler.upscale(&image).unwrap();
                let Samples::U8(expected) = expected.samples() else { panic!("8 bits") };
                let apart = |samples: &[u8], row: usize| -> Vec<u8> {
                    samples.chunks_exact(row).flat_map(|row| [row, &[99; GAP]].concat()).collect()
                };
                let [row, large_row] = [width, 3 * width].map(|width| width as usize * layout.channels());
                let memory = apart(&samples, row);
                let mut large = vec![99; (large_row + GAP) * 3 * height as usize];
                let view = ImageView::new(width, height, layout, SamplesRef::U8(&memory), row + GAP).unwrap();
                let to = SamplesMut::U8(&mut large);
                let to = ImageViewMut::new(3 * width, 3 * height, layout, to, large_row + GAP).unwrap();
                upscaler.upscale_into(view, to, &|_, _| ControlFlow::Continue(())).unwrap();
                assert!(large == apart(expected, large_row), "{} {layout:?}", upscaler.device());
            }
        }
    }

    #[test]
    fn a_result_of_another_size_layout_or_depth_is_refused() {
        let upscaler = Upscaler::new(random_net(4, 3, &[6]).unwrap(), Target::Cpu).unwrap();
        let image = Image::from_rgb8(2, 1, vec![7; 6]).unwrap();
        let listen = |_, _| ControlFlow::Continue(());
        let into = |width, height, layout: Layout, samples: SamplesMut| {
            let stride = width as usize * layout.channels();
            let to = ImageViewMut::new(width, height, layout, samples, stride).unwrap();
            upscaler.upscale_into(image.view(), to, &listen)
        };
        let (mut bytes, mut words) = (vec![0; 80], vec![0; 80]);
        assert!(into(6, 3, Layout::Rgb, SamplesMut::U8(&mut bytes)).is_ok());
        for wrong in [
            into(6, 2, Layout::Rgb, SamplesMut::U8(&mut bytes)),
            into(6, 3, Layout::Rgba, SamplesMut::U8(&mut bytes)),
            into(6, 3, Layout::Rgb, SamplesMut::U16(&mut words)),
        ] {
            assert!(matches!(wrong, Err(Error::Unsupported(_))), "{wrong:?}");
        }
    }

    #[test]
    fn an_observer_hears_of_each_tile_once_in_order_and_may_stop_at_any() {
        for upscaler in upscalers() {
            for layout in [Layout::Rgb, Layout::Rgba] {
                let image = Image::new(37, 20, layout, Samples::U8(noise(37, 20, layout))).unwrap();
                let heard = Mutex::new(Vec::new());
                let listen = |done, total| {
                    heard.lock().unwrap().push((done, total));
                    ControlFlow::Continue(())
                };
                upscaler.upscale_observed(&image, &listen).unwrap();
                // Three by two tiles of colours, and as many of alpha.
                let total = if layout == Layout::Rgba { 12 } else { 6 };
                let expected: Vec<_> = (1..=total).map(|done| (done, total)).collect();
                assert_eq!(heard.into_inner().unwrap(), expected, "{}", upscaler.device());
                for last in 1..=total {
                    let stop = |done, _| if done == last { ControlFlow::Break(()) } else { ControlFlow::Continue(()) };
                    assert!(matches!(upscaler.upscale_observed(&image, &stop), Err(Error::Cancelled)));
                }
            }
        }
    }
}
