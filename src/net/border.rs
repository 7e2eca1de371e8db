//! What a net sees outside the picture.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// What a net sees outside the picture; a part of the net, as its weights are trained for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Border {
    /// Zeros, for every layer: outside the picture each code is 0.
    #[default]
    Zeros,
    /// The picture's mirror image. Every result pixel is as if the picture went on without end, mirrored at each border
    /// with the border's own pixels repeated: `... c b a | a b c ... z | z y x ...`. The layers inside see what they make
    /// of those pixels, not their own mirror images.
    Mirror,
}

impl Border {
    /// Its name in weight files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Zeros => "zeros",
            Self::Mirror => "mirror",
        }
    }

    /// How far a net that sees `halo` pixels around reads the picture beyond each border.
    pub(crate) fn margin(self, halo: usize) -> usize {
        match self {
            Self::Zeros => 0,
            Self::Mirror => halo,
        }
    }
}

impl fmt::Display for Border {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Border {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        [Self::Zeros, Self::Mirror].into_iter().find(|border| border.name() == name).ok_or_else(|| {
            Error::WeightFile(format!(
                "its border is {name:?}; this version of abpn reads {:?} and {:?} here",
                Self::Zeros.name(),
                Self::Mirror.name()
            ))
        })
    }
}

/// The row or column, of `length` in the picture, that position `at` of the mirrored picture shows; 0 is the first of the
/// picture itself. A picture narrower than the distance is mirrored again and again.
pub(crate) fn mirrored(at: isize, length: usize) -> usize {
    let length = length.cast_signed();
    let at = at.rem_euclid(2 * length);
    at.min(2 * length - 1 - at).cast_unsigned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mirrors_stand_at_both_borders() {
        let shown = |length: usize| (-7..length.cast_signed() + 7).map(|at| mirrored(at, length)).collect::<Vec<_>>();
        assert_eq!(shown(4), [1, 2, 3, 3, 2, 1, 0, 0, 1, 2, 3, 3, 2, 1, 0, 0, 1, 2]);
        assert_eq!(shown(2), [1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, 0]);
        assert_eq!(shown(1), [0; 15]);
    }

    #[test]
    fn names_are_read_back() {
        for border in [Border::Zeros, Border::Mirror] {
            assert_eq!(border.name().parse::<Border>().unwrap(), border);
        }
        for name in ["", "Mirror", "edge"] {
            let reason = name.parse::<Border>().unwrap_err().to_string();
            assert!(reason.contains("\"mirror\"") && reason.contains(&format!("{name:?}")), "{reason}");
        }
    }
}
