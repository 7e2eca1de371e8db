//! The conversions against their definition, and against the formulas of the recommendations.

use super::*;
use crate::frame::Rgb;
use crate::image::Sample;
use crate::random::Random;
use crate::reference::planar as reference;

const SITINGS: [Siting; 3] = [Siting::First, Siting::Middle, Siting::Last];

/// Every kind of planes, for one matrix.
fn kinds(matrix: Matrix) -> Vec<Planes> {
    let mut kinds = vec![Planes::Rgb];
    for range in [Range::Limited, Range::Full] {
        kinds.push(Planes::Grey(range));
        for (across, down) in [(1, 1), (2, 1), (2, 2), (1, 2), (4, 1), (4, 4)] {
            for (index, first) in SITINGS.into_iter().enumerate() {
                kinds.push(Planes::Yuv { matrix, range, across, down, siting: [first, SITINGS[(index + 1) % 3]] });
            }
        }
    }
    kinds
}

fn noise<S: Sample>(len: usize, max: i64, seed: u64) -> Vec<S> {
    let mut random = Random::new(seed);
    // Many at the ends.
    let value = |random: &mut Random| random.within(-max / 8..=max + max / 8).clamp(0, max);
    (0..len).map(|_| S::saturating_from(i32::try_from(value(&mut random)).unwrap())).collect()
}

fn check<S: Sample + std::fmt::Debug, R: Sample + std::fmt::Debug>(format: &Format) {
    let frame: Vec<S> = noise(format.samples(), format.max(), 1);
    let mut rgb = vec![R::default(); format.width() * format.height() * 3];
    to_rgb(format, &frame, &mut rgb);
    assert_eq!(rgb, reference::to_rgb::<S, R>(format, &frame), "{format:?}");
    for (width, height) in [(format.width(), format.height()), (format.width().max(2) - 1, format.height().max(2) - 1)]
    {
        let rgb: Vec<R> = noise(width * height * 3, (1 << R::BITS) - 1, 2);
        let mut frame = vec![S::default(); format.samples()];
        from_rgb(Rgb { width, height, samples: &rgb }, format, &mut frame);
        assert_eq!(frame, reference::from_rgb::<R, S>(&rgb, width, format), "{width}x{height} {format:?}");
    }
}

#[test]
fn conversions_equal_their_reference_at_every_size_and_siting() {
    for (width, height) in [(1, 1), (2, 1), (1, 2), (3, 2), (5, 3), (8, 6), (9, 7)] {
        for matrix in Matrix::ALL {
            for planes in kinds(matrix) {
                for bits in [8, 9, 10, 12, 16] {
                    let format = Format::new(planes, bits, width, height).unwrap();
                    match bits {
                        8 => {
                            check::<u8, u8>(&format);
                            check::<u8, u16>(&format);
                        }
                        _ => {
                            check::<u16, u8>(&format);
                            check::<u16, u16>(&format);
                        }
                    }
                }
            }
        }
    }
}

#[test]
fn a_chroma_sample_off_by_one_is_seen() {
    let planes = kinds(Matrix::Bt709)[9];
    let format = Format::new(planes, 8, 6, 4).unwrap();
    let mut frame: Vec<u8> = vec![100; format.samples()];
    let before = reference::to_rgb::<u8, u8>(&format, &frame);
    *frame.last_mut().unwrap() += 1;
    let mut rgb = before.clone();
    to_rgb(&format, &frame, &mut rgb);
    assert_ne!(rgb, before);
}

/// What the recommendations say, in real numbers, of one pixel in 4:4:4.
fn exact(format: &Format, yuv: [i64; 3], top: f64) -> [f64; 3] {
    let Planes::Yuv { matrix, range, .. } = format.planes() else { panic!("it has colour differences") };
    let (kr, kb) = match matrix {
        Matrix::Bt601 => (0.299, 0.114),
        Matrix::Bt709 => (0.2126, 0.0722),
        Matrix::Bt2020 => (0.2627, 0.0593),
        Matrix::Fcc => (0.30, 0.11),
        Matrix::Smpte240m => (0.212, 0.087),
    };
    let steps = f64::from(1 << (format.bits() - 8));
    let (black, luma, chroma) = match range {
        Range::Limited => (16.0 * steps, 219.0 * steps, 224.0 * steps),
        Range::Full => (0.0, 256.0 * steps - 1.0, 256.0 * steps - 1.0),
    };
    let y = (yuv[0] as f64 - black) / luma;
    let [u, v] = [yuv[1], yuv[2]].map(|code| (code as f64 - 128.0 * steps) / chroma);
    let (red, blue) = (y + 2.0 * (1.0 - kr) * v, y + 2.0 * (1.0 - kb) * u);
    let green = (y - kr * red - kb * blue) / (1.0 - kr - kb);
    [red, green, blue].map(|level| (level * top).clamp(0.0, top))
}

#[test]
fn conversions_are_within_half_a_level_of_the_recommendations() {
    let mut random = Random::new(3);
    for matrix in Matrix::ALL {
        for range in [Range::Limited, Range::Full] {
            let planes = Planes::Yuv { matrix, range, across: 1, down: 1, siting: [Siting::First; 2] };
            for bits in [8, 10, 12, 16] {
                let format = Format::new(planes, bits, 1, 1).unwrap();
                for _ in 0..2000 {
                    let yuv = [(); 3].map(|()| random.within(0..=format.max()));
                    if bits == 8 {
                        let mut rgb = [0_u8; 3];
                        to_rgb(&format, &yuv.map(|code| u8::try_from(code).unwrap()), &mut rgb);
                        for (level, exact) in rgb.iter().zip(exact(&format, yuv, 255.0)) {
                            assert!((f64::from(*level) - exact).abs() < 0.52, "{format:?} {yuv:?}");
                        }
                    } else {
                        let mut rgb = [0_u16; 3];
                        to_rgb(&format, &yuv.map(|code| u16::try_from(code).unwrap()), &mut rgb);
                        for (level, exact) in rgb.iter().zip(exact(&format, yuv, 65535.0)) {
                            assert!((f64::from(*level) - exact).abs() < 0.52, "{format:?} {yuv:?}");
                        }
                    }
                }
            }
        }
    }
}

/// Through RGB and back.
fn there_and_back<S: Sample, R: Sample>(format: &Format, frame: &[S]) -> Vec<S> {
    let (mut rgb, mut back) = (vec![R::default(); format.width() * format.height() * 3], frame.to_vec());
    to_rgb(format, frame, &mut rgb);
    from_rgb(Rgb { width: format.width(), height: format.height(), samples: &rgb }, format, &mut back);
    back
}

#[test]
fn grey_keeps_its_levels_and_stays_grey() {
    for matrix in Matrix::ALL {
        for planes in kinds(matrix) {
            for bits in [8, 9, 10, 12, 14, 16] {
                let range = match planes {
                    Planes::Grey(range) | Planes::Yuv { range, .. } => range,
                    Planes::Rgb => Range::Full,
                };
                let steps = 1 << (bits - 8);
                let (black, white) = match range {
                    Range::Limited => (16 * steps, 235 * steps),
                    Range::Full => (0, 256 * steps - 1),
                };
                let width = u32::try_from(white - black + 1).unwrap();
                let format = Format::new(planes, bits, width, 1).unwrap();
                let mut frame = vec![u16::try_from(128 * steps).unwrap(); format.samples()];
                let ramp: Vec<u16> = (black..=white).map(|code| u16::try_from(code).unwrap()).collect();
                frame[..ramp.len()].copy_from_slice(&ramp);
                if planes == Planes::Rgb {
                    frame = [&ramp[..], &ramp, &ramp].concat();
                }
                assert_eq!(there_and_back::<u16, u16>(&format, &frame), frame, "{format:?}");
                if bits == 8 {
                    let frame: Vec<u8> = frame.iter().map(|&code| u8::try_from(code).unwrap()).collect();
                    assert_eq!(there_and_back::<u8, u8>(&format, &frame), frame, "{format:?}");
                }
            }
        }
    }
}

#[test]
fn colours_come_back_within_a_level() {
    for matrix in Matrix::ALL {
        for range in [Range::Limited, Range::Full] {
            let planes = Planes::Yuv { matrix, range, across: 1, down: 1, siting: [Siting::First; 2] };
            let format = Format::new(planes, 8, 16, 16).unwrap();
            // Codes of colours that RGB has.
            let rgb: Vec<u8> = noise(16 * 16 * 3, 255, 5);
            let mut frame = vec![0_u8; format.samples()];
            from_rgb(Rgb { width: 16, height: 16, samples: &rgb }, &format, &mut frame);
            for (a, b) in frame.iter().zip(there_and_back::<u8, u8>(&format, &frame)) {
                assert!(a.abs_diff(b) <= 1, "{format:?}");
            }
            // With 10 bits, nothing is lost.
            let format = Format::new(planes, 10, 16, 16).unwrap();
            let rgb: Vec<u16> = noise(16 * 16 * 3, 65535, 6);
            let mut frame = vec![0_u16; format.samples()];
            from_rgb(Rgb { width: 16, height: 16, samples: &rgb }, &format, &mut frame);
            let off = frame.iter().zip(there_and_back::<u16, u16>(&format, &frame)).filter(|(a, b)| *a != b).count();
            assert!(off * 100 < frame.len(), "{off} {format:?}");
        }
    }
}
