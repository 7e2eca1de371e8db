//! Files of every kind, as the formats' own tools and rare writers make them: right, or refused in words.
//!
//! The tools are libjpeg-turbo's and libtiff's; `scripts/test` installs them.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Stdio};

use abpn::codec::{
    DEFAULT_MAX_PIXELS, Format, Note, Options, Part, Picture, Resolution, ResolutionUnit, decode, decode_with,
};
use abpn::{Error, Image, Layout, Samples};
use tempfile::TempDir;

use crate::pictures::{bare, encoded, gradient, noise};

/// Runs a tool of libjpeg-turbo or libtiff.
fn run(tool: &str, arguments: &[&str]) -> bool {
    let output = Command::new(tool).args(arguments).output();
    let output = output.unwrap_or_else(|cause| panic!("{tool}: {cause}; scripts/test installs what the tests need"));
    output.status.success()
}

fn path(folder: &TempDir, name: &str) -> String {
    folder.path().join(name).to_str().unwrap().to_owned()
}

fn whole(bytes: &[u8]) -> Result<(Picture, Vec<Note>), Error> {
    decode(bytes, DEFAULT_MAX_PIXELS)
}

fn partly(bytes: &[u8]) -> Result<(Picture, Vec<Note>), Error> {
    decode_with(bytes, &Options { max_pixels: DEFAULT_MAX_PIXELS, partial: true })
}

fn samples8(image: &Image) -> &[u8] {
    match image.samples() {
        Samples::U8(samples) => samples,
        Samples::U16(_) => panic!("16 bits"),
    }
}

/// The largest difference between two samples; none if the pictures have another size or layout.
fn difference(a: &Image, b: &Image) -> Option<u8> {
    let alike = (a.width(), a.height(), a.layout()) == (b.width(), b.height(), b.layout());
    alike.then(|| samples8(a).iter().zip(samples8(b)).map(|(a, b)| a.abs_diff(*b)).max().unwrap_or(0))
}

#[test]
fn a_difference_is_seen() {
    let image = gradient(5, 4);
    let mut samples = samples8(&image).to_vec();
    samples[7] ^= 4;
    let other = Image::from_rgb8(5, 4, samples).unwrap();
    assert_eq!(difference(&image, &other), Some(4));
    assert_eq!(difference(&image, &gradient(4, 5)), None);
}

/// Smooth colours with hard edges, so that every way to get a JPEG wrong shows.
fn scene(width: u32, height: u32) -> Image {
    let level = |value: u32| value.to_le_bytes()[0];
    let pixels = (0..height).flat_map(|y| {
        (0..width).flat_map(move |x| match (x * 3 > width, y * 2 > height) {
            (true, true) => [250, 10, 20],
            (false, true) => [level(x * 7), level(y * 5), 255 - level(x * 3)],
            _ => [level(x * 255 / width), level(y * 255 / height), level((x * y) % 200)],
        })
    });
    Image::from_rgb8(width, height, pixels.collect()).unwrap()
}

/// What djpeg makes of a file.
fn djpeg(folder: &TempDir, file: &str) -> Image {
    let out = path(folder, "djpeg.pnm");
    let status = Command::new("djpeg").args(["-pnm", "-outfile", &out, file]).stderr(Stdio::null()).status();
    let status = status.unwrap_or_else(|cause| panic!("djpeg: {cause}; scripts/test installs what the tests need"));
    // 2 is a warning: of an Adobe marker whose number means nothing.
    assert!(matches!(status.code(), Some(0 | 2)), "djpeg {file}");
    whole(&fs::read(out).unwrap()).unwrap().0.image
}

/// Two roundings, of the transform and of chroma between its samples, each up to two levels once they are colours.
const ROUNDING: u8 = 4;

#[test]
fn jpegs_of_every_kind_are_djpegs_picture_or_refused() {
    let folder = TempDir::new().unwrap();
    let (source, file, script) = (path(&folder, "a.ppm"), path(&folder, "a.jpg"), path(&folder, "scans"));
    let samplings = [
        "1x1",
        "2x1",
        "1x2",
        "2x2",
        "4x1",
        "1x4",
        "4x2",
        "4x4",
        "3x1",
        "3x2",
        "1x1,2x2,1x1",
        "1x1,2x1,2x1",
        "2x2,2x1,1x2",
        "2x2,1x2,1x2",
        "2x1,1x1,2x1",
        "1x2,1x1,1x2",
        "2x2,2x2,2x2",
        "2x1,2x1,1x1",
        "1x2,2x1,1x1",
        "2x2,1x1,2x1",
        "4x2,2x1,1x1",
        "4x1,2x1,2x1",
        "1x1,1x1,2x2",
        "3x2,1x2,1x1",
    ];
    let modes: [&[&str]; 6] =
        [&[], &["-restart", "1B"], &["-progressive"], &["-arithmetic"], &["-rgb"], &["-grayscale"]];
    let scans = ["0;1;2;", "2;1;0;", "0 1;2;", "2;0 1;"];
    let (mut read, mut exact, mut refused) = (0, 0, 0);
    for (width, height) in [(17, 9), (33, 47)] {
        fs::write(&source, encoded(&bare(scene(width, height)), Format::Pnm)).unwrap();
        for sampling in samplings {
            let with_scans = scans.map(|scans| (scans, ["-scans", &script]));
            let modes = modes.iter().map(|mode| ("", *mode)).chain(with_scans.iter().map(|(s, mode)| (*s, &mode[..])));
            for (scans, mode) in modes {
                fs::write(&script, scans).unwrap();
                let options = ["-quality", "85", "-sample", sampling, "-outfile", &file];
                // Some combinations are none.
                if !run("cjpeg", &[&options, mode, &[source.as_str()]].concat()) {
                    continue;
                }
                let kind = format!("{width}x{height} {sampling} {mode:?} {scans}");
                match whole(&fs::read(&file).unwrap()) {
                    Ok((picture, notes)) => {
                        let difference = difference(&picture.image, &djpeg(&folder, &file)).expect(&kind);
                        assert!(difference <= ROUNDING, "{kind}: {difference}");
                        assert_eq!(notes, [], "{kind}");
                        read += 1;
                        exact += usize::from(difference == 0);
                    }
                    Err(error) => {
                        assert!(error.to_string().contains("rare kind"), "{kind}: {error}");
                        refused += 1;
                    }
                }
            }
        }
    }
    assert!(exact > 250 && read > 400 && refused < read / 10, "{exact} exact, {read} read, {refused} refused");
}

/// A JPEG's segments up to its first scan's, and what follows.
fn segments(file: &[u8]) -> (Vec<(u8, Vec<u8>)>, Vec<u8>) {
    let mut list = Vec::new();
    let mut at = 2;
    loop {
        let marker = file[at + 1];
        let len = usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
        list.push((marker, file[at + 4..at + 2 + len].to_vec()));
        at += 2 + len;
        if marker == 0xda {
            return (list, file[at..].to_vec());
        }
    }
}

fn segment(marker: u8, bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len() + 2).unwrap().to_be_bytes();
    [&[0xff, marker], &len[..], bytes].concat()
}

fn jpeg_of(list: &[(u8, Vec<u8>)], rest: &[u8]) -> Vec<u8> {
    let list = list.iter().map(|(marker, bytes)| segment(*marker, bytes));
    [vec![0xff, 0xd8], list.collect::<Vec<_>>().concat(), rest.to_vec()].concat()
}

/// A JPEG of [`scene`] with 4:2:0.
fn photo(folder: &TempDir) -> Vec<u8> {
    let (source, file) = (path(folder, "b.ppm"), path(folder, "b.jpg"));
    fs::write(&source, encoded(&bare(scene(48, 31)), Format::Pnm)).unwrap();
    assert!(run("cjpeg", &["-quality", "90", "-sample", "2x2", "-outfile", &file, &source]));
    fs::read(file).unwrap()
}

#[test]
fn a_jpegs_colours_are_told_by_its_markers_and_names() {
    let folder = TempDir::new().unwrap();
    let (list, rest) = segments(&photo(&folder));
    let file = path(&folder, "c.jpg");
    let mut pictures = Vec::new();
    for ids in [*b"\x01\x02\x03", *b"\0\x01\x02", *b"RGB", *b"rgb", *b"\x03\x02\x01", *b"\x01\x22\x23"] {
        for adobe in [None, Some(0), Some(1), Some(2)] {
            for jfif in [false, true] {
                let mut changed = list.clone();
                changed.retain(|(marker, _)| jfif || *marker != 0xe0);
                for (marker, bytes) in &mut changed {
                    let (first, step) = match *marker {
                        0xc0 => (6, 3),
                        0xda => (1, 2),
                        _ => continue,
                    };
                    (0..3).for_each(|component| bytes[first + step * component] = ids[component]);
                }
                if let Some(transform) = adobe {
                    changed.insert(0, (0xee, [b"Adobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat()));
                }
                let bytes = jpeg_of(&changed, &rest);
                fs::write(&file, &bytes).unwrap();
                let (picture, _) = whole(&bytes).unwrap();
                assert_eq!(difference(&picture.image, &djpeg(&folder, &file)), Some(0), "{ids:?} {adobe:?} {jfif}");
                if !pictures.contains(&picture) {
                    pictures.push(picture);
                }
            }
        }
    }
    assert_eq!(pictures.len(), 2, "as YCbCr and as RGB");
}

#[test]
fn cmyk_becomes_rgb_aloud() {
    let inks = [[0, 0, 0, 0], [255, 0, 0, 0], [0, 255, 0, 0], [0, 0, 255, 128], [0, 0, 0, 255], [100, 50, 0, 60]];
    for [cyan, magenta, yellow, black] in inks {
        // Adobe's way: with their marker, 255 is no ink.
        let inverted: Vec<u8> = [cyan, magenta, yellow, black].map(|ink| 255 - ink).repeat(64);
        let format = libjpeg_turbo_rs::PixelFormat::Cmyk;
        let file =
            libjpeg_turbo_rs::compress(&inverted, 8, 8, format, 100, libjpeg_turbo_rs::Subsampling::S444).unwrap();
        let (picture, notes) = whole(&file).unwrap();
        assert_eq!((notes, picture.image.layout()), (vec![Note::CmykByFormula], Layout::Rgb));
        let left = |ink: u8| f64::from(255 - ink) * f64::from(255 - black) / 255.0;
        for (sample, ink) in samples8(&picture.image).iter().zip([cyan, magenta, yellow].iter().cycle()) {
            assert!((f64::from(*sample) - left(*ink)).abs() < 3.0, "{cyan} {magenta} {yellow} {black}: {sample}");
        }
    }
}

#[test]
fn damage_that_spares_the_pixels_is_said() {
    let folder = TempDir::new().unwrap();
    let file = photo(&folder);
    let (expected, notes) = whole(&file).unwrap();
    assert_eq!(notes, []);
    let end = file.len() - 2;
    for len in [end, end + 1] {
        assert_eq!(whole(&file[..len]).unwrap(), (expected.clone(), vec![Note::EndMissing]));
    }
    let (list, rest) = segments(&file);
    for at in 1..list.len() {
        let mut stray = jpeg_of(&list[..at], b"\0\x12\0");
        stray.extend(&jpeg_of(&list[at..], &rest)[2..]);
        assert_eq!(whole(&stray).unwrap(), (expected.clone(), vec![Note::StrayBytes]), "before segment {at}");
    }
    let behind = [file.as_slice(), b"a preview, or a video"].concat();
    assert_eq!(whole(&behind).unwrap().0.image, expected.image);
}

#[test]
fn a_height_that_follows_the_scan_is_found() {
    let folder = TempDir::new().unwrap();
    let file = photo(&folder);
    let (mut list, rest) = segments(&file);
    let frame = list.iter_mut().find(|(marker, _)| *marker == 0xc0).unwrap();
    let height: Vec<u8> = frame.1.splice(1..3, [0, 0]).collect();
    let late = [&rest[..rest.len() - 2], &segment(0xdc, &height), &rest[rest.len() - 2..]].concat();
    assert_eq!(whole(&jpeg_of(&list, &late)).unwrap(), whole(&file).unwrap());
    let error = whole(&jpeg_of(&list, &rest)).unwrap_err().to_string();
    assert!(error.contains("no height"), "{error}");
}

#[test]
fn what_is_cut_short_is_refused_unless_a_part_will_do() {
    let folder = TempDir::new().unwrap();
    let (source, progressive) = (path(&folder, "p.ppm"), path(&folder, "p.jpg"));
    fs::write(&source, encoded(&bare(scene(48, 31)), Format::Pnm)).unwrap();
    assert!(run("cjpeg", &["-progressive", "-outfile", &progressive, &source]));
    let png = encoded(&bare(noise(48, 31, Layout::Rgb, 8)), Format::Png);
    let tiff = encoded(&bare(scene(48, 31)), Format::Tiff);
    for file in [photo(&folder), fs::read(progressive).unwrap(), png] {
        let (expected, _) = whole(&file).unwrap();
        for len in [file.len() * 3 / 4, file.len() * 7 / 8] {
            let error = whole(&file[..len]).unwrap_err().to_string();
            assert!(error.ends_with("cut short; --partial takes what is there"), "{error}");
            let (part, notes) = partly(&file[..len]).unwrap();
            assert!(notes.contains(&Note::Partial), "{notes:?}");
            assert_eq!((part.image.width(), part.image.height()), (48, 31));
            assert_ne!(part.image, expected.image);
            let row = &samples8(&part.image)[..48 * 3];
            let close = row.iter().zip(samples8(&expected.image)).filter(|(a, b)| a.abs_diff(**b) < 60).count();
            assert!(close > row.len() / 2, "the first row is there");
        }
        assert_eq!(partly(&file).unwrap(), whole(&file).unwrap(), "a whole file is the same either way");
    }
    // A TIFF's directory may lie behind its pixels: then nothing is left without it.
    assert!(whole(&tiff[..tiff.len() - 200]).is_err());
}

#[test]
fn damaged_checksums_are_refused_in_words() {
    let mut file = encoded(&bare(gradient(20, 10)), Format::Png);
    let at = file.windows(4).position(|name| name == b"IDAT").unwrap();
    let len = usize::try_from(u32::from_be_bytes(file[at - 4..at].try_into().unwrap())).unwrap();
    file[at + 4 + len] ^= 0xff;
    let error = whole(&file).unwrap_err().to_string();
    assert_eq!(error, "can't decode this PNG: it is damaged; --partial takes what is there");
    assert_eq!(partly(&file).unwrap().0.image, gradient(20, 10));
}

/// A little-endian TIFF with these tags, of 32 bits, and one strip.
fn tiff(width: u16, height: u16, tags: &[(u16, Vec<u32>)], strip: &[u8]) -> Vec<u8> {
    tiff_of(width, height, tags, &[strip])
}

/// As [`tiff`], with a strip for each plane.
fn tiff_of(width: u16, height: u16, tags: &[(u16, Vec<u32>)], strips: &[&[u8]]) -> Vec<u8> {
    let mut file = b"II*\0\0\0\0\0".to_vec();
    let (mut places, mut lens) = (vec![], vec![]);
    for strip in strips {
        places.push(u32::try_from(file.len()).unwrap());
        lens.push(u32::try_from(strip.len()).unwrap());
        file.extend_from_slice(strip);
    }
    let mut all: Vec<(u16, Vec<u32>)> = vec![
        (256, vec![width.into()]),
        (257, vec![height.into()]),
        (273, places),
        (278, vec![height.into()]),
        (279, lens),
    ];
    all.extend(tags.iter().cloned());
    all.sort();
    let mut entries = Vec::new();
    for (tag, values) in &all {
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let place = if values.len() == 1 {
            bytes
        } else {
            let at = u32::try_from(file.len()).unwrap().to_le_bytes();
            file.extend(bytes);
            at.to_vec()
        };
        let count = u32::try_from(values.len()).unwrap().to_le_bytes();
        entries.extend([&tag.to_le_bytes()[..], &[4, 0], &count, &place].concat());
    }
    let directory = u32::try_from(file.len()).unwrap().to_le_bytes();
    file[4..8].copy_from_slice(&directory);
    file.extend(u16::try_from(all.len()).unwrap().to_le_bytes());
    file.extend(entries);
    file.extend([0; 4]);
    file
}

fn image(width: u32, height: u32, layout: Layout, samples: &[u8]) -> Image {
    Image::new(width, height, layout, Samples::U8(samples.to_vec())).unwrap()
}

#[test]
fn tiffs_directory_says_what_its_samples_are() {
    let read = |file: &[u8]| whole(file).map(|(picture, notes)| (picture.image, notes)).unwrap();
    // Few bits, black at either end.
    let file = tiff(3, 2, &[(258, vec![4]), (262, vec![1])], &[0x0f, 0x70, 0x12, 0x30]);
    assert_eq!(read(&file), (image(3, 2, Layout::Grey, &[0, 255, 119, 17, 34, 51]), vec![]));
    let file = tiff(3, 2, &[(258, vec![2]), (262, vec![0])], &[0b00_01_10_00, 0b11_10_01_00]);
    assert_eq!(read(&file).0, image(3, 2, Layout::Grey, &[255, 170, 85, 0, 85, 170]));
    // One bit, mirrored.
    let file = tiff(9, 1, &[(258, vec![1]), (262, vec![1]), (266, vec![2])], &[0b0000_0101, 1]);
    assert_eq!(read(&file).0, image(9, 1, Layout::Grey, &[255, 0, 255, 0, 0, 0, 0, 0, 255]));
    // A palette of 16-bit colours, and one whose writer forgot that.
    let map = |unit: u32| (0..12_u32).map(|level| level * 10 * unit).collect::<Vec<_>>();
    for unit in [257, 1] {
        let file = tiff(4, 1, &[(258, vec![2]), (262, vec![3]), (320, map(unit))], &[0b00_01_10_11]);
        let pixels = [0, 40, 80, 10, 50, 90, 20, 60, 100, 30, 70, 110];
        assert_eq!(read(&file).0, image(4, 1, Layout::Rgb, &pixels));
    }
    // A palette of more than 8 bits, of which the last colour is the only one.
    let map = (0..3 << 9).map(|at| if at % 512 == 511 { 0x1234 + at / 512 } else { 0 }).collect();
    let file = tiff(1, 1, &[(258, vec![9]), (262, vec![3]), (320, map)], &[0xff, 0x80]);
    let expected = Image::new(1, 1, Layout::Rgb, Samples::U16(vec![0x1234, 0x1235, 0x1236])).unwrap();
    assert_eq!(read(&file).0, expected);
    // Tiles whose places stand where those of strips do.
    let tiled = [(258, vec![8]), (262, vec![1]), (322, vec![2]), (323, vec![2])];
    assert_eq!(read(&tiff(1, 2, &tiled, &[1, 2, 3, 4])).0, image(1, 2, Layout::Grey, &[1, 3]));
    // Alpha: its own, multiplied in, or none at all.
    let four = |kind: u32| [(258, vec![8; 4]), (262, vec![2]), (277, vec![4]), (338, vec![kind])];
    let strip = [50, 100, 0, 128, 9, 9, 9, 0];
    assert_eq!(read(&tiff(2, 1, &four(2), &strip)).0, image(2, 1, Layout::Rgba, &strip));
    assert_eq!(read(&tiff(2, 1, &four(1), &strip)).0, image(2, 1, Layout::Rgba, &[100, 199, 0, 128, 0, 0, 0, 0]));
    let dropped = (image(2, 1, Layout::Rgb, &[50, 100, 0, 9, 9, 9]), vec![Note::ExtraChannels]);
    assert_eq!(read(&tiff(2, 1, &four(0), &strip)), dropped);
    let grey = [(258, vec![8; 2]), (262, vec![1]), (277, vec![2]), (338, vec![2])];
    assert_eq!(read(&tiff(1, 1, &grey, &[7, 8])).0, image(1, 1, Layout::GreyAlpha, &[7, 8]));
    // Chroma of two by two pixels, behind their lumas: grey and full red.
    let ycc = [(258, vec![8; 3]), (262, vec![6]), (277, vec![3]), (530, vec![2, 2])];
    let file = tiff(3, 1, &ycc, &[10, 20, 0, 0, 128, 128, 76, 0, 0, 0, 85, 255]);
    let pixels = read(&file).0;
    let expected = [10, 10, 10, 20, 20, 20, 254, 0, 0];
    assert!(samples8(&pixels).iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1), "{pixels:?}");
    // CMYK; more bits than any format that is written.
    let cmyk = [(258, vec![8; 4]), (262, vec![5]), (277, vec![4])];
    let expected = (image(1, 1, Layout::Rgb, &[0, 255, 128]), vec![Note::CmykByFormula]);
    assert_eq!(read(&tiff(1, 1, &cmyk, &[255, 0, 127, 0])), expected);
    let (picture, notes) = read(&tiff(1, 1, &[(258, vec![32]), (262, vec![1])], &[0xff, 0xff, 0xff, 0x7f]));
    assert_eq!((picture.samples(), notes), (&Samples::U16(vec![32767]), vec![Note::RoundedTo16Bits]));
}

#[test]
fn what_a_tiff_is_not_read_for_is_named() {
    for (tags, words) in [
        (vec![(259, vec![34887])], "its compression is LERC"),
        (vec![(259, vec![6])], "its compression is JPEG in the way of before 1995"),
        (vec![(259, vec![4711])], "its compression is unknown (4711)"),
        (vec![(262, vec![8]), (277, vec![3])], "CIE L*a*b*"),
        (vec![(262, vec![32803])], "raw samples"),
        (vec![(339, vec![2])], "signed"),
        (vec![(258, vec![5, 6, 5]), (277, vec![3]), (262, vec![2])], "different bits"),
        (vec![(50706, vec![1])], "(DNG)"),
        (vec![(254, vec![1]), (330, vec![8])], "only a preview"),
        (vec![(259, vec![6]), (532, vec![0, 255, 128, 255, 128, 255])], "JPEG in the way of before 1995"),
    ] {
        let mut all = vec![(258, vec![8]), (262, vec![1])];
        all.retain(|(tag, _)| tags.iter().all(|(other, _)| other != tag));
        all.extend(tags);
        let error = whole(&tiff(1, 1, &all, &[0; 4])).unwrap_err().to_string();
        assert!(error.contains(words) && !error.contains('\n'), "{words}: {error}");
    }
}

#[test]
fn a_tiffs_tag_that_can_not_be_read_is_no_default() {
    // Bits and extra samples lie behind the pixels; of a type or in a place that doesn't exist, they are not known.
    let tags = [(258, vec![8; 4]), (262, vec![2]), (277, vec![4]), (338, vec![0])];
    let file = tiff(1, 1, &tags, &[1, 2, 3, 4]);
    assert!(whole(&file).is_ok());
    let directory = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_le_bytes(file[directory..][..2].try_into().unwrap()));
    for index in 0..count {
        let entry = directory + 2 + 12 * index;
        for (at, byte) in [(entry + 2, 99), (entry + 6, 0xff)] {
            let mut damaged = file.clone();
            damaged[at] = byte;
            assert!(whole(&damaged).is_err(), "entry {index}");
        }
    }
}

#[test]
fn tiffs_of_every_layout_are_the_same_picture() {
    let folder = TempDir::new().unwrap();
    let (source, file) = (path(&folder, "a.tif"), path(&folder, "b.tif"));
    let (mut read, mut refused) = (0, 0);
    for picture in
        [scene(45, 37), noise(45, 37, Layout::Grey, 8), noise(45, 37, Layout::Rgba, 8), noise(45, 37, Layout::Rgb, 16)]
    {
        fs::write(&source, encoded(&bare(picture.clone()), Format::Tiff)).unwrap();
        for compression in ["none", "lzw", "lzw:2", "zip", "zip:2", "packbits", "lzma", "zstd"] {
            for pieces in [&[][..], &["-r", "7"], &["-t", "-w", "16", "-l", "32"]] {
                for way in [
                    &[][..],
                    &["-f", "lsb2msb"],
                    &["-B"],
                    &["-8"],
                    &["-p", "separate"],
                    &["-B", "-8", "-p", "separate"],
                ] {
                    let all = [&["-c", compression], pieces, way, &[source.as_str(), file.as_str()]].concat();
                    // Not every libtiff has every compression.
                    if !run("tiffcp", &all) {
                        continue;
                    }
                    match whole(&fs::read(&file).unwrap()) {
                        Ok((found, _)) => {
                            assert_eq!(found.image, picture, "{all:?}");
                            read += 1;
                        }
                        Err(error) => {
                            assert!(matches!(compression, "lzma" | "zstd"), "{all:?}: {error}");
                            assert!(error.to_string().contains("its compression is"), "{error}");
                            refused += 1;
                        }
                    }
                }
            }
        }
    }
    assert!(read > 350 && refused <= 4 * 3 * 6 * 2, "{read} read, {refused} refused");
}

#[test]
fn fax_and_jpeg_in_tiff_are_libtiffs_picture() {
    let folder = TempDir::new().unwrap();
    let (source, file) = (path(&folder, "a.tif"), path(&folder, "b.tif"));
    let row = |y: u32| (0..8_u32).map(move |x| if y.is_multiple_of(5) { 0 } else { (x * y * 37 + y).to_le_bytes()[0] });
    let bits: Vec<u8> = (0..40).flat_map(row).collect();
    let plain = tiff(61, 40, &[(258, vec![1]), (262, vec![0])], &bits);
    fs::write(&source, &plain).unwrap();
    for compression in ["g3:1d", "g3:2d", "g3:2d:fill", "g4"] {
        for pieces in [&[][..], &["-r", "7"], &["-f", "lsb2msb"]] {
            assert!(run("tiffcp", &[&["-c", compression], pieces, &[source.as_str(), file.as_str()]].concat()));
            let bytes = fs::read(&file).unwrap();
            assert_eq!(whole(&bytes).unwrap().0.image, whole(&plain).unwrap().0.image, "{compression} {pieces:?}");
        }
    }
    let rgba = path(&folder, "c.tif");
    fs::write(&source, encoded(&bare(scene(61, 43)), Format::Tiff)).unwrap();
    for compression in ["jpeg", "jpeg:r", "jpeg:r:60"] {
        for pieces in [&[][..], &["-r", "16"], &["-t", "-w", "32", "-l", "16"]] {
            assert!(run("tiffcp", &[&["-c", compression], pieces, &[source.as_str(), file.as_str()]].concat()));
            assert!(run("tiff2rgba", &["-c", "none", &file, &rgba]));
            let (found, _) = whole(&fs::read(&file).unwrap()).unwrap();
            let (expected, _) = whole(&fs::read(&rgba).unwrap()).unwrap();
            let expected: Vec<u8> = samples8(&expected.image).chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
            let expected = Image::from_rgb8(61, 43, expected).unwrap();
            assert!(difference(&found.image, &expected).unwrap() <= 2, "{compression} {pieces:?}");
        }
    }
}

/// Planes that are smooth, so that JPEG keeps them nearly, and each unlike the others.
fn smooth(width: u32, height: u32, channels: u32) -> Vec<u8> {
    let sample = move |x: u32, y: u32, channel: u32| match channel {
        0 => 20 + 3 * x,
        1 => 200 - 2 * y,
        2 => 90 + x + y,
        _ => 40 + 2 * y - x / 2,
    };
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
    pixels.flat_map(|(x, y)| (0..channels).map(move |channel| sample(x, y, channel).to_le_bytes()[0])).collect()
}

#[test]
fn jpeg_in_tiff_keeps_the_directorys_channels() {
    let folder = TempDir::new().unwrap();
    let (source, file) = (path(&folder, "a.tif"), path(&folder, "b.tif"));
    let tags = |photometric: u32, channels: usize| {
        let channels32 = u32::try_from(channels).unwrap();
        vec![(258, vec![8; channels]), (262, vec![photometric]), (277, vec![channels32])]
    };
    let alpha = |mut tags: Vec<_>, kind: u32| {
        tags.push((338, vec![kind]));
        tags
    };
    for (name, tags, channels) in [
        ("CMYK", tags(5, 4), 4),
        ("RGB", tags(2, 3), 3),
        ("RGBA", alpha(tags(2, 4), 2), 4),
        ("RGB and an extra channel", alpha(tags(2, 4), 0), 4),
        ("white is zero", tags(0, 1), 1),
        ("luma and chroma", [tags(6, 3), vec![(530, vec![1, 1])]].concat(), 3),
    ] {
        let plain = tiff(60, 43, &tags, &smooth(60, 43, channels));
        fs::write(&source, &plain).unwrap();
        for pieces in [&["-r", "16"][..], &["-t", "-w", "32", "-l", "16"], &["-r", "8", "-p", "separate"]] {
            // Which tiffcp doesn't write.
            if name == "luma and chroma" && pieces.contains(&"separate") {
                continue;
            }
            let arguments = [&["-c", "jpeg:r:100"], pieces, &[source.as_str(), file.as_str()]].concat();
            assert!(run("tiffcp", &arguments), "{name} {pieces:?}");
            let (found, notes) = whole(&fs::read(&file).unwrap()).unwrap();
            let (expected, expected_notes) = whole(&plain).unwrap();
            let difference = difference(&found.image, &expected.image).unwrap();
            assert!(difference <= 4, "{name} {pieces:?}: {difference}");
            assert_eq!(notes, expected_notes, "{name} {pieces:?}");
        }
    }
}

#[test]
fn a_jpeg_streams_own_colours_do_not_count_in_tiff() {
    let folder = TempDir::new().unwrap();
    let (source, file, rgba) = (path(&folder, "a.ppm"), path(&folder, "a.jpg"), path(&folder, "b.tif"));
    // One stream says that it is luma and chroma, by JFIF; the other that it is RGB, by Adobe.
    for mode in [&[][..], &["-rgb"]] {
        fs::write(&source, encoded(&bare(scene(32, 16)), Format::Pnm)).unwrap();
        assert!(run("cjpeg", &[&["-sample", "1x1", "-outfile", &file], mode, &[source.as_str()]].concat()));
        let stream = fs::read(&file).unwrap();
        for photometric in [2, 6] {
            let tags = [(258, vec![8; 3]), (259, vec![7]), (262, vec![photometric]), (277, vec![3]), (530, vec![1, 1])];
            let picture = tiff(32, 16, &tags, &stream);
            fs::write(&file, &picture).unwrap();
            assert!(run("tiff2rgba", &["-c", "none", &file, &rgba]));
            let expected = whole(&fs::read(&rgba).unwrap()).unwrap().0.image;
            let expected = samples8(&expected).chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
            let expected = Image::from_rgb8(32, 16, expected).unwrap();
            let found = whole(&picture).unwrap().0.image;
            assert!(difference(&found, &expected).unwrap() <= 2, "{mode:?} {photometric}");
        }
        // In planes, luma and chroma are streams of their own, which no JPEG decoder makes RGB of.
        fs::write(&source, encoded(&bare(image(8, 8, Layout::Grey, &[150; 64])), Format::Pnm)).unwrap();
        assert!(run("cjpeg", &["-quality", "100", "-outfile", &file, &source]));
        let plane = fs::read(&file).unwrap();
        let tags = [(258, vec![8; 3]), (259, vec![7]), (262, vec![6]), (277, vec![3]), (284, vec![2])];
        let planar = |step: u32| tiff_of(8, 8, &[&tags[..], &[(530, vec![step; 2])]].concat(), &[plane.as_slice(); 3]);
        // 150 + 1.402 * 22, 150 - 0.714 * 22 - 0.344 * 22, 150 + 1.772 * 22.
        let expected = image(8, 8, Layout::Rgb, &[181, 127, 189].repeat(64));
        assert!(difference(&whole(&planar(1)).unwrap().0.image, &expected).unwrap() <= 1);
        assert!(whole(&planar(2)).unwrap_err().to_string().contains("unusual"));
        // A stream of other channels than the directory tells is damage.
        let grey = [(258, vec![8]), (259, vec![7]), (262, vec![1])];
        let error = whole(&tiff(32, 16, &grey, &stream)).unwrap_err().to_string();
        assert!(error.contains("3 components, not 1"), "{error}");
    }
}

#[test]
fn associated_alpha_is_divided_out_of_light() {
    let read = |file: &[u8]| whole(file).unwrap().0.image;
    let alpha = |bits: u32, photometric: u32| {
        vec![(258, vec![bits; 2]), (262, vec![photometric]), (277, vec![2]), (338, vec![1])]
    };
    // The palette's colours are products; numbers of colours are not, and alpha has their bits.
    let map = [vec![(320, (0..48).map(|level| level % 16 * 257 * 2 + level / 16 * 257 * 40).collect())]].concat();
    let file = tiff(2, 1, &[alpha(4, 3), map.clone()].concat(), &[0x5f, 0x58]);
    assert_eq!(read(&file), image(2, 1, Layout::Rgba, &[10, 50, 90, 255, 19, 94, 169, 136]));
    let planar = tiff_of(1, 1, &[alpha(4, 3), map, vec![(284, vec![2])]].concat(), &[&[0x50], &[0x80]]);
    assert_eq!(read(&planar), image(1, 1, Layout::Rgba, &[19, 94, 169, 136]));
    // White is zero: 255 - 205 is left of 100 where half of it shows.
    let file = tiff(2, 1, &alpha(8, 0), &[205, 128, 255, 0]);
    assert_eq!(read(&file), image(2, 1, Layout::GreyAlpha, &[100, 128, 0, 0]));
    // Grey luma.
    let four = [(258, vec![8; 4]), (262, vec![6]), (277, vec![4]), (338, vec![1]), (530, vec![1, 1])];
    assert_eq!(read(&tiff(1, 1, &four, &[50, 128, 128, 128])), image(1, 1, Layout::Rgba, &[100, 100, 100, 128]));
}

#[test]
fn what_is_missing_of_a_tiff_is_black_or_grey() {
    let folder = TempDir::new().unwrap();
    let (source, file) = (path(&folder, "a.tif"), path(&folder, "b.tif"));
    // Two strips of white, of which the second is missing: black in every way to store colours.
    let map: Vec<u32> = [0xffff, 0x8000, 0].into_iter().chain([0xffff; 253]).collect::<Vec<_>>().repeat(3);
    for (name, photometric, channels, white, more) in [
        ("white is zero", 0, 1, &[0][..], vec![]),
        ("black is zero", 1, 1, &[255], vec![]),
        ("RGB", 2, 3, &[255; 3], vec![]),
        ("palette", 3, 1, &[0], vec![(320, map)]),
        ("CMYK", 5, 4, &[0; 4], vec![]),
        ("luma and chroma", 6, 3, &[255, 128, 128], vec![(530, vec![1, 1])]),
    ] {
        let tags = [(258, vec![8; channels]), (262, vec![photometric]), (277, vec![white.len().try_into().unwrap()])];
        let mut bytes = tiff(2, 2, &[&tags[..], &more].concat(), &white.repeat(2));
        // The strip ends after the first row.
        let (picture, notes) = partly(&bytes).expect(name);
        let layout = picture.image.layout();
        let black_row = [vec![255; 2 * layout.channels()], vec![0; 2 * layout.channels()]].concat();
        assert_eq!(picture.image, image(2, 2, layout, &black_row), "{name}");
        assert!(notes.contains(&Note::Partial), "{name}");
        bytes.truncate(bytes.len() - 1);
        assert!(whole(&bytes).is_err(), "{name}");
    }
    // JPEG strips: rows before the damage are the picture's.
    fs::write(&source, encoded(&bare(scene(64, 64)), Format::Tiff)).unwrap();
    assert!(run("tiffcp", &["-c", "jpeg:r", "-r", "32", &source, &file]));
    let bytes = fs::read(&file).unwrap();
    let picture = whole(&bytes).unwrap().0.image;
    let scans: Vec<usize> = (0..bytes.len() - 1).filter(|&at| bytes[at..at + 2] == [0xff, 0xda]).collect();
    assert_eq!(scans.len(), 2);
    let mut damaged = bytes.clone();
    // No code is as long as this.
    damaged[scans[1] + 40..scans[1] + 300].fill(0xff);
    assert!(whole(&damaged).is_err());
    let (part, notes) = partly(&damaged).unwrap();
    assert_eq!(notes, [Note::Partial]);
    assert_eq!(samples8(&part.image)[..64 * 32 * 3], samples8(&picture)[..64 * 32 * 3]);
    assert_ne!(part.image, picture);
    let mut damaged = bytes;
    damaged[scans[1]] = 0;
    let (part, notes) = partly(&damaged).unwrap();
    assert_eq!(notes, [Note::Partial]);
    let black = [&samples8(&picture)[..64 * 32 * 3], &[0; 64 * 32 * 3]].concat();
    assert_eq!(part.image, image(64, 64, Layout::Rgb, &black));
}

#[test]
fn a_tiffs_preview_says_nothing_of_the_picture() {
    let folder = TempDir::new().unwrap();
    let [preview, picture, both] = ["a.tif", "b.tif", "c.tif"].map(|name| path(&folder, name));
    let mut large = bare(gradient(20, 10));
    large.metadata.resolution = Some(Resolution { x: (300, 1), y: (300, 1), unit: ResolutionUnit::Inch });
    let mut small = bare(gradient(10, 5));
    small.metadata.resolution = Some(Resolution { x: (72, 1), y: (72, 1), unit: ResolutionUnit::Inch });
    fs::write(&preview, encoded(&small, Format::Tiff)).unwrap();
    fs::write(&picture, encoded(&large, Format::Tiff)).unwrap();
    assert!(run("tiffcp", &[&preview, &picture, &both]));
    for set in [["-s", "254", "1"], ["-s", "274", "6"], ["-s", "270", "a preview"]] {
        assert!(run("tiffset", &[&["-d", "0"], &set[..], &[both.as_str()]].concat()), "{set:?}");
    }
    assert_eq!(whole(&fs::read(&both).unwrap()).unwrap(), (large, vec![]));
}

#[test]
fn a_tiff_of_previews_without_end_is_refused() {
    // A directory that names itself as the next one.
    let mut file = tiff(1, 1, &[(254, vec![1]), (258, vec![8]), (262, vec![1])], &[0]);
    let directory = file[4..8].to_vec();
    let end = file.len();
    file[end - 4..].copy_from_slice(&directory);
    assert!(whole(&file).unwrap_err().to_string().contains("only a preview"));
}

#[test]
fn luma_of_impossible_parts_is_damage() {
    // Red's, green's and blue's part as fractions with these denominators.
    for (denominators, reads) in [([4, 2, 4], true), ([4, 0, 4], false), ([1, 1, 1], false)] {
        let tags = [(258, vec![8; 3]), (262, vec![6]), (277, vec![3]), (530, vec![1, 1]), (529, vec![0; 6])];
        let mut file = tiff(1, 1, &tags, &[100, 128, 128]);
        let entry = file.windows(8).position(|window| window == [0x11, 2, 4, 0, 6, 0, 0, 0]).unwrap();
        file[entry + 2] = 5;
        file[entry + 4] = 3;
        let at = u32::from_le_bytes(file[entry + 8..entry + 12].try_into().unwrap()) as usize;
        let fractions = denominators.map(|denominator: u32| [1_u32.to_le_bytes(), denominator.to_le_bytes()].concat());
        file[at..at + 24].copy_from_slice(&fractions.concat());
        assert_eq!(whole(&file).is_ok(), reads, "{denominators:?}");
    }
}

#[test]
fn numbers_beyond_all_measure_are_clipped_or_damage() {
    // A BigTIFF whose palette has numbers of 64 bits, all set.
    let mut file = b"II\x2b\0\x08\0\0\0\x10\0\0\0\0\0\0\0".to_vec();
    let entries: [(u16, u16, u64, u64); 8] = [
        (256, 3, 1, 1),
        (257, 3, 1, 1),
        (258, 3, 1, 1),
        (259, 3, 1, 1),
        (262, 3, 1, 3),
        (273, 16, 1, 0),
        (279, 16, 1, 1),
        (320, 16, 6, 16 + 8 + 8 * 20 + 8),
    ];
    file.extend(8_u64.to_le_bytes());
    for (tag, kind, count, value) in entries {
        file.extend([&tag.to_le_bytes()[..], &kind.to_le_bytes(), &count.to_le_bytes(), &value.to_le_bytes()].concat());
    }
    file.extend([0; 8]);
    file.extend([0xff; 48]);
    assert_eq!(whole(&file).unwrap().0.image, image(1, 1, Layout::Rgb, &[255; 3]));
    // Runs of black that together are longer than any row.
    let fax = [(258, vec![1]), (259, vec![2]), (262, vec![0])];
    // White of no length, then make-up codes of 2560 black pixels.
    let strip = [&[0b0011_0101][..], &[0b0000_0001, 0b1111_0000].repeat(100)].concat();
    assert!(whole(&tiff(1, 1, &fax, &strip)).is_err());
}

#[test]
fn tiny_files_of_huge_pictures_are_refused() {
    let grey = [(258, vec![8]), (262, vec![1])];
    let error = whole(&tiff(60000, 60000, &grey, &[0])).unwrap_err();
    assert!(matches!(error, Error::TooManyPixels { .. }), "{error}");
    let tiles = [&grey[..], &[(322, vec![1 << 20]), (323, vec![1 << 20]), (324, vec![8]), (325, vec![1])]].concat();
    let error = whole(&tiff(1, 1, &tiles, &[0])).unwrap_err().to_string();
    assert!(error.contains("too large"), "{error}");
    let samples = [(258, vec![8]), (262, vec![1]), (277, vec![60000])];
    assert!(whole(&tiff(1, 1, &samples, &[0])).is_err());
}

#[test]
fn an_alpha_of_zeros_in_a_bmp_is_opaque() {
    let bmp = |alphas: [u8; 2]| {
        let mut file = b"BM".to_vec();
        file.extend([0_u32, 0, 14 + 108].map(u32::to_le_bytes).concat());
        file.extend([108_u32, 2, 1].map(u32::to_le_bytes).concat());
        file.extend([1_u16, 32].map(u16::to_le_bytes).concat());
        // Bit fields; then the masks of red, green, blue and alpha.
        file.extend([3_u32, 8, 0, 0, 0, 0].map(u32::to_le_bytes).concat());
        file.extend([0xff_0000_u32, 0xff00, 0xff, 0xff00_0000].map(u32::to_le_bytes).concat());
        file.resize(14 + 108, 0);
        file.extend([3, 2, 1, alphas[0], 6, 5, 4, alphas[1]]);
        whole(&file).unwrap()
    };
    let (picture, notes) = bmp([0, 0]);
    assert_eq!((picture.image, notes), (image(2, 1, Layout::Rgb, &[1, 2, 3, 4, 5, 6]), vec![Note::AlphaOfZeros]));
    let (picture, notes) = bmp([0, 9]);
    assert_eq!((picture.image, notes), (image(2, 1, Layout::Rgba, &[1, 2, 3, 0, 4, 5, 6, 9]), vec![]));
}

#[test]
fn a_bmp_s_pixels_lie_behind_its_palette() {
    let header = [40_u32, 4, 1, 8 << 16 | 1, 0, 0, 0, 0, 3, 0].map(u32::to_le_bytes).concat();
    let palette = [1, 2, 3, 0, 4, 5, 6, 0, 7, 8, 9, 0];
    let file = |place: u32| {
        [b"BM", [0_u32, 0, place].map(u32::to_le_bytes).concat().as_slice(), &header, &palette, &[2, 1, 0, 1]].concat()
    };
    let expected = image(4, 1, Layout::Rgb, &[9, 8, 7, 6, 5, 4, 3, 2, 1, 6, 5, 4]);
    for place in [0, 14, 54, 65, 66] {
        assert_eq!(whole(&file(place)).unwrap().0.image, expected, "{place}");
    }
}

/// The name of the first chunk that begins there, and where it ends.
fn chunk(file: &[u8], name: &[u8]) -> (usize, usize) {
    let at = file.windows(4).position(|window| window == name).unwrap() - 4;
    let len = u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    (at, at + 12 + len)
}

#[test]
fn a_png_may_do_without_its_end() {
    let file = encoded(&bare(gradient(20, 10)), Format::Png);
    let (end, _) = chunk(&file, b"IEND");
    for len in end..file.len() {
        assert_eq!(whole(&file[..len]).unwrap(), (bare(gradient(20, 10)), vec![Note::EndMissing]), "{len}");
    }
    for len in 8..end {
        let error = whole(&file[..len]).unwrap_err().to_string();
        assert!(error.contains("it is cut short; --partial"), "{len}: {error}");
    }
}

#[test]
fn transparent_grey_has_as_many_bits_as_samples() {
    for (bits, value, alphas) in [(1_u8, 0xff_u8, [255, 0]), (1, 1, [255, 0]), (2, 0xf1, [0, 0]), (8, 0, [255, 255])] {
        let mut file = Vec::new();
        let mut encoder = png::Encoder::new(&mut file, 2, 1);
        encoder.set_depth(png::BitDepth::from_u8(bits).unwrap());
        encoder.set_trns(vec![0, value]);
        // Samples 0 and 1, 1 and 1, 85 and 128.
        let row: &[u8] = match bits {
            1 => &[0b0100_0000],
            2 => &[0b0101_0000],
            _ => &[85, 128],
        };
        encoder.write_header().unwrap().write_image_data(row).unwrap();
        let picture = whole(&file).unwrap().0.image;
        let found: Vec<u8> = samples8(&picture).chunks(2).map(|pixel| pixel[1]).collect();
        assert_eq!(found, alphas, "{bits} {value}");
    }
}

#[test]
fn a_webp_may_promise_what_is_not_there() {
    let image = gradient(6, 5);
    let plain = encoded(&bare(image.clone()), Format::WebP);
    for flag in [0x20, 0x08, 0x04, 0x2c] {
        let mut file = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0".to_vec();
        file.extend([flag, 0, 0, 0, 5, 0, 0, 4, 0, 0]);
        file.extend(&plain[12..]);
        let len = u32::try_from(file.len() - 8).unwrap();
        file[4..8].copy_from_slice(&len.to_le_bytes());
        let (picture, notes) = whole(&file).unwrap();
        assert_eq!((picture.image, notes), (image.clone(), vec![Note::DamagedExtras]), "{flag:x}");
    }
}

#[test]
fn a_gif_is_its_first_frame() {
    let frame = |grey: u8, alpha: u8| {
        let pixels = [[grey, grey, grey, 255], [10, 20, 30, alpha]].concat();
        image::Frame::new(image::RgbaImage::from_raw(2, 1, pixels).unwrap())
    };
    let gif = |frames: Vec<image::Frame>| {
        let mut file = Vec::new();
        image::codecs::gif::GifEncoder::new(&mut file).encode_frames(frames).unwrap();
        whole(&file).unwrap()
    };
    let (picture, notes) = gif(vec![frame(200, 255)]);
    assert_eq!((picture.image, notes), (image(2, 1, Layout::Rgb, &[200, 200, 200, 10, 20, 30]), vec![]));
    let (picture, notes) = gif(vec![frame(200, 0), frame(100, 255)]);
    assert_eq!(picture.image.layout(), Layout::Rgba);
    assert_eq!((&samples8(&picture.image)[..4], samples8(&picture.image)[7]), (&[200, 200, 200, 255][..], 0));
    assert_eq!(notes, [Note::FirstOnly]);
}

#[test]
fn jpeg_xl_is_read() {
    let file = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/files/gradient_16x8.jxl")).unwrap();
    let (picture, notes) = whole(&file).unwrap();
    assert_eq!((picture.image, notes), (gradient(16, 8), vec![]));
    for len in 0..file.len() {
        match whole(&file[..len]) {
            Ok((picture, _)) => assert_eq!(picture.image, gradient(16, 8), "{len} of {}", file.len()),
            Err(Error::EmptyFile | Error::UnknownFormat | Error::Decode { .. }) => {}
            Err(error) => panic!("{len}: {error}"),
        }
    }
    assert!(matches!(decode(&file, 127), Err(Error::TooManyPixels { .. })));
    // In a container, with metadata.
    let held =
        |name: &[u8], data: &[u8]| [&u32::try_from(data.len() + 8).unwrap().to_be_bytes()[..], name, data].concat();
    let contained = |boxes: &[Vec<u8>]| {
        let start = [held(b"JXL ", b"\x0d\x0a\x87\x0a"), held(b"ftyp", b"jxl \0\0\0\0jxl ")];
        whole(&[&start[..], boxes, &[held(b"jxlc", &file)]].concat().concat()).unwrap()
    };
    let expected = b"<x:xmpmeta tiff:Orientation='1'/>".as_slice();
    // As it is, and as Brotli packs it.
    const PACKED: &[u8] =
        b"\x1b\x20\x00\xf8\x45\x4f\x96\xaa\x26\x6a\xc2\x67\x52\x17\xd8\x04\x9b\x20\x28\x51\x90\x8a\xa0\xda\
        \x1e\x3f\x3b\x79\x41\xd7\x55\x78\x30\xca\xe2";
    let packed = |kind: &[u8], data: &[u8]| held(b"brob", &[kind, data].concat());
    for xmp in [held(b"xml ", b"<x:xmpmeta tiff:Orientation='6'/>"), packed(b"xml ", PACKED)] {
        let (picture, notes) = contained(&[xmp]);
        assert_eq!((picture.image, notes), (gradient(16, 8), vec![]));
        assert_eq!(picture.metadata.xmp.as_deref(), Some(expected));
    }
    // 17 MiB of zeros in 27 bytes; damage; and an offset that leads nowhere.
    const ZEROS: &[u8] =
        b"\xcf\xff\xff\x7f\xf8\x27\x00\xe2\xb1\x40\x20\xf7\xfe\xbf\xfe\xff\x1f\xff\x04\x40\x1c\x16\x00\xe8\xde\x3f\x00";
    for (bad, part) in [
        (packed(b"xml ", ZEROS), Part::Xmp),
        (packed(b"xml ", &PACKED[..20]), Part::Xmp),
        (packed(b"Exif", ZEROS), Part::Exif),
        (held(b"Exif", b"\0\0\x10\0MM\0*"), Part::Exif),
    ] {
        let (picture, notes) = contained(&[bad]);
        assert_eq!((picture, notes), (bare(gradient(16, 8)), vec![Note::Damaged(part)]));
    }
}

#[test]
fn damage_never_panics_in_any_format() {
    let folder = TempDir::new().unwrap();
    let mut gif = Cursor::new(Vec::new());
    image::write_buffer_with_format(&mut gif, &noise_rgb(), 9, 7, image::ColorType::Rgb8, image::ImageFormat::Gif)
        .unwrap();
    let lzw = path(&folder, "z.tif");
    fs::write(path(&folder, "y.tif"), encoded(&bare(scene(20, 10)), Format::Tiff)).unwrap();
    assert!(run("tiffcp", &["-c", "lzw:2", "-r", "3", &path(&folder, "y.tif"), &lzw]));
    let jxl = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/files/gradient_16x8.jxl")).unwrap();
    for file in [gif.into_inner(), fs::read(lzw).unwrap(), jxl, photo(&folder)] {
        for at in 0..file.len().min(1500) {
            for flip in [0x01, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[at] ^= flip;
                let _ = decode_with(&damaged, &Options { max_pixels: 10_000, partial: flip == 0x80 });
            }
        }
    }
}

fn noise_rgb() -> Vec<u8> {
    samples8(&noise(9, 7, Layout::Rgb, 8)).to_vec()
}
