//! RGB to planes. Twin: `src/reference/planar.rs`.

use rayon::prelude::*;

use super::chroma::{Axis, MOST_TAPS};
use super::coefficients::FromRgb;
use super::format::{Format, Planes};
use crate::frame::Rgb;
use crate::image::Sample;
use crate::number::{Number, number};

/// Writes RGB as a frame. Where the frame is larger, the picture's right column and last row go on.
pub(crate) fn from_rgb<R: Sample, S: Sample>(rgb: Rgb<R>, format: &Format, frame: &mut [S]) {
    debug_assert!(rgb.width <= format.width() && rgb.height <= format.height());
    match format.planes() {
        Planes::Rgb => to_planes_of_rgb(rgb, format, frame),
        Planes::Grey(_) | Planes::Yuv { .. } if S::BITS.max(R::BITS) == 8 => convert::<R, S, i32>(rgb, format, frame),
        Planes::Grey(_) | Planes::Yuv { .. } => convert::<R, S, i64>(rgb, format, frame),
    }
}

fn to_planes_of_rgb<R: Sample, S: Sample>(rgb: Rgb<R>, format: &Format, frame: &mut [S]) {
    let width = format.width();
    let (max, top) = (format.max(), (1_i64 << R::BITS) - 1);
    let code = |level: R| {
        let code = (2 * i64::from(level.to_i32()) * max + top) / (2 * top);
        S::saturating_from(i32::try_from(code).unwrap_or(i32::MAX))
    };
    let [green, blue, red] = format.split_mut(frame);
    for (colour, plane) in [red, green, blue].into_iter().enumerate() {
        plane.par_chunks_exact_mut(width).enumerate().for_each(|(y, row)| {
            let pixels = rgb.row(0, y.min(rgb.height - 1), rgb.width);
            for (to, pixel) in row.iter_mut().zip(pixels.chunks_exact(3)) {
                *to = code(pixel[colour]);
            }
            extend(row, rgb.width);
        });
    }
}

/// Repeats the last of the first `len` elements behind them.
fn extend<T: Copy>(row: &mut [T], len: usize) {
    let last = row[len - 1];
    row[len..].fill(last);
}

fn convert<R: Sample, S: Sample, N: Number>(rgb: Rgb<R>, format: &Format, frame: &mut [S]) {
    let (of, chroma) = match format.planes() {
        Planes::Yuv { matrix, range, across, down, siting } => {
            let columns = Axis::new(across, siting[0], format.width());
            let rows = Axis::new(down, siting[1], format.height());
            (FromRgb::new(format, matrix, range, R::BITS), Some((columns, rows)))
        }
        Planes::Grey(range) => (FromRgb::grey(format, range, R::BITS), None),
        Planes::Rgb => unreachable!("planes of RGB go another way"),
    };
    let max = N::of(format.max());
    let [luma, u, v] = format.split_mut(frame);
    let bits = of.precision.0;
    let ([red, green, blue], offset) = (of.luma.map(N::of), N::of((of.black << bits) + (1 << (bits - 1))));
    luma.par_chunks_exact_mut(format.width()).enumerate().for_each(|(y, row)| {
        let pixels = rgb.row(0, y.min(rgb.height - 1), rgb.width);
        for (to, pixel) in row.iter_mut().zip(pixels.chunks_exact(3)) {
            let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(number::<R, N>);
            *to = S::saturating_from(((r * red + g * green + b * blue + offset) >> bits).level(max));
        }
        extend(row, rgb.width);
    });
    let Some((columns, rows)) = chroma else { return };
    let unit = columns.unit() * rows.unit();
    let shift = bits + unit.trailing_zeros();
    let offset = N::of((of.neutral << shift) + (1 << (shift - 1)));
    let ([u_red, u_green, u_blue], [v_red, v_green, v_blue]) = (of.u.map(N::of), of.v.map(N::of));
    let samples = format.chroma_size().0;
    let taps: Vec<[(usize, N); MOST_TAPS]> =
        (0..samples).map(|x| columns.down(x, rgb.width).map(|(at, weight)| (3 * at, N::of(weight)))).collect();
    let used = taps.iter().flat_map(|taps| taps.iter().rposition(|&(_, weight)| weight.level(max) > 0)).max();
    let used = used.map_or(1, |last| last + 1);
    let planes = u.par_chunks_exact_mut(samples).zip(v.par_chunks_exact_mut(samples));
    planes.enumerate().for_each_init(
        || vec![N::default(); 3 * rgb.width],
        |sums, (y, (u, v))| {
            sums.fill(N::default());
            for (y, weight) in rows.down(y, rgb.height).into_iter().filter(|&(_, weight)| weight != 0) {
                let weight = N::of(weight);
                for (sum, level) in sums.iter_mut().zip(rgb.row(0, y, rgb.width)) {
                    *sum = *sum + weight * number(*level);
                }
            }
            for ((u, v), taps) in u.iter_mut().zip(v).zip(&taps) {
                let mut mean = [N::default(); 3];
                for &(at, weight) in &taps[..used] {
                    for (mean, &sum) in mean.iter_mut().zip(&sums[at..at + 3]) {
                        *mean = *mean + weight * sum;
                    }
                }
                let [r, g, b] = mean;
                let code = |sum: N| S::saturating_from(((sum + offset) >> shift).level(max));
                *u = code(r * u_red + g * u_green + b * u_blue);
                *v = code(r * v_red + g * v_green + b * v_blue);
            }
        },
    );
}
