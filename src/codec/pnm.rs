//! Writing PNM; `image` knows no P5 and P6 of 16 bits.

use std::io::{self, Write};

use crate::{Image, Layout, Samples};

/// Writes the classic P5 or P6, which more programs read, where it can hold the image; P7 where there is alpha.
pub(super) fn write(image: &Image, mut writer: impl Write) -> io::Result<()> {
    let (width, height) = (image.width(), image.height());
    let max = match image.samples() {
        Samples::U8(_) => u16::from(u8::MAX),
        Samples::U16(_) => u16::MAX,
    };
    let mut extended = |tuple: &str, depth: usize| {
        write!(writer, "P7\nWIDTH {width}\nHEIGHT {height}\nDEPTH {depth}\nMAXVAL {max}\nTUPLTYPE {tuple}\nENDHDR\n")
    };
    let channels = image.layout().channels();
    match image.layout() {
        Layout::Grey => write!(writer, "P5\n{width} {height}\n{max}\n")?,
        Layout::GreyAlpha => extended("GRAYSCALE_ALPHA", channels)?,
        Layout::Rgb => write!(writer, "P6\n{width} {height}\n{max}\n")?,
        Layout::Rgba => extended("RGB_ALPHA", channels)?,
    }
    match image.samples() {
        Samples::U8(samples) => writer.write_all(samples),
        Samples::U16(samples) => samples
            .chunks(width as usize * channels)
            .map(|row| row.iter().flat_map(|sample| sample.to_be_bytes()).collect::<Vec<u8>>())
            .try_for_each(|row| writer.write_all(&row)),
    }
}
