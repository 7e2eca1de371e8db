//! Planes to RGB, row by row. Twin: `src/reference/planar.rs`.

use rayon::prelude::*;

use super::chroma::Axis;
use super::coefficients::ToRgb;
use super::format::{Format, Planes};
use crate::image::Sample;
use crate::number::{Number, number};

/// Writes a frame as RGB, `[height, width, 3]`.
pub(crate) fn to_rgb<S: Sample, R: Sample>(format: &Format, frame: &[S], rgb: &mut [R]) {
    match format.planes() {
        Planes::Rgb => from_planes_of_rgb(format, frame, rgb),
        Planes::Grey(_) | Planes::Yuv { .. } if S::BITS.max(R::BITS) == 8 => convert::<S, R, i32>(format, frame, rgb),
        Planes::Grey(_) | Planes::Yuv { .. } => convert::<S, R, i64>(format, frame, rgb),
    }
}

/// Green, blue and red side by side.
fn from_planes_of_rgb<S: Sample, R: Sample>(format: &Format, frame: &[S], rgb: &mut [R]) {
    let [green, blue, red] = format.split(frame);
    let (width, max) = (format.width(), format.max());
    let top = (1_i64 << R::BITS) - 1;
    let level = |sample: &S| {
        let level = (2 * i64::from(sample.to_i32()) * top + max) / (2 * max);
        R::saturating_from(i32::try_from(level).unwrap_or(i32::MAX))
    };
    rgb.par_chunks_exact_mut(3 * width).enumerate().for_each(|(y, row)| {
        let [red, green, blue] = [red, green, blue].map(|plane| &plane[y * width..][..width]);
        for (((pixel, red), green), blue) in row.chunks_exact_mut(3).zip(red).zip(green).zip(blue) {
            pixel.copy_from_slice(&[level(red), level(green), level(blue)]);
        }
    });
}

/// One colour difference of a row of pixels.
struct Difference<N> {
    /// The samples of two rows, mixed.
    mixed: Vec<N>,
    /// A value a pixel, in units of both axes; no colour is 0.
    pixels: Vec<N>,
}

impl<N: Number> Difference<N> {
    fn new(samples: usize, pixels: usize) -> Self {
        Self { mixed: vec![N::default(); samples], pixels: vec![N::default(); pixels] }
    }

    fn fill<S: Sample>(&mut self, plane: &[S], neutral: i64, rows: [(usize, i64); 2], columns: &[[(usize, N); 2]]) {
        let width = self.mixed.len();
        let neutral = N::of(neutral * (rows[0].1 + rows[1].1));
        let [(above, of_above), (below, of_below)] =
            rows.map(|(y, weight)| (&plane[y * width..][..width], N::of(weight)));
        for ((mixed, above), below) in self.mixed.iter_mut().zip(above).zip(below) {
            *mixed = of_above * number(*above) + of_below * number(*below) - neutral;
        }
        for (pixel, [(left, of_left), (right, of_right)]) in self.pixels.iter_mut().zip(columns) {
            *pixel = self.mixed[*left] * *of_left + self.mixed[*right] * *of_right;
        }
    }
}

fn convert<S: Sample, R: Sample, N: Number>(format: &Format, frame: &[S], rgb: &mut [R]) {
    let [luma, u, v] = format.split(frame);
    let width = format.width();
    let max = N::of((1 << R::BITS) - 1);
    let Planes::Yuv { matrix, range, across, down, siting } = format.planes() else {
        let Planes::Grey(range) = format.planes() else { unreachable!("planes of RGB go another way") };
        let of = ToRgb::new(format, super::format::Matrix::Bt601, range, R::BITS);
        let (factor, black, half) = (N::of(of.luma), N::of(of.black), N::of(1 << (of.precision.0 - 1)));
        rgb.par_chunks_exact_mut(3 * width).zip(luma.par_chunks_exact(width)).for_each(|(row, luma)| {
            for (pixel, luma) in row.chunks_exact_mut(3).zip(luma) {
                let grey = ((number::<S, N>(*luma) - black) * factor + half) >> of.precision.0;
                pixel.fill(R::saturating_from(grey.level(max)));
            }
        });
        return;
    };
    let of = ToRgb::new(format, matrix, range, R::BITS);
    let columns_axis = Axis::new(across, siting[0], width);
    let rows_axis = Axis::new(down, siting[1], format.height());
    let columns: Vec<[(usize, N); 2]> =
        (0..width).map(|x| columns_axis.up(x).map(|(at, weight)| (at, N::of(weight)))).collect();
    let unit = columns_axis.unit() * rows_axis.unit();
    let shift = of.precision.0 + unit.trailing_zeros();
    let [luma_factor, half, black] = [of.luma * unit, 1 << (shift - 1), of.black].map(N::of);
    let [red_of_v, green_of_u, green_of_v, blue_of_u] =
        [of.red_of_v, of.green_of_u, of.green_of_v, of.blue_of_u].map(N::of);
    let samples = format.chroma_size().0;
    let differences = || [(); 2].map(|()| Difference::<N>::new(samples, width));
    rgb.par_chunks_exact_mut(3 * width).zip(luma.par_chunks_exact(width)).enumerate().for_each_init(
        differences,
        |differences, (y, (row, luma))| {
            let rows = rows_axis.up(y);
            for (difference, plane) in differences.iter_mut().zip([u, v]) {
                difference.fill(plane, of.neutral, rows, &columns);
            }
            let [u, v] = &*differences;
            for (((pixel, luma), &u), &v) in row.chunks_exact_mut(3).zip(luma).zip(&u.pixels).zip(&v.pixels) {
                let grey = (number::<S, N>(*luma) - black) * luma_factor + half;
                let level = |sum: N| R::saturating_from((sum >> shift).level(max));
                pixel[0] = level(grey + v * red_of_v);
                pixel[1] = level(grey + u * green_of_u + v * green_of_v);
                pixel[2] = level(grey + u * blue_of_u);
            }
        },
    );
}
