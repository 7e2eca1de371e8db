// Rows of RGB samples without alpha, cut into groups of three words.

fn groups(width: u32) -> u32 {
    return (width + GROUP_PIXELS - 1u) / GROUP_PIXELS;
}
