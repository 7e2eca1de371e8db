//! TIFF. The `tiff` crate mistakes extra samples, premultiplied alpha and mirrored bits for what they are not, and
//! refuses palettes and few bits; here the directory says everything, and what it says that is not known is refused.

mod compression;
mod directory;
mod fax;
mod samples;

use self::compression::Piece;
pub(crate) use self::compression::{Compression, with_tables};
pub(crate) use self::directory::main;
use self::samples::{Number, Stored as StoredSamples};
use super::decode::{self, Options, allocate, check_pixels, max_file_len};
use super::directory::{Main, tag};
use super::{Format, Note, alpha, cmyk, metadata};
use crate::image::Sample;
use crate::{Error, Layout, Result, Samples};

const CUT_SHORT: &str = "it is cut short or damaged; --partial takes what is there";

fn error(reason: impl Into<String>) -> Error {
    Error::Decode { format: Format::Tiff, reason: reason.into() }
}

fn unread(what: impl std::fmt::Display) -> Error {
    error(format!("{what}, which abpn doesn't read; convert it to PNG first"))
}

/// Decodes a TIFF file's first picture.
pub(super) fn decode(bytes: &[u8], options: &Options) -> Result<decode::Stored> {
    let directory = main(bytes).map_err(error)?;
    let description = Description::of(&directory, bytes.len(), options.max_pixels)?;
    let mut notes = Vec::new();
    let reader = Reader { bytes, description: &description, partial: options.partial };
    let samples = if description.stored.bits <= 8 {
        Samples::U8(reader.read(&mut notes)?)
    } else {
        Samples::U16(reader.read(&mut notes)?)
    };
    let (mut metadata, orientation, lost) = metadata::of_tiff(&directory);
    let (layout, samples) = description.to_light(samples, &mut metadata.icc, &mut notes)?;
    if directory.directory.next.is_some() {
        notes.push(Note::FirstOnly);
    }
    notes.extend(lost);
    let (width, height) = (description.width, description.height);
    Ok(decode::Stored { width, height, layout, samples, metadata, orientation, notes })
}

/// What the samples of a pixel stand for.
#[derive(Clone, Debug, PartialEq)]
enum Colours {
    WhiteIsZero,
    BlackIsZero,
    Rgb,
    /// Colours by number, 16 bits a sample.
    Palette(Vec<[u16; 3]>),
    Cmyk,
    YCbCr(YCbCr),
}

/// The numbers of luma and chroma.
#[derive(Clone, Copy, Debug, PartialEq)]
struct YCbCr {
    /// Red's, green's and blue's part of luma.
    parts: [f64; 3],
    /// Black and white of each component.
    reference: [f64; 6],
    /// Pixels a chroma sample, across and down.
    subsampling: (u32, u32),
}

impl Colours {
    /// Samples a pixel without alpha.
    fn count(&self) -> usize {
        match self {
            Self::WhiteIsZero | Self::BlackIsZero | Self::Palette(_) => 1,
            Self::Rgb | Self::YCbCr(_) => 3,
            Self::Cmyk => 4,
        }
    }
}

/// An alpha channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Alpha {
    /// Its place among a pixel's samples.
    sample: usize,
    /// Whether the colours are multiplied by it.
    associated: bool,
}

/// Everything that a directory says about pixels.
struct Description {
    width: u32,
    height: u32,
    colours: Colours,
    alpha: Option<Alpha>,
    samples_per_pixel: usize,
    /// Of a piece; each plane has pieces of its own if `planar`.
    stored: StoredSamples,
    planar: bool,
    compression: Compression,
    mirrored_bits: bool,
    jpeg_tables: Option<Vec<u8>>,
    /// Of a strip or tile, in pixels.
    piece: (u32, u32),
    is_tiled: bool,
    /// Where each piece lies in the file: its start and length, in bytes.
    places: Vec<(u64, u64)>,
}

impl Description {
    fn of(directory: &Main, file_len: usize, max_pixels: u64) -> Result<Self> {
        if directory::is_damaged(directory) {
            return Err(error("its directory is damaged; open and save it in another program"));
        }
        let number = |tag, default| match directory.number(tag) {
            None if directory.has(tag) => Err(error("its directory is damaged")),
            value => Ok(value.unwrap_or(default)),
        };
        if directory.has(tag::DNG_VERSION) {
            return Err(error("it is a camera's raw file (DNG); develop it to TIFF or PNG first"));
        }
        let side = |tag| {
            let side = directory.number(tag).and_then(|side| u32::try_from(side).ok());
            side.filter(|&side| side > 0).ok_or_else(|| error("its directory gives no size"))
        };
        let (width, height) = (side(tag::IMAGE_WIDTH)?, side(tag::IMAGE_LENGTH)?);
        check_pixels(width, height, max_pixels)?;

        let samples_per_pixel = usize::try_from(number(tag::SAMPLES_PER_PIXEL, 1)?).unwrap_or(0);
        let compression = number(tag::COMPRESSION, 1)?;
        let compression = Compression::of(compression, number(tag::T4_OPTIONS, 0)?)
            .map_err(|name| unread(format!("its compression is {name}")))?;
        let planar = match number(tag::PLANAR, 1)? {
            1 => false,
            2 => samples_per_pixel > 1,
            other => return Err(unread(format!("its planar configuration is {other}"))),
        };
        let bits = uniform(directory, tag::BITS_PER_SAMPLE, 1, "bits")?;
        let bits = u32::try_from(bits).unwrap_or(u32::MAX);
        let number_kind = match uniform(directory, tag::SAMPLE_FORMAT, 1, "formats")? {
            1 | 4 if (1..=16).contains(&bits) || [24, 32].contains(&bits) => Number::Unsigned,
            3 if [16, 24, 32, 64].contains(&bits) => Number::Float,
            2 => return Err(unread("its samples are signed numbers")),
            5 | 6 => return Err(unread("its samples are complex numbers")),
            _ => return Err(unread(format!("it has {bits} bits a sample"))),
        };
        let colours = colours(directory, compression, samples_per_pixel, bits)?;
        let (alpha, extra) = alpha_channel(directory, colours.count(), samples_per_pixel)?;
        let predictor = if compression.has_predictor() { number(tag::PREDICTOR, 1)? } else { 1 };
        match predictor {
            1 => {}
            2 if [8, 16, 24, 32].contains(&bits) && number_kind == Number::Unsigned => {}
            2 if [16, 32, 64].contains(&bits) => {}
            3 if number_kind == Number::Float => {}
            _ => return Err(unread(format!("its predictor is {predictor}, for {bits} bits"))),
        }
        if compression == Compression::Jpeg && (bits != 8 || predictor != 1) {
            return Err(unread(format!("it has {bits} bits a sample in JPEG")));
        }
        if matches!(compression, Compression::Fax(_)) && (bits, samples_per_pixel) != (1, 1) {
            return Err(unread("its fax compression has more than one bit a pixel"));
        }
        let in_jpeg = compression == Compression::Jpeg && !planar;
        if in_jpeg && matches!(colours, Colours::YCbCr(_)) && samples_per_pixel != 3 {
            return Err(unread("its luma and chroma lie beside other channels in JPEG"));
        }
        let subsampled = matches!(&colours, Colours::YCbCr(ycc) if ycc.subsampling != (1, 1)) && !in_jpeg;
        if subsampled && (planar || bits != 8 || predictor != 1 || extra > 0) {
            return Err(unread("its subsampled colours lie in an unusual way"));
        }
        let (piece, is_tiled, places) =
            pieces(directory, (width, height), planar.then_some(samples_per_pixel), file_len)?;
        let per_pixel = if planar { 1 } else { samples_per_pixel };
        let stored = StoredSamples { bits, number: number_kind, endian: directory.header.order, predictor, per_pixel };
        let limit = max_file_len(max_pixels);
        let piece_len = stored.row_len(piece.0).and_then(|row| row.checked_mul(piece.1 as usize));
        if piece_len.is_none_or(|len| len as u64 > limit) {
            return Err(error(format!("its pieces are of {}x{} pixels, which is too large", piece.0, piece.1)));
        }
        Ok(Self {
            width,
            height,
            colours,
            alpha,
            samples_per_pixel,
            stored,
            planar,
            compression,
            mirrored_bits: number(tag::FILL_ORDER, 1)? == 2,
            jpeg_tables: directory.value(tag::JPEG_TABLES).map(<[u8]>::to_vec),
            piece,
            is_tiled,
            places,
        })
    }

    /// The numbers of luma and chroma, unless JPEG's decoder, which has its own, makes RGB of them.
    fn ycbcr(&self) -> Option<&YCbCr> {
        match &self.colours {
            Colours::YCbCr(ycc) if self.compression != Compression::Jpeg || self.planar => Some(ycc),
            _ => None,
        }
    }

    /// How many pixels chroma samples stand for, if they lie between their lumas.
    fn subsampling(&self) -> Option<(u32, u32)> {
        self.ycbcr().map(|ycc| ycc.subsampling).filter(|&step| step != (1, 1))
    }

    /// The samples of a black pixel, without alpha.
    fn black<S: Sample>(&self) -> Vec<S> {
        let full = S::saturating_from(i32::MAX);
        match &self.colours {
            Colours::WhiteIsZero | Colours::Cmyk => vec![full; self.colours.count()],
            Colours::Palette(palette) => {
                let luminance = |&index: &usize| palette[index].iter().map(|&level| u32::from(level)).sum::<u32>();
                let darkest = (0..palette.len()).min_by_key(luminance).unwrap_or(0);
                vec![S::saturating_from(i32::try_from(darkest).unwrap_or(0))]
            }
            Colours::YCbCr(_) => {
                #[expect(clippy::cast_possible_truncation, reason = "a level of the samples")]
                let level = |level: f64| S::saturating_from(level.round() as i32);
                self.ycbcr().map_or(vec![S::default(); 3], |ycc| [0, 2, 4].map(|at| level(ycc.reference[at])).to_vec())
            }
            Colours::BlackIsZero | Colours::Rgb => vec![S::default(); self.colours.count()],
        }
    }

    /// The channels that are read: each one's sample, in the order of the output.
    fn channels(&self) -> Vec<usize> {
        (0..self.colours.count()).chain(self.alpha.map(|alpha| alpha.sample)).collect()
    }

    /// From what the samples stand for to grey or RGB; takes the profile where it is used up.
    fn to_light(
        &self,
        samples: Samples,
        icc: &mut Option<Vec<u8>>,
        notes: &mut Vec<Note>,
    ) -> Result<(Layout, Samples)> {
        match self.stored.number {
            Number::Float => notes.push(Note::FloatTo16Bits),
            Number::Unsigned if self.stored.bits > 16 => notes.push(Note::RoundedTo16Bits),
            Number::Unsigned => {}
        }
        if self.samples_per_pixel > self.channels().len() {
            notes.push(Note::ExtraChannels);
        }
        let has_alpha = self.alpha.is_some();
        let channels = self.channels().len();
        let samples = match (&self.colours, samples) {
            (Colours::Cmyk, samples) => {
                // Ink is not divided by alpha, and programs differ in what it means there.
                if has_alpha {
                    return Err(unread("it is CMYK with alpha"));
                }
                let (rgb, note) = cmyk::to_rgb(&samples, icc.take().as_deref());
                notes.push(note);
                rgb
            }
            (_, Samples::U8(samples)) => Samples::U8(self.convert(samples, channels)),
            (_, Samples::U16(samples)) => Samples::U16(self.convert(samples, channels)),
        };
        Ok((self.layout(), samples))
    }

    fn layout(&self) -> Layout {
        match (&self.colours, self.alpha.is_some()) {
            (Colours::WhiteIsZero | Colours::BlackIsZero, false) => Layout::Grey,
            (Colours::WhiteIsZero | Colours::BlackIsZero, true) => Layout::GreyAlpha,
            (_, false) => Layout::Rgb,
            (_, true) => Layout::Rgba,
        }
    }

    fn convert<S: Sample>(&self, mut samples: Vec<S>, channels: usize) -> Vec<S> {
        let full = S::saturating_from(i32::MAX).to_i32();
        match &self.colours {
            Colours::WhiteIsZero => {
                samples.chunks_exact_mut(channels).for_each(|pixel| {
                    pixel[0] = S::saturating_from(full - pixel[0].to_i32());
                });
            }
            Colours::YCbCr(_) => {
                if let Some(ycc) = self.ycbcr() {
                    samples.chunks_exact_mut(channels).for_each(|pixel| ycc.make_rgb(pixel));
                }
            }
            Colours::Palette(palette) => {
                let colour = |pixel: &[S]| {
                    let index = usize::try_from(pixel[0].to_i32()).unwrap_or(0);
                    let rgb = palette.get(index).copied().unwrap_or_default();
                    rgb.map(of_16_bits).into_iter().chain(pixel.get(1).copied())
                };
                samples = samples.chunks_exact(channels).flat_map(colour).collect();
            }
            _ => {}
        }
        // Products of light and alpha, also where ink, luma or numbers of colours are stored.
        if self.alpha.is_some_and(|alpha| alpha.associated) {
            alpha::divide(&mut samples, self.layout().channels());
        }
        samples
    }
}

impl YCbCr {
    fn make_rgb<S: Sample>(&self, pixel: &mut [S]) {
        let full = f64::from(S::saturating_from(i32::MAX).to_i32());
        let level = |sample: usize, range: f64| {
            let (black, white) = (self.reference[2 * sample], self.reference[2 * sample + 1]);
            (f64::from(pixel[sample].to_i32()) - black) * range / (white - black)
        };
        let (luma, blue, red) = (level(0, full), level(1, (full - 1.0) / 2.0), level(2, (full - 1.0) / 2.0));
        let [red_part, green_part, blue_part] = self.parts;
        let red = luma + red * (2.0 - 2.0 * red_part);
        let blue = luma + blue * (2.0 - 2.0 * blue_part);
        let green = (luma - blue * blue_part - red * red_part) / green_part;
        for (sample, value) in pixel.iter_mut().zip([red, green, blue]) {
            #[expect(clippy::cast_possible_truncation, reason = "the sample clamps what the cast saturates")]
            let rounded = value.round() as i32;
            *sample = S::saturating_from(rounded);
        }
    }
}

/// A tag's one value, though it is there for each sample.
fn uniform(directory: &Main, tag: u16, default: u64, what: &str) -> Result<u64> {
    match directory.numbers(tag).as_deref() {
        None if directory.has(tag) => Err(error("its directory is damaged")),
        None | Some([]) => Ok(default),
        Some([first, rest @ ..]) if rest.iter().all(|value| value == first) => Ok(*first),
        Some(_) => Err(unread(format!("its channels have different {what} of samples"))),
    }
}

fn colours(directory: &Main, compression: Compression, samples_per_pixel: usize, bits: u32) -> Result<Colours> {
    let photometric = match (directory.number(tag::PHOTOMETRIC), compression) {
        (Some(photometric), _) => photometric,
        // As libtiff takes it when the tag is missing.
        (None, Compression::Fax(_)) => 0,
        (None, _) if samples_per_pixel < 3 => 1,
        (None, _) => 2,
    };
    let colours = match photometric {
        0 => Colours::WhiteIsZero,
        1 => Colours::BlackIsZero,
        2 => Colours::Rgb,
        3 => Colours::Palette(palette(directory, bits)?),
        5 if directory.number(tag::INK_SET).unwrap_or(1) == 1 => Colours::Cmyk,
        5 => return Err(unread("its inks are not CMYK")),
        6 => Colours::YCbCr(ycbcr(directory, bits)?),
        4 => return Err(unread("it is a transparency mask")),
        8..=10 => return Err(unread("its colours are CIE L*a*b*")),
        32803 | 34892 => return Err(error("it holds a camera's raw samples; develop it to TIFF or PNG first")),
        32844 | 32845 => return Err(unread("its colours are SGI LogLuv")),
        other => return Err(unread(format!("its photometric interpretation is {other}"))),
    };
    match colours.count() <= samples_per_pixel {
        true => Ok(colours),
        false => Err(error(format!("it has {samples_per_pixel} samples a pixel, too few for its colours"))),
    }
}

/// A level of 16 bits as one of `S`.
fn of_16_bits<S: Sample>(level: u16) -> S {
    let level = i32::from(level);
    S::saturating_from(if S::BITS == u16::BITS { level } else { (level + 128) / 257 })
}

fn palette(directory: &Main, bits: u32) -> Result<Vec<[u16; 3]>> {
    if bits > 16 {
        return Err(unread(format!("its palette has numbers of {bits} bits")));
    }
    let len = 1 << bits;
    let map = directory.numbers(tag::COLOUR_MAP).filter(|map| map.len() >= 3 * len);
    let map = map.ok_or_else(|| error("its palette is missing or too short"))?;
    // Some writers fill in 8-bit colours; the format has 16.
    let is_8_bits = map.iter().all(|&level| level < 256);
    let level = |index: usize| {
        let level = map[index];
        u16::try_from(if is_8_bits { level * 257 } else { level }).unwrap_or(u16::MAX)
    };
    Ok((0..len).map(|index| [level(index), level(len + index), level(2 * len + index)]).collect())
}

fn ycbcr(directory: &Main, bits: u32) -> Result<YCbCr> {
    let damaged = || error("its numbers for luma and chroma are damaged");
    let fractions = |tag| {
        let fractions = directory.fractions(tag)?.into_iter();
        Some(
            fractions.map(|(numerator, denominator)| f64::from(numerator) / f64::from(denominator)).collect::<Vec<_>>(),
        )
    };
    let parts = fractions(tag::YCBCR_COEFFICIENTS).unwrap_or(vec![0.299, 0.587, 0.114]);
    let full = ((1_u64 << bits.min(16)) - 1) as f64;
    let middle = (1_u64 << (bits.clamp(1, 16) - 1)) as f64;
    let reference = fractions(tag::REFERENCE_BLACK_WHITE).unwrap_or(vec![0.0, full, middle, full, middle, full]);
    let subsampling = directory.numbers(tag::YCBCR_SUBSAMPLING).unwrap_or(vec![2, 2]);
    let (Some(&parts), Some(&reference), &[across, down]) =
        (parts.first_chunk(), reference.first_chunk::<6>(), subsampling.as_slice())
    else {
        return Err(damaged());
    };
    let is_step = |step: u64| [1, 2, 4].contains(&step);
    let is_range = |pair: &[f64]| pair.iter().all(|value| value.is_finite()) && pair[0] != pair[1];
    if !is_step(across)
        || !is_step(down)
        || !reference.chunks(2).all(is_range)
        || !parts.iter().all(|&part| part > 0.0 && part < 1.0)
    {
        return Err(damaged());
    }
    #[expect(clippy::cast_possible_truncation, reason = "at most 4")]
    let subsampling = (across as u32, down as u32);
    Ok(YCbCr { parts, reference, subsampling })
}

/// The alpha channel among the samples beyond the colours, and how many those are.
fn alpha_channel(directory: &Main, colours: usize, samples_per_pixel: usize) -> Result<(Option<Alpha>, usize)> {
    const ASSOCIATED: u64 = 1;
    const UNASSOCIATED: u64 = 2;
    // No writer has a reason for so many, and each costs memory a pixel.
    const MOST_SAMPLES: usize = 64;
    if samples_per_pixel > MOST_SAMPLES {
        return Err(unread(format!("it has {samples_per_pixel} samples a pixel")));
    }
    let extra = samples_per_pixel - colours;
    let Some(kinds) = directory.numbers(tag::EXTRA_SAMPLES) else {
        // Some writers of RGBA leave the tag out.
        let alpha = Alpha { sample: colours, associated: false };
        return Ok(((extra == 1).then_some(alpha), extra));
    };
    let found = kinds.iter().take(extra).position(|kind| [ASSOCIATED, UNASSOCIATED].contains(kind));
    let alpha = found.map(|at| Alpha { sample: colours + at, associated: kinds[at] == ASSOCIATED });
    Ok((alpha, extra))
}

type Pieces = ((u32, u32), bool, Vec<(u64, u64)>);

/// The size of strips or tiles, whether they are tiles, and where each lies.
fn pieces(directory: &Main, (width, height): (u32, u32), planes: Option<usize>, file_len: usize) -> Result<Pieces> {
    // Before TIFF 6.0, tiles lay where strips do.
    const TILE_PLACES: [u16; 2] = [tag::TILE_OFFSETS, tag::STRIP_OFFSETS];
    const TILE_LENS: [u16; 2] = [tag::TILE_BYTE_COUNTS, tag::STRIP_BYTE_COUNTS];
    let is_tiled = directory.has(tag::TILE_WIDTH) || directory.has(tag::TILE_OFFSETS);
    let side = |tag| {
        let side = directory.number(tag).and_then(|side| u32::try_from(side).ok());
        side.filter(|&side| side > 0).ok_or_else(|| error("its directory gives no size of tiles"))
    };
    let (piece, places, lens) = if is_tiled {
        ((side(tag::TILE_WIDTH)?, side(tag::TILE_HEIGHT)?), TILE_PLACES, TILE_LENS)
    } else {
        let rows = directory.number(tag::ROWS_PER_STRIP).unwrap_or(u64::MAX).min(height.into());
        let rows = u32::try_from(rows).ok().filter(|&rows| rows > 0).ok_or_else(|| error("its strips have no rows"))?;
        ((width, rows), [tag::STRIP_OFFSETS; 2], [tag::STRIP_BYTE_COUNTS; 2])
    };
    let numbers = |tags: [u16; 2]| tags.into_iter().find_map(|tag| directory.numbers(tag));
    let offsets = numbers(places).ok_or_else(|| error("its directory doesn't say where the pixels are"))?;
    let count = u64::from(width.div_ceil(piece.0)) * u64::from(height.div_ceil(piece.1)) * planes.unwrap_or(1) as u64;
    if (offsets.len() as u64) < count {
        return Err(error("its directory lists too few pieces"));
    }
    let lens = numbers(lens).filter(|lens| lens.len() >= offsets.len());
    let to_end = |offset: u64| (file_len as u64).saturating_sub(offset);
    // Files from before TIFF 6.0 may not say how long the pieces are.
    let place = |(at, &offset): (usize, &u64)| (offset, lens.as_ref().map_or(to_end(offset), |lens| lens[at]));
    Ok((piece, is_tiled, offsets.iter().enumerate().map(place).collect()))
}

/// Reads pixels.
struct Reader<'a> {
    bytes: &'a [u8],
    description: &'a Description,
    partial: bool,
}

impl Reader<'_> {
    /// The channels' samples, `[height, width, channels]`.
    fn read<S: Sample>(&self, notes: &mut Vec<Note>) -> Result<Vec<S>> {
        let description = self.description;
        let channels = description.channels();
        let layout = match channels.len() {
            1 => Layout::Grey,
            2 => Layout::GreyAlpha,
            3 => Layout::Rgb,
            // Of CMYK with alpha, which is refused later, only four are kept.
            _ => Layout::Rgba,
        };
        let mut samples: Vec<S> = allocate(description.width, description.height, layout, Format::Tiff)?;
        let kept = &channels[..layout.channels()];
        if self.partial {
            // What is missing stays so.
            let black = description.black();
            samples.chunks_exact_mut(kept.len()).for_each(|pixel| pixel[..black.len()].copy_from_slice(&black));
        }
        let across = description.width.div_ceil(description.piece.0);
        let down = description.height.div_ceil(description.piece.1);
        let planes: Vec<Vec<(usize, usize)>> = match description.planar {
            // From which sample of a piece's pixel to which channel.
            false => vec![kept.iter().copied().enumerate().map(|(to, from)| (from, to)).collect()],
            true => (0..description.samples_per_pixel)
                .map(|plane| kept.iter().position(|&from| from == plane).map(|to| (0, to)).into_iter().collect())
                .collect(),
        };
        let pieces = across as usize * down as usize;
        for (plane, moves) in planes.iter().enumerate().filter(|(_, moves)| !moves.is_empty()) {
            for row in 0..down {
                for column in 0..across {
                    let index = plane * pieces + row as usize * across as usize + column as usize;
                    self.piece(index, (column, row), moves, kept.len(), &mut samples, notes)?;
                }
            }
        }
        Ok(samples)
    }

    /// Puts one piece into the picture.
    fn piece<S: Sample>(
        &self,
        index: usize,
        (column, row): (u32, u32),
        moves: &[(usize, usize)],
        channels: usize,
        picture: &mut [S],
        notes: &mut Vec<Note>,
    ) -> Result<()> {
        let description = self.description;
        let (x, y) = (column * description.piece.0, row * description.piece.1);
        let seen = (description.piece.0.min(description.width - x), description.piece.1.min(description.height - y));
        // The last strip ends with the picture; tiles are whole.
        let size = (description.piece.0, if description.is_tiled { description.piece.1 } else { seen.1 });
        let stored = &description.stored;
        let (row_len, rows) = match description.subsampling() {
            Some(step) => {
                let units = u64::from(size.0.div_ceil(step.0));
                let len = units * u64::from(step.0 * step.1 + 2);
                (usize::try_from(len).ok(), size.1.div_ceil(step.1))
            }
            None => (stored.row_len(size.0), size.1),
        };
        let row_len = row_len.ok_or_else(|| error(CUT_SHORT))?;
        let len = row_len * rows as usize;
        let (bytes, is_whole) = self.decompressed(index, size, len)?;
        if !is_whole {
            if !self.partial {
                return Err(error(CUT_SHORT));
            }
            if !notes.contains(&Note::Partial) {
                notes.push(Note::Partial);
            }
        }
        let rows: Vec<Vec<S>> = match description.subsampling() {
            Some(step) => bytes.chunks_exact(row_len).flat_map(|units| spread(units, size.0, step)).collect(),
            None => {
                // Which of a pixel's samples are no levels.
                let is_number = |sample: usize| match (&description.colours, description.planar) {
                    (Colours::Palette(_), false) => sample == 0,
                    (Colours::Palette(_), true) => moves.iter().any(|&(_, channel)| channel == 0),
                    _ => false,
                };
                let unpack = |row: &[u8]| {
                    let mut row = row.to_vec();
                    stored.undo_predictor(&mut row);
                    stored.unpack(&row, is_number)
                };
                bytes.chunks_exact(row_len).take(seen.1 as usize).map(unpack).collect()
            }
        };
        for (at, row) in rows.iter().take(seen.1 as usize).enumerate() {
            let start = ((y as usize + at) * description.width as usize + x as usize) * channels;
            let target = &mut picture[start..start + seen.0 as usize * channels];
            for (to, from) in target.chunks_exact_mut(channels).zip(row.chunks_exact(stored.per_pixel)) {
                moves.iter().for_each(|&(sample, channel)| to[channel] = from[sample]);
            }
        }
        Ok(())
    }

    /// At most `len` bytes of a piece, fewer where the file has no more, and whether it is whole.
    fn decompressed(&self, index: usize, size: (u32, u32), len: usize) -> Result<(Vec<u8>, bool)> {
        let description = self.description;
        let (offset, stored_len) = description.places[index];
        let start = usize::try_from(offset).unwrap_or(usize::MAX).min(self.bytes.len());
        let data = &self.bytes[start..];
        let data = &data[..usize::try_from(stored_len).unwrap_or(usize::MAX).min(data.len())];
        let piece = Piece {
            size,
            len,
            channels: description.stored.per_pixel,
            jpeg_tables: description.jpeg_tables.as_deref(),
            is_ycbcr: matches!(description.colours, Colours::YCbCr(_)) && !description.planar,
        };
        if description.mirrored_bits && description.compression.follows_fill_order() {
            let mirrored: Vec<u8> = data.iter().map(|byte| byte.reverse_bits()).collect();
            return compression::decompress(description.compression, &mirrored, &piece, self.partial);
        }
        compression::decompress(description.compression, data, &piece, self.partial)
    }
}

/// Rows of pixels from a row of units: each the lumas of its pixels, row by row, then one blue and one red chroma.
fn spread<S: Sample>(units: &[u8], width: u32, (across, down): (u32, u32)) -> Vec<Vec<S>> {
    let (across, down) = (across as usize, down as usize);
    let unit_len = across * down + 2;
    let pixel = |x: usize, y: usize| {
        let unit = &units[x / across * unit_len..][..unit_len];
        [unit[y * across + x % across], unit[unit_len - 2], unit[unit_len - 1]]
    };
    let row =
        |y| (0..width as usize).flat_map(|x| pixel(x, y)).map(|sample| S::saturating_from(sample.into())).collect();
    (0..down).map(row).collect()
}
