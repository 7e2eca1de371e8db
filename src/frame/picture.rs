//! Carrying grey pictures and alpha through a net that knows RGB only.
//!
//! Grey runs as r = g = b, and so does alpha, as a second picture. A picture whose pixels all have r = g = b counts as grey,
//! and gets the samples that it would get if it were stored so.

use super::alpha::{Bounds, REACH};
use super::bleed::{self, Colour};
use super::sink::{RgbSink, Write};
use super::source::{Channels, Source};
use super::view::{ImageView, Pixels};
use crate::Result;
use crate::image::{Layout, Sample, reserved};

/// A picture of any layout as one or two RGB pictures that the net runs on.
pub(crate) struct Picture<'a, S> {
    pixels: Pixels<'a, S>,
    layout: Layout,
    alpha: Alpha<S>,
    /// Whether it has three channels of colour, but no colours.
    is_neutral: bool,
}

/// What is known of a picture's alpha.
enum Alpha<S> {
    /// It has none.
    None,
    /// It is the same everywhere.
    Flat(S),
    /// It differs, and here are the colours for its sake, `[height, width, 1 or 3]`: those of transparent pixels are
    /// replaced by their neighbours'.
    Varying(Vec<S>),
}

impl<'a, S: Sample> Picture<'a, S> {
    /// The picture of `view`, whose samples these are, for a net that sees `halo` pixels around.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if alpha varies and there is no memory for a copy of the colours.
    pub fn new(view: &ImageView, samples: &'a [S], halo: usize) -> Result<Self> {
        let (pixels, layout) = (Pixels::of(view, samples), view.layout());
        let mut alphas = (0..pixels.height).flat_map(|y| (0..pixels.width).map(move |x| pixels.last(x, y)));
        let first = pixels.last(0, 0);
        let alpha = match layout {
            Layout::Grey | Layout::Rgb => Alpha::None,
            _ if alphas.all(|alpha| alpha == first) => Alpha::Flat(first),
            Layout::GreyAlpha => Alpha::Varying(bled::<S, 1>(pixels, halo + REACH)?),
            Layout::Rgba => Alpha::Varying(bled::<S, 3>(pixels, halo + REACH)?),
        };
        let is_neutral = matches!(layout, Layout::Rgb | Layout::Rgba)
            && (0..pixels.height).all(|y| is_neutral(pixels.row(0, y, pixels.width), pixels.channels));
        Ok(Self { pixels, layout, alpha, is_neutral })
    }

    /// The colours, and alpha as a grey picture if it differs anywhere.
    pub fn sources(&self) -> Vec<Box<dyn Source + '_>> {
        let colours = match &self.alpha {
            Alpha::Varying(colours) => {
                let channels = self.layout.channels() - 1;
                Pixels { samples: colours, channels, stride: self.pixels.width * channels, ..self.pixels }
            }
            _ => self.pixels,
        };
        let picked = if self.is_grey() { [0; 3] } else { [0, 1, 2] };
        let mut sources: Vec<Box<dyn Source + '_>> = vec![Box::new(Channels { pixels: colours, picked })];
        if let Alpha::Varying(_) = self.alpha {
            sources.push(Box::new(Channels { pixels: self.pixels, picked: [self.pixels.channels - 1; 3] }));
        }
        sources
    }

    /// Where the upscaled picture of the source of this index goes, in a picture of the same layout with rows of `stride`
    /// samples.
    pub fn sink<'b>(&'b self, source: usize, samples: &'b mut [S], stride: usize, scale: usize) -> RgbSink<'b, S> {
        let flat = match self.alpha {
            Alpha::Flat(alpha) => Some(alpha),
            _ => None,
        };
        let write = match source {
            0 if self.is_grey() => Write::Grey(flat),
            0 if self.is_neutral => Write::Neutral(flat),
            0 => Write::Colours(flat),
            _ => Write::Alpha(Bounds::new(self.pixels, scale)),
        };
        RgbSink::with(samples, self.pixels.width * scale, stride, self.pixels.channels, write)
    }

    fn is_grey(&self) -> bool {
        matches!(self.layout, Layout::Grey | Layout::GreyAlpha)
    }
}

/// Whether all pixels of a row of three or four channels have r = g = b. A picture with colours mostly shows it at once.
pub(crate) fn is_neutral<S: Sample>(row: &[S], channels: usize) -> bool {
    row.chunks_exact(channels).all(|pixel| pixel[0] == pixel[1] && pixel[1] == pixel[2])
}

/// The colours of a picture with alpha, those of transparent pixels replaced up to so many pixels from visible ones.
fn bled<S: Sample, const CHANNELS: usize>(pixels: Pixels<S>, rounds: usize) -> Result<Vec<S>> {
    let count = pixels.width * pixels.height;
    let (mut colours, mut state) = (reserved(count * CHANNELS)?, reserved(count)?);
    for y in 0..pixels.height {
        for pixel in pixels.row(0, y, pixels.width).chunks_exact(CHANNELS + 1) {
            colours.extend_from_slice(&pixel[..CHANNELS]);
            state.push(if pixel[CHANNELS] == S::default() { Colour::Unknown } else { Colour::Known });
        }
    }
    bleed::fill::<S, CHANNELS>(&mut colours, &mut state, pixels.width, rounds)?;
    Ok(colours)
}

#[cfg(test)]
mod tests {
    use std::iter;
    use std::ops::ControlFlow;
    use std::sync::Arc;

    use super::super::sink::Sink;
    use super::super::source::RowBuffer;
    use super::super::view::SamplesRef;
    use super::*;
    use crate::backend::Backend;
    use crate::cpu;
    use crate::net::random::random_net;
    use crate::net::{ABPN_X3, Net};
    use crate::options::TileSize;

    const HALO: usize = 7;

    /// Upscales by repeating pixels and adds `residual`: a net without weights.
    fn repeat<S: Sample>(samples: &[S], width: usize, scale: usize, residual: i32) -> Vec<S> {
        let rows = samples.chunks_exact(width * 3).flat_map(|row| iter::repeat_n(row, scale));
        rows.flat_map(|row| row.chunks_exact(3).flat_map(|pixel| iter::repeat_n(pixel, scale)).flatten())
            .map(|sample| S::saturating_from(sample.to_i32() + residual))
            .collect()
    }

    /// Samples of either type as a view takes them.
    trait Viewed: Sample + std::fmt::Debug {
        fn viewed(samples: &[Self]) -> SamplesRef<'_>;
    }
    impl Viewed for u8 {
        fn viewed(samples: &[u8]) -> SamplesRef<'_> {
            SamplesRef::U8(samples)
        }
    }
    impl Viewed for u16 {
        fn viewed(samples: &[u16]) -> SamplesRef<'_> {
            SamplesRef::U16(samples)
        }
    }

    fn picture<S: Viewed>(samples: &[S], width: usize, layout: Layout, halo: usize) -> Picture<'_, S> {
        let stride = width * layout.channels();
        let size = [width, samples.len() / stride].map(|side| u32::try_from(side).unwrap());
        let view = ImageView::new(size[0], size[1], layout, S::viewed(samples), stride).unwrap();
        Picture::new(&view, samples, halo).unwrap()
    }

    /// All pixels of a source, `[height, width, 3]`.
    fn all<S: Sample>(source: &dyn Source) -> Vec<S> {
        let mut buffer = RowBuffer::default();
        let row = |y| bytemuck::cast_slice(source.row(0, y, source.width(), &mut buffer)).to_vec();
        (0..source.height()).flat_map(row).collect()
    }

    /// Gives each of a picture's sinks an upscaled picture, `[scale*height, scale*width, 3]`, in two bands and in two pieces a
    /// row.
    fn join<S: Sample>(picture: &Picture<S>, upscaled: &[Vec<S>], scale: usize) -> Vec<S> {
        let (width, height) = (picture.pixels.width * scale, picture.pixels.height * scale);
        let stride = width * picture.pixels.channels;
        let mut samples = vec![S::default(); stride * height];
        for (index, upscaled) in upscaled.iter().enumerate() {
            let mut sink = picture.sink(index, &mut samples, stride, scale);
            let mut bands = sink.bands(&[height / 2, height - height / 2]);
            for (y, row) in upscaled.chunks_exact(width * 3).enumerate() {
                let band = &mut bands[usize::from(y >= height / 2)];
                let middle = width / 2;
                band.row(middle, y, bytemuck::cast_slice(&row[middle * 3..]));
                band.row(0, y, bytemuck::cast_slice(&row[..middle * 3]));
            }
        }
        samples
    }

    /// Carries an image through [`repeat`].
    fn carry<S: Viewed>(samples: &[S], width: usize, layout: Layout, scale: usize, residual: i32) -> Vec<S> {
        let picture = picture(samples, width, layout, HALO);
        let upscale = |source: &dyn Source| repeat(&all::<S>(source), width, scale, residual);
        let upscaled: Vec<Vec<S>> = picture.sources().iter().map(|source| upscale(&**source)).collect();
        join(&picture, &upscaled, scale)
    }

    #[test]
    fn every_layout_comes_back_in_its_own_order() {
        let pixels = [10u8, 20, 30, 40, 50, 60, 70, 80, 90, 100, 110, 120];
        for layout in [Layout::Grey, Layout::GreyAlpha, Layout::Rgb, Layout::Rgba] {
            assert_eq!(carry(&pixels, pixels.len() / layout.channels(), layout, 1, 0), pixels, "{layout:?}");
            let pixels = pixels.map(|sample| u16::from(sample) * 500);
            assert_eq!(carry(&pixels, 1, layout, 1, 0), pixels, "{layout:?}");
        }
        assert_eq!(carry(&[1u8, 2, 3, 4], 2, Layout::GreyAlpha, 2, 0)[..8], [1, 2, 1, 2, 3, 4, 3, 4]);
    }

    #[test]
    fn one_pixel_is_a_picture() {
        assert_eq!(carry(&[9u16], 1, Layout::Grey, 3, 1), [10; 9]);
        assert_eq!(carry(&[9u16, 500], 1, Layout::GreyAlpha, 2, 1), [10, 500].repeat(4));
        assert_eq!(carry(&[1u8, 2, 3, 0], 1, Layout::Rgba, 4, 0), [1, 2, 3, 0].repeat(16));
    }

    #[test]
    fn grey_is_the_rounded_mean_of_what_the_net_gives() {
        let picture = picture(&[0u8; 4], 4, Layout::Grey, HALO);
        assert_eq!(join(&picture, &[vec![1, 1, 2, 1, 2, 2, 255, 255, 255, 0, 0, 0]], 1), [1, 2, 255, 0]);
    }

    #[test]
    fn flat_alpha_needs_no_second_run() {
        let flat = picture(&[1u8, 2, 3, 200, 4, 5, 6, 200], 2, Layout::Rgba, HALO);
        assert_eq!(flat.sources().len(), 1);
        assert_eq!(join(&flat, &[vec![7; 6]], 1), [7, 7, 7, 200, 7, 7, 7, 200]);
        let varying = picture(&[1u8, 2, 3, 200, 4, 5, 6, 201], 2, Layout::Rgba, HALO);
        assert_eq!(all::<u8>(&*varying.sources()[1]), [200, 200, 200, 201, 201, 201]);
    }

    #[test]
    fn rows_with_gaps_are_read_and_written_between_them() {
        let samples = [1u8, 2, 3, 99, 99, 4, 5, 6];
        let view = ImageView::new(1, 2, Layout::Rgb, SamplesRef::U8(&samples), 5).unwrap();
        let picture = Picture::new(&view, &samples, HALO).unwrap();
        assert_eq!(all::<u8>(&*picture.sources()[0]), [1, 2, 3, 4, 5, 6]);
        let mut output = [0u8; 8];
        let mut sink = picture.sink(0, &mut output, 5, 1);
        assert!(sink.memory(0, 1).is_none());
        for (y, mut band) in sink.bands(&[1, 1]).into_iter().enumerate() {
            band.row(0, y, &[7, 8, 9]);
        }
        assert_eq!(output, [7, 8, 9, 0, 0, 7, 8, 9]);
    }

    #[test]
    fn alpha_stays_within_its_neighbourhood() {
        // One row: opaque, opaque, opaque, clear, clear, clear.
        let samples: Vec<u8> = [255, 255, 255, 0, 0, 0].iter().flat_map(|&alpha| [50, alpha]).collect();
        let alpha = |residual| -> Vec<u8> {
            carry(&samples, 6, Layout::GreyAlpha, 2, residual).chunks_exact(2).take(12).map(|pixel| pixel[1]).collect()
        };
        assert_eq!(alpha(-9), [255, 255, 255, 255, 246, 246, 0, 0, 0, 0, 0, 0]);
        assert_eq!(alpha(9), [255, 255, 255, 255, 255, 255, 9, 9, 0, 0, 0, 0]);
    }

    #[test]
    fn alpha_looks_at_rows_above_and_below_and_at_no_others() {
        // One column of odd height, 16 bits.
        let samples = [100u16, 100, 300, 300, 300].map(|alpha| [7, alpha]).concat();
        let picture = picture(&samples, 1, Layout::GreyAlpha, HALO);
        let result = join(&picture, &[vec![7; 15], vec![200; 15]], 1);
        assert_eq!(result, [100, 200, 200, 300, 300].map(|alpha| [7, alpha]).concat());
    }

    #[test]
    fn colours_bleed_out_as_far_as_a_visible_result_sees() {
        let mut samples = vec![0u8; 2 * 20];
        samples[0] = 200;
        samples[1] = 255;
        let picture = picture(&samples, 20, Layout::GreyAlpha, 3);
        let colours = all::<u8>(&*picture.sources()[0]);
        // The result is clear from the third pixel on, and the second one sees 3 pixels further.
        let white = colours.iter().filter(|&&colour| colour == 200).count();
        assert_eq!(white, 3 * (1 + REACH + 3));
        assert_eq!(colours[white..], vec![0; 60 - white]);
    }

    /// A disc of one colour, its edge soft, on transparent black, `[side, side, channels]`.
    fn disc<S: Sample>(colour: &[S], opaque: i32, side: usize, radius: f64) -> Vec<S> {
        let middle = (side - 1) as f64 / 2.0;
        let pixels = (0..side * side).map(|i| ((i % side) as f64 - middle).hypot((i / side) as f64 - middle));
        pixels
            .flat_map(|distance| {
                #[expect(clippy::cast_possible_truncation, reason = "a sample")]
                let alpha = ((radius - distance).clamp(0.0, 1.0) * f64::from(opaque)) as i32;
                let black = vec![S::default(); colour.len()];
                let colour = if alpha == 0 { black } else { colour.to_vec() };
                colour.into_iter().chain([S::saturating_from(alpha)])
            })
            .collect()
    }

    /// Whatever is visible of an upscaled disc must have the colours of an upscaled picture that is all of that colour.
    fn assert_no_fringe<S: Sample + std::fmt::Debug>(
        upscale: impl Fn(&[S], Layout) -> Vec<S>,
        colour: &[S],
        opaque: i32,
    ) {
        let (layout, plain_layout) =
            if colour.len() == 1 { (Layout::GreyAlpha, Layout::Grey) } else { (Layout::Rgba, Layout::Rgb) };
        let side = 31;
        let result = upscale(&disc(colour, opaque, side, 6.5), layout);
        let plain = upscale(&colour.repeat(side * side), plain_layout);
        let mut visible = 0;
        for (pixel, plain) in iter::zip(result.chunks_exact(layout.channels()), plain.chunks_exact(colour.len())) {
            if pixel[colour.len()] != S::default() {
                assert_eq!(pixel[..colour.len()], *plain);
                visible += 1;
            }
        }
        // More than the disc's area at scale 3.
        assert!(visible > 1200, "{visible}");
    }

    /// A square picture through an engine.
    fn upscaled<S: Viewed>(engine: &cpu::Engine, samples: &[S], layout: Layout) -> Vec<S> {
        let (side, scale) = ((samples.len() / layout.channels()).isqrt(), engine.net().scale());
        let picture = picture(samples, side, layout, engine.net().layers().len());
        let stride = side * scale * layout.channels();
        let mut output = vec![S::default(); stride * side * scale];
        for (index, source) in picture.sources().iter().enumerate() {
            let tiling = engine.tiling(TileSize::Auto, side, side, source.format()).unwrap();
            let mut sink = picture.sink(index, &mut output, stride, scale);
            engine.run(&**source, &mut sink, &tiling, &|_| ControlFlow::Continue(())).unwrap();
        }
        output
    }

    #[test]
    fn cut_out_shapes_get_no_fringes() {
        // The zeros outside the picture reach the disc with neither net: the larger halo is 7 pixels.
        for net in [Net::read(ABPN_X3), random_net(3, 3, &[8, 12, 8])] {
            let engine = cpu::Engine::new(Arc::new(net.unwrap())).unwrap();
            let eight = |samples: &[u8], layout| upscaled(&engine, samples, layout);
            assert_no_fringe(eight, &[255, 255, 255], 255);
            assert_no_fringe(eight, &[10, 200, 90], 255);
            assert_no_fringe(eight, &[255], 255);
            let sixteen = |samples: &[u16], layout| upscaled(&engine, samples, layout);
            assert_no_fringe(sixteen, &[65535, 40000, 300], 65535);
        }
    }

    #[test]
    fn pictures_without_colours_stay_so() {
        // The last pixel alone has colours, or not.
        for (last, expected) in [([9u8, 9, 9], [6u8; 3]), ([9, 9, 8], [4, 6, 8])] {
            let samples = [[5, 5, 5, 200], [7, 7, 7, 200], [last[0], last[1], last[2], 200]].concat();
            let picture = picture(&samples, 1, Layout::Rgba, HALO);
            let joined = join(&picture, &[[4, 6, 8].repeat(3)], 1);
            assert_eq!(joined, [expected[0], expected[1], expected[2], 200].repeat(3));
        }
    }

    /// Both ways of storing a picture without colours, with alpha or not.
    fn assert_stored_alike<S: Viewed>(upscale: impl Fn(&[S], Layout) -> Vec<S>, levels: &[S], alpha: Option<&[S]>) {
        let stored = |colours: usize| -> Vec<S> {
            let pixels = levels.iter().enumerate();
            pixels.flat_map(|(i, &level)| iter::repeat_n(level, colours).chain(alpha.map(|alpha| alpha[i]))).collect()
        };
        let (grey, rgb) = if alpha.is_some() { (Layout::GreyAlpha, Layout::Rgba) } else { (Layout::Grey, Layout::Rgb) };
        let (grey_samples, rgb_samples) = (upscale(&stored(1), grey), upscale(&stored(3), rgb));
        for (grey, rgb) in grey_samples.chunks_exact(grey.channels()).zip(rgb_samples.chunks_exact(rgb.channels())) {
            assert_eq!(rgb[..3], [grey[0]; 3]);
            assert_eq!(rgb[3..], grey[1..]);
        }
        let is_flat = grey_samples.windows(2).all(|pair| pair[0] == pair[1]);
        assert!(!is_flat);
    }

    #[test]
    fn grey_gives_the_same_samples_however_it_is_stored() {
        let mut random = crate::random::Random::new(7);
        // A net that knows no colours' symmetry.
        let engine = cpu::Engine::new(Arc::new(random_net(9, 2, &[8, 5]).unwrap())).unwrap();
        let bytes: Vec<u8> = (0..13 * 13).map(|_| random.byte()).collect();
        let alpha: Vec<u8> = (0..13 * 13).map(|_| random.byte().saturating_sub(128)).collect();
        let words: Vec<u16> = bytes.iter().zip(&alpha).map(|(&a, &b)| u16::from_be_bytes([a, b])).collect();
        let wide_alpha: Vec<u16> = alpha.iter().map(|&alpha| u16::from(alpha) * 300).collect();
        let eight = |samples: &[u8], layout| upscaled(&engine, samples, layout);
        let sixteen = |samples: &[u16], layout| upscaled(&engine, samples, layout);
        for alpha in [None, Some(&alpha[..]), Some(&[200; 13 * 13])] {
            assert_stored_alike(eight, &bytes, alpha);
        }
        for alpha in [None, Some(&wide_alpha[..]), Some(&[60_000; 13 * 13])] {
            assert_stored_alike(sixteen, &words, alpha);
        }
    }

    #[test]
    #[should_panic(expected = "left == right")]
    fn a_fringe_is_found() {
        // Black around the disc, and a "net" that mixes each pixel with its left neighbour.
        let smear = |samples: &[u8], layout: Layout| {
            let channels = layout.channels();
            let left = iter::repeat_n(&0, channels).chain(samples);
            iter::zip(left, samples).map(|(left, sample)| left / 2 + sample / 2).collect()
        };
        assert_no_fringe(smear, &[200, 200, 200], 255);
    }
}
