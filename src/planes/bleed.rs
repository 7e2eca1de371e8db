//! Colours for the pixels that have none, so that they don't bleed into their neighbours.
//!
//! The colour of a fully transparent pixel is whatever the drawing program left there, often black. A net looks at a
//! neighbourhood and would draw that black as a fringe round every cut-out shape.

use std::iter;

use super::neighbourhood;
use crate::image::Sample;

/// What is known of a pixel's colour.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Colour {
    Unknown,
    /// Unknown, and to be filled in the coming round.
    Next,
    Known,
}

/// Gives transparent pixels the colours of the visible ones near them.
///
/// `colours` and `alpha` are `[height, width, 3]`. In each of `rounds` rounds every pixel with no colour that has a
/// neighbour with one, of its eight, gets the rounded mean of those; neighbours filled in the same round don't count,
/// so the result depends on no order. After `n` rounds all pixels have colours that lie within `n` pixels, diagonals
/// included, of one with alpha > 0; the others are left as they are.
pub(super) fn fill<S: Sample>(colours: &mut [S], alpha: &[S], width: usize, rounds: usize) {
    let opacity = alpha.chunks_exact(3).map(|alpha| alpha[0]);
    let mut state: Vec<Colour> =
        opacity.map(|alpha| if alpha == S::default() { Colour::Unknown } else { Colour::Known }).collect();
    let height = state.len() / width;
    let mut frontier = Vec::new();
    for pixel in 0..state.len() {
        if state[pixel] == Colour::Unknown && neighbourhood(pixel, width, height).any(|n| state[n] == Colour::Known) {
            frontier.push(pixel);
        }
    }
    for _ in 0..rounds {
        let means: Vec<[S; 3]> = frontier
            .iter()
            .map(|&pixel| {
                mean(
                    colours,
                    neighbourhood(pixel, width, height).filter(|&neighbour| state[neighbour] == Colour::Known),
                )
            })
            .collect();
        for (&pixel, mean) in iter::zip(&frontier, &means) {
            colours[pixel * 3..][..3].copy_from_slice(mean);
            state[pixel] = Colour::Known;
        }
        let mut next = Vec::new();
        for &pixel in &frontier {
            for neighbour in neighbourhood(pixel, width, height) {
                if state[neighbour] == Colour::Unknown {
                    state[neighbour] = Colour::Next;
                    next.push(neighbour);
                }
            }
        }
        frontier = next;
    }
}

/// The mean colour of some pixels, at least one, rounded half up.
fn mean<S: Sample>(colours: &[S], pixels: impl Iterator<Item = usize>) -> [S; 3] {
    let (mut sums, mut count) = ([0; 3], 0);
    for pixel in pixels {
        for (sum, colour) in iter::zip(&mut sums, &colours[pixel * 3..][..3]) {
            *sum += colour.to_i32();
        }
        count += 1;
    }
    sums.map(|sum| S::saturating_from((sum + count / 2) / count))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Grey values to `[height, width, 3]`.
    fn rgb<S: Sample>(values: &[S]) -> Vec<S> {
        values.iter().flat_map(|&value| [value; 3]).collect()
    }

    /// Fills a grey picture.
    fn filled<S: Sample>(colours: &[S], alpha: &[S], width: usize, rounds: usize) -> Vec<S> {
        let mut colours = rgb(colours);
        fill(&mut colours, &rgb(alpha), width, rounds);
        colours.chunks_exact(3).map(|colour| colour[0]).collect()
    }

    #[test]
    fn a_round_goes_one_pixel_further_and_sees_the_rounds_before_only() {
        let (colours, alpha) = ([10u8, 0, 0, 0, 0, 40], [255, 0, 0, 0, 0, 1]);
        assert_eq!(filled(&colours, &alpha, 6, 0), colours);
        assert_eq!(filled(&colours, &alpha, 6, 1), [10, 10, 0, 0, 40, 40]);
        assert_eq!(filled(&colours, &alpha, 6, 2), [10, 10, 10, 40, 40, 40]);
        assert_eq!(filled(&colours, &alpha, 6, 9), [10, 10, 10, 40, 40, 40]);
    }

    #[test]
    fn a_fill_is_the_rounded_mean_of_the_known_neighbourhood() {
        // Round the middle: 1 + 2 + 3 + 5 = 11 over 4; the 9 is transparent.
        let (colours, alpha) = ([1u8, 2, 3, 5, 9, 9, 9, 9, 9], [1, 1, 1, 1, 0, 0, 0, 0, 0]);
        assert_eq!(filled(&colours, &alpha, 3, 1)[4], 3);
        let (colours, alpha) = ([65535u16, 7, 65534], [65535, 0, 1]);
        assert_eq!(filled(&colours, &alpha, 3, 1)[1], 65535);
    }

    #[test]
    fn nothing_is_filled_where_nothing_is_visible() {
        assert_eq!(filled(&[7u8, 8, 9, 10], &[0; 4], 2, 7), [7, 8, 9, 10]);
    }

    #[test]
    fn visible_pixels_keep_their_colours() {
        let (colours, alpha) = ([3u8, 250, 0, 77, 9, 31], [1, 2, 0, 200, 255, 0]);
        let result = filled(&colours, &alpha, 3, 7);
        for i in [0, 1, 3, 4] {
            assert_eq!(result[i], colours[i]);
        }
    }
}
