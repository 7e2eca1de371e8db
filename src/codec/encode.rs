//! Pictures to files.

use std::io::{self, Seek, SeekFrom, Write};

use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::codecs::qoi::QoiEncoder;
use image::codecs::tiff::TiffEncoder;
use image::codecs::webp::WebPEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageError};

use super::fit::fit;
use super::{Format, Note, Picture, pnm};
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
    let icc = picture.metadata.icc.clone().filter(|icc| {
        let holds = format.holds_icc() && (image.layout() == picture.image.layout() || !is_for_grey(icc));
        if !holds {
            notes.push(Note::IccDropped);
        }
        holds
    });
    let exif = picture.metadata.exif.clone().filter(|exif| {
        let holds = exif.len() <= format.max_exif_len();
        if !holds {
            notes.push(Note::ExifDropped);
        }
        holds
    });

    let mut latch = Latch { writer, error: None };
    let target = &mut latch;
    let written = match format {
        Format::Png => {
            let encoder = PngEncoder::new_with_quality(target, CompressionType::Fast, FilterType::Adaptive);
            write(encoder, &image, icc, exif)
        }
        Format::Jpeg => write(JpegEncoder::new_with_quality(target, quality), &image, icc, exif),
        Format::WebP => write(WebPEncoder::new_lossless(target), &image, icc, exif),
        Format::Tiff => write(TiffEncoder::new(target), &image, icc, exif),
        Format::Qoi => write(QoiEncoder::new(target), &image, icc, exif),
        Format::Pnm => pnm::write(&image, target).map_err(ImageError::IoError),
        Format::Bmp => return Err(Error::Encode { format, reason: "abpn only reads it; use PNG".to_owned() }),
    };
    let written = written.map_err(|cause| cause.to_string());
    let flushed = latch.flush().map_err(|cause| cause.to_string());
    // The writer's own error says more than what the encoder made of it.
    match latch.error.map_or(written.and(flushed), |cause| Err(cause.to_string())) {
        Ok(()) => Ok(notes),
        Err(reason) => Err(Error::Encode { format, reason }),
    }
}

fn write(
    mut encoder: impl ImageEncoder,
    image: &Image,
    icc: Option<Vec<u8>>,
    exif: Option<Vec<u8>>,
) -> std::result::Result<(), ImageError> {
    if let Some(icc) = icc {
        encoder.set_icc_profile(icc).map_err(ImageError::Unsupported)?;
    }
    if let Some(exif) = exif {
        encoder.set_exif_metadata(exif).map_err(ImageError::Unsupported)?;
    }
    let (bytes, sixteen_bits): (&[u8], _) = match image.samples() {
        Samples::U8(samples) => (samples, false),
        Samples::U16(samples) => (bytemuck::cast_slice(samples), true),
    };
    let colour_type = match (image.layout(), sixteen_bits) {
        (Layout::Grey, false) => ExtendedColorType::L8,
        (Layout::GreyAlpha, false) => ExtendedColorType::La8,
        (Layout::Rgb, false) => ExtendedColorType::Rgb8,
        (Layout::Rgba, false) => ExtendedColorType::Rgba8,
        (Layout::Grey, true) => ExtendedColorType::L16,
        (Layout::GreyAlpha, true) => ExtendedColorType::La16,
        (Layout::Rgb, true) => ExtendedColorType::Rgb16,
        (Layout::Rgba, true) => ExtendedColorType::Rgba16,
    };
    encoder.write_image(bytes, image.width(), image.height(), colour_type)
}

/// Whether an ICC profile describes grey, by the colour space in its header.
fn is_for_grey(icc: &[u8]) -> bool {
    icc.get(16..20) == Some(b"GRAY")
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
    use crate::codec::Metadata;

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
        let picture = Picture { image, metadata: Metadata { icc: Some(icc), exif: None } };
        for (format, notes) in [(Format::Png, vec![]), (Format::WebP, vec![Note::IccDropped])] {
            assert_eq!(encode(&picture, format, DEFAULT_QUALITY, Cursor::new(vec![])).unwrap(), notes);
        }
    }
}
