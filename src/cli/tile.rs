//! The option for the size of tiles.

use abpn::TileSize;

/// What `--tile` takes.
pub const VALUES: &str = "auto|whole|N";

/// The tile size that a text names.
pub fn parse(text: &str) -> Result<TileSize, String> {
    match text {
        "auto" => Ok(TileSize::Auto),
        "whole" => Ok(TileSize::Whole),
        _ => match text.parse() {
            Ok(side) if side > 0 => Ok(TileSize::Side(side)),
            _ => Err("it is auto, whole, or a number of pixels from 1 on".to_owned()),
        },
    }
}
