//! Carrying grey images and alpha through a net that knows RGB only.
//!
//! Grey runs as r = g = b, and so does alpha, as a second picture. What the net makes of alpha is clamped to the values
//! round about, because there an overshoot is not a sharper edge but a hole or a veil.

mod bleed;

use std::borrow::Cow;
use std::iter;

use rayon::prelude::*;

use crate::image::{Layout, Sample};

/// How far from a visible pixel the result can be visible, in input pixels: the reach of [`neighbourhood`].
const ALPHA_REACH: usize = 1;

/// An image as the RGB pictures that the net runs on.
pub(crate) struct Planes<'a, S: Sample> {
    layout: Layout,
    width: usize,
    /// The colours, `[height, width, 3]`.
    pub colours: Cow<'a, [S]>,
    /// Alpha as a grey picture, `[height, width, 3]`; none if there is none or it is the same everywhere.
    pub alpha: Option<Vec<S>>,
    /// The alpha that is the same everywhere.
    flat_alpha: Option<S>,
}

/// Splits `samples`, `[height, width, channels]`, for a net that sees `halo` pixels around.
pub(crate) fn split<S: Sample>(samples: &[S], width: usize, layout: Layout, halo: usize) -> Planes<'_, S> {
    let pixels = samples.chunks_exact(layout.channels());
    let mut colours = match layout {
        Layout::Rgb => Cow::Borrowed(samples),
        Layout::Rgba => pixels.clone().flat_map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
        Layout::Grey | Layout::GreyAlpha => pixels.clone().flat_map(|pixel| [pixel[0]; 3]).collect(),
    };
    if !layout.has_alpha() {
        return Planes { layout, width, colours, alpha: None, flat_alpha: None };
    }
    let mut opacity = pixels.map(|pixel| pixel[pixel.len() - 1]);
    let alpha: Vec<S> = opacity.clone().flat_map(|alpha| [alpha; 3]).collect();
    let first = alpha[0];
    if opacity.all(|alpha| alpha == first) {
        return Planes { layout, width, colours, alpha: None, flat_alpha: Some(first) };
    }
    bleed::fill(colours.to_mut(), &alpha, width, halo + ALPHA_REACH);
    Planes { layout, width, colours, alpha: Some(alpha), flat_alpha: None }
}

impl<S: Sample> Planes<'_, S> {
    /// Joins the upscaled pictures, `[scale*height, scale*width, 3]`, to samples of the image's layout,
    /// `[scale*height, scale*width, channels]`. `alpha` is the upscaled `self.alpha`.
    pub fn join(&self, colours: Vec<S>, alpha: Option<Vec<S>>, scale: usize) -> Vec<S> {
        if self.layout == Layout::Rgb {
            return colours;
        }
        let fill = self.flat_alpha.unwrap_or_default();
        let mut samples = vec![fill; colours.len() / 3 * self.layout.channels()];
        let pixels = samples.par_chunks_exact_mut(self.layout.channels());
        pixels.zip(colours.par_chunks_exact(3)).for_each(|(pixel, rgb)| match pixel {
            [grey] | [grey, _] => *grey = mean(rgb),
            _ => pixel[..3].copy_from_slice(rgb),
        });
        if let (Some(input), Some(upscaled)) = (&self.alpha, alpha) {
            self.join_alpha(input, &upscaled, scale, &mut samples);
        }
        samples
    }

    /// Writes the last sample of each pixel: `upscaled`, within the bounds that `input` sets.
    fn join_alpha(&self, input: &[S], upscaled: &[S], scale: usize, samples: &mut [S]) {
        let (width, height) = (self.width, input.len() / 3 / self.width);
        let channels = self.layout.channels();
        let rows_len = scale * scale * width;
        let rows = samples.par_chunks_exact_mut(rows_len * channels).zip(upscaled.par_chunks_exact(rows_len * 3));
        rows.enumerate().for_each(|(y, (rows, upscaled))| {
            let bounds: Vec<(i32, i32)> = (y * width..(y + 1) * width)
                .map(|pixel| {
                    let around = neighbourhood(pixel, width, height).map(|pixel| input[pixel * 3].to_i32());
                    around.fold((i32::MAX, i32::MIN), |(low, high), alpha| (low.min(alpha), high.max(alpha)))
                })
                .collect();
            let pixels = iter::zip(rows.chunks_exact_mut(channels), upscaled.chunks_exact(3));
            for (i, (pixel, alpha)) in pixels.enumerate() {
                let (low, high) = bounds[i / scale % width];
                pixel[channels - 1] = S::saturating_from(mean(alpha).to_i32().clamp(low, high));
            }
        });
    }
}

/// A pixel and the eight round it, fewer at the picture's edges.
fn neighbourhood(pixel: usize, width: usize, height: usize) -> impl Iterator<Item = usize> {
    let (x, y) = (pixel % width, pixel / width);
    let columns = x.saturating_sub(1)..(x + 2).min(width);
    let rows = y.saturating_sub(1)..(y + 2).min(height);
    rows.flat_map(move |row| columns.clone().map(move |column| row * width + column))
}

/// The grey of an RGB pixel: the rounded mean, as none of three equal channels is the better one.
fn mean<S: Sample>(rgb: &[S]) -> S {
    S::saturating_from((rgb.iter().map(|sample| sample.to_i32()).sum::<i32>() + 1) / 3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Image, Samples};
    use crate::net::ABPN_X3;
    use crate::net::random::random_net;
    use crate::{Net, Target, Upscaler};

    const HALO: usize = 7;

    /// Upscales by repeating pixels and adds `residual`: a net without weights.
    fn repeat<S: Sample>(samples: &[S], width: usize, scale: usize, residual: i32) -> Vec<S> {
        let rows = samples.chunks_exact(width * 3).flat_map(|row| iter::repeat_n(row, scale));
        rows.flat_map(|row| row.chunks_exact(3).flat_map(|pixel| iter::repeat_n(pixel, scale)).flatten())
            .map(|sample| S::saturating_from(sample.to_i32() + residual))
            .collect()
    }

    /// Carries an image through [`repeat`].
    fn carry<S: Sample>(samples: &[S], width: usize, layout: Layout, scale: usize, residual: i32) -> Vec<S> {
        let planes = split(samples, width, layout, HALO);
        let colours = repeat(&planes.colours, width, scale, residual);
        let alpha = planes.alpha.as_ref().map(|alpha| repeat(alpha, width, scale, residual));
        planes.join(colours, alpha, scale)
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
        let planes = split(&[0u8; 4], 4, Layout::Grey, HALO);
        assert_eq!(planes.join(vec![1, 1, 2, 1, 2, 2, 255, 255, 255, 0, 0, 0], None, 1), [1, 2, 255, 0]);
    }

    #[test]
    fn flat_alpha_needs_no_second_run() {
        let planes = split(&[1u8, 2, 3, 200, 4, 5, 6, 200], 2, Layout::Rgba, HALO);
        assert!(planes.alpha.is_none());
        assert_eq!(planes.join(vec![7; 6], None, 1), [7, 7, 7, 200, 7, 7, 7, 200]);
        let planes = split(&[1u8, 2, 3, 200, 4, 5, 6, 201], 2, Layout::Rgba, HALO);
        assert_eq!(planes.alpha, Some(vec![200, 200, 200, 201, 201, 201]));
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
        let planes = split(&samples, 1, Layout::GreyAlpha, HALO);
        let result = planes.join(vec![7; 15], Some(vec![200; 15]), 1);
        assert_eq!(result, [100, 200, 200, 300, 300].map(|alpha| [7, alpha]).concat());
    }

    #[test]
    fn colours_bleed_out_as_far_as_a_visible_result_sees() {
        let mut samples = vec![0u8; 2 * 20];
        samples[0] = 200;
        samples[1] = 255;
        let planes = split(&samples, 20, Layout::GreyAlpha, 3);
        // The result is clear from the third pixel on, and the second one sees 3 pixels further.
        let white = planes.colours.iter().filter(|&&colour| colour == 200).count();
        assert_eq!(white, 3 * (1 + ALPHA_REACH + 3));
        assert_eq!(planes.colours[white..], vec![0; 60 - white]);
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

    #[test]
    fn cut_out_shapes_get_no_fringes() {
        // The zeros outside the picture reach the disc with neither net: the larger halo is 7 pixels.
        for net in [Net::read(ABPN_X3), random_net(3, 3, &[8, 12, 8])] {
            let upscaler = Upscaler::new(net.unwrap(), Target::Cpu).unwrap();
            let upscale = |samples: Samples, layout: Layout| {
                upscaler.upscale(&Image::new(31, 31, layout, samples).unwrap()).unwrap().into_samples()
            };
            let eight = |samples: &[u8], layout| match upscale(Samples::U8(samples.to_vec()), layout) {
                Samples::U8(samples) => samples,
                Samples::U16(_) => panic!("the depth must not change"),
            };
            assert_no_fringe(eight, &[255, 255, 255], 255);
            assert_no_fringe(eight, &[10, 200, 90], 255);
            assert_no_fringe(eight, &[255], 255);
            let sixteen = |samples: &[u16], layout| match upscale(Samples::U16(samples.to_vec()), layout) {
                Samples::U16(samples) => samples,
                Samples::U8(_) => panic!("the depth must not change"),
            };
            assert_no_fringe(sixteen, &[65535, 40000, 300], 65535);
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
