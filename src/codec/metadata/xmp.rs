//! XMP packets, as text: what would not hold of the upright, larger picture is corrected or taken out.
//!
//! A property is an attribute (`tiff:Orientation="6"`) or an element (`<tiff:Orientation>6</tiff:Orientation>`), with the
//! prefixes that all programs use. A packet that is not UTF-8 is left as it is.

use std::ops::Range;

const ORIENTATION: &str = "tiff:Orientation";
const WIDTHS: [&str; 2] = ["tiff:ImageWidth", "exif:PixelXDimension"];
const HEIGHTS: [&str; 2] = ["tiff:ImageLength", "exif:PixelYDimension"];

/// Promises of something else in the file that is not carried: thumbnails, gain maps, videos, a longer packet.
const PROMISES: [&str; 11] = [
    "xmp:Thumbnails",
    "xap:Thumbnails",
    "xmpNote:HasExtendedXMP",
    "hdrgm:Version",
    "HDRGainMap:HDRGainMapVersion",
    "Container:Directory",
    "GContainer:Directory",
    "GCamera:MotionPhoto",
    "GCamera:MicroVideo",
    "GCamera:MicroVideoOffset",
    "GImage:Data",
];

/// The packet for an upright picture on its own.
pub(super) fn settle(packet: &[u8]) -> Vec<u8> {
    edit(packet, |text| {
        let mut edits: Vec<_> =
            PROMISES.iter().flat_map(|name| properties(text, name)).map(|at| (at.whole, String::new())).collect();
        edits.extend(properties(text, ORIENTATION).into_iter().filter_map(|at| Some((at.value?, "1".to_owned()))));
        edits
    })
}

/// The packet for a picture of this size.
pub(super) fn set_size(packet: &[u8], (width, height): (u32, u32)) -> Vec<u8> {
    edit(packet, |text| {
        let values = |names: [&'static str; 2], number: u32| {
            let found = names.into_iter().flat_map(move |name| properties(text, name));
            found.filter_map(move |at| Some((at.value?, number.to_string())))
        };
        values(WIDTHS, width).chain(values(HEIGHTS, height)).collect()
    })
}

fn edit(packet: &[u8], edits: impl FnOnce(&str) -> Vec<(Range<usize>, String)>) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(packet) else { return packet.to_vec() };
    let mut edits = edits(text);
    edits.sort_by_key(|(range, _)| range.start);
    let mut edited = String::with_capacity(text.len());
    let mut done = 0;
    for (range, new) in edits {
        // What lies within something that was taken out is gone already.
        if range.start >= done {
            edited.push_str(&text[done..range.start]);
            edited.push_str(&new);
            done = range.end;
        }
    }
    edited.push_str(&text[done..]);
    edited.into_bytes()
}

/// How many mentions of a name are looked at, so that no packet takes long.
const MAX_MENTIONS: usize = 100;

/// Where a property is, and where its value, if it has one.
struct Property {
    whole: Range<usize>,
    value: Option<Range<usize>>,
}

/// The properties of a name; those of a packet that mentions it more often than any real one are not all found.
fn properties(text: &str, name: &str) -> Vec<Property> {
    let mut found = Vec::new();
    let mut from = 0;
    for _ in 0..MAX_MENTIONS {
        let Some(at) = text[from..].find(name).map(|at| from + at) else { break };
        let end = at + name.len();
        let property = if text[..at].ends_with('<') {
            match element(text, at - 1, end, name) {
                Ok(property) => property,
                Err(Unclosed) => break,
            }
        } else if text[..at].ends_with(char::is_whitespace) {
            attribute(text, at, end)
        } else {
            None
        };
        from = property.as_ref().map_or(end, |property| property.whole.end);
        found.extend(property);
    }
    found
}

/// An element does not end, and so none of the same name behind it does.
struct Unclosed;

fn attribute(text: &str, start: usize, name_end: usize) -> Option<Property> {
    let after = text[name_end..].trim_start().strip_prefix('=')?.trim_start();
    let quote = after.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    let value = text.len() - after.len() + 1;
    let end = value + text[value..].find(quote)?;
    Some(Property { whole: start..end + 1, value: Some(value..end) })
}

fn element(text: &str, start: usize, name_end: usize, name: &str) -> Result<Option<Property>, Unclosed> {
    // A longer name begins like this one.
    if !text[name_end..].starts_with(|next: char| next.is_whitespace() || matches!(next, '>' | '/')) {
        return Ok(None);
    }
    let find = |from: usize, wanted: &str| text[from..].find(wanted).map(|at| from + at).ok_or(Unclosed);
    let opened = find(name_end, ">")?;
    if text[..opened].ends_with('/') {
        return Ok(Some(Property { whole: start..opened + 1, value: None }));
    }
    let closed = find(opened, &format!("</{name}"))?;
    let end = find(closed, ">")?;
    Ok(Some(Property { whole: start..end + 1, value: Some(opened + 1..closed) }))
}
