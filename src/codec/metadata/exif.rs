//! EXIF blocks: turned upright, without thumbnail, with new sizes; otherwise as they were.
//!
//! A block is changed where it lies. Makers' notes hold offsets into it that nobody else knows, so nothing in it moves.

use image::metadata::Orientation;

use super::{Resolution, ResolutionUnit};
use crate::codec::byte_order::ByteOrder;
use crate::codec::directory::{Directory, Entry, Field, Header, Main, kind, tag};

/// JPEG's prefix, which some programs also write into PNG and WebP, where it does not belong.
pub(super) const PREFIX: &[u8] = b"Exif\0\0";

/// Takes out of a block what will not hold of the upright, larger picture: the orientation, which is returned, the
/// thumbnail, and what is given in pixels of the stored picture. None if it is no EXIF block.
pub(super) fn settle(block: &mut Vec<u8>) -> Option<Orientation> {
    if block.starts_with(PREFIX) {
        block.drain(..PREFIX.len());
    }
    let header = Header::read(block).filter(|header| !header.is_big)?;
    let main = header.directory(block, header.first)?;
    let mut orientation = None;
    for entry in main.entries.iter().filter(|entry| entry.tag == tag::ORIENTATION) {
        let stored = header.number(block, entry).and_then(|number| Orientation::from_exif(number.try_into().ok()?));
        orientation = orientation.or(stored);
        let number = kind::len(entry.kind).zip(entry.value.clone().filter(|value| !value.is_empty()));
        if let Some(((_, len), value)) = number {
            let number = &mut block[value.start..][..len];
            number.fill(0);
            match header.order {
                ByteOrder::Little => number[0] = 1,
                ByteOrder::Big => number[len - 1] = 1,
            }
        }
    }
    drop_thumbnail(block, &header, &main);
    if let Some(exif) = header.nested(block, &main, tag::EXIF) {
        remove(block, header.order, &exif, &[tag::SUBJECT_AREA, tag::SUBJECT_LOCATION]);
    }
    Some(orientation.unwrap_or(Orientation::NoTransforms))
}

/// Writes the picture's size to where a block gives one.
pub(super) fn set_size(block: &mut [u8], (width, height): (u32, u32)) {
    let Some(header) = Header::read(block) else { return };
    let Some(main) = header.directory(block, header.first) else { return };
    let exif = header.nested(block, &main, tag::EXIF);
    let entries = main.entries.iter().chain(exif.iter().flat_map(|exif| &exif.entries));
    for entry in entries {
        let size = match entry.tag {
            tag::IMAGE_WIDTH | tag::PIXEL_WIDTH => width,
            tag::IMAGE_LENGTH | tag::PIXEL_HEIGHT => height,
            _ => continue,
        };
        // Both have room for it: type, count, and the value itself in place of its offset.
        block[entry.at + 2..][..2].copy_from_slice(&header.order.bytes16(kind::LONG));
        block[entry.at + 4..][..4].copy_from_slice(&header.order.bytes32(1));
        block[entry.at + 8..][..4].copy_from_slice(&header.order.bytes32(size));
    }
}

/// The resolution that a directory gives.
pub(super) fn resolution(main: &Main) -> Option<Resolution> {
    let ratio = |tag| main.fractions(tag)?.first().copied().filter(|ratio| ratio.0 > 0 && ratio.1 > 0);
    let x = ratio(tag::X_RESOLUTION)?;
    let y = ratio(tag::Y_RESOLUTION).unwrap_or(x);
    let unit = match main.number(tag::RESOLUTION_UNIT) {
        Some(1) => ResolutionUnit::None,
        Some(3) => ResolutionUnit::Centimetre,
        _ => ResolutionUnit::Inch,
    };
    Some(Resolution { x, y, unit })
}

/// The resolution that a block gives.
pub(super) fn resolution_of_block(block: &[u8]) -> Option<Resolution> {
    resolution(&Main::first(block)?)
}

fn drop_thumbnail(block: &mut Vec<u8>, header: &Header, main: &Directory) {
    let Some(next) = main.next else { return };
    let mut kept = Extents::new(block.len());
    let exif = header.nested(block, main, tag::EXIF);
    let gps = header.nested(block, main, tag::GPS);
    let interoperability = exif.as_ref().and_then(|exif| header.nested(block, exif, tag::INTEROPERABILITY));
    kept.add(0..8);
    for directory in [Some(main), exif.as_ref(), gps.as_ref(), interoperability.as_ref()].into_iter().flatten() {
        kept.add_directory(directory);
    }
    let mut dropped = Extents::new(block.len());
    if let Some(thumbnail) = header.directory(block, next) {
        dropped.add_directory(&thumbnail);
        for (offset, len) in [(tag::THUMBNAIL_OFFSET, tag::THUMBNAIL_LEN), (tag::STRIP_OFFSETS, tag::STRIP_BYTE_COUNTS)]
        {
            let number = |tag| usize::try_from(header.number(block, thumbnail.entry(tag)?)?).ok();
            if let (Some(start), Some(len)) = (number(offset), number(len)) {
                dropped.add(start..start.saturating_add(len));
            }
        }
    }
    // The offset of the next directory is the last thing of this one.
    block[main.extent.end - 4..main.extent.end].fill(0);
    let (kept, dropped) = (kept.covered(), dropped.covered());
    for (byte, _) in block.iter_mut().zip(kept.iter().zip(dropped)).filter(|(_, (kept, dropped))| !**kept && *dropped) {
        *byte = 0;
    }
    // Whatever is behind the last thing that is reached, as the thumbnail usually is, need not be there.
    if let Some(last) = block.iter().zip(&kept).rposition(|(&byte, &kept)| kept || byte != 0) {
        block.truncate(last + 1);
    }
}

/// Takes entries out of a directory; those behind them move up, their values stay.
fn remove(block: &mut [u8], order: ByteOrder, directory: &Directory, tags: &[u16]) {
    let whole = directory.extent.end - directory.extent.start == 2 + 12 * directory.entries.len() + 4;
    let doomed: Vec<&Entry> = directory.entries.iter().filter(|entry| tags.contains(&entry.tag)).collect();
    if !whole || doomed.is_empty() {
        return;
    }
    for entry in doomed.iter().rev() {
        block.copy_within(entry.at + 12..directory.extent.end, entry.at);
        block[directory.extent.end - 12..directory.extent.end].fill(0);
    }
    #[expect(clippy::cast_possible_truncation, reason = "fewer than the count that was read from 16 bits")]
    let left = (directory.entries.len() - doomed.len()) as u16;
    block[directory.extent.start..][..2].copy_from_slice(&order.bytes16(left));
}

/// Parts of a block. Adding one takes the same time however long it is, so that no file can make it slow.
struct Extents(Vec<i32>);

impl Extents {
    fn new(len: usize) -> Self {
        Self(vec![0; len + 1])
    }

    fn add(&mut self, extent: std::ops::Range<usize>) {
        let len = self.0.len() - 1;
        if extent.start < extent.end.min(len) {
            self.0[extent.start] += 1;
            self.0[extent.end.min(len)] -= 1;
        }
    }

    fn add_directory(&mut self, directory: &Directory) {
        self.add(directory.extent.clone());
        directory.entries.iter().filter_map(|entry| entry.value.clone()).for_each(|value| self.add(value));
    }

    /// For each byte, whether a part covers it.
    fn covered(&self) -> Vec<bool> {
        let mut depth = 0;
        let deepen = |&step: &i32| {
            depth += step;
            depth > 0
        };
        self.0[..self.0.len() - 1].iter().map(deepen).collect()
    }
}

/// A block's directories, apart from their place; for TIFF, which has no blocks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields {
    /// Those of the main directory that describe the picture.
    pub main: Vec<Field>,
    pub exif: Vec<Field>,
    pub gps: Vec<Field>,
    pub interoperability: Vec<Field>,
    /// Whether there was a maker's note, which can't be moved and was left out.
    pub had_maker_note: bool,
}

impl Fields {
    /// The directories of a block.
    pub fn of_block(block: &[u8]) -> Option<Self> {
        Some(Self::of(&Main::first(block)?))
    }

    /// A directory and those within it.
    pub fn of(main: &Main) -> Self {
        let (bytes, header) = (main.bytes, &main.header);
        let (exif, gps) = (main.nested(tag::EXIF), main.nested(tag::GPS));
        let interoperability = exif.as_ref().and_then(|exif| header.nested(bytes, exif, tag::INTEROPERABILITY));
        let mut budget = super::MAX_LEN;
        let mut fields = |directory: Option<&Directory>, wanted: fn(u16) -> bool| -> Vec<Field> {
            let mut fields: Vec<Field> = Vec::new();
            for entry in directory.iter().flat_map(|directory| &directory.entries) {
                let len = entry.value.as_ref().map_or(0, ExactSizeIterator::len);
                if !wanted(entry.tag) || !kind::is_movable(entry.kind) || len > budget {
                    continue;
                }
                budget -= len;
                fields.extend(header.field(bytes, entry));
            }
            fields.sort_by_key(|field| field.tag);
            fields.dedup_by_key(|field| field.tag);
            fields
        };
        let is_value =
            |tag| ![tag::MAKER_NOTE, tag::INTEROPERABILITY, tag::SUBJECT_AREA, tag::SUBJECT_LOCATION].contains(&tag);
        Self {
            main: fields(Some(&main.directory), tag::describes),
            exif: fields(exif.as_ref(), is_value),
            gps: fields(gps.as_ref(), |_| true),
            interoperability: fields(interoperability.as_ref(), |_| true),
            had_maker_note: exif.is_some_and(|exif| exif.entry(tag::MAKER_NOTE).is_some()),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.main.is_empty() && self.exif.is_empty() && self.gps.is_empty()
    }

    /// An EXIF block with these directories, in the byte order of this machine.
    pub fn block(mut self) -> Vec<u8> {
        let mut block = if cfg!(target_endian = "big") { b"MM\0\x2a".to_vec() } else { b"II\x2a\0".to_vec() };
        block.extend([0; 4]);
        if !self.interoperability.is_empty() && !self.exif.is_empty() {
            let at = append(&mut block, self.interoperability);
            self.exif.push(Field::long(tag::INTEROPERABILITY, at));
        }
        for (tag, fields) in [(tag::EXIF, self.exif), (tag::GPS, self.gps)] {
            if !fields.is_empty() {
                let at = append(&mut block, fields);
                self.main.push(Field::long(tag, at));
            }
        }
        let first = append(&mut block, self.main);
        block[4..8].copy_from_slice(&first.to_ne_bytes());
        block
    }
}

/// A block that says nothing but a resolution.
pub(super) fn block_of(resolution: Resolution) -> Vec<u8> {
    Fields { main: super::tiff::resolution_fields(resolution), ..Fields::default() }.block()
}

/// Appends a directory with its values; returns its offset.
fn append(block: &mut Vec<u8>, mut fields: Vec<Field>) -> u32 {
    let position = |block: &Vec<u8>| u32::try_from(block.len()).unwrap_or(u32::MAX);
    fields.sort_by_key(|field| field.tag);
    let mut entries = Vec::new();
    for field in &fields {
        let (len, _) = kind::len(field.kind).unwrap_or((1, 1));
        let count = u32::try_from(field.value.len() / len).unwrap_or(u32::MAX);
        let mut value = [0; 4];
        match field.value.len() {
            0..=4 => value[..field.value.len()].copy_from_slice(&field.value),
            _ => {
                value = position(block).to_ne_bytes();
                block.extend(&field.value);
                block.resize(block.len().next_multiple_of(2), 0);
            }
        }
        entries.extend(field.tag.to_ne_bytes());
        entries.extend(field.kind.to_ne_bytes());
        entries.extend(count.to_ne_bytes());
        entries.extend(value);
    }
    let at = position(block);
    block.extend(u16::try_from(fields.len()).unwrap_or(u16::MAX).to_ne_bytes());
    block.extend(entries);
    block.extend([0; 4]);
    at
}
