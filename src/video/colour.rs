//! What a film says of its colours, and what that is for the planes.

use abpn::planar::{Format, Matrix, Planes, Range, Siting};

use super::error::{Error, Result};
use super::pixel_format::{Layout, PixelFormat};
use super::probe::Stream;

/// A colour description, by ffmpeg's names; empty where nothing is known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Colour {
    pub space: String,
    pub primaries: String,
    pub transfer: String,
    pub range: String,
    pub siting: String,
}

/// Names of matrices.
const MATRICES: [(&str, Matrix); 6] = [
    ("bt709", Matrix::Bt709),
    ("smpte170m", Matrix::Bt601),
    ("bt470bg", Matrix::Bt601),
    ("bt2020nc", Matrix::Bt2020),
    ("fcc", Matrix::Fcc),
    ("smpte240m", Matrix::Smpte240m),
];

/// Names of sitings.
const SITINGS: [(&str, [Siting; 2]); 6] = [
    ("left", [Siting::First, Siting::Middle]),
    ("center", [Siting::Middle, Siting::Middle]),
    ("topleft", [Siting::First, Siting::First]),
    ("top", [Siting::Middle, Siting::First]),
    ("bottomleft", [Siting::First, Siting::Last]),
    ("bottom", [Siting::Middle, Siting::Last]),
];

/// Larger films are high definition: players take BT.709 for them if they say nothing else, and BT.601 for others.
fn is_high_definition(width: usize, height: usize) -> bool {
    width >= 1280 || height > 576
}

impl Colour {
    /// What a stream says.
    ///
    /// # Errors
    /// [`Error::Refused`] for what would be ruined: high dynamic range, and matrices that are none.
    pub fn of(stream: &Stream) -> Result<Self> {
        let known = |name: &str| match name {
            "unknown" | "unspecified" | "reserved" => String::new(),
            name => name.to_owned(),
        };
        let colour = Self {
            space: known(&stream.color_space),
            primaries: known(&stream.color_primaries),
            transfer: known(&stream.color_transfer),
            range: known(&stream.color_range),
            siting: known(&stream.chroma_location),
        };
        let curve = match &*colour.transfer {
            "smpte2084" => "PQ",
            "arib-std-b67" => "HLG",
            _ => return Ok(colour),
        };
        Err(Error::Refused(format!(
            "it has high dynamic range ({curve}), which the nets were not made for and would ruin; convert it to BT.709 first"
        )))
    }

    /// The planes of frames of this description.
    ///
    /// # Errors
    /// [`Error::Refused`] for a matrix that abpn doesn't know.
    pub fn format(&self, pixels: &PixelFormat, width: u32, height: u32) -> Result<Format> {
        let range = match &*self.range {
            "pc" => Range::Full,
            "tv" => Range::Limited,
            // Grey is full for ffmpeg unless something else is said.
            _ if pixels.is_full || pixels.layout == Layout::Grey => Range::Full,
            _ => Range::Limited,
        };
        let planes = match pixels.layout {
            Layout::Grey => Planes::Grey(range),
            Layout::Rgb => Planes::Rgb,
            Layout::Yuv(across, down) => {
                let named = MATRICES.iter().find(|(name, _)| *name == self.space).map(|&(_, matrix)| matrix);
                let matrix = match named {
                    Some(matrix) => matrix,
                    None if !self.space.is_empty() => {
                        return Err(Error::Refused(format!("abpn doesn't know its colour matrix, {:?}", self.space)));
                    }
                    None if is_high_definition(width as usize, height as usize) => Matrix::Bt709,
                    None => Matrix::Bt601,
                };
                // MPEG-2's, for all that says nothing.
                let siting = SITINGS.iter().find(|(name, _)| *name == self.siting).unwrap_or(&SITINGS[0]).1;
                // What is not shared has no place between.
                let siting = [(across, siting[0]), (down, siting[1])]
                    .map(|(shared, siting)| if shared == 1 { Siting::First } else { siting });
                Planes::Yuv { matrix, range, across, down, siting }
            }
        };
        Ok(Format::new(planes, pixels.bits, width, height)?)
    }

    /// The description of the result: what the film says; and what it doesn't say but was taken for granted, if a player would
    /// take something else for granted for the larger result.
    pub fn enlarged(&self, small: &Format, large: &Format) -> Self {
        let mut colour = self.clone();
        let Planes::Yuv { matrix, range, .. } = small.planes() else { return colour };
        let changes =
            is_high_definition(small.width(), small.height()) != is_high_definition(large.width(), large.height());
        if changes && self.space.is_empty() && matrix == Matrix::Bt601 {
            // 576 lines are those of PAL.
            let space = if small.height() == 576 { "bt470bg" } else { "smpte170m" };
            let filled =
                [(&mut colour.space, space), (&mut colour.primaries, space), (&mut colour.transfer, "smpte170m")];
            for (field, name) in filled {
                if field.is_empty() {
                    name.clone_into(field);
                }
            }
        }
        if colour.range.is_empty() && range == Range::Full {
            "pc".clone_into(&mut colour.range);
        }
        colour
    }

    /// A filter that tells the encoder, of frames of such planes.
    pub fn filter(&self, layout: Layout) -> String {
        let space = if layout == Layout::Rgb { "gbr" } else { &self.space };
        let fields = [
            ("range", &*self.range),
            ("colorspace", space),
            ("color_primaries", &self.primaries),
            ("color_trc", &self.transfer),
        ];
        let set: Vec<_> =
            fields.iter().filter(|(_, name)| !name.is_empty()).map(|(key, name)| format!("{key}={name}")).collect();
        if set.is_empty() { "null".to_owned() } else { format!("setparams={}", set.join(":")) }
    }

    /// Options of a copied stream's container, which tell players.
    pub fn options(&self, layout: Layout) -> Vec<String> {
        let space = if layout == Layout::Rgb { "rgb" } else { &self.space };
        let fields = [
            ("-color_range:v:0", &*self.range),
            ("-colorspace:v:0", space),
            ("-color_primaries:v:0", &self.primaries),
            ("-color_trc:v:0", &self.transfer),
            ("-chroma_sample_location:v:0", &self.siting),
        ];
        fields
            .iter()
            .filter(|(_, name)| !name.is_empty())
            .flat_map(|(key, name)| [*key, *name])
            .map(str::to_owned)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream(space: &str, transfer: &str) -> Stream {
        Stream { color_space: space.to_owned(), color_transfer: transfer.to_owned(), ..Stream::default() }
    }

    #[test]
    fn what_would_be_ruined_is_refused() {
        for transfer in ["smpte2084", "arib-std-b67"] {
            assert!(Colour::of(&stream("bt2020nc", transfer)).unwrap_err().to_string().contains("dynamic range"));
        }
        let pixels = PixelFormat::parse("yuv420p").unwrap();
        let colour = Colour::of(&stream("ycgco", "bt709")).unwrap();
        assert!(colour.format(&pixels, 4, 4).unwrap_err().to_string().contains("ycgco"));
    }

    #[test]
    fn what_is_taken_for_granted_is_said_where_a_player_would_not() {
        let pixels = PixelFormat::parse("yuv420p").unwrap();
        let enlarged = |colour: &Colour, width, height| {
            let small = colour.format(&pixels, width, height).unwrap();
            colour.enlarged(&small, &small.resized(width * 3, height * 3).unwrap())
        };
        let silent = Colour::default();
        assert_eq!(enlarged(&silent, 640, 360).space, "smpte170m");
        assert_eq!(enlarged(&silent, 720, 576).space, "bt470bg");
        assert_eq!(enlarged(&silent, 1280, 720), silent);
        assert_eq!(enlarged(&silent, 160, 90), silent);
        let stated = Colour { space: "bt709".to_owned(), ..Colour::default() };
        assert_eq!(enlarged(&stated, 640, 360), stated);
    }
}
