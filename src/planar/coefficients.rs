//! The numbers of the conversions between planes and RGB, in fixed point.
//!
//! With `Kr`, `Kg`, `Kb` the matrix's shares, levels of RGB up to `top`, luma in `ry` steps from black and colour differences
//! in `rc` steps:
//!
//! ```text
//! R = top (Y - black)/ry + 2 (1 - Kr) top (V - neutral)/rc
//! G = top (Y - black)/ry - 2 Kb (1 - Kb)/Kg top (U - neutral)/rc - 2 Kr (1 - Kr)/Kg top (V - neutral)/rc
//! B = top (Y - black)/ry + 2 (1 - Kb) top (U - neutral)/rc
//! ```
//!
//! and the inverse. Each coefficient is rounded to the nearest multiple of 2^-[`BITS`]. Those of green in the inverse are what
//! is left, so that grey has no colour and keeps its levels exactly.

use super::format::{Format, Matrix, Range};

/// Ten-thousandths, in which matrices are given.
const ONE: i64 = 10_000;

/// Bits after the binary point: with 8-bit samples all sums fit 32 bits, with others 64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Precision(pub u32);

impl Precision {
    /// For samples and levels of so many bits.
    pub fn of(sample_bits: u32, level_bits: u32) -> Self {
        Self(if sample_bits.max(level_bits) == 8 { 14 } else { 24 })
    }

    /// `numerator / denominator`, rounded half up.
    fn ratio(self, numerator: i64, denominator: i64) -> i64 {
        let (numerator, denominator) = (i128::from(numerator) << self.0, i128::from(denominator));
        let rounded = (2 * numerator + denominator).div_euclid(2 * denominator);
        i64::try_from(rounded).expect("a coefficient is below 2^40")
    }
}

/// From planes to RGB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ToRgb {
    pub luma: i64,
    pub red_of_v: i64,
    pub green_of_u: i64,
    pub green_of_v: i64,
    pub blue_of_u: i64,
    pub black: i64,
    pub neutral: i64,
    pub precision: Precision,
}

/// From RGB to planes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FromRgb {
    /// What red, green and blue give to luma, blue difference and red difference.
    pub luma: [i64; 3],
    pub u: [i64; 3],
    pub v: [i64; 3],
    pub black: i64,
    pub neutral: i64,
    pub precision: Precision,
}

impl ToRgb {
    /// To levels of `level_bits` bits, 8 or 16.
    pub fn new(format: &Format, matrix: Matrix, range: Range, level_bits: u32) -> Self {
        let precision = Precision::of(format.bits(), level_bits);
        let top = (1 << level_bits) - 1;
        let (black, luma_steps) = format.luma(range);
        let chroma_steps = format.chroma_steps(range);
        let (red, blue) = matrix.red_and_blue();
        let green = ONE - red - blue;
        let of_green = |share: i64| -precision.ratio(2 * share * (ONE - share) * top, ONE * green * chroma_steps);
        Self {
            luma: precision.ratio(top, luma_steps),
            red_of_v: precision.ratio(2 * (ONE - red) * top, ONE * chroma_steps),
            green_of_u: of_green(blue),
            green_of_v: of_green(red),
            blue_of_u: precision.ratio(2 * (ONE - blue) * top, ONE * chroma_steps),
            black,
            neutral: format.neutral(),
            precision,
        }
    }
}

impl FromRgb {
    /// From levels of `level_bits` bits, 8 or 16.
    pub fn new(format: &Format, matrix: Matrix, range: Range, level_bits: u32) -> Self {
        let precision = Precision::of(format.bits(), level_bits);
        let top = (1 << level_bits) - 1;
        let (black, luma_steps) = format.luma(range);
        let chroma_steps = format.chroma_steps(range);
        let (red, blue) = matrix.red_and_blue();
        let luma = |share: i64| precision.ratio(share * luma_steps, ONE * top);
        let white = precision.ratio(luma_steps, top);
        let half = precision.ratio(chroma_steps, 2 * top);
        // Of a colour difference: the other colour's share, as blue's in the red difference.
        let of_other = |other: i64, own: i64| -precision.ratio(other * chroma_steps, 2 * (ONE - own) * top);
        let (red_in_u, blue_in_v) = (of_other(red, blue), of_other(blue, red));
        Self {
            luma: [luma(red), white - luma(red) - luma(blue), luma(blue)],
            u: [red_in_u, -half - red_in_u, half],
            v: [half, -half - blue_in_v, blue_in_v],
            black,
            neutral: format.neutral(),
            precision,
        }
    }

    /// Of a plane of luma alone, from levels that are grey.
    pub fn grey(format: &Format, range: Range, level_bits: u32) -> Self {
        let with_colour = Self::new(format, Matrix::Bt601, range, level_bits);
        let white = with_colour.luma.iter().sum();
        Self { luma: [0, white, 0], u: [0; 3], v: [0; 3], ..with_colour }
    }
}
