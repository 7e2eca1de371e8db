// The part of the picture that is computed at once, and where its words lie.
//
// A feature map is planar: word c of pixel (x, y) holds channels 4c to 4c+3, lowest channel in the low byte, at
// c * plane + (y + 1) * stride + x + 1. The padding of one pixel around each plane is the zero point of its layer, so that no
// load needs a border test. It is the code 0 in nets without PReLU, where no kernel writes it; else padding.wgsl does.
//
// A stored byte is code XOR 0x80, the code minus 128 as a signed byte.

struct Window {
    width: u32,
    height: u32,
    // Words from one row to the next, and from one plane to the next.
    stride: u32,
    plane: u32,
}

// Four codes 0.
const ZERO_POINT = 0x80808080u;

@group(0) @binding(0) var<uniform> window: Window;
