//! What image files say of their pictures beside the pixels.

/// What a file says of its picture beside the pixels. Empty fields were not in the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Metadata {
    /// The ICC colour profile, as it lay in the file.
    pub icc: Option<Vec<u8>>,
    /// The EXIF block, from its TIFF header (`II` or `MM`) on; its orientation is 1, as the pixels are upright.
    pub exif: Option<Vec<u8>>,
}

impl Metadata {
    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
