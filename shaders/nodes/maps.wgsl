// Where the words of a feature map lie.
//
// A map is planar: word c of pixel (x, y) holds channels 4c to 4c+3 and lies at `at(map, c, x, y)`. A margin of zeros
// around each plane, which no kernel writes, lets convolutions load without a border test. Rows begin at a multiple of
// four words, so that a pack, sixteen bytes, is one load.

struct Map {
    // In pixels.
    width: u32,
    height: u32,
    // Words from one row to the next, and from one plane to the next.
    stride: u32,
    plane: u32,
}

struct Maps {
    input: Map,
    output: Map,
}

@group(0) @binding(0) var<uniform> maps: Maps;

fn at(map: Map, word: u32, x: u32, y: u32) -> u32 {
    return word * map.plane + (y + MARGIN_Y) * map.stride + x + MARGIN_X;
}
