//! What a JPEG file's segments say, read without decoding a pixel: enough to choose a decoder that is known to be right.

use super::segments::{END_OF_IMAGE, START_OF_SCAN, Segments};

const LINES: u8 = 0xdc;
const JFIF: u8 = 0xe0;
const ADOBE: u8 = 0xee;

/// How the samples are coded, by the frame header's marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Process {
    /// Blocks in one pass: baseline and extended.
    Sequential,
    /// Blocks in several passes, coarse to fine.
    Progressive,
    /// Predicted samples, no blocks.
    Lossless,
}

/// One of the frame's planes.
#[derive(Clone, Copy, Debug)]
pub struct Component {
    pub id: u8,
    /// Horizontal and vertical sampling factors, 1 to 4; the frame's largest are the picture's own density.
    pub sampling: (u8, u8),
}

/// One pass over some of the components.
#[derive(Debug)]
struct Scan {
    /// Indices into the frame's components.
    components: Vec<usize>,
    /// First and last coefficient.
    spectrum: (u8, u8),
    /// Bits that this scan leaves to later ones.
    low_bit: u8,
}

/// What the colours of the components are, by the rules that libjpeg made everybody's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colours {
    Grey,
    YCbCr,
    Rgb,
    Cmyk,
    Ycck,
}

/// A file's segments.
#[derive(Debug)]
pub struct Headers {
    pub process: Process,
    pub arithmetic: bool,
    /// Bits a sample.
    pub precision: u8,
    pub width: u16,
    pub height: u16,
    pub components: Vec<Component>,
    pub adobe: bool,
    /// Whether the end marker is there.
    pub ended: bool,
    /// How many bytes, from the file's first on, are before a segment that ends with the file.
    pub whole_len: usize,
    /// Where the height has to be written for a decoder that knows no DNL segment.
    pub height_from_lines: Option<usize>,
    adobe_transform: u8,
    jfif: bool,
    scans: Vec<Scan>,
}

impl Headers {
    /// Reads the segments up to the end marker, or as far as there are any.
    ///
    /// # Errors
    /// What is wrong, in words, if there is no frame that could be decoded.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let mut headers = None;
        let mut whole_len = bytes.len();
        let (mut jfif, mut adobe, mut lines, mut ended) = (false, None, None, false);
        let mut scanned = false;
        for found in Segments::of(bytes) {
            let marker = found.marker;
            if marker == END_OF_IMAGE {
                ended = true;
                break;
            }
            let Some(segment) = found.data else {
                whole_len = found.at;
                break;
            };
            match marker {
                // What comes after the first scan is too late to say what that scan's colours are.
                JFIF if !scanned => jfif |= segment.starts_with(b"JFIF\0"),
                ADOBE if !scanned && segment.starts_with(b"Adobe") => adobe = segment.get(11).copied().or(adobe),
                LINES => lines = lines.or(segment.first_chunk().copied().map(u16::from_be_bytes)),
                START_OF_SCAN => {
                    scanned = true;
                    let headers: &mut Self = headers.as_mut().ok_or("a scan comes before the frame header")?;
                    headers.add_scan(segment)?;
                }
                // Of the markers of this range, three are no frame headers.
                0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => {
                    if headers.is_some() {
                        return Err("it has two frame headers (hierarchical JPEG), which abpn doesn't read".to_owned());
                    }
                    headers = Some(Self::of_frame(marker, segment, found.at)?);
                }
                _ => {}
            }
        }
        let mut headers = headers.ok_or("it has no frame header: it is cut short, or no JPEG")?;
        if headers.height == 0 {
            headers.height = lines.filter(|&lines| lines > 0).ok_or("its header gives no height")?;
        } else {
            headers.height_from_lines = None;
        }
        Ok(Self { jfif, adobe: adobe.is_some(), adobe_transform: adobe.unwrap_or(0), ended, whole_len, ..headers })
    }

    fn of_frame(marker: u8, segment: &[u8], at: usize) -> Result<Self, String> {
        let process = match marker {
            0xc0 | 0xc1 | 0xc9 => Process::Sequential,
            0xc2 | 0xca => Process::Progressive,
            0xc3 | 0xcb => Process::Lossless,
            _ => return Err("it is hierarchical JPEG, which abpn doesn't read; convert it to PNG first".to_owned()),
        };
        let broken = || "its frame header is damaged".to_owned();
        let &[precision, high, low, wide, narrow, count] = segment.first_chunk().ok_or_else(broken)?;
        let table = segment.get(6..6 + 3 * usize::from(count)).filter(|table| !table.is_empty()).ok_or_else(broken)?;
        let components: Vec<_> = table
            .chunks_exact(3)
            .map(|entry| Component { id: entry[0], sampling: (entry[1] >> 4, entry[1] & 15) })
            .collect();
        let width = u16::from_be_bytes([wide, narrow]);
        if components.iter().enumerate().any(|(at, c)| components[..at].iter().any(|other| other.id == c.id)) {
            return Err("two of its components have one name, which abpn doesn't read".to_owned());
        }
        if width == 0 || components.iter().any(|c| !(1..=4).contains(&c.sampling.0) || !(1..=4).contains(&c.sampling.1))
        {
            return Err(broken());
        }
        Ok(Self {
            process,
            arithmetic: marker >= 0xc9,
            precision,
            width,
            height: u16::from_be_bytes([high, low]),
            components,
            adobe: false,
            ended: false,
            whole_len: 0,
            // The marker, the segment's length and the precision lie before the height.
            height_from_lines: Some(at + 5),
            adobe_transform: 0,
            jfif: false,
            scans: vec![],
        })
    }

    fn add_scan(&mut self, segment: &[u8]) -> Result<(), String> {
        let broken = || "a scan header is damaged".to_owned();
        let count = usize::from(*segment.first().ok_or_else(broken)?);
        let selectors = segment.get(1..1 + 2 * count).filter(|list| !list.is_empty()).ok_or_else(broken)?;
        let &[first, last, bits] = segment.get(1 + 2 * count..).and_then(<[u8]>::first_chunk).ok_or_else(broken)?;
        let index = |id| self.components.iter().position(|component| component.id == id);
        let components =
            selectors.chunks_exact(2).map(|entry| index(entry[0])).collect::<Option<_>>().ok_or_else(broken)?;
        self.scans.push(Scan { components, spectrum: (first, last), low_bit: bits & 15 });
        Ok(())
    }

    /// Whether the scans that are there carry every bit of every coefficient of every component.
    ///
    /// The last one may still end early; its decoder knows.
    pub fn is_complete(&self) -> bool {
        let carries = |component, coefficient| {
            let mut scans = self.scans.iter().filter(|scan| scan.components.contains(&component));
            match self.process {
                Process::Progressive => {
                    scans.any(|scan| (scan.spectrum.0..=scan.spectrum.1).contains(&coefficient) && scan.low_bit == 0)
                }
                _ => scans.next().is_some(),
            }
        };
        (0..self.components.len()).all(|component| (0..64).all(|coefficient| carries(component, coefficient)))
    }

    /// Whether a scan has several components, but not all: rare, and not in every decoder.
    pub fn has_mixed_scans(&self) -> bool {
        self.scans.iter().any(|scan| (2..self.components.len()).contains(&scan.components.len()))
    }

    /// Whether each scan of one component, if there are such, can be read as rows of single blocks with the factors 1
    /// or the largest.
    pub fn has_plain_factors(&self) -> bool {
        let (across, down) = self.largest_sampling();
        self.components.iter().all(|c| [1, across].contains(&c.sampling.0) && [1, down].contains(&c.sampling.1))
    }

    /// Whether the first component is the densest, as it nearly always is.
    pub fn first_is_densest(&self) -> bool {
        self.components.first().is_some_and(|first| first.sampling == self.largest_sampling())
    }

    /// Whether each component's samples cover a whole number of pixels.
    pub fn has_whole_steps(&self) -> bool {
        let (across, down) = self.largest_sampling();
        self.components.iter().all(|c| across % c.sampling.0 == 0 && down % c.sampling.1 == 0)
    }

    fn largest_sampling(&self) -> (u8, u8) {
        self.components.iter().fold((1, 1), |most, c| (most.0.max(c.sampling.0), most.1.max(c.sampling.1)))
    }

    /// The kind of colours; none for counts of components that mean nothing.
    pub fn colours(&self) -> Option<Colours> {
        let ids: Vec<_> = self.components.iter().map(|component| component.id).collect();
        match (ids.len(), self.adobe, self.adobe_transform) {
            (1, ..) => Some(Colours::Grey),
            (3, ..) if self.jfif => Some(Colours::YCbCr),
            (3, true, 0) => Some(Colours::Rgb),
            (3, true, _) => Some(Colours::YCbCr),
            (3, false, _) if ids == *b"RGB" => Some(Colours::Rgb),
            (3, false, _) => Some(Colours::YCbCr),
            (4, true, 0) | (4, false, _) => Some(Colours::Cmyk),
            (4, true, _) => Some(Colours::Ycck),
            _ => None,
        }
    }
}

/// Whether stray bytes lie between the segments before the first scan.
pub fn has_stray_bytes(bytes: &[u8]) -> bool {
    let mut end = 0;
    for segment in Segments::of(bytes) {
        if bytes[end..segment.at].iter().any(|&byte| byte != 0xff) {
            return true;
        }
        if segment.marker == START_OF_SCAN || segment.data.is_none() {
            return false;
        }
        end = segment.end;
    }
    false
}

/// A stream without the segments by which decoders tell colours.
pub fn without_colours(bytes: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(bytes.len());
    let mut done = 0;
    for segment in Segments::of(bytes) {
        if segment.marker == START_OF_SCAN || segment.data.is_none() {
            break;
        }
        if matches!(segment.marker, JFIF | ADOBE) {
            kept.extend_from_slice(&bytes[done..segment.at]);
            done = segment.end;
        }
    }
    kept.extend_from_slice(&bytes[done..]);
    kept
}
