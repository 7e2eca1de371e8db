//! PNG's chunks.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;

use super::{COMMENT, Colours, MAX_LEN, Metadata, Resolution, ResolutionUnit, Text, photoshop};
use crate::codec::note::Part;
use crate::codec::{Note, png};

/// The keyword of XMP's chunk.
const XMP: &str = "XML:com.adobe.xmp";
/// What ImageMagick and others write, and exiftool reads, before the name of a kind of data in hexadecimal digits.
const RAW_PROFILE: &str = "Raw profile type ";

/// Texts longer than this are written compressed, in bytes.
const COMPRESSED_FROM: usize = 1024;

/// A chunk's type and data.
pub(in crate::codec) type Chunk = ([u8; 4], Vec<u8>);

/// What a PNG file says.
pub(super) fn read(bytes: &[u8], notes: &mut Vec<Note>) -> Metadata {
    let mut metadata = Metadata::default();
    let mut budget = MAX_LEN;
    let mut add = |note| {
        if !notes.contains(&note) {
            notes.push(note);
        }
    };
    for chunk in png::Chunks::of(bytes) {
        let (name, data) = (chunk.name, chunk.data);
        let Some(part) = part(name) else {
            match name {
                b"IEND" => break,
                b"caBX" => {
                    add(Note::LeftOut(Part::ContentCredentials));
                    continue;
                }
                _ => continue,
            }
        };
        let taken = chunk.is_right() && take(name, data, &mut metadata, &mut budget).is_some();
        if !taken {
            add(Note::Damaged(part));
        }
    }
    metadata
}

/// What a type of chunk is about; none if it is not carried.
fn part(name: &[u8; 4]) -> Option<Part> {
    Some(match name {
        b"iCCP" => Part::Icc,
        b"cICP" | b"sRGB" | b"gAMA" | b"cHRM" | b"mDCV" | b"cLLI" => Part::Colours,
        b"eXIf" => Part::Exif,
        b"pHYs" => Part::Resolution,
        b"tEXt" | b"zTXt" | b"iTXt" => Part::Texts,
        _ => return None,
    })
}

/// Adds a chunk's data; none if it is not as it should be, or too long.
fn take(name: &[u8; 4], data: &[u8], metadata: &mut Metadata, budget: &mut usize) -> Option<()> {
    let colours = &mut metadata.colours;
    match name {
        b"iCCP" => {
            let (_, rest) = split_zero(data)?;
            metadata.icc = Some(inflate(rest.strip_prefix(&[0])?, MAX_LEN)?);
        }
        b"cICP" => colours.cicp = Some(data.try_into().ok()?),
        b"sRGB" => colours.srgb = Some(*data.first().filter(|&&intent| intent < 4)?),
        b"gAMA" => colours.gamma = Some(u32::from_be_bytes(data.try_into().ok()?)).filter(|&gamma| gamma > 0),
        b"cHRM" => {
            let numbers = data.as_chunks().0.iter().map(|&number| u32::from_be_bytes(number)).collect::<Vec<_>>();
            colours.chromaticities = Some(numbers.try_into().ok()?);
        }
        b"mDCV" => colours.mastering_display = Some(data.try_into().ok()?),
        b"cLLI" => colours.light_levels = Some(data.try_into().ok()?),
        b"eXIf" => metadata.exif = Some((data.len() <= MAX_LEN).then(|| data.to_vec())?),
        b"pHYs" => {
            let &[a, b, c, d, e, f, g, h, unit] = data else { return None };
            let (x, y) = (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]));
            let unit = if unit == 1 { ResolutionUnit::Metre } else { ResolutionUnit::None };
            metadata.resolution = (x > 0 && y > 0).then_some(Resolution { x: (x, 1), y: (y, 1), unit });
        }
        _ => {
            let (text, len) = text(name, data, *budget)?;
            *budget -= len;
            take_text(text, metadata);
        }
    }
    Some(())
}

/// A chunk's text, and how many bytes it takes; none if it is damaged, or takes more than `max_len`.
fn text(name: &[u8; 4], data: &[u8], max_len: usize) -> Option<(Text, usize)> {
    let (keyword, rest) = split_zero(data).filter(|(keyword, _)| (1..=79).contains(&keyword.len()))?;
    let (language, translated, text) = match name {
        b"tEXt" => (vec![], vec![], rest.to_vec()),
        b"zTXt" => (vec![], vec![], inflate(rest.strip_prefix(&[0])?, max_len)?),
        _ => {
            let (&[is_compressed, _], rest) = rest.split_first_chunk()?;
            let (language, rest) = split_zero(rest)?;
            let (translated, text) = split_zero(rest)?;
            let text = if is_compressed == 1 { inflate(text, max_len)? } else { text.to_vec() };
            (language.to_vec(), translated.to_vec(), text)
        }
    };
    let len = data.len().max(text.len());
    let decode =
        if name == b"iTXt" { |bytes| String::from_utf8(bytes).ok() } else { |bytes: Vec<u8>| Some(latin1(&bytes)) };
    let text = Text {
        keyword: latin1(keyword),
        language: latin1(&language),
        translated_keyword: String::from_utf8(translated).ok()?,
        text: decode(text)?,
    };
    (len <= max_len).then_some((text, len))
}

/// Keeps a text, or what it holds: XMP has its own keyword, and older programs put anything into texts.
fn take_text(text: Text, metadata: &mut Metadata) {
    if text.keyword == XMP {
        metadata.xmp = Some(text.text.into_bytes());
        return;
    }
    match text.keyword.strip_prefix(RAW_PROFILE).zip(from_hex(&text.text)) {
        Some(("exif" | "APP1", block)) if metadata.exif.is_none() && block.starts_with(super::exif::PREFIX) => {
            metadata.exif = Some(block);
        }
        Some(("iptc", block)) => metadata.iptc = Some(photoshop::iptc(&block).unwrap_or(block)),
        Some(("xmp", packet)) if metadata.xmp.is_none() => metadata.xmp = Some(packet),
        _ => metadata.texts.push(text),
    }
}

/// The chunks that say what `metadata` does, in an order in which they may come between the header and the pixels.
pub(in crate::codec) fn chunks(metadata: &Metadata) -> Vec<Chunk> {
    let mut chunks: Vec<Chunk> = Vec::new();
    let Colours { cicp, srgb, gamma, chromaticities, mastering_display, light_levels } = metadata.colours;
    chunks.extend(cicp.map(|data| (*b"cICP", data.to_vec())));
    chunks.extend(mastering_display.map(|data| (*b"mDCV", data.to_vec())));
    chunks.extend(light_levels.map(|data| (*b"cLLI", data.to_vec())));
    match &metadata.icc {
        Some(icc) => chunks.push((*b"iCCP", [b"ICC profile\0\0".as_slice(), &deflate(icc)].concat())),
        // At most one of the two.
        None => chunks.extend(srgb.map(|intent| (*b"sRGB", vec![intent]))),
    }
    chunks.extend(gamma.map(|gamma| (*b"gAMA", gamma.to_be_bytes().to_vec())));
    chunks
        .extend(chromaticities.map(|given| (*b"cHRM", given.iter().flat_map(|number| number.to_be_bytes()).collect())));
    chunks.extend(metadata.resolution.and_then(|resolution| physical(&resolution)).map(|data| (*b"pHYs", data)));
    chunks.extend(metadata.exif.clone().map(|block| (*b"eXIf", block)));
    if let Some(packet) = metadata.xmp.clone().and_then(|packet| String::from_utf8(packet).ok()) {
        // Uncompressed, so that programs find it that only look for its marks.
        chunks.push((*b"iTXt", [XMP.as_bytes(), &[0; 5], packet.as_bytes()].concat()));
    }
    if let Some(iptc) = &metadata.iptc {
        let block = photoshop::block(iptc);
        let text = Text { keyword: format!("{RAW_PROFILE}iptc"), text: to_hex("iptc", &block), ..Text::default() };
        chunks.extend(text_chunk(&text));
    }
    chunks.extend(metadata.texts.iter().filter_map(text_chunk));
    chunks
}

pub(super) fn physical(resolution: &Resolution) -> Option<Vec<u8>> {
    let max = i32::MAX.unsigned_abs();
    let ((x, y), unit) = match resolution.unit {
        ResolutionUnit::None => (resolution.aspect(max)?, 0),
        _ => (resolution.per(ResolutionUnit::Metre, max)?, 1),
    };
    Some([x.to_be_bytes().as_slice(), &y.to_be_bytes(), &[unit]].concat())
}

/// None if the keyword is none.
fn text_chunk(text: &Text) -> Option<Chunk> {
    let keyword =
        to_latin1(&text.keyword).filter(|keyword| (1..=79).contains(&keyword.len()) && !keyword.contains(&0))?;
    let is_plain = text.language.is_empty() && text.translated_keyword.is_empty();
    let is_long = text.text.len() > COMPRESSED_FROM;
    Some(match to_latin1(&text.text).filter(|latin1| is_plain && !latin1.contains(&0)) {
        Some(latin1) if is_long => (*b"zTXt", [&*keyword, &[0, 0], &deflate(&latin1)].concat()),
        Some(latin1) => (*b"tEXt", [&*keyword, &[0], &latin1].concat()),
        None => {
            let bytes = if is_long { deflate(text.text.as_bytes()) } else { text.text.clone().into_bytes() };
            let without_zeros = |text: &str| text.replace('\0', "").into_bytes();
            let flags = [0, u8::from(is_long), 0];
            let (language, translated) = (without_zeros(&text.language), without_zeros(&text.translated_keyword));
            (*b"iTXt", [&*keyword, &flags, &language, &[0], &translated, &[0], &bytes].concat())
        }
    })
}

/// A comment, as other formats hold it.
pub(super) fn comment(text: String) -> Text {
    Text { keyword: COMMENT.to_owned(), text, ..Text::default() }
}

/// The bytes before the first zero, and those behind it.
fn split_zero(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = bytes.iter().position(|&byte| byte == 0)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

/// None if it is damaged, or longer than `max_len`.
fn inflate(bytes: &[u8], max_len: usize) -> Option<Vec<u8>> {
    let mut inflated = Vec::new();
    ZlibDecoder::new(bytes).take(max_len as u64 + 1).read_to_end(&mut inflated).ok()?;
    (inflated.len() <= max_len).then_some(inflated)
}

fn deflate(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
    // A vector takes everything.
    let _ = encoder.write_all(bytes);
    encoder.finish().unwrap_or_default()
}

pub(super) fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

fn to_latin1(text: &str) -> Option<Vec<u8>> {
    text.chars().map(|character| u8::try_from(character).ok()).collect()
}

/// What lies behind the lines with a name and a length.
fn from_hex(text: &str) -> Option<Vec<u8>> {
    let mut lines = text.trim_start().splitn(3, '\n');
    let (_, len, digits) = (lines.next()?, lines.next()?, lines.next()?);
    let digits: Option<Vec<u8>> = digits
        .chars()
        .filter(|character| !character.is_whitespace())
        .map(|character| u8::try_from(character.to_digit(16)?).ok())
        .collect();
    let bytes: Vec<u8> = digits?.as_chunks().0.iter().map(|[high, low]| high << 4 | low).collect();
    (len.trim().parse() == Ok(bytes.len())).then_some(bytes)
}

fn to_hex(name: &str, bytes: &[u8]) -> String {
    const BYTES_A_LINE: usize = 36;
    let lines =
        bytes.chunks(BYTES_A_LINE).map(|line| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    format!("\n{name}\n{:8}\n{}\n", bytes.len(), lines.collect::<Vec<_>>().join("\n"))
}
