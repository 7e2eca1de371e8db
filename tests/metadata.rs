//! What files say beside the pixels: where it goes, and where it is missed aloud.

use std::io::Cursor;
use std::process::{Command, Stdio};

use abpn::codec::{
    Colours, DEFAULT_QUALITY, Format, Metadata, Note, Part, Picture, Resolution, ResolutionUnit, Text, decode, encode,
};
use serde_json::Value;

use crate::pictures::{bare, encoded, gradient, icc};

/// The formats that hold metadata.
const HOLDERS: [Format; 4] = [Format::Png, Format::Jpeg, Format::WebP, Format::Tiff];

const DPI_300: Resolution = Resolution { x: (300, 1), y: (300, 1), unit: ResolutionUnit::Inch };

/// An entry of a directory: tag, type, count, value or offset.
type Entry = (u16, u16, u32, u32);

/// An EXIF block with these entries in its main directory, in one for EXIF, and in one for a thumbnail, which is at the
/// block's end; and its parts' offsets. Big-endian.
fn block(main: &[Entry], exif: &[Entry], thumbnail: Option<&[u8]>) -> Vec<u8> {
    let len = |entries: usize| u32::try_from(2 + 12 * entries + 4).unwrap();
    let directory = |entries: &[Entry], next: u32| {
        let mut bytes = u16::try_from(entries.len()).unwrap().to_be_bytes().to_vec();
        for &(tag, kind, count, value) in entries {
            bytes.extend(tag.to_be_bytes().into_iter().chain(kind.to_be_bytes()).chain(count.to_be_bytes()));
            // A short lies in the first half of the field.
            let value = if kind == 3 { value << 16 } else { value };
            bytes.extend(value.to_be_bytes());
        }
        bytes.extend(next.to_be_bytes());
        bytes
    };
    let exif_at = 8 + len(main.len() + 1);
    let next = exif_at + len(exif.len());
    let thumbnail_at = next + len(2);
    let main = [main, &[(0x8769, 4, 1, exif_at)]].concat();
    let mut bytes = b"MM\0\x2a\0\0\0\x08".to_vec();
    bytes.extend(directory(&main, if thumbnail.is_some() { next } else { 0 }));
    bytes.extend(directory(exif, 0));
    if let Some(thumbnail) = thumbnail {
        let len = u32::try_from(thumbnail.len()).unwrap();
        bytes.extend(directory(&[(0x201, 4, 1, thumbnail_at), (0x202, 4, 1, len)], 0));
        bytes.extend(thumbnail);
    }
    bytes
}

/// Where an orientation, a make, sizes and an ISO speed are said.
fn photo_block() -> Vec<u8> {
    let make = u32::from_be_bytes(*b"Acm\0");
    block(&[(0x10f, 2, 4, make), (0x112, 3, 1, 1)], &[(0x8827, 3, 1, 400), (0xa002, 3, 1, 7), (0xa003, 3, 1, 9)], None)
}

const XMP: &str = "<?xpacket begin='\u{feff}' id='W5M0MpCehiHzreSzNTczkc9d'?><x:xmpmeta xmlns:x='adobe:ns:meta/'>\
    <rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'><rdf:Description rdf:about='' \
    xmlns:photoshop='http://ns.adobe.com/photoshop/1.0/' photoshop:City='Zürich'/></rdf:RDF></x:xmpmeta>\
    <?xpacket end='w'?>";

/// A record of IPTC: the city.
const IPTC: &[u8] = b"\x1c\x02\x5a\x00\x06Zurich";

fn everything() -> Metadata {
    let mut metadata = Metadata::default();
    metadata.icc = Some(icc());
    metadata.exif = Some(photo_block());
    metadata.xmp = Some(XMP.into());
    metadata.iptc = Some(IPTC.to_vec());
    metadata.resolution = Some(DPI_300);
    metadata.texts = vec![text("Comment", "made of nothing")];
    metadata
}

fn text(keyword: &str, text: &str) -> Text {
    Text { keyword: keyword.to_owned(), text: text.to_owned(), ..Text::default() }
}

/// The metadata after writing to a file and reading it again, and all notes.
fn through(metadata: &Metadata, format: Format) -> (Metadata, Vec<Note>) {
    let picture = Picture { image: gradient(12, 10), metadata: metadata.clone() };
    let mut file = Cursor::new(Vec::new());
    let mut notes = encode(&picture, format, DEFAULT_QUALITY, &mut file).unwrap();
    let (read, more) = decode(file.get_ref(), 120).unwrap();
    notes.extend(more);
    (read.metadata, notes)
}

/// Dots an inch, rounded.
fn dpi(resolution: Resolution) -> (u32, u32) {
    let inches = match resolution.unit {
        ResolutionUnit::Inch => 1.0,
        ResolutionUnit::Centimetre => 2.54,
        ResolutionUnit::Metre => 0.0254,
        ResolutionUnit::None => panic!("no unit"),
    };
    let round = |(numerator, denominator): (u32, u32)| {
        format!("{:.0}", f64::from(numerator) / f64::from(denominator) * inches).parse().unwrap()
    };
    (round(resolution.x), round(resolution.y))
}

#[test]
fn everything_goes_each_way_between_the_formats_that_have_a_place_for_it() {
    for from in HOLDERS {
        for to in HOLDERS {
            let way = format!("{from} to {to}");
            let (first, notes) = through(&everything(), from);
            let lost = |format| match format {
                Format::WebP => {
                    vec![Note::LeftOut(Part::Iptc), Note::LeftOut(Part::Resolution), Note::LeftOut(Part::Texts)]
                }
                Format::Tiff => vec![Note::LeftOut(Part::Texts)],
                _ => vec![],
            };
            assert_eq!(notes, lost(from), "{from}");
            let (second, notes) = through(&first, to);
            let missed_before = lost(from);
            let expected: Vec<_> = lost(to).into_iter().filter(|note| !missed_before.contains(note)).collect();
            assert_eq!(notes, expected, "{way}");

            assert_eq!(second.icc, Some(icc()), "{way}");
            assert_eq!(second.xmp.as_deref(), Some(XMP.as_bytes()), "{way}");
            let holds_iptc = from != Format::WebP && to != Format::WebP;
            assert_eq!(second.iptc.as_deref(), holds_iptc.then_some(IPTC), "{way}");
            assert_eq!(second.resolution.map(dpi), holds_iptc.then_some((300, 300)), "{way}");
            let holds_text = [from, to].iter().all(|format| matches!(format, Format::Png | Format::Jpeg));
            assert_eq!(second.texts, if holds_text { everything().texts } else { vec![] }, "{way}");
            let block = second.exif.unwrap();
            assert!(block.windows(4).any(|part| part == b"Acm\0"), "{way}");
        }
    }
}

#[test]
fn formats_without_a_place_say_all_that_they_lose() {
    for format in [Format::Qoi, Format::Pnm] {
        let (metadata, notes) = through(&everything(), format);
        assert_eq!(metadata, Metadata::default());
        let parts = [Part::Icc, Part::Exif, Part::Xmp, Part::Iptc, Part::Resolution, Part::Texts];
        assert_eq!(notes, parts.map(Note::LeftOut));
        let (metadata, notes) = through(&Metadata::default(), format);
        assert_eq!((metadata, notes), (Metadata::default(), vec![]));
    }
}

#[test]
fn exiftool_finds_everything_in_place() {
    for format in HOLDERS {
        let mut picture = Picture { image: gradient(12, 10), metadata: everything() };
        picture.metadata.icc = Some(profile_with_copyright());
        let told = exiftool(&encoded(&picture, format));
        let number = |name: &str| told[name].as_f64().unwrap_or_else(|| panic!("{format}: no {name} in {told}"));
        let string = |name: &str| told[name].as_str().unwrap_or_else(|| panic!("{format}: no {name} in {told}"));
        assert_eq!(told.get("Warning"), None, "{format}: {told}");
        assert_eq!((number("ImageWidth"), number("ImageHeight")), (12.0, 10.0), "{format}");
        assert_eq!((number("ExifImageWidth"), number("ExifImageHeight")), (12.0, 10.0), "{format}");
        assert_eq!((string("Make"), number("ISO")), ("Acm", 400.0), "{format}");
        assert_eq!(string("City"), "Zürich", "{format}");
        assert_eq!((string("ColorSpaceData"), string("ProfileCopyright")), ("RGB ", "nobody"), "{format}");
        if format != Format::WebP {
            assert_eq!(string("IPTC:City"), "Zurich", "{format}");
        }
        match format {
            Format::Png => {
                assert_eq!((number("PixelsPerUnitX"), number("PixelsPerUnitY")), (11811.0, 11811.0));
                assert_eq!(string("Comment"), "made of nothing");
            }
            Format::Jpeg => {
                assert_eq!((number("XResolution"), number("ResolutionUnit")), (300.0, 1.0));
                assert_eq!(string("Comment"), "made of nothing");
            }
            Format::Tiff => assert_eq!((number("XResolution"), number("ResolutionUnit")), (300.0, 2.0)),
            _ => {}
        }
    }
    let mut only = Metadata::default();
    only.resolution = Some(DPI_300);
    let webp = exiftool(&encoded(&Picture { image: gradient(12, 10), metadata: only }, Format::WebP));
    assert_eq!((webp["XResolution"].as_f64(), webp["ResolutionUnit"].as_f64()), (Some(300.0), Some(2.0)));
}

/// A colour profile of one tag.
fn profile_with_copyright() -> Vec<u8> {
    let mut profile = icc();
    profile.truncate(128);
    profile.extend(b"\0\0\0\x01cprt\0\0\0\x90\0\0\0\x0ftext\0\0\0\0nobody\0");
    profile[3] = u8::try_from(profile.len()).unwrap();
    profile
}

/// All that exiftool tells of a file, with numbers for codes; IPTC's names with their group, as XMP has the same.
fn exiftool(file: &[u8]) -> Value {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    std::fs::write(&path, file).unwrap();
    let run = |options: &[&str]| -> Value {
        let output =
            Command::new("exiftool").args(options).args(["-json", "-n"]).arg(&path).stdin(Stdio::null()).output();
        let output = output.expect("no exiftool to check with: apt-get install libimage-exiftool-perl");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()[0].take()
    };
    let mut told = run(&["--IPTC:all"]);
    for (name, value) in run(&["-G", "-IPTC:all"]).as_object().unwrap() {
        told[name] = value.clone();
    }
    told
}

#[test]
fn png_texts_of_every_kind_are_carried() {
    let mut metadata = Metadata::default();
    metadata.texts = vec![
        text("parameters", "masterpiece, Steps: 20, Seed: 1"),
        text("Author", "Zoë"),
        text("Title", "漢字"),
        text("Long", &"all work and no play ".repeat(1000)),
        text("Long and far", &"Ελληνικά ".repeat(1000)),
        Text {
            language: "de-CH".to_owned(),
            translated_keyword: "Überschrift".to_owned(),
            ..text("Title", "plain, but with a language")
        },
    ];
    let picture = Picture { image: gradient(3, 3), metadata: metadata.clone() };
    let file = encoded(&picture, Format::Png);
    assert_eq!(decode(&file, 9).unwrap().0.metadata, metadata);
    let count = |name: &[u8]| file.windows(4).filter(|part| *part == name).count();
    assert_eq!((count(b"tEXt"), count(b"zTXt"), count(b"iTXt")), (2, 1, 3));
    // The two long ones are stored compressed.
    assert!(file.len() < 2000, "{}", file.len());
}

#[test]
fn colours_are_carried_or_missed_aloud() {
    let cicp = |numbers| Colours { cicp: Some(numbers), ..Colours::default() };
    let linear = Colours { gamma: Some(100_000), ..Colours::default() };
    let wide = Colours {
        chromaticities: Some([31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000]),
        gamma: Some(45455),
        ..Colours::default()
    };
    let mastered = Colours { mastering_display: Some([7; 24]), light_levels: Some([9; 8]), ..cicp([9, 16, 0, 1]) };
    let odd = Colours { chromaticities: Some([30000; 8]), ..Colours::default() };
    #[derive(Clone, Copy, PartialEq, Debug)]
    enum Elsewhere {
        Usual,
        Profile,
        Lost,
    }
    for (colours, hdr, elsewhere) in [
        (cicp([12, 13, 0, 1]), None, Elsewhere::Profile),
        (mastered, Some("PQ"), Elsewhere::Lost),
        (cicp([9, 18, 0, 1]), Some("HLG"), Elsewhere::Lost),
        (linear, None, Elsewhere::Profile),
        (wide, None, Elsewhere::Profile),
        (odd, None, Elsewhere::Lost),
        (cicp([1, 13, 0, 1]), None, Elsewhere::Usual),
        (Colours { srgb: Some(0), gamma: Some(45455), ..Colours::default() }, None, Elsewhere::Usual),
        (Colours { gamma: Some(45455), ..Colours::default() }, None, Elsewhere::Usual),
    ] {
        let mut metadata = Metadata::default();
        metadata.colours = colours;
        let (read, notes) = through(&metadata, Format::Png);
        assert_eq!(read, metadata);
        let said: Vec<_> = hdr.map(Note::Hdr).into_iter().collect();
        assert_eq!(notes, said);
        for format in [Format::Jpeg, Format::WebP, Format::Tiff, Format::Qoi] {
            let (read, notes) = through(&metadata, format);
            assert_eq!(read.colours, Colours::default());
            let has_profile = elsewhere == Elsewhere::Profile && format != Format::Qoi;
            assert_eq!(read.icc.is_some(), has_profile, "{format} {colours:?}");
            let is_said = elsewhere != Elsewhere::Usual && !has_profile;
            assert_eq!(
                notes,
                is_said.then_some(Note::LeftOut(Part::Colours)).into_iter().collect::<Vec<_>>(),
                "{format}"
            );
        }
    }
}

#[test]
fn exif_is_true_for_the_new_picture() {
    const THUMBNAIL: &[u8] = b"\xff\xd8 a small picture of the whole \xff\xd9";
    let main = [(0x100, 4, 1, 16), (0x101, 4, 1, 8), (0x112, 3, 1, 6)];
    // Two entries that count in pixels of the stored picture, between others.
    let exif = [
        (0x8827, 3, 1, 400),
        (0x9214, 3, 2, 1),
        (0xa002, 3, 1, 16),
        (0xa003, 3, 1, 8),
        (0xa214, 3, 2, 5),
        (0xa406, 3, 1, 2),
    ];
    for format in [Format::Png, Format::Jpeg, Format::WebP] {
        let mut picture = bare(gradient(16, 8));
        picture.metadata.exif = Some(block(&main, &exif, Some(THUMBNAIL)));
        let file = encoded(&picture, format);
        assert!(file.windows(THUMBNAIL.len()).any(|part| part == THUMBNAIL), "nothing to drop");
        let (picture, notes) = decode(&file, 128).unwrap();
        assert_eq!((picture.image.width(), picture.image.height(), notes), (8, 16, vec![]), "{format}");
        let file = encoded(&picture, format);
        assert!(!file.windows(14).any(|part| part == b"small picture "), "{format}");
        let told = exiftool(&file);
        assert_eq!(told.get("Warning"), None, "{format}: {told}");
        for (name, value) in [
            ("ImageWidth", 8),
            ("ImageHeight", 16),
            ("Orientation", 1),
            ("ExifImageWidth", 8),
            ("ExifImageHeight", 16),
            ("ISO", 400),
            ("SceneCaptureType", 2),
        ] {
            assert_eq!(told[name].as_u64(), Some(value), "{format} {name}: {told}");
        }
        for name in ["ThumbnailOffset", "ThumbnailLength", "SubjectArea", "SubjectLocation"] {
            assert_eq!(told.get(name), None, "{format} {name}");
        }
    }
}

#[test]
fn resolutions_of_a_turned_picture_change_places() {
    let mut picture = bare(gradient(16, 8));
    picture.metadata.resolution = Some(Resolution { x: (200, 1), y: (100, 1), unit: ResolutionUnit::Inch });
    picture.metadata.exif = Some(block(&[(0x112, 3, 1, 8)], &[], None));
    let (picture, _) = decode(&encoded(&picture, Format::Jpeg), 128).unwrap();
    assert_eq!(picture.metadata.resolution.map(dpi), Some((100, 200)));
}

#[test]
fn broken_exif_is_said_and_never_an_error() {
    for (broken, is_said) in [
        (b"".to_vec(), true),
        (b"II".to_vec(), true),
        (b"hello, world".to_vec(), true),
        (b"II\x2a\0\xff\xff\xff\xff".to_vec(), true),
        // A directory that promises more entries than there are, and one that is its own successor.
        (b"II\x2a\0\x08\0\0\0\xff\xff\x12\x01\x03\0\x01\0\0\0\x06\0\0\0".to_vec(), false),
        (b"II\x2a\0\x08\0\0\0\0\0\x08\0\0\0".to_vec(), false),
    ] {
        let mut picture = bare(gradient(4, 4));
        picture.metadata.exif = Some(broken.clone());
        for format in [Format::Png, Format::Jpeg, Format::WebP] {
            let (picture, notes) = decode(&encoded(&picture, format), 16).unwrap();
            let expected = if is_said { vec![Note::Damaged(Part::Exif)] } else { vec![] };
            assert!(notes == expected || format == Format::WebP && broken.is_empty(), "{format} {broken:?}: {notes:?}");
            assert!(!is_said || picture.metadata.exif.is_none());
        }
    }
}

#[test]
fn xmp_is_true_for_the_new_picture() {
    let packet = "<rdf:Description tiff:Orientation='6' tiff:ImageWidth=\"9\" exif:PixelXDimension = '9' \
        xmpNote:HasExtendedXMP=\"ABC\" hdrgm:Version='1.0' dc:format='image/png'><tiff:ImageLength>9</tiff:ImageLength>\
        <xmp:Thumbnails><rdf:Alt>AAAA</rdf:Alt></xmp:Thumbnails><tiff:OrientationOfNothing>6</tiff:OrientationOfNothing>\
        </rdf:Description>";
    let mut metadata = Metadata::default();
    metadata.xmp = Some(packet.into());
    let (read, _) = through(&metadata, Format::Png);
    assert_eq!(
        String::from_utf8(read.xmp.unwrap()).unwrap(),
        "<rdf:Description tiff:Orientation='1' tiff:ImageWidth=\"12\" exif:PixelXDimension = '12'   dc:format='image/png'>\
         <tiff:ImageLength>10</tiff:ImageLength><tiff:OrientationOfNothing>6</tiff:OrientationOfNothing></rdf:Description>"
    );
}

#[test]
fn stripping_leaves_the_colours() {
    let mut metadata = everything();
    metadata.colours.gamma = Some(100_000);
    metadata.strip();
    let mut colours = Metadata::default();
    colours.icc = Some(icc());
    colours.colours.gamma = Some(100_000);
    assert_eq!(metadata, colours);
}

#[test]
fn the_alpha_of_a_tiff_is_named_so() {
    let rgba = abpn::Image::new(2, 1, abpn::Layout::Rgba, abpn::Samples::U8(vec![1, 2, 3, 4, 5, 6, 7, 8])).unwrap();
    let told = exiftool(&encoded(&bare(rgba), Format::Tiff));
    assert_eq!(told["ExtraSamples"].as_u64(), Some(2), "{told}");
}

/// A JPEG file with these segments, marker and data, before all others.
fn with_segments(segments: &[(u8, Vec<u8>)]) -> Vec<u8> {
    let file = encoded(&bare(gradient(16, 8)), Format::Jpeg);
    let mut bytes = file[..2].to_vec();
    for (marker, data) in segments {
        bytes.extend([0xff, *marker]);
        bytes.extend(u16::try_from(data.len() + 2).unwrap().to_be_bytes());
        bytes.extend(data);
    }
    bytes.extend(&file[2..]);
    bytes
}

/// The metadata of a file's bytes, and all notes.
fn said(file: &[u8]) -> (Metadata, Vec<Note>) {
    let (picture, notes) = decode(file, 128).unwrap_or_else(|error| panic!("{error}"));
    (picture.metadata, notes)
}

/// The index of a file of several pictures, with these attributes.
fn multi_picture(attributes: &[u32]) -> Vec<u8> {
    let mut index = b"MPF\0II\x2a\0\x08\0\0\0\x01\0".to_vec();
    let len = u32::try_from(16 * attributes.len()).unwrap();
    index.extend([0x02, 0xb0, 7, 0]);
    index.extend([len, 26, 0].map(u32::to_le_bytes).concat());
    for attributes in attributes {
        index.extend(attributes.to_le_bytes());
        index.extend([0; 12]);
    }
    index
}

#[test]
fn what_else_a_jpeg_holds_is_said() {
    const PRIMARY: u32 = 0x2003_0000;
    const PREVIEW: u32 = 0x0001_0001;
    let xmp = |text: &str| (0xe1, [b"http://ns.adobe.com/xap/1.0/\0", text.as_bytes()].concat());
    let gain_map = "<a xmlns:hdrgm='http://ns.adobe.com/hdr-gain-map/1.0/' hdrgm:Version='1.0'/>";
    let motion = "<a GCamera:MotionPhoto=\"1\"/>";
    let extension = b"http://ns.adobe.com/xmp/extension/\0 and more".to_vec();
    let two = multi_picture(&[PRIMARY, 0]);
    for (segments, notes) in [
        (vec![(0xe2, two.clone())], vec![Note::FirstOnly]),
        (vec![(0xe2, multi_picture(&[PRIMARY]))], vec![]),
        (vec![(0xe2, multi_picture(&[PRIMARY, PREVIEW]))], vec![]),
        (vec![xmp(gain_map)], vec![Note::LeftOut(Part::GainMap)]),
        (vec![(0xe2, b"urn:iso:std:iso:ts:21496:-1\0\0\0\0\0".to_vec())], vec![Note::LeftOut(Part::GainMap)]),
        (vec![xmp(motion)], vec![Note::LeftOut(Part::Video)]),
        (vec![(0xe1, extension)], vec![Note::LeftOut(Part::ExtendedXmp)]),
        (vec![(0xeb, b"JP\0\x01\0\0\0\x01jumb c2pa".to_vec())], vec![Note::LeftOut(Part::ContentCredentials)]),
        (vec![(0xeb, b"JP\0\x01\0\0\0\x01jumb other".to_vec())], vec![]),
    ] {
        let (metadata, told) = said(&with_segments(&segments));
        assert_eq!(told, notes, "{segments:?}");
        // The promise of it goes, too.
        let packet = String::from_utf8(metadata.xmp.unwrap_or_default()).unwrap();
        assert!(!packet.contains("hdrgm:Version") && !packet.contains("MotionPhoto"), "{packet}");
    }
    // A gain map's description may be in the second picture alone.
    let mut file = with_segments(&[(0xe2, two)]);
    file.extend(b"\xff\xd8 http://ns.apple.com/HDRGainMap/1.0/ \xff\xd9");
    assert_eq!(said(&file).1, [Note::LeftOut(Part::GainMap)]);
}

#[test]
fn parts_of_a_jpeg_are_put_together() {
    let part =
        |sequence: u8, count: u8, data: &[u8]| (0xe2, [b"ICC_PROFILE\0", [sequence, count].as_slice(), data].concat());
    let (metadata, notes) = said(&with_segments(&[part(3, 3, b"three"), part(1, 3, b"one"), part(2, 3, b"two")]));
    assert_eq!((metadata.icc.as_deref(), notes), (Some(b"onetwothree".as_slice()), vec![]));
    for broken in [vec![part(1, 2, b"one")], vec![part(2, 2, b"two")], vec![part(0, 1, b"none")]] {
        let (metadata, notes) = said(&with_segments(&broken));
        assert_eq!((metadata.icc, notes), (None, vec![Note::Damaged(Part::Icc)]), "{broken:?}");
    }
    // Photoshop's resources, in two segments, with another before and a name of odd length.
    let resources = [b"8BIM\x04\x25\x03abc\0\0\0\x01x\0".as_slice(), b"8BIM\x04\x04\0\0\0\0\0\x0b", IPTC].concat();
    let (first, second) = resources.split_at(20);
    let photoshop = |data: &[u8]| (0xed, [b"Photoshop 3.0\0", data].concat());
    let (metadata, _) = said(&with_segments(&[photoshop(first), photoshop(second)]));
    assert_eq!(metadata.iptc.as_deref(), Some(IPTC));
    let comment = |data: &[u8]| (0xfe, data.to_vec());
    let (metadata, _) =
        said(&with_segments(&[comment(b"caf\xe9\0"), comment("Kaffee für zwei".as_bytes()), comment(b"")]));
    assert_eq!(metadata.texts, [text("Comment", "café"), text("Comment", "Kaffee für zwei")]);
}

#[test]
fn older_programs_texts_in_a_png_are_read_as_what_they_hold() {
    let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let profile = |name: &str, data: &[u8]| {
        let (kind, digits) = (format!("Raw profile type {name}"), hex(data));
        let (start, end) = digits.split_at(10);
        text(&kind, &format!("\n{name}\n    {}\n{start}\n{end}\n", data.len()))
    };
    let exif = [b"Exif\0\0".as_slice(), &block(&[(0x112, 3, 1, 6)], &[], None)].concat();
    let iptc = [b"8BIM\x04\x04\0\0\0\0\0\x0b".as_slice(), IPTC, b"\0"].concat();
    let mut picture = bare(gradient(16, 8));
    let unknown = profile("something", b"0123456789");
    picture.metadata.texts =
        vec![profile("exif", &exif), profile("iptc", &iptc), profile("xmp", XMP.as_bytes()), unknown.clone()];
    let (picture, notes) = decode(&encoded(&picture, Format::Png), 128).unwrap();
    assert_eq!((picture.image.width(), picture.image.height(), notes), (8, 16, vec![]));
    let mut expected = Metadata::default();
    expected.exif = Some(block(&[(0x112, 3, 1, 1)], &[], None));
    expected.iptc = Some(IPTC.to_vec());
    expected.xmp = Some(XMP.into());
    expected.texts = vec![unknown];
    assert_eq!(picture.metadata, expected);
}

#[test]
fn what_else_a_tiff_holds_is_said() {
    let pixel = [
        (0x100, 3, 1, 1),
        (0x101, 3, 1, 1),
        (0x102, 3, 1, 8),
        (0x103, 3, 1, 1),
        (0x106, 3, 1, 1),
        (0x111, 4, 1, 0),
        (0x115, 3, 1, 1),
        (0x116, 3, 1, 1),
        (0x117, 4, 1, 1),
    ];
    // Long values lie anywhere in the file.
    let georeference: &[Entry] = &[(33550, 12, 3, 8)];
    for (more, exif, note) in [
        (georeference, vec![], Some(Part::Georeference)),
        (&[(37724, 7, 8, 8)], vec![], Some(Part::Layers)),
        (&[(52545, 7, 8, 8)], vec![], Some(Part::ContentCredentials)),
        (&[], vec![(0x8827, 3, 1, 400), (0x927c, 7, 8, 8)], Some(Part::MakerNote)),
        (&[], vec![(0x8827, 3, 1, 400)], None),
    ] {
        // Entries are in the order of their numbers; EXIF's is before the higher ones, which readers put up with.
        let file = block(&[&pixel, more].concat(), &exif, None);
        let (metadata, notes) = said(&file);
        assert_eq!(notes, note.map(Note::LeftOut).into_iter().collect::<Vec<_>>(), "{more:?}");
        assert_eq!(metadata.exif.is_some(), !exif.is_empty());
    }
}

#[test]
fn what_is_too_long_is_said() {
    const MOST: usize = 16 << 20;
    // JPEG's comments, all together.
    let comment = (0xfe, vec![b'a'; 65533]);
    let (metadata, notes) = said(&with_segments(&vec![comment; MOST / 65533 + 1]));
    assert_eq!((metadata.texts.len(), notes), (MOST / 65533, vec![Note::Damaged(Part::Texts)]));
    // PNG's EXIF.
    let mut metadata = Metadata::default();
    metadata.exif = Some(photo_block());
    let file = encoded(&Picture { image: gradient(2, 2), metadata }, Format::Png);
    let at = file.windows(4).position(|name| name == b"eXIf").unwrap();
    let len = u32::from_be_bytes(file[at - 4..at].try_into().unwrap()) as usize;
    let mut data = [b"eXIf", &file[at + 4..at + 4 + len]].concat();
    data.resize(4 + MOST + 1, 0);
    let mut sum = flate2::Crc::new();
    sum.update(&data);
    let chunk = [&u32::try_from(MOST + 1).unwrap().to_be_bytes()[..], &data, &sum.sum().to_be_bytes()].concat();
    let (metadata, notes) = said(&[&file[..at - 4], &chunk, &file[at + 8 + len..]].concat());
    assert_eq!((metadata.exif, notes), (None, vec![Note::Damaged(Part::Exif)]));
}

#[test]
fn what_the_format_has_no_number_or_text_for_is_said() {
    let mut metadata = Metadata::default();
    // More dots an inch than JFIF can count.
    metadata.resolution = Some(Resolution { x: (70_000, 1), y: (70_000, 1), unit: ResolutionUnit::Inch });
    assert_eq!(through(&metadata, Format::Jpeg), (Metadata::default(), vec![Note::LeftOut(Part::Resolution)]));
    assert_eq!(through(&metadata, Format::Tiff), (metadata.clone(), vec![]));
    // More a metre than PNG can.
    metadata.resolution = Some(Resolution { x: (100_000_000, 1), y: (100_000_000, 1), unit: ResolutionUnit::Inch });
    let (found, notes) = through(&metadata, Format::Png);
    assert_eq!((found.resolution, notes), (None, vec![Note::LeftOut(Part::Resolution)]));
    // UTF-16.
    let mut metadata = Metadata::default();
    metadata.xmp = Some(b"\xfe\xff\0<\0x\0/\0>".to_vec());
    assert_eq!(through(&metadata, Format::Png), (Metadata::default(), vec![Note::LeftOut(Part::Xmp)]));
    assert_eq!(through(&metadata, Format::WebP), (metadata, vec![]));
}
