//! Colours for the pixels that have none, so that they don't bleed into their neighbours.
//!
//! The colour of a fully transparent pixel is whatever the drawing program left there, often black. A net looks at a
//! neighbourhood and would draw that black as a fringe round every cut-out shape.

use std::iter;

use super::alpha::neighbourhood;
use crate::image::{Sample, reserved};
use crate::{Error, Result};

/// What is known of a pixel's colour.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Colour {
    Unknown,
    /// Unknown, and to be filled in the coming round.
    Next,
    Known,
}

/// Gives transparent pixels the colours of the visible ones near them.
///
/// `colours` is `[height, width, CHANNELS]`, `state` says which of them are known. In each of `rounds` rounds every pixel
/// with no colour that has a neighbour with one, of its eight, gets the rounded mean of those; neighbours filled in the same
/// round don't count, so the result depends on no order. After `n` rounds all pixels have colours that lie within `n`
/// pixels, diagonals included, of one that was known; the others are left as they are.
///
/// # Errors
/// [`Error::Memory`](crate::Error::Memory) if the pixels of a round don't fit.
pub(super) fn fill<S: Sample, const CHANNELS: usize>(
    colours: &mut [S],
    state: &mut [Colour],
    width: usize,
    rounds: usize,
) -> Result<()> {
    let height = state.len() / width;
    let around = |pixel: usize| {
        let around = neighbourhood(pixel % width, pixel / width, width, height);
        around.map(move |(x, y)| y * width + x)
    };
    let is_next = |state: &[Colour], pixel: usize| {
        state[pixel] == Colour::Unknown && around(pixel).any(|near| state[near] == Colour::Known)
    };
    let mut frontier = Vec::new();
    (0..state.len()).filter(|&pixel| is_next(state, pixel)).try_for_each(|pixel| push(&mut frontier, pixel))?;
    for _ in 0..rounds {
        let mut means: Vec<[S; CHANNELS]> = reserved(frontier.len())?;
        means.extend(
            frontier.iter().map(|&pixel| mean(colours, around(pixel).filter(|&near| state[near] == Colour::Known))),
        );
        for (&pixel, mean) in iter::zip(&frontier, &means) {
            colours[pixel * CHANNELS..][..CHANNELS].copy_from_slice(mean);
            state[pixel] = Colour::Known;
        }
        let mut next = Vec::new();
        for &pixel in &frontier {
            for near in around(pixel) {
                if state[near] == Colour::Unknown {
                    state[near] = Colour::Next;
                    push(&mut next, near)?;
                }
            }
        }
        frontier = next;
    }
    Ok(())
}

/// Adds a pixel, or says that there is no memory for it.
fn push(pixels: &mut Vec<usize>, pixel: usize) -> Result<()> {
    if pixels.len() == pixels.capacity() {
        let more = pixels.len().max(64);
        let bytes = (pixels.len() + more) * size_of::<usize>();
        pixels.try_reserve(more).map_err(|_| Error::Memory { bytes })?;
    }
    pixels.push(pixel);
    Ok(())
}

/// The mean colour of some pixels, at least one, rounded half up.
fn mean<S: Sample, const CHANNELS: usize>(colours: &[S], pixels: impl Iterator<Item = usize>) -> [S; CHANNELS] {
    let (mut sums, mut count) = ([0; CHANNELS], 0);
    for pixel in pixels {
        for (sum, colour) in iter::zip(&mut sums, &colours[pixel * CHANNELS..][..CHANNELS]) {
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

    /// Fills a grey picture, as such and as RGB.
    fn filled<S: Sample + std::fmt::Debug>(grey: &[S], alpha: &[S], width: usize, rounds: usize) -> Vec<S> {
        let known = |&alpha: &S| if alpha == S::default() { Colour::Unknown } else { Colour::Known };
        let state: Vec<_> = alpha.iter().map(known).collect();
        let (mut colours, mut filled) = (rgb(grey), grey.to_vec());
        fill::<S, 3>(&mut colours, &mut state.clone(), width, rounds).unwrap();
        fill::<S, 1>(&mut filled, &mut state.clone(), width, rounds).unwrap();
        assert_eq!(colours, rgb(&filled));
        filled
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
