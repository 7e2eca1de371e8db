//! Planes to RGB and back, one sample after the other.

use crate::image::Sample;
use crate::planar::{Format, FromRgb, Planes, Siting, ToRgb};

/// Where sample `at` of an axis with fewer of them lies, in half pixels from the middle of pixel 0 on.
fn place(at: i64, shared: u8, siting: Siting) -> i64 {
    let shared = i64::from(shared);
    let within = match siting {
        Siting::First => 0,
        Siting::Middle => shared - 1,
        Siting::Last => 2 * (shared - 1),
    };
    2 * at * shared + within
}

/// The level of a sum in units of 2^-`bits`, rounded half up and clamped to 0..=`max`.
fn level<S: Sample>(sum: i64, bits: u32, max: i64) -> S {
    let level = (2 * sum + (1 << bits)).div_euclid(2 << bits).clamp(0, max);
    S::saturating_from(i32::try_from(level).expect("at most 16 bits"))
}

/// `value`, of 0..=`from`, as one of 0..=`to`.
fn rescaled<S: Sample>(value: i64, from: i64, to: i64) -> S {
    S::saturating_from(i32::try_from((2 * value * to + from) / (2 * from)).expect("at most 16 bits"))
}

/// The planes of a frame as RGB of `R`, `[height, width, 3]`.
pub(crate) fn to_rgb<S: Sample, R: Sample>(format: &Format, frame: &[S]) -> Vec<R> {
    let value = |sample: S| i64::from(sample.to_i32());
    let planes = format.split(frame);
    let (width, height) = (format.width(), format.height());
    let (chroma_width, chroma_height) = format.chroma_size();
    let top = (1 << R::BITS) - 1;
    let mut rgb = Vec::new();
    for y in 0..height {
        for x in 0..width {
            let first = value(planes[0][y * width + x]);
            match format.planes() {
                Planes::Rgb => {
                    for plane in [2, 0, 1] {
                        rgb.push(rescaled(value(planes[plane][y * width + x]), format.max(), top));
                    }
                }
                Planes::Grey(range) => {
                    let of = ToRgb::new(format, crate::planar::Matrix::Bt601, range, R::BITS);
                    rgb.extend([level::<R>((first - of.black) * of.luma, of.precision.0, top); 3]);
                }
                Planes::Yuv { matrix, range, across, down, siting } => {
                    let of = ToRgb::new(format, matrix, range, R::BITS);
                    // A tent over each sample, which reaches to its neighbours; the edges go on.
                    let (mut u, mut v) = (0, 0);
                    for sample_y in -1..=chroma_height.cast_signed() as i64 {
                        for sample_x in -1..=chroma_width.cast_signed() as i64 {
                            let tent = |pixel: usize, sample: i64, shared: u8, siting| {
                                (2 * i64::from(shared)
                                    - (2 * pixel.cast_signed() as i64 - place(sample, shared, siting)).abs())
                                .max(0)
                            };
                            let weight = tent(x, sample_x, across, siting[0]) * tent(y, sample_y, down, siting[1]);
                            let at = |sample: i64, len: usize| usize::try_from(sample.max(0)).unwrap().min(len - 1);
                            let at = at(sample_y, chroma_height) * chroma_width + at(sample_x, chroma_width);
                            u += weight * (value(planes[1][at]) - of.neutral);
                            v += weight * (value(planes[2][at]) - of.neutral);
                        }
                    }
                    let unit = 4 * i64::from(across) * i64::from(down);
                    let bits = of.precision.0 + unit.trailing_zeros();
                    let grey = unit * (first - of.black) * of.luma;
                    rgb.push(level(grey + v * of.red_of_v, bits, top));
                    rgb.push(level(grey + u * of.green_of_u + v * of.green_of_v, bits, top));
                    rgb.push(level(grey + u * of.blue_of_u, bits, top));
                }
            }
        }
    }
    rgb
}

/// RGB, `[height, width, 3]`, as the planes of a frame that is as large or larger; then the picture's last column and row go on.
pub(crate) fn from_rgb<R: Sample, S: Sample>(rgb: &[R], rgb_width: usize, format: &Format) -> Vec<S> {
    let rgb_height = rgb.len() / (3 * rgb_width);
    let pixel = |x: i64, y: i64| {
        let at = |at: i64, len: usize| usize::try_from(at.max(0)).unwrap().min(len - 1);
        let at = 3 * (at(y, rgb_height) * rgb_width + at(x, rgb_width));
        [rgb[at], rgb[at + 1], rgb[at + 2]].map(|level| i64::from(level.to_i32()))
    };
    let dot = |rgb: [i64; 3], of: [i64; 3]| rgb[0] * of[0] + rgb[1] * of[1] + rgb[2] * of[2];
    let (width, height) = (format.width().cast_signed() as i64, format.height().cast_signed() as i64);
    let pixels = || (0..height).flat_map(move |y| (0..width).map(move |x| (x, y)));
    let luma = |of: FromRgb| {
        let code =
            move |(x, y)| level(dot(pixel(x, y), of.luma) + (of.black << of.precision.0), of.precision.0, format.max());
        pixels().map(code).collect::<Vec<S>>()
    };
    match format.planes() {
        Planes::Rgb => {
            let plane = |colour: usize| pixels().map(move |(x, y)| pixel(x, y)[colour]);
            let levels = plane(1).chain(plane(2)).chain(plane(0));
            levels.map(|level| rescaled(level, (1 << R::BITS) - 1, format.max())).collect()
        }
        Planes::Grey(range) => luma(FromRgb::grey(format, range, R::BITS)),
        Planes::Yuv { matrix, range, across, down, siting } => {
            let of = FromRgb::new(format, matrix, range, R::BITS);
            let (chroma_width, chroma_height) = format.chroma_size();
            let mut frame = luma(of);
            for coefficients in [of.u, of.v] {
                for sample_y in 0..chroma_height.cast_signed() as i64 {
                    for sample_x in 0..chroma_width.cast_signed() as i64 {
                        // The part of a pixel, in halves, that a sample's width covers.
                        let covered = |pixel: i64, sample: i64, shared: u8, siting| {
                            let (middle, shared) = (place(sample, shared, siting), i64::from(shared));
                            ((2 * pixel + 1).min(middle + shared) - (2 * pixel - 1).max(middle - shared)).max(0)
                        };
                        let mut mean = [0; 3];
                        for y in -8..height + 8 {
                            for x in -8..width + 8 {
                                let weight =
                                    covered(x, sample_x, across, siting[0]) * covered(y, sample_y, down, siting[1]);
                                if weight != 0 {
                                    let rgb = pixel(x, y);
                                    (0..3).for_each(|colour| mean[colour] += weight * rgb[colour]);
                                }
                            }
                        }
                        let bits = of.precision.0 + (4 * i64::from(across) * i64::from(down)).trailing_zeros();
                        frame.push(level(dot(mean, coefficients) + (of.neutral << bits), bits, format.max()));
                    }
                }
            }
            frame
        }
    }
}
