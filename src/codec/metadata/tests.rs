//! Whatever the bytes are, reading and carrying them ends, and nothing panics.

use std::io::Cursor;

use super::*;
use crate::codec::Picture;
use crate::codec::encode::{DEFAULT_QUALITY, encode};
use crate::random::Random;
use crate::{Image, Layout, Samples};

/// The formats that hold metadata.
const HOLDERS: [Format; 4] = [Format::Png, Format::Jpeg, Format::WebP, Format::Tiff];

/// A block with all four directories, a thumbnail, and values within and outside of the entries.
fn block() -> Vec<u8> {
    use crate::codec::directory::{Field, kind, tag};
    let text = |tag| Field { tag, kind: kind::ASCII, value: b"something\0".to_vec() };
    let fields = exif::Fields {
        main: vec![text(0x10f), Field::short(tag::ORIENTATION, 6), Field::long(tag::IMAGE_WIDTH, 5)],
        exif: vec![
            text(0x9003),
            Field::long(tag::PIXEL_WIDTH, 5),
            Field::short(tag::PIXEL_HEIGHT, 4),
            Field::short(tag::SUBJECT_AREA, 4),
            text(tag::MAKER_NOTE),
        ],
        gps: vec![Field::rational(2, (1, 2))],
        interoperability: vec![text(1)],
        had_maker_note: false,
    };
    let mut block = fields.block();
    // The thumbnail's directory is the main one's successor, which is the last.
    let next = block.len() - 4;
    let thumbnail_at = u32::try_from(block.len()).unwrap();
    block[next..].copy_from_slice(&thumbnail_at.to_ne_bytes());
    for number in [2_u16, tag::THUMBNAIL_OFFSET, kind::LONG] {
        block.extend(number.to_ne_bytes());
    }
    block.extend(1_u32.to_ne_bytes());
    block.extend((thumbnail_at + 30).to_ne_bytes());
    for number in [tag::THUMBNAIL_LEN, kind::LONG] {
        block.extend(number.to_ne_bytes());
    }
    block.extend([1_u32, 9, 0].map(u32::to_ne_bytes).concat());
    block.extend(b"thumbnail");
    block
}

fn everything() -> Metadata {
    let text = |keyword: &str, text: String| Text { keyword: keyword.to_owned(), text, ..Text::default() };
    Metadata {
        icc: Some([vec![0; 128], b"\0\0\0\x01cicp\0\0\0\x90\0\0\0\x0ccicp\0\0\0\0\x09\x10\0\x01".to_vec()].concat()),
        colours: Colours {
            cicp: Some([9, 18, 0, 1]),
            gamma: Some(1),
            chromaticities: Some([1; 8]),
            ..Colours::default()
        },
        exif: Some(block()),
        xmp: Some(b"<a tiff:Orientation='6' exif:PixelXDimension='5'><xmp:Thumbnails>x</xmp:Thumbnails></a>".to_vec()),
        iptc: Some(b"\x1c\x02\x5a\x00\x06Zurich".to_vec()),
        resolution: Some(Resolution { x: (300, 1), y: (118, 7), unit: ResolutionUnit::Inch }),
        texts: vec![text(COMMENT, "a".repeat(2000)), text("Title", "漢字".to_owned())],
    }
}

/// Does with a file's bytes all that can be done.
fn carry(format: Format, bytes: &[u8]) {
    let (metadata, ..) = match format {
        Format::Tiff => Main::first(bytes).map(|main| of_tiff(&main)).unwrap_or((
            Metadata::default(),
            Orientation::NoTransforms,
            vec![],
        )),
        _ => read(format, bytes),
    };
    for target in Format::WRITTEN {
        let mut notes = Vec::new();
        let fitted = metadata.fit(target, (15, 12), Layout::Rgb, &mut notes);
        match target {
            Format::Png => drop(png_chunks(&fitted)),
            Format::Jpeg => drop(write_jpeg(&[0xff, 0xd8, 0xff, 0xd9], &fitted)),
            Format::Tiff => drop(TiffTags::new(&fitted, &mut notes).main(|_| Ok::<_, ()>(8))),
            _ => {}
        }
    }
}

#[test]
fn no_bytes_make_it_panic() {
    let image = Image::new(5, 4, Layout::Rgb, Samples::U8(vec![9; 60])).unwrap();
    let picture = Picture { image, metadata: everything() };
    let mut random = Random::new(1);
    for format in HOLDERS {
        let mut file = Cursor::new(Vec::new());
        encode(&picture, format, DEFAULT_QUALITY, &mut file).unwrap();
        let file = file.into_inner();
        carry(format, &file);
        for len in 0..file.len() {
            carry(format, &file[..len]);
        }
        let mut at = || usize::try_from(random.within(0..=i64::try_from(file.len()).unwrap() - 1)).unwrap();
        let changes: Vec<_> = (0..4000).map(|_| [at(), at(), at(), at()]).collect();
        for (index, [a, b, c, d]) in changes.into_iter().enumerate() {
            let mut damaged = file.clone();
            match index % 4 {
                0 => damaged[a] = random.byte(),
                1 => [a, b, c, d].into_iter().for_each(|at| damaged[at] = random.byte()),
                // What offsets and lengths are hostile with.
                2 => damaged[a..file.len().min(a + 4)].fill([0, 0xff, 0x7f, 0x80][b % 4]),
                _ => {
                    let (start, end) = (a.min(b), a.max(b));
                    damaged.drain(start..end);
                }
            }
            // PNG's parts are only looked at if their checksums are right.
            if format == Format::Png {
                correct_checksums(&mut damaged);
            }
            carry(format, &damaged);
        }
    }
    for _ in 0..20_000 {
        let mut block = block();
        for _ in 0..3 {
            let at = usize::try_from(random.within(0..=i64::try_from(block.len()).unwrap() - 1)).unwrap();
            block[at] = random.byte();
        }
        let mut metadata = Metadata { exif: Some(block), ..Metadata::default() };
        metadata.settle(&mut vec![]);
        metadata.fit(Format::Tiff, (7, 7), Layout::Grey, &mut vec![]);
        metadata.exif.as_deref().map(exif::Fields::of_block);
    }
}

fn correct_checksums(file: &mut [u8]) {
    let mut at = 8;
    while let Some(len) = file.get(at..at + 4).map(|len| u32::from_be_bytes(len.try_into().unwrap()) as usize) {
        let Some(data) = file.get(at + 4..at + 8 + len) else { return };
        let mut crc = flate2::Crc::new();
        crc.update(data);
        let sum = crc.sum().to_be_bytes();
        let Some(place) = file.get_mut(at + 8 + len..at + 12 + len) else { return };
        place.copy_from_slice(&sum);
        at += 12 + len;
    }
}

/// It ends at once; if any of it were quadratic, not before the next day.
#[test]
fn no_bytes_take_long() {
    // Directories of the most entries, each with the longest value.
    let mut block = b"II\x2a\0\x08\0\0\0\xff\xff".to_vec();
    for tag in 0..=u16::MAX {
        block.extend(tag.to_le_bytes());
        block.extend([7, 0]);
        block.extend(700_000_u32.to_le_bytes());
        block.extend(10_u32.to_le_bytes());
    }
    let next = 10 + 12 * 65535;
    block[next..next + 4].copy_from_slice(&8_u32.to_le_bytes());
    let xmp = |text: &str| Some(text.repeat(MAX_LEN / text.len()).into_bytes());
    for packet in [xmp("<tiff:Orientation"), xmp(" tiff:Orientation='"), xmp("<xmp:Thumbnails>")] {
        let mut metadata = Metadata { exif: Some(block.clone()), xmp: packet, ..Metadata::default() };
        metadata.settle(&mut vec![]);
        metadata.fit(Format::Png, (1, 1), Layout::Rgb, &mut vec![]);
        metadata.exif.as_deref().map(exif::Fields::of_block);
    }
    carry(Format::Tiff, &block);
    // Zeros shrink a thousandfold; what they become is bounded.
    let bomb = png_chunks(&Metadata {
        icc: Some(vec![0; 2 * MAX_LEN]),
        texts: vec![Text { keyword: "a".to_owned(), text: "a".repeat(MAX_LEN / 3 * 2), ..Text::default() }; 3],
        ..Metadata::default()
    });
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    for (name, data) in bomb {
        file.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        file.extend(name);
        file.extend(data);
        file.extend([0; 4]);
    }
    correct_checksums(&mut file);
    let (metadata, _, notes) = read(Format::Png, &file);
    assert_eq!((metadata.icc, metadata.texts.len()), (None, 1));
    assert_eq!(notes, [Note::Damaged(Part::Icc), Note::Damaged(Part::Texts)]);
}

#[test]
fn resolutions_are_converted_exactly_or_rounded() {
    let per = |x, unit, wanted| Resolution { x, y: x, unit }.per(wanted, u32::MAX).map(|(x, _)| x);
    assert_eq!(per((300, 1), ResolutionUnit::Inch, ResolutionUnit::Metre), Some(11811));
    assert_eq!(per((11811, 1), ResolutionUnit::Metre, ResolutionUnit::Inch), Some(300));
    assert_eq!(per((118, 1), ResolutionUnit::Centimetre, ResolutionUnit::Metre), Some(11800));
    assert_eq!(per((1, 3), ResolutionUnit::Inch, ResolutionUnit::Inch), None);
    assert_eq!(per((300, 1), ResolutionUnit::None, ResolutionUnit::Inch), None);
    assert_eq!(per((u32::MAX, 1), ResolutionUnit::Inch, ResolutionUnit::Metre), None);
    let aspect = |x, y, max| Resolution { x, y, unit: ResolutionUnit::None }.aspect(max);
    assert_eq!(aspect((4, 2), (1, 1), 65535), Some((2, 1)));
    assert_eq!(aspect((1_000_000, 1), (1, 1), 65535), Some((62500, 1)));
}

#[test]
fn colours_without_a_profile_get_the_same_one() {
    use moxcms::{ColorProfile, ToneReprCurve};
    let profile =
        |colours: Colours, is_grey| ColorProfile::new_from_slice(&icc::equivalent(&colours, is_grey).unwrap());
    let none = Colours::default();
    let cicp = |numbers| Colours { cicp: Some(numbers), ..none };
    // Apple's Display P3 has these, to the four digits that it was published with.
    let p3 = profile(cicp([12, 13, 0, 1]), false).unwrap();
    let p3_by_chunk = Colours { chromaticities: Some([31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000]), ..none };
    for profile in [&p3, &profile(p3_by_chunk, false).unwrap()] {
        for (colorant, expected) in [
            (profile.red_colorant, [0.5151, 0.2412, -0.0011]),
            (profile.green_colorant, [0.2920, 0.6922, 0.0419]),
            (profile.blue_colorant, [0.1571, 0.0666, 0.7841]),
        ] {
            for (actual, expected) in [colorant.x, colorant.y, colorant.z].into_iter().zip(expected) {
                assert!((actual - expected).abs() < 1e-3, "{colorant:?}");
            }
        }
    }
    let exponent = |profile: &ColorProfile| match (&profile.gray_trc, &profile.red_trc) {
        (Some(curve), None) | (None, Some(curve)) => match curve {
            ToneReprCurve::Parametric(curve) => curve[0],
            // An exponent with 8 bits behind the point.
            ToneReprCurve::Lut(curve) => f32::from(curve[0]) / 256.0,
        },
        other => panic!("{other:?}"),
    };
    for is_grey in [false, true] {
        assert_eq!(exponent(&profile(Colours { gamma: Some(50_000), ..none }, is_grey).unwrap()), 2.0);
        assert_eq!(exponent(&profile(cicp([1, 8, 0, 1]), is_grey).unwrap()), 1.0);
    }
    for without in [
        cicp([9, 16, 0, 1]),
        cicp([12, 13, 1, 1]),
        cicp([12, 13, 0, 0]),
        cicp([2, 13, 0, 1]),
        cicp([1, 4, 0, 1]),
        cicp([255, 255, 0, 1]),
        Colours { gamma: Some(1), ..none },
        Colours { chromaticities: Some([0; 8]), ..none },
        Colours { chromaticities: Some([31270, 32900, 1, 1, 2, 2, 3, 3]), ..none },
    ] {
        assert_eq!(icc::equivalent(&without, false), None, "{without:?}");
    }
    assert_eq!(icc::equivalent(&p3_by_chunk, false), icc::equivalent(&p3_by_chunk, false));
}
