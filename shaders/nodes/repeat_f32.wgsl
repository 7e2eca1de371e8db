// Words of repeated colours: rgbr, gbrg, brgb. Of the last, the channels that there are.

fn repeated_0(rgb: Pack) -> Pack {
    return rgb.xyzx;
}

fn repeated_1(rgb: Pack) -> Pack {
    return rgb.yzxy;
}

fn repeated_2(rgb: Pack) -> Pack {
    return rgb.zxyz;
}

fn last(pack: Pack) -> Pack {
    return select(Pack(0.0), pack, vec4<u32>(0u, 1u, 2u, 3u) < vec4<u32>(LAST_CHANNELS));
}
