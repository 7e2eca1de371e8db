//! Alpha that colours were multiplied by.

use crate::image::Sample;

/// The colours from the product of colours and alpha, `channels` a pixel with alpha last; nothing is left where nothing
/// shows.
pub(super) fn divide<S: Sample>(samples: &mut [S], channels: usize) {
    let full = i64::from(S::saturating_from(i32::MAX).to_i32());
    for pixel in samples.chunks_exact_mut(channels) {
        let Some((alpha, colours)) = pixel.split_last_mut() else { continue };
        let alpha = i64::from(alpha.to_i32());
        for colour in colours {
            let quotient = (i64::from(colour.to_i32()) * full + alpha / 2).checked_div(alpha).unwrap_or(0);
            *colour = S::saturating_from(i32::try_from(quotient).unwrap_or(i32::MAX));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_what_they_were_before_the_product() {
        let mut samples = [50_u8, 0, 100, 128, 9, 9, 9, 0, 1, 2, 3, 255, 200, 1, 0, 100];
        divide(&mut samples, 4);
        assert_eq!(samples, [100, 0, 199, 128, 0, 0, 0, 0, 1, 2, 3, 255, 255, 3, 0, 100]);
        let mut samples = [30_u16, 32768];
        divide(&mut samples, 2);
        assert_eq!(samples, [60, 32768]);
    }
}
