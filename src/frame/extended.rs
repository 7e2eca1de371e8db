//! What a net sees outside the picture, where that is not zeros.

use super::format::PixelFormat;
use super::source::{RowBuffer, Source};
use crate::net::Net;
use crate::net::border::mirrored;

/// A picture that goes on for `margin` pixels beyond each of its borders, mirrored there.
pub(crate) struct Extended<'a> {
    source: &'a dyn Source,
    margin: usize,
}

impl<'a> Extended<'a> {
    /// `source`, extended as far as `net` asks for.
    pub fn new(source: &'a dyn Source, net: &Net) -> Self {
        Self { source, margin: net.margin() }
    }
}

impl Source for Extended<'_> {
    fn width(&self) -> usize {
        self.source.width() + 2 * self.margin
    }

    fn height(&self) -> usize {
        self.source.height() + 2 * self.margin
    }

    fn format(&self) -> PixelFormat {
        self.source.format()
    }

    fn row<'a>(&'a self, x: usize, y: usize, width: usize, buffer: &'a mut RowBuffer) -> &'a [u8] {
        let (source_width, height, margin) = (self.source.width(), self.source.height(), self.margin);
        let y = mirrored(y.cast_signed() - margin.cast_signed(), height);
        if x >= margin && x + width <= margin + source_width {
            return self.source.row(x - margin, y, width, buffer);
        }
        // The picture's own pixels are copied at once, those beside it one by one.
        let own = x.max(margin).min(x + width)..(x + width).min(margin + source_width).max(x);
        let beside = || (x..own.start).chain(own.end.max(own.start)..x + width);
        let column = |x: usize| mirrored(x.cast_signed() - margin.cast_signed(), source_width);
        let ends = [own.start, own.end.saturating_sub(1)].into_iter().filter(|_| !own.is_empty());
        let needed = || beside().chain(ends.clone()).map(column);
        let (first, last) = (needed().min().unwrap_or(0), needed().max().unwrap_or(0));
        let mut inner = RowBuffer::default();
        let row = self.source.row(first, y, last + 1 - first, &mut inner);
        let pixel_bytes = self.format().pixel_bytes();
        let extended = buffer.bytes(width * pixel_bytes);
        for at in beside() {
            let from = &row[(column(at) - first) * pixel_bytes..][..pixel_bytes];
            extended[(at - x) * pixel_bytes..][..pixel_bytes].copy_from_slice(from);
        }
        if !own.is_empty() {
            let len = own.len() * pixel_bytes;
            let from = &row[(own.start - margin - first) * pixel_bytes..][..len];
            extended[(own.start - x) * pixel_bytes..][..len].copy_from_slice(from);
        }
        extended
    }
}

#[cfg(test)]
mod tests {
    use super::super::source::Rgb;
    use super::*;
    use crate::net::Border;
    use crate::net::random::random_net;

    #[test]
    fn a_picture_goes_on_mirrored_with_its_edges_repeated() {
        let net = random_net(1, 2, &[4, 4]).unwrap().with_border(Border::Mirror);
        let pixels = |row: &str| row.bytes().flat_map(|code| [code.into(), 0, 7]).collect::<Vec<u16>>();
        let samples = pixels("abcdefgh");
        let rgb = Rgb { width: 4, height: 2, samples: &samples };
        let extended = Extended::new(&rgb, &net);
        assert_eq!((extended.width(), extended.height()), (10, 8));
        // Three layers see three pixels beyond; two rows are mirrored more than once.
        let (first, second) = ("cbaabcddcb", "gfeefghhgf");
        let rows = [second, second, first, first, second, second, first, first];
        let mut buffer = RowBuffer::default();
        for (y, row) in rows.into_iter().enumerate() {
            for (x, width) in [(0, 10), (3, 4), (2, 5), (5, 5), (9, 1)] {
                let expected = pixels(&row[x..x + width]);
                assert_eq!(
                    extended.row(x, y, width, &mut buffer),
                    bytemuck::cast_slice::<u16, u8>(&expected),
                    "{x}, {y}"
                );
            }
        }
    }

    #[test]
    fn one_pixel_is_repeated_and_zeros_extend_nothing() {
        let net = random_net(1, 2, &[4, 4]).unwrap();
        let rgb = Rgb { width: 1, height: 1, samples: &[1_u8, 2, 3] };
        let extended = Extended::new(&rgb, &net);
        assert_eq!((extended.width(), extended.height()), (1, 1));
        let net = net.with_border(Border::Mirror);
        let extended = Extended::new(&rgb, &net);
        let mut buffer = RowBuffer::default();
        assert_eq!(extended.row(0, 6, 7, &mut buffer), [1, 2, 3].repeat(7));
    }
}
