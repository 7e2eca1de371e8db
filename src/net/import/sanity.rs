//! Whether a net enlarges a picture at all: reduced again, its result must be like what it was given.

use crate::Result;
use crate::eval;
use crate::image::{Image, Samples};
use crate::net::quantize::FloatNet;

/// The least likeness of a net that enlarges, in dB; a wrong range or pixel shuffle gives 5 to 20.
pub(super) const LEAST_DB: f64 = 20.0;

/// By how much one reading of a file must be more like than another, in dB, to be taken.
pub(super) const CLEAR_DB: f64 = 3.0;

/// PSNR between a picture and what the net makes of it, reduced again.
pub(super) fn likeness_db(net: &FloatNet) -> Result<f64> {
    let picture = picture()?;
    // Values beyond f32 are as unlike as can be.
    let Ok(large) = net.upscale(&picture) else { return Ok(0.0) };
    let reduced = if net.scale() == 1 { large } else { eval::degrade(&large, net.scale())? };
    let (Samples::U8(a), Samples::U8(b)) = (picture.samples(), reduced.samples()) else { return Ok(0.0) };
    let squares: u64 = a.iter().zip(b).map(|(&a, &b)| u64::from(a.abs_diff(b)).pow(2)).sum();
    let mean = (squares as f64 / a.len() as f64).max(1e-3);
    Ok(10.0 * (255.0f64.powi(2) / mean).log10())
}

/// Side of the picture in pixels.
const SIDE: u32 = 64;

/// Slopes, waves and edges in different colours: no channel and no direction is like another.
fn picture() -> Result<Image> {
    let pixels = (0..SIDE * SIDE).flat_map(|i| {
        let (x, y) = (f64::from(i % SIDE), f64::from(i / SIDE));
        let wave = 50.0 * (x * 0.21 + y * 0.08).sin() + 25.0 * (y * 0.33).cos();
        let edge = if (x - 40.0).powi(2) + (y - 22.0).powi(2) < 200.0 { 70.0 } else { 0.0 };
        [90.0 + wave + edge, 150.0 - x + 0.4 * wave, 60.0 + 1.5 * y + edge * 0.3]
    });
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
    Image::from_rgb8(SIDE, SIDE, pixels.map(|value| value.round().clamp(0.0, 255.0) as u8).collect())
}
