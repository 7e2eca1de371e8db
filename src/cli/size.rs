//! The option for the size of a synthetic picture or map.

/// What `--size` is if it is not given: the frame that the paper times.
pub const DEFAULT: &str = "640x360";
/// The longest side, in pixels.
const MOST_SIDE: u32 = 8192;

/// Width and height in pixels: two numbers with an x between them.
pub fn parse(text: &str) -> Result<(u32, u32), String> {
    let (width, height) = text.split_once('x').ok_or("two numbers, as 640x360, are needed")?;
    let number = |text: &str| match text.parse() {
        Ok(number @ 1..=MOST_SIDE) => Ok(number),
        _ => Err(format!("{text:?} is not a number from 1 to {MOST_SIDE}")),
    };
    Ok((number(width)?, number(height)?))
}
