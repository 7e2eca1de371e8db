//! Files to pictures and back.

use std::io::Cursor;

use abpn::codec::{DEFAULT_MAX_PIXELS, Format, Note, Part, decode, encode};
use abpn::{Error, Image, Layout, Samples};

use crate::pictures::{DEPTHS, LAYOUTS, bare, described, encoded, exif, gradient, icc, noise};

/// The pixels as RGBA, 8 bits: what every lossless format keeps.
fn rgba8(image: &Image) -> Vec<u8> {
    let samples: Vec<u8> = match image.samples() {
        Samples::U8(samples) => samples.clone(),
        Samples::U16(samples) => {
            samples.iter().map(|&sample| u8::try_from((u32::from(sample) + 128) / 257).unwrap()).collect()
        }
    };
    samples
        .chunks(image.layout().channels())
        .flat_map(|pixel| match *pixel {
            [grey] => [grey, grey, grey, 255],
            [grey, alpha] => [grey, grey, grey, alpha],
            [red, green, blue] => [red, green, blue, 255],
            [red, green, blue, alpha] => [red, green, blue, alpha],
            _ => unreachable!(),
        })
        .collect()
}

#[test]
fn lossless_formats_keep_every_layout_and_depth() {
    for layout in LAYOUTS {
        for bits in DEPTHS {
            let image = noise(5, 3, layout, bits);
            for format in Format::WRITTEN.into_iter().filter(|&format| format != Format::Jpeg) {
                let (picture, notes) = decode(&encoded(&bare(image.clone()), format), 15).unwrap();
                assert_eq!(notes, []);
                let holds_16_bits = matches!(format, Format::Png | Format::Tiff | Format::Pnm);
                assert_eq!(matches!(picture.image.samples(), Samples::U16(_)), bits == 16 && holds_16_bits);
                let holds_layout = match format {
                    Format::Png | Format::Pnm => true,
                    Format::Tiff => layout != Layout::GreyAlpha,
                    _ => matches!(layout, Layout::Rgb | Layout::Rgba),
                };
                if holds_layout && (bits == 8 || holds_16_bits) {
                    assert_eq!(picture.image, image, "{format} {layout:?} {bits}");
                }
                assert_eq!(rgba8(&picture.image), rgba8(&image), "{format} {layout:?} {bits}");
            }
        }
    }
}

#[test]
fn jpeg_comes_close() {
    let image = gradient(40, 24);
    let (picture, _) = decode(&encoded(&bare(image.clone()), Format::Jpeg), DEFAULT_MAX_PIXELS).unwrap();
    assert_eq!(picture.image.layout(), Layout::Rgb);
    for (after, before) in rgba8(&picture.image).into_iter().zip(rgba8(&image)) {
        assert!(after.abs_diff(before) < 4, "{after} {before}");
    }
    let grey = Image::new(8, 8, Layout::Grey, Samples::U8(vec![90; 64])).unwrap();
    assert_eq!(decode(&encoded(&bare(grey.clone()), Format::Jpeg), 64).unwrap().0.image, grey);
}

#[test]
fn bmp_is_read() {
    let image = gradient(5, 3);
    let Samples::U8(rgb) = image.samples() else { unreachable!() };
    let mut file = Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut file, rgb, 5, 3, image::ColorType::Rgb8, image::ImageFormat::Bmp).unwrap();
    assert_eq!(decode(file.get_ref(), 15).unwrap().0.image, image);
    assert!(matches!(encode(&bare(image), Format::Bmp, 95, &mut file), Err(Error::Encode { .. })));
}

#[test]
fn palettes_and_few_bits_become_whole_samples() {
    // 4x1 pixels of 2 bits: the colours 1 2 3, 4 5 6 (transparent), 7 8 9, and the first again.
    let file = b"\x89PNG\x0d\x0a\x1a\x0a\x00\x00\x00\x0dIHDR\x00\x00\x00\x04\x00\x00\x00\x01\x02\x03\x00\x00\x00\
          \x84R\xe7^\x00\x00\x00\x09PLTE\x01\x02\x03\x04\x05\x06\x07\x08\x09%\x85V\xf0\x00\x00\x00\x02tRNS\
          \xff\x00\xe5\xb70J\x00\x00\x00\x0aIDATx\x9cc\x90\x00\x00\x00\x1a\x00\x19-\x88\xf46\x00\x00\x00\
          \x00IEND\xaeB`\x82";
    let (picture, _) = decode(file, 4).unwrap();
    let pixels = vec![1, 2, 3, 255, 4, 5, 6, 0, 7, 8, 9, 255, 1, 2, 3, 255];
    assert_eq!(picture.image, Image::new(4, 1, Layout::Rgba, Samples::U8(pixels)).unwrap());

    let (picture, _) = decode(b"P5 3 1 15 \x00\x05\x0f", 3).unwrap();
    assert_eq!(picture.image.samples(), &Samples::U8(vec![0, 85, 255]));
    let (picture, _) = decode(b"P4 3 1 \xa0", 3).unwrap();
    assert_eq!(picture.image.samples(), &Samples::U8(vec![0, 255, 0]));
}

#[test]
fn a_file_cut_short_is_an_error_or_complete() {
    for layout in [Layout::Grey, Layout::Rgb] {
        let image = noise(33, 21, layout, 8);
        for format in Format::WRITTEN {
            let file = encoded(&bare(image.clone()), format);
            let (whole, _) = decode(&file, DEFAULT_MAX_PIXELS).unwrap();
            for len in 0..file.len() {
                match decode(&file[..len], DEFAULT_MAX_PIXELS) {
                    Ok((picture, _)) => assert_eq!(picture.image, whole.image, "{format}, {len} of {}", file.len()),
                    Err(Error::EmptyFile | Error::UnknownFormat | Error::Decode { .. }) => {}
                    Err(other) => panic!("{format}, {len}: {other}"),
                }
            }
        }
    }
}

#[test]
fn damage_never_panics() {
    for format in Format::WRITTEN {
        let file = encoded(&described(gradient(16, 9), Some(icc()), Some(exif(6))), format);
        for at in 0..file.len().min(2000) {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[at] ^= flip;
                let _ = decode(&damaged, 1000);
            }
        }
    }
}

#[test]
fn all_orientations_are_applied_and_reset() {
    // What each orientation makes of the stored picture: 1 2 3 / 4 5 6.
    let upright: [(u32, [u8; 6]); 8] = [
        (3, [1, 2, 3, 4, 5, 6]),
        (3, [3, 2, 1, 6, 5, 4]),
        (3, [6, 5, 4, 3, 2, 1]),
        (3, [4, 5, 6, 1, 2, 3]),
        (2, [1, 4, 2, 5, 3, 6]),
        (2, [4, 1, 5, 2, 6, 3]),
        (2, [6, 3, 5, 2, 4, 1]),
        (2, [3, 6, 2, 5, 1, 4]),
    ];
    let stored = Image::new(3, 2, Layout::Grey, Samples::U8((1..=6).collect())).unwrap();
    for (orientation, (width, pixels)) in (1..).zip(upright) {
        let expected = Image::new(width, 6 / width, Layout::Grey, Samples::U8(pixels.to_vec())).unwrap();
        let file = encoded(&described(stored.clone(), None, Some(exif(orientation))), Format::Png);
        let (picture, _) = decode(&file, 6).unwrap();
        assert_eq!(picture, described(expected, None, Some(exif(1))), "orientation {orientation}");
    }
}

#[test]
fn the_orientation_of_jpeg_and_webp_is_applied() {
    let stored = gradient(16, 8);
    for format in [Format::Jpeg, Format::WebP] {
        let file = encoded(&described(stored.clone(), None, Some(exif(6))), format);
        let (picture, _) = decode(&file, 128).unwrap();
        assert_eq!((picture.image.width(), picture.image.height()), (8, 16), "{format}");
        assert_eq!(picture.metadata.exif, Some(exif(1)), "{format}");
        let (first, corner) = (&rgba8(&picture.image)[..4], &rgba8(&stored)[7 * 16 * 4..][..4]);
        assert!(first.iter().zip(corner).all(|(a, b)| a.abs_diff(*b) < 4), "{format}: {first:?} {corner:?}");
    }
}

#[test]
fn profiles_and_exif_are_carried_or_missed_aloud() {
    let picture = described(gradient(4, 4), Some(icc()), Some(exif(1)));
    for format in Format::WRITTEN {
        let mut file = Cursor::new(Vec::new());
        let notes = encode(&picture, format, 95, &mut file).unwrap();
        let (read, _) = decode(file.get_ref(), 16).unwrap();
        assert_eq!(read.metadata.icc.is_none(), notes.contains(&Note::LeftOut(Part::Icc)), "{format}");
        assert_eq!(read.metadata.exif.is_none(), notes.contains(&Note::LeftOut(Part::Exif)), "{format}");
        assert!(read.metadata.icc.is_none_or(|carried| carried == icc()), "{format}");
        // TIFF has its own orientation, and EXIF's other entries in directories of its own.
        let is_carried = |block: Vec<u8>| match format {
            Format::Tiff => block.windows(4).any(|part| part == b"abc\0"),
            _ => block == exif(1),
        };
        assert!(read.metadata.exif.is_none_or(is_carried), "{format}");
        let expected = match format {
            Format::Png | Format::Jpeg | Format::WebP | Format::Tiff => vec![],
            _ => vec![Note::LeftOut(Part::Icc), Note::LeftOut(Part::Exif)],
        };
        assert_eq!(notes, expected, "{format}");
    }
}

#[test]
fn too_long_an_exif_block_does_not_break_a_jpeg() {
    let image = gradient(4, 4);
    for (len, fits) in [(65527, true), (65528, false)] {
        let mut block = exif(1);
        block.resize(len, 0);
        let picture = described(image.clone(), None, Some(block));
        let mut file = Cursor::new(Vec::new());
        let notes = encode(&picture, Format::Jpeg, 95, &mut file).unwrap();
        assert_eq!(notes.is_empty(), fits);
        assert_eq!(decode(file.get_ref(), 16).unwrap().0.metadata.exif.is_some(), fits);
    }
}

#[test]
fn too_many_pixels_are_refused_by_the_header() {
    let hostile =
        [b"P6 4000000000 1000000000 255 \x00".to_vec(), [b"qoif".as_slice(), &[0x7f; 8], &[3, 0], &[0; 64]].concat()];
    for file in hostile {
        let error = decode(&file, DEFAULT_MAX_PIXELS).unwrap_err();
        assert!(matches!(error, Error::TooManyPixels { .. } | Error::Decode { .. }), "{error}");
    }
    for format in Format::WRITTEN {
        let file = encoded(&bare(gradient(5, 5)), format);
        let error = decode(&file, 24).unwrap_err().to_string();
        assert_eq!(error, "5x5 pixels are more than the limit of 24", "{format}");
        assert!(decode(&file, 25).is_ok());
    }
}

#[test]
fn what_is_no_image_is_named_so() {
    for bytes in [b"\x89".as_slice(), b"GIF", b"hello, world"] {
        assert!(matches!(decode(bytes, 1), Err(Error::UnknownFormat)));
    }
    assert_eq!(decode(b"", 1).unwrap_err().to_string(), "the file is empty");
    let heic = decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 1).unwrap_err().to_string();
    assert!(heic.starts_with("it is a HEIC picture, which abpn doesn't read; "), "{heic}");
}

#[test]
fn floats_become_16_bits_aloud() {
    let floats = [0.0_f32, 1.0, 0.5, -3.0, 7.0, f32::NAN];
    let mut tiff = Cursor::new(Vec::new());
    let bytes: Vec<u8> = floats.iter().flat_map(|value| value.to_ne_bytes()).collect();
    image::write_buffer_with_format(&mut tiff, &bytes, 2, 1, image::ColorType::Rgb32F, image::ImageFormat::Tiff)
        .unwrap();
    let (picture, notes) = decode(tiff.get_ref(), 2).unwrap();
    assert_eq!(picture.image.samples(), &Samples::U16(vec![0, 65535, 32768, 0, 65535, 0]));
    assert_eq!(notes, [Note::FloatTo16Bits]);
}

#[test]
fn further_pages_are_missed_aloud() {
    let mut tiff = encoded(&bare(gradient(2, 2)), Format::Tiff);
    assert_eq!(decode(&tiff, 4).unwrap().1, []);
    // The first directory is the file's last thing, and its last four bytes point to the next.
    let end = tiff.len() - 4;
    tiff[end] = 8;
    assert_eq!(decode(&tiff, 4).unwrap().1, [Note::FirstOnly]);
}
