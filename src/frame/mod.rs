//! Pictures on their way in and out: views of the caller's memory, and the rows that engines read and write.
//!
//! An engine knows nothing but rows of one [`PixelFormat`]: it reads them from a [`Source`] and gives finished ones to a
//! [`Sink`]. What a picture has beyond that (grey, alpha, rows with gaps) its source and its sink make of it row by row, so
//! that no second copy of a picture is needed.

mod alpha;
mod bleed;
mod extended;
mod format;
mod picture;
mod sink;
mod source;
mod test_frame;
mod view;

pub(crate) use extended::Extended;
pub(crate) use format::PixelFormat;
pub(crate) use picture::{Picture, is_neutral};
pub(crate) use sink::{RgbSink, Sink, forgotten};
pub(crate) use source::{Copied, Rgb, RowBuffer, Source};
pub use test_frame::test_frame;
pub use view::{ImageView, ImageViewMut, SamplesMut, SamplesRef};
