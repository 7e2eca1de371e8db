//! Pictures to files.

use std::io::{self, Seek, SeekFrom, Write};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::qoi::QoiEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};
use tiff::encoder::colortype::{ColorType, Gray8, Gray16, RGB8, RGB16, RGBA8, RGBA16};
use tiff::encoder::{DirectoryEncoder, TiffEncoder, TiffKind, TiffValue};
use tiff::tags::{Tag, Type};
use tiff::{Directory, TiffResult};

use super::fit::{fit, not_written};
use super::metadata::{self, icc};
use super::{Format, Metadata, Note, Part, Picture, pnm};
use crate::{Error, Image, Layout, Result, Samples};

/// JPEG quality without a wish: hardly visible loss.
pub const DEFAULT_QUALITY: u8 = 95;

/// Writes `picture` as a file of `format` to `writer`; returns what of it the format could not hold.
///
/// `quality`, 1 to 100, is JPEG's; all other formats are written without loss, fast rather than small.
///
/// # Errors
/// [`Error::Encode`] if the format is not written, if it can't hold the picture (too large, or transparent pixels in
/// JPEG), or if `writer` fails; then what was written so far is of no use.
pub fn encode(picture: &Picture, format: Format, quality: u8, writer: impl Write + Seek) -> Result<Vec<Note>> {
    let mut notes = Vec::new();
    let image = fit(&picture.image, format, &mut notes)?;
    let mut metadata = picture.metadata.clone();
    if image.layout() != picture.image.layout() && metadata.icc.as_deref().is_some_and(icc::is_for_grey) {
        metadata.icc = None;
        notes.push(Note::LeftOut(Part::Icc));
    }
    let metadata = metadata.fit(format, (image.width(), image.height()), image.layout(), &mut notes);

    let mut latch = Latch { writer, error: None };
    let target = &mut latch;
    let written = match format {
        Format::Png => png(&image, &metadata, target).map_err(|cause| cause.to_string()),
        Format::Jpeg => jpeg(&image, &metadata, quality, target).map_err(|cause| cause.to_string()),
        Format::WebP => webp(&image, metadata, target).map_err(|cause| cause.to_string()),
        Format::Tiff => tiff(&image, &metadata, &mut notes, target).map_err(|cause| cause.to_string()),
        Format::Qoi => write(QoiEncoder::new(target), &image).map_err(|cause| cause.to_string()),
        Format::Pnm => pnm::write(&image, target).map_err(|cause| cause.to_string()),
        _ => return Err(not_written(format)),
    };
    let flushed = latch.flush().map_err(|cause| cause.to_string());
    // The writer's own error says more than what the encoder made of it.
    match latch.error.map_or(written.and(flushed), |cause| Err(cause.to_string())) {
        Ok(()) => Ok(notes),
        Err(reason) => Err(Error::Encode { format, reason }),
    }
}

fn png(image: &Image, metadata: &Metadata, writer: impl Write) -> std::result::Result<(), png::EncodingError> {
    let mut encoder = png::Encoder::new(writer, image.width(), image.height());
    encoder.set_color(match image.layout() {
        Layout::Grey => png::ColorType::Grayscale,
        Layout::GreyAlpha => png::ColorType::GrayscaleAlpha,
        Layout::Rgb => png::ColorType::Rgb,
        Layout::Rgba => png::ColorType::Rgba,
    });
    encoder.set_compression(png::Compression::Fast);
    encoder.set_filter(png::Filter::Adaptive);
    if let Samples::U16(_) = image.samples() {
        encoder.set_depth(png::BitDepth::Sixteen);
    }
    let mut writer = encoder.write_header()?;
    for (name, data) in metadata::png_chunks(metadata) {
        writer.write_chunk(png::chunk::ChunkType(name), &data)?;
    }
    match image.samples() {
        Samples::U8(samples) => writer.write_image_data(samples)?,
        Samples::U16(samples) => {
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_be_bytes()).collect();
            writer.write_image_data(&bytes)?;
        }
    }
    writer.finish()
}

fn jpeg(
    image: &Image,
    metadata: &Metadata,
    quality: u8,
    mut writer: impl Write,
) -> std::result::Result<(), ImageError> {
    let mut file = Vec::new();
    write(JpegEncoder::new_with_quality(&mut file, quality), image)?;
    writer.write_all(&metadata::write_jpeg(&file, metadata)).map_err(ImageError::IoError)
}

fn webp(image: &Image, metadata: Metadata, writer: impl Write) -> std::result::Result<(), image_webp::EncodingError> {
    let mut encoder = image_webp::WebPEncoder::new(writer);
    let Metadata { icc, exif, xmp, .. } = metadata;
    icc.into_iter().for_each(|icc| encoder.set_icc_profile(icc));
    exif.into_iter().for_each(|block| encoder.set_exif_metadata(block));
    xmp.into_iter().for_each(|packet| encoder.set_xmp_metadata(packet));
    let colour_type = match image.layout() {
        Layout::Grey => image_webp::ColorType::L8,
        Layout::GreyAlpha => image_webp::ColorType::La8,
        Layout::Rgb => image_webp::ColorType::Rgb8,
        Layout::Rgba => image_webp::ColorType::Rgba8,
    };
    encoder.encode(bytes(image.samples()), image.width(), image.height(), colour_type)
}

fn tiff(image: &Image, metadata: &Metadata, notes: &mut Vec<Note>, writer: impl Write + Seek) -> TiffResult<()> {
    /// What the fourth sample is: alpha, not premultiplied.
    const UNASSOCIATED_ALPHA: u16 = 2;

    fn entries<W: Write + Seek, K: TiffKind>(
        directory: &mut DirectoryEncoder<W, K>,
        fields: &[metadata::TiffField],
    ) -> TiffResult<()> {
        let mut entries = Directory::empty();
        for (tag, kind, value) in fields {
            // The kinds that the crate doesn't know are newer kinds of text.
            let kind = Type::from_u16(*kind).unwrap_or(Type::ASCII);
            entries.extend([(Tag::from_u16_exhaustive(*tag), directory.write_entry_bytes(kind, value)?)]);
        }
        directory.extend_from(&entries);
        Ok(())
    }

    fn pixels<C: ColorType, W: Write + Seek>(
        mut encoder: TiffEncoder<W>,
        image: &Image,
        fields: &[metadata::TiffField],
        samples: &[C::Inner],
    ) -> TiffResult<()>
    where
        [C::Inner]: TiffValue,
    {
        let mut picture = encoder.new_image::<C>(image.width(), image.height())?;
        if image.layout().has_alpha() {
            picture.encoder().write_tag(Tag::ExtraSamples, UNASSOCIATED_ALPHA)?;
        }
        entries(picture.encoder(), fields)?;
        picture.write_data(samples)
    }

    let mut encoder = TiffEncoder::new(writer)?;
    let fields = metadata::TiffTags::new(metadata, notes).main(|fields| {
        let mut directory = encoder.extra_directory()?;
        entries(&mut directory, fields)?;
        directory.finish_with_offsets().map(|at| at.offset)
    })?;
    match (image.samples(), image.layout()) {
        (Samples::U8(samples), Layout::Grey) => pixels::<Gray8, _>(encoder, image, &fields, samples),
        (Samples::U8(samples), Layout::Rgb) => pixels::<RGB8, _>(encoder, image, &fields, samples),
        (Samples::U8(samples), _) => pixels::<RGBA8, _>(encoder, image, &fields, samples),
        (Samples::U16(samples), Layout::Grey) => pixels::<Gray16, _>(encoder, image, &fields, samples),
        (Samples::U16(samples), Layout::Rgb) => pixels::<RGB16, _>(encoder, image, &fields, samples),
        (Samples::U16(samples), _) => pixels::<RGBA16, _>(encoder, image, &fields, samples),
    }
}

/// Through `image`'s encoders, for formats of 8 bits.
fn write(encoder: impl ImageEncoder, image: &Image) -> std::result::Result<(), ImageError> {
    let colour_type = match image.layout() {
        Layout::Grey => ExtendedColorType::L8,
        Layout::GreyAlpha => ExtendedColorType::La8,
        Layout::Rgb => ExtendedColorType::Rgb8,
        Layout::Rgba => ExtendedColorType::Rgba8,
    };
    encoder.write_image(bytes(image.samples()), image.width(), image.height(), colour_type)
}

/// The samples as they lie in memory.
fn bytes(samples: &Samples) -> &[u8] {
    match samples {
        Samples::U8(samples) => samples,
        Samples::U16(samples) => bytemuck::cast_slice(samples),
    }
}

/// Remembers a writer's first error, and writes nothing after it.
///
/// The encoders write the ends of their files when they are dropped, and can't tell anyone if that fails.
struct Latch<W> {
    writer: W,
    error: Option<io::Error>,
}

impl<W> Latch<W> {
    fn attempt<T>(&mut self, action: impl FnOnce(&mut W) -> io::Result<T>) -> io::Result<T> {
        if let Some(error) = &self.error {
            return Err(error.kind().into());
        }
        action(&mut self.writer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => {
                self.error = Some(error);
                kind.into()
            }
        })
    }
}

impl<W: Write> Write for Latch<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.attempt(|writer| writer.write(bytes))? {
            0 if !bytes.is_empty() => self.attempt(|_| Err(io::ErrorKind::WriteZero.into())),
            len => Ok(len),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.attempt(W::flush)
    }
}

impl<W: Seek> Seek for Latch<W> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.attempt(|writer| writer.seek(to))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;

    use super::*;

    /// A disk that is full after `free` bytes.
    struct Full {
        file: Cursor<Vec<u8>>,
        free: usize,
    }

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let len = bytes.len().min(self.free);
            if len == 0 && !bytes.is_empty() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.free -= len;
            self.file.write(&bytes[..len])
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Seek for Full {
        fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
            self.file.seek(to)
        }
    }

    #[test]
    fn a_full_disk_is_an_error_wherever_it_fills() {
        let image = Image::from_rgb8(3, 2, (0..18).collect()).unwrap();
        let picture = Picture { image, metadata: Metadata::default() };
        for format in Format::WRITTEN {
            let mut whole = Full { file: Cursor::default(), free: usize::MAX };
            encode(&picture, format, DEFAULT_QUALITY, &mut whole).unwrap();
            let written = usize::MAX - whole.free;
            assert!(written >= whole.file.get_ref().len());
            for free in 0..written {
                let full = Full { file: Cursor::default(), free };
                let error = encode(&picture, format, DEFAULT_QUALITY, full).unwrap_err();
                let cause = io::Error::from(io::ErrorKind::StorageFull).to_string();
                assert_eq!(error.to_string(), format!("can't write {format}: {cause}"), "{free} bytes free");
            }
        }
    }

    #[test]
    fn a_grey_profile_stays_out_of_a_colour_file() {
        let mut icc = vec![0; 128];
        icc[16..20].copy_from_slice(b"GRAY");
        let image = Image::new(1, 1, Layout::Grey, Samples::U8(vec![7])).unwrap();
        let picture = Picture { image, metadata: Metadata { icc: Some(icc), ..Metadata::default() } };
        for (format, notes) in [(Format::Png, vec![]), (Format::WebP, vec![Note::LeftOut(Part::Icc)])] {
            assert_eq!(encode(&picture, format, DEFAULT_QUALITY, Cursor::new(vec![])).unwrap(), notes);
        }
    }
}
