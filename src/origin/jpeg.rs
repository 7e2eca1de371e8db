//! How much a JPEG lost, from its quantisation tables.

use std::iter;

use crate::codec::jpeg::segments::Segments;

const DEFINE_QUANTISATION_TABLES: u8 = 0xdb;

/// A table's entries, in zigzag order.
pub(super) type Table = [u16; 64];

/// The luma table that ISO/IEC 10918-1, Annex K gives as an example, in zigzag order: the IJG's encoder and most others
/// scale it.
pub(super) const STANDARD: Table = [
    16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29, 40, 58, 51, 61,
    60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113,
    121, 112, 100, 120, 92, 101, 103, 99,
];

/// Rows and columns of the coefficients, in zigzag order.
pub(super) const ZIGZAG: [(usize, usize); 64] = {
    let mut order = [(0, 0); 64];
    let (mut index, mut diagonal) = (0, 0);
    while diagonal < 15 {
        // Odd diagonals run from the top down, even ones from the left up.
        let mut step = 0;
        while step <= diagonal {
            let (row, column) = if diagonal % 2 == 1 { (step, diagonal - step) } else { (diagonal - step, step) };
            if row < 8 && column < 8 {
                order[index] = (row, column);
                index += 1;
            }
            step += 1;
        }
        diagonal += 1;
    }
    order
};

/// The quantisation table of a JPEG's first component: luma, or red. None if it has none, as a lossless JPEG.
pub(super) fn luma_table(bytes: &[u8]) -> Option<Table> {
    let mut tables: [Option<Table>; 4] = [None; 4];
    let mut wanted = None;
    for (marker, segment) in Segments::before_scan(bytes) {
        match marker {
            DEFINE_QUANTISATION_TABLES => read_tables(segment, &mut tables),
            // Frames, but for the code that they share with Huffman tables, extensions and arithmetic conditioning.
            0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                // Precision, height, width and number of components; the first one's name, sampling and table.
                wanted = segment.get(8).copied();
            }
            _ => {}
        }
    }
    *tables.get(usize::from(wanted?))?
}

fn read_tables(mut segment: &[u8], tables: &mut [Option<Table>; 4]) {
    while let Some((&head, rest)) = segment.split_first() {
        let (precision, index) = (usize::from(head >> 4), usize::from(head & 15));
        let bytes = if precision == 0 { 1 } else { 2 };
        let Some((values, rest)) = rest.split_at_checked(64 * bytes) else { return };
        let Some(table) = tables.get_mut(index) else { return };
        let values =
            values.chunks_exact(bytes).map(|value| value.iter().fold(0, |sum, &byte| sum << 8 | u16::from(byte)));
        let mut entries = [0; 64];
        entries.iter_mut().zip(values).for_each(|(entry, value)| *entry = value);
        *table = Some(entries);
        segment = rest;
    }
}

/// The standard table as the IJG's encoder scales it for `quality`, 1 to 100.
pub(super) fn scaled(quality: u8) -> Table {
    let quality = u32::from(quality.clamp(1, 100));
    let percent = if quality < 50 { 5000 / quality } else { 200 - 2 * quality };
    STANDARD.map(|entry| ((u32::from(entry) * percent + 50) / 100).clamp(1, 255) as u16)
}

/// The IJG quality that loses about as much of a picture's luma as this table does.
pub(super) fn quality(table: &Table) -> u8 {
    let wanted = loss(table);
    // The loss falls with the quality; of two that are as near the better, though tables of one loss are mostly the same.
    (1..=100).min_by(|&a, &b| distance(wanted, a).total_cmp(&distance(wanted, b))).unwrap_or(100)
}

fn distance(loss: f64, quality: u8) -> f64 {
    (self::loss(&scaled(quality)) / loss).ln().abs()
}

/// About the mean squared error of a photo's block: rounding to a step, or losing all there is, whichever is less.
fn loss(table: &Table) -> f64 {
    /// Standard deviation of photos' coefficients in levels, at the lowest frequency: measured on Kodak24 reduced three
    /// times. It falls as the frequency rises.
    const DEVIATION: f64 = 80.0;
    let losses = iter::zip(table, ZIGZAG).map(|(&step, (row, column))| {
        let rounding = f64::from(step.max(1)).powi(2) / 12.0;
        match row + column {
            0 => rounding,
            frequency => {
                let variance = (DEVIATION / frequency as f64).powi(2);
                rounding * variance / (rounding + variance)
            }
        }
    });
    losses.sum()
}

/// The quality whose table has the given steps, or nearly; `steps` are in zigzag order, as many as are known. None if no
/// quality's table is like them.
pub(super) fn nearest_quality(steps: &[Option<usize>]) -> Option<u8> {
    /// Of the natural logarithms of ratios, squared: other programs' tables stay well below.
    const MOST_DEVIATION: f64 = 0.08;
    let known: Vec<_> = steps.iter().enumerate().filter_map(|(index, &step)| Some((index, step? as f64))).collect();
    let deviation = |quality: u8| {
        let table = scaled(quality);
        let squares = known.iter().map(|&(index, step)| (step / f64::from(table[index])).ln().powi(2));
        squares.sum::<f64>() / known.len() as f64
    };
    let (quality, least) = (1..=100).map(|quality| (quality, deviation(quality))).min_by(|a, b| a.1.total_cmp(&b.1))?;
    (least < MOST_DEVIATION).then_some(quality)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::codec::jpeg::segments::{START_OF_IMAGE, START_OF_SCAN};

    /// A picture of 1x1 pixels as Pillow saves it with quality 40.
    pub const JPEG: &[u8] = include_bytes!("../../tests/data/quality40.jpg");

    #[test]
    fn zigzag_is_the_standard_s() {
        assert_eq!(ZIGZAG[..10], [(0, 0), (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0)]);
        assert_eq!(ZIGZAG[62..], [(7, 6), (7, 7)]);
        assert_eq!(ZIGZAG[35], (7, 0));
    }

    #[test]
    fn every_quality_is_told_from_its_table() {
        for wanted in 1..=100 {
            let found = quality(&scaled(wanted));
            // Low qualities share tables full of the largest step.
            assert!(found == wanted || scaled(found) == scaled(wanted), "{wanted}: {found}");
        }
    }

    /// Photoshop's and other tables, and the standard quality at which Kodak24, reduced three times, loses as much of its
    /// luma: measured with Pillow.
    #[test]
    fn other_tables_are_judged_by_what_they_lose() {
        // 16, 16, 16, 18, 25, 37, 56, 85, 16, ...: N. Robidoux's table, which mozjpeg scales.
        let robidoux: Table = std::array::from_fn(|index| {
            const ROWS: [[u16; 8]; 8] = [
                [16, 16, 16, 18, 25, 37, 56, 85],
                [16, 17, 20, 27, 34, 40, 53, 75],
                [16, 20, 24, 31, 43, 62, 91, 135],
                [18, 27, 31, 40, 53, 74, 106, 156],
                [25, 34, 43, 53, 69, 94, 131, 189],
                [37, 40, 62, 74, 94, 124, 169, 238],
                [56, 53, 91, 106, 131, 169, 226, 311],
                [85, 75, 135, 156, 189, 238, 311, 418],
            ];
            let (row, column) = ZIGZAG[index];
            ROWS[row][column]
        });
        let percent = |percent: u16| robidoux.map(|step| ((step * percent + 50) / 100).clamp(1, 255));
        let cases = [
            (percent(100), 42),
            (percent(50), 70),
            (percent(30), 82),
            ([3; 64], 98),
            ([6; 64], 94),
            ([12; 64], 88),
            ([20; 64], 78),
            ([40; 64], 36),
        ];
        for (table, measured) in cases {
            let found = quality(&table);
            assert!(found.abs_diff(measured) <= 2, "{table:?}: {found}, not {measured}");
        }
    }

    #[test]
    fn steps_of_no_quality_have_none() {
        let known = |quality: u8| -> Vec<_> {
            let steps = scaled(quality).map(|step| Some(usize::from(step)));
            iter::once(None).chain(steps.into_iter().skip(1).take(9)).collect()
        };
        assert_eq!(nearest_quality(&known(30)), Some(30));
        let mut odd = known(30);
        odd[4] = Some(3);
        assert_eq!(nearest_quality(&odd), None);
        assert_eq!(nearest_quality(&[]), None);
    }

    #[test]
    fn a_file_s_luma_table_is_found() {
        assert_eq!(luma_table(JPEG).map(|table| quality(&table)), Some(40));
    }

    /// A file of these segments, each of a marker and its payload.
    fn file(segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
        let segment = |(marker, payload): &(u8, Vec<u8>)| {
            let length = u16::try_from(payload.len() + 2).unwrap().to_be_bytes();
            [&[0xff, *marker][..], &length, payload].concat()
        };
        [vec![0xff, START_OF_IMAGE], segments.iter().flat_map(segment).collect()].concat()
    }

    #[test]
    fn the_first_component_s_table_is_taken() {
        let table = |head: u8, quality: u8| {
            let wide =
                |value: u16| if head >> 4 == 0 { vec![value.to_be_bytes()[1]] } else { value.to_be_bytes().to_vec() };
            [vec![head], scaled(quality).into_iter().flat_map(wide).collect()].concat()
        };
        let frame = |table: u8| vec![8, 0, 1, 0, 1, 3, 1, 0x22, table, 2, 0x11, 0, 3, 0x11, 0];
        let found = |segments: &[(u8, Vec<u8>)]| luma_table(&file(segments)).map(|table| quality(&table));
        let two = (DEFINE_QUANTISATION_TABLES, [table(0, 90), table(0x11, 30)].concat());
        assert_eq!(found(&[two.clone(), (0xc0, frame(1))]), Some(30));
        assert_eq!(found(&[(0xc2, frame(0)), two.clone()]), Some(90));
        assert_eq!(found(&[(0xc0, frame(2)), two.clone()]), None);
        assert_eq!(found(&[(0xc0, frame(200)), two.clone()]), None);
        // Tables alone are nobody's.
        assert_eq!(found(std::slice::from_ref(&two)), None);
        // What a marker of other things holds is no table; what comes after the scan is another picture's.
        let scan = (START_OF_SCAN, vec![0; 4]);
        assert_eq!(found(&[(0xe1, vec![0xff, 0xdb, 0, 3, 9]), scan, two.clone()]), None);
        assert_eq!(found(&[(DEFINE_QUANTISATION_TABLES, table(0, 50)[..40].to_vec())]), None);
        // A table that comes again replaces the first.
        let again = (DEFINE_QUANTISATION_TABLES, table(0, 20));
        assert_eq!(found(&[two, again, (0xc0, frame(0))]), Some(20));
    }
}
