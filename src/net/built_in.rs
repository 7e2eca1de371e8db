//! The nets that ship with abpn.

use std::fmt;
use std::str::FromStr;

use super::Net;
use crate::{Error, Result};

/// ABPN x3 for clean pictures, the net that abpn takes where nothing else is asked for; [`Net::read`] takes it.
pub const ABPN_X3: &[u8] = include_bytes!("../../weights/abpn_x3.safetensors");
/// ABPN x2 for clean pictures; [`Net::read`] takes it.
pub const ABPN_X2: &[u8] = include_bytes!("../../weights/abpn_x2.safetensors");
/// ABPN x4 for clean pictures; [`Net::read`] takes it.
pub const ABPN_X4: &[u8] = include_bytes!("../../weights/abpn_x4.safetensors");

/// All built-in nets.
pub const BUILT_IN: &[BuiltIn] = &[
    of(2, Degradation::Clean, ABPN_X2),
    of(2, Degradation::Light, include_bytes!("../../weights/abpn_x2_light.safetensors")),
    of(2, Degradation::Strong, include_bytes!("../../weights/abpn_x2_strong.safetensors")),
    of(3, Degradation::Clean, ABPN_X3),
    of(3, Degradation::Light, include_bytes!("../../weights/abpn_x3_light.safetensors")),
    of(3, Degradation::Strong, include_bytes!("../../weights/abpn_x3_strong.safetensors")),
    of(4, Degradation::Clean, ABPN_X4),
    of(4, Degradation::Light, include_bytes!("../../weights/abpn_x4_light.safetensors")),
    of(4, Degradation::Strong, include_bytes!("../../weights/abpn_x4_strong.safetensors")),
];

const fn of(scale: usize, degradation: Degradation, file: &'static [u8]) -> BuiltIn {
    BuiltIn { scale, degradation, file }
}

/// What pictures have been through before they are upscaled. Built-in nets are named after it; the worse the larger.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Degradation {
    /// Nothing that shows.
    #[default]
    Clean,
    /// Compression that shows when one looks closely: the usual JPEG of a camera or of the web, film of good quality.
    Light,
    /// Compression that anyone sees: blocks, ringing edges, smeared detail.
    Strong,
}

impl Degradation {
    /// All of them, the least first.
    pub const ALL: [Self; 3] = [Self::Clean, Self::Light, Self::Strong];

    /// The name: `clean`, `light` or `strong`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Clean => "clean",
            Self::Light => "light",
            Self::Strong => "strong",
        }
    }

    /// Which pictures a net of this name is for, in a few words.
    pub fn pictures(self) -> &'static str {
        match self {
            Self::Clean => "pictures without compression, or hardly any",
            Self::Light => "pictures and film with little compression",
            Self::Strong => "pictures and film with much compression",
        }
    }
}

impl fmt::Display for Degradation {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Degradation {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        Self::ALL.into_iter().find(|degradation| degradation.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            Error::Unsupported(format!("no built-in net is called {name:?}; there are {names}"))
        })
    }
}

/// A net that ships with abpn.
#[derive(Clone, Copy, Debug)]
pub struct BuiltIn {
    /// How many times it enlarges.
    pub scale: usize,
    /// Which pictures it is for.
    pub degradation: Degradation,
    /// Its weight file.
    pub file: &'static [u8],
}

impl BuiltIn {
    /// The net.
    ///
    /// # Errors
    /// None, unless abpn was built with a damaged weight file.
    pub fn net(&self) -> Result<Net> {
        Net::read(self.file)
    }
}

/// The built-in net of a scale, 2, 3 or 4, for pictures of this degradation; if the scale has none, the one for the next
/// lesser degradation.
pub fn built_in(scale: usize, degradation: Degradation) -> Option<&'static BuiltIn> {
    let fits = |net: &&BuiltIn| net.scale == scale && net.degradation <= degradation;
    BUILT_IN.iter().filter(fits).max_by_key(|net| net.degradation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_net_of_the_table_is_what_the_table_says() {
        for net in BUILT_IN {
            assert_eq!(net.net().unwrap().scale(), net.scale);
            let found = built_in(net.scale, net.degradation).unwrap();
            assert_eq!((found.scale, found.degradation), (net.scale, net.degradation));
            assert!(found.file == net.file);
        }
        for scale in 2..=4 {
            for degradation in Degradation::ALL {
                assert!(built_in(scale, degradation).unwrap().degradation <= degradation);
            }
        }
        assert!(built_in(5, Degradation::Clean).is_none());
    }

    #[test]
    fn names_are_read_back() {
        for degradation in Degradation::ALL {
            assert_eq!(degradation.name().parse::<Degradation>().unwrap(), degradation);
        }
        assert!("auto".parse::<Degradation>().unwrap_err().to_string().contains("clean, light, strong"));
    }
}
