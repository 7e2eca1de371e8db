// Words of repeated colours: rgbr, gbrg, brgb. Of the last, the channels that there are.

fn repeated_0(rgb: Pack) -> Pack {
    return rgb | (rgb << Pack(24u));
}

fn repeated_1(rgb: Pack) -> Pack {
    return (rgb >> Pack(8u)) | (rgb << Pack(16u));
}

fn repeated_2(rgb: Pack) -> Pack {
    return (rgb >> Pack(16u)) | (rgb << Pack(8u));
}

fn last(pack: Pack) -> Pack {
    return pack & Pack((1u << (8u * LAST_CHANNELS)) - 1u);
}
