//! NUT, the container in which frames and packets pass to and from ffmpeg, since it carries exact time stamps.
//!
//! One video stream, as <https://ffmpeg.org/~michael/nut.txt> defines it: what ffmpeg writes is read, and what is written here
//! is the simplest form of it.

use std::io::{self, Read, Write};

const ID: &[u8] = b"nut/multimedia container\0";
const MAIN: u64 = 0x4E4D_7A56_1F5F_04AD;
const STREAM: u64 = 0x4E53_1140_5BF2_F9DB;
const SYNCPOINT: u64 = 0x4E4B_E4AD_EECA_4569;
const INFO: u64 = 0x4E49_AB68_B596_BA78;

/// Flags of a frame.
const KEY: u64 = 1;
const CODED_PTS: u64 = 8;
const STREAM_ID: u64 = 16;
const SIZE_MSB: u64 = 32;
const CHECKSUM: u64 = 64;
const RESERVED: u64 = 128;
const HEADER_INDEX: u64 = 1024;
const MATCH_TIME: u64 = 2048;
const CODED: u64 = 4096;
const INVALID: u64 = 8192;

/// A packet with a longer header has a checksum of its own for that.
const LONG_PACKET: u64 = 4096;
/// Headers longer than this are no headers: nothing here is so large but a codec's data.
const MOST_HEADER_BYTES: u64 = 1 << 24;
/// A frame longer than this is a damaged length.
const MOST_FRAME_BYTES: u64 = 1 << 33;
/// Bits of a time stamp that may be written without its upper ones; here none are.
const PTS_SHIFT: u32 = 7;

/// A unit of time in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeBase {
    pub num: u64,
    pub den: u64,
}

/// The stream's description.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stream {
    pub fourcc: Vec<u8>,
    pub time_base: TimeBase,
    /// Frames that a decoder holds back.
    pub decode_delay: u64,
    /// The codec's own header.
    pub codec_data: Vec<u8>,
    pub width: u64,
    pub height: u64,
    /// Width and height of a pixel; 0 and 0 if unknown.
    pub aspect: (u64, u64),
}

/// A frame's place in time, beside its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packet {
    pub pts: i64,
    pub is_key: bool,
}

/// Reads what ffmpeg writes.
pub struct Reader<R> {
    input: R,
    stream: Stream,
    shift: u32,
    time_bases: Vec<TimeBase>,
    codes: Vec<Code>,
    elided: Vec<Vec<u8>>,
    last_pts: i64,
}

/// What a frame code stands for.
#[derive(Clone, Copy, Debug, Default)]
struct Code {
    flags: u64,
    stream: u64,
    size_mul: u64,
    size_lsb: u64,
    pts_delta: i64,
    reserved: u64,
    header: u64,
}

fn damaged(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("damaged NUT stream: {what}"))
}

impl<R: Read> Reader<R> {
    /// Reads the headers.
    ///
    /// # Errors
    /// If they are not there, or of more than one stream. A stream without a byte is an [`io::ErrorKind::UnexpectedEof`].
    pub fn new(mut input: R) -> io::Result<Self> {
        let mut id = [0; ID.len()];
        input.read_exact(&mut id)?;
        if id != *ID {
            return Err(damaged("it begins with something else"));
        }
        let mut main = None;
        loop {
            let mut code = [0; 8];
            input.read_exact(&mut code)?;
            let payload = payload(&mut input)?;
            match (u64::from_be_bytes(code), &main) {
                (MAIN, _) => main = Some(Main::read(&mut &payload[..])?),
                (STREAM, Some(found)) => {
                    let found: &Main = found;
                    let (stream, shift) = read_stream(&mut &payload[..], &found.time_bases)?;
                    let Main { time_bases, codes, elided } = main.take().unwrap_or_default();
                    return Ok(Self { input, stream, shift, time_bases, codes, elided, last_pts: 0 });
                }
                (SYNCPOINT, _) => return Err(damaged("no stream before the first frame")),
                _ => {}
            }
        }
    }

    /// The stream.
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Reads the next frame's data into `data`, whose memory is used again; none at the end.
    ///
    /// # Errors
    /// If the stream is damaged or ends within a frame.
    pub fn read(&mut self, data: &mut Vec<u8>) -> io::Result<Option<Packet>> {
        loop {
            let mut first = [0];
            if self.input.read(&mut first)? == 0 {
                return Ok(None);
            }
            if first[0] != b'N' {
                return self.frame(first[0], data).map(Some);
            }
            let mut code = [b'N'; 8];
            self.input.read_exact(&mut code[1..])?;
            let payload = payload(&mut self.input)?;
            if u64::from_be_bytes(code) == SYNCPOINT {
                self.last_pts = self.time(number(&mut &payload[..])?);
            }
        }
    }

    /// A time with its base, in the stream's.
    fn time(&self, coded: u64) -> i64 {
        let count = self.time_bases.len() as u64;
        let base = usize::try_from(coded % count).map_or(self.stream.time_base, |index| self.time_bases[index]);
        let (time, own) = (i128::from((coded / count).cast_signed()), self.stream.time_base);
        let (num, den) = (base.num * own.den, base.den * own.num);
        i64::try_from((time * i128::from(num)).div_euclid(i128::from(den))).unwrap_or(i64::MAX)
    }

    fn frame(&mut self, code: u8, data: &mut Vec<u8>) -> io::Result<Packet> {
        let code = self.codes[usize::from(code)];
        let mut flags = code.flags;
        if flags & INVALID != 0 {
            return Err(damaged("a frame code that stands for nothing"));
        }
        let input = &mut self.input;
        if flags & CODED != 0 {
            flags ^= number(input)?;
        }
        let stream = if flags & STREAM_ID != 0 { number(input)? } else { code.stream };
        if stream != 0 {
            return Err(damaged("a second stream"));
        }
        let pts = if flags & CODED_PTS != 0 {
            let coded = number(input)?;
            let one = 1_u64 << self.shift;
            if coded < one {
                // The lower bits of the nearest.
                let mask = one.cast_signed() - 1;
                let delta = self.last_pts - mask / 2;
                ((coded.cast_signed() - delta) & mask) + delta
            } else {
                (coded - one).cast_signed()
            }
        } else {
            self.last_pts + code.pts_delta
        };
        let mut size = code.size_lsb;
        if flags & SIZE_MSB != 0 {
            size =
                number(input)?.checked_mul(code.size_mul).and_then(|more| more.checked_add(size)).unwrap_or(u64::MAX);
        }
        if flags & MATCH_TIME != 0 {
            number(input)?;
        }
        let mut header = if flags & HEADER_INDEX != 0 { number(input)? } else { code.header };
        let reserved = if flags & RESERVED != 0 { number(input)? } else { code.reserved };
        for _ in 0..reserved {
            number(input)?;
        }
        if size > LONG_PACKET {
            header = 0;
        }
        let header = usize::try_from(header).ok().and_then(|index| self.elided.get(index));
        let header = header.ok_or_else(|| damaged("an unknown header"))?;
        if flags & CHECKSUM != 0 {
            input.read_exact(&mut [0; 4])?;
        }
        let rest = size.checked_sub(header.len() as u64).filter(|_| size <= MOST_FRAME_BYTES);
        let rest = rest.ok_or_else(|| damaged("a frame's length"))?;
        data.clear();
        data.extend_from_slice(header);
        if input.take(rest).read_to_end(data)? as u64 != rest {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.last_pts = pts;
        Ok(Packet { pts, is_key: flags & KEY != 0 })
    }
}

#[derive(Default)]
struct Main {
    time_bases: Vec<TimeBase>,
    codes: Vec<Code>,
    elided: Vec<Vec<u8>>,
}

impl Main {
    fn read(input: &mut &[u8]) -> io::Result<Self> {
        let version = number(input)?;
        if version > 3 {
            number(input)?;
        }
        if number(input)? != 1 {
            return Err(damaged("more than one stream"));
        }
        number(input)?;
        let mut time_bases = Vec::new();
        for _ in 0..number(input)? {
            let (num, den) = (number(input)?, number(input)?);
            if ![num, den].iter().all(|part| (1..1 << 31).contains(part)) {
                return Err(damaged("a time base"));
            }
            time_bases.push(TimeBase { num, den });
        }
        let mut codes = Vec::new();
        let mut common = Code { size_mul: 1, ..Code::default() };
        while codes.len() < 256 {
            common.flags = number(input)?;
            let fields = number(input)?;
            if fields > 0 {
                common.pts_delta = signed(input)?;
            }
            if fields > 1 {
                common.size_mul = number(input)?;
            }
            if fields > 2 {
                common.stream = number(input)?;
            }
            let size = if fields > 3 { number(input)? } else { 0 };
            common.reserved = if fields > 4 { number(input)? } else { 0 };
            let count = if fields > 5 { number(input)? } else { common.size_mul.saturating_sub(size) };
            if fields > 6 {
                signed(input)?;
            }
            if fields > 7 {
                common.header = number(input)?;
            }
            for _ in 8..fields {
                number(input)?;
            }
            for index in 0..count.min(256) {
                if codes.len() == usize::from(b'N') {
                    codes.push(Code { flags: INVALID, ..Code::default() });
                }
                codes.push(Code { size_lsb: size + index, ..common });
            }
            if count == 0 {
                return Err(damaged("an empty entry of its table"));
            }
        }
        let mut elided = vec![Vec::new()];
        if input.len() > 4 {
            for _ in 0..number(input)? {
                elided.push(bytes(input)?);
            }
        }
        Ok(Self { time_bases, codes, elided })
    }
}

fn read_stream(input: &mut &[u8], time_bases: &[TimeBase]) -> io::Result<(Stream, u32)> {
    number(input)?;
    if number(input)? != 0 {
        return Err(damaged("it is no video"));
    }
    let fourcc = bytes(input)?;
    let time_base = usize::try_from(number(input)?).ok().and_then(|index| time_bases.get(index));
    let &time_base = time_base.ok_or_else(|| damaged("an unknown time base"))?;
    let shift = u32::try_from(number(input)?).ok().filter(|&shift| shift < 32).ok_or_else(|| damaged("a shift"))?;
    number(input)?;
    let decode_delay = number(input)?;
    number(input)?;
    let codec_data = bytes(input)?;
    let (width, height) = (number(input)?, number(input)?);
    let aspect = (number(input)?, number(input)?);
    Ok((Stream { fourcc, time_base, decode_delay, codec_data, width, height, aspect }, shift))
}

/// What follows a start code.
fn payload(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let len = number(input)?;
    if len > MOST_HEADER_BYTES {
        return Err(damaged("a header's length"));
    }
    if len > LONG_PACKET {
        input.read_exact(&mut [0; 4])?;
    }
    let mut payload = Vec::new();
    if input.take(len).read_to_end(&mut payload)? as u64 != len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(payload)
}

fn number(input: &mut impl Read) -> io::Result<u64> {
    let mut value = 0_u64;
    for _ in 0..10 {
        let mut byte = [0];
        input.read_exact(&mut byte)?;
        value = value << 7 | u64::from(byte[0] & 0x7f);
        if byte[0] & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(damaged("a number"))
}

fn signed(input: &mut impl Read) -> io::Result<i64> {
    let value = number(input)?.wrapping_add(1).cast_signed();
    Ok(if value & 1 == 0 { value >> 1 } else { -(value >> 1) })
}

fn bytes(input: &mut &[u8]) -> io::Result<Vec<u8>> {
    let len = number(input)?;
    let (bytes, rest) =
        usize::try_from(len).ok().and_then(|len| input.split_at_checked(len)).ok_or_else(|| damaged("a length"))?;
    *input = rest;
    Ok(bytes.to_vec())
}

/// Writes what ffmpeg reads.
pub struct Writer<W> {
    output: W,
}

impl<W: Write> Writer<W> {
    /// Writes the headers; `rate` is how many frames a second there are, about, where that is known.
    ///
    /// # Errors
    /// The output's.
    pub fn new(mut output: W, stream: &Stream, rate: Option<(u64, u64)>) -> io::Result<Self> {
        output.write_all(ID)?;
        let mut main = Vec::new();
        // Version, streams, the longest way between two start codes, time bases.
        for value in [3, 1, 65536, 1, stream.time_base.num, stream.time_base.den] {
            put(&mut main, value);
        }
        // All 255 codes say that a frame says everything itself.
        for value in [CODED, 6, 0, 1, 0, 0, 0, 255] {
            put(&mut main, value);
        }
        put(&mut main, 0);
        put_packet(&mut output, MAIN, main)?;
        let mut header = Vec::new();
        put(&mut header, 0);
        put(&mut header, 0);
        put_bytes(&mut header, &stream.fourcc);
        // Time base, shift, the longest step of time without a checksum, delay, no flags.
        for value in [0, PTS_SHIFT.into(), 1 << 20, stream.decode_delay, 0] {
            put(&mut header, value);
        }
        put_bytes(&mut header, &stream.codec_data);
        for value in [stream.width, stream.height, stream.aspect.0, stream.aspect.1, 0] {
            put(&mut header, value);
        }
        put_packet(&mut output, STREAM, header)?;
        if let Some((num, den)) = rate {
            // Of the first stream, no chapter, one entry: a text.
            let mut info = vec![1, 0, 0, 0, 1];
            put_bytes(&mut info, b"r_frame_rate");
            put(&mut info, 2);
            put_bytes(&mut info, format!("{num}/{den}").as_bytes());
            put_packet(&mut output, INFO, info)?;
        }
        Ok(Self { output })
    }

    /// Writes a frame; its time stamp must not be negative.
    ///
    /// # Errors
    /// The output's.
    pub fn write(&mut self, packet: Packet, data: &[u8]) -> io::Result<()> {
        let pts = u64::try_from(packet.pts).map_err(|_| damaged("a negative time stamp"))?;
        let mut syncpoint = Vec::new();
        put(&mut syncpoint, pts);
        put(&mut syncpoint, 0);
        put_packet(&mut self.output, SYNCPOINT, syncpoint)?;
        let mut header = vec![0];
        put(&mut header, CODED_PTS | SIZE_MSB | CHECKSUM | if packet.is_key { KEY } else { 0 });
        put(&mut header, pts + (1 << PTS_SHIFT));
        put(&mut header, data.len() as u64);
        let checksum = crc(&header);
        header.extend(checksum.to_be_bytes());
        self.output.write_all(&header)?;
        self.output.write_all(data)
    }

    /// Hands the output back, with all written.
    ///
    /// # Errors
    /// The output's.
    pub fn finish(mut self) -> io::Result<W> {
        self.output.flush()?;
        Ok(self.output)
    }
}

fn put(to: &mut Vec<u8>, value: u64) {
    let groups = (64 - value.leading_zeros()).div_ceil(7).max(1);
    for group in (0..groups).rev() {
        let more = if group > 0 { 0x80 } else { 0 };
        to.push((value >> (7 * group)).to_le_bytes()[0] & 0x7f | more);
    }
}

fn put_bytes(to: &mut Vec<u8>, bytes: &[u8]) {
    put(to, bytes.len() as u64);
    to.extend_from_slice(bytes);
}

fn put_packet(output: &mut impl Write, start: u64, mut payload: Vec<u8>) -> io::Result<()> {
    payload.extend(crc(&payload).to_be_bytes());
    let mut header = start.to_be_bytes().to_vec();
    put(&mut header, payload.len() as u64);
    if payload.len() as u64 > LONG_PACKET {
        header.extend(crc(&header).to_be_bytes());
    }
    output.write_all(&header)?;
    output.write_all(&payload)
}

/// CRC-32 with the polynomial 0x04C11DB7, from 0 on, the highest bit first.
fn crc(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte) << 24, |crc, _| crc << 1 ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stream() -> Stream {
        Stream {
            fourcc: b"I420".to_vec(),
            time_base: TimeBase { num: 1001, den: 30000 },
            decode_delay: 2,
            codec_data: vec![7; 5000],
            width: 17,
            height: 3,
            aspect: (4, 3),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        let packets =
            [(0, true, 0), (1, false, 1), (i64::MAX / 4, true, 100_000), (127, false, 128), (128, false, 4097)];
        let mut writer = Writer::new(Vec::new(), &stream(), Some((30000, 1001))).unwrap();
        let data = |len: usize| (0..len).map(|at| (at * 7).to_le_bytes()[0]).collect::<Vec<u8>>();
        for (pts, is_key, len) in packets {
            writer.write(Packet { pts, is_key }, &data(len)).unwrap();
        }
        assert!(writer.write(Packet { pts: -1, is_key: true }, &[]).is_err());
        let bytes = writer.finish().unwrap();
        let mut reader = Reader::new(&bytes[..]).unwrap();
        assert_eq!(*reader.stream(), stream());
        let mut buffer = Vec::new();
        for (pts, is_key, len) in packets {
            assert_eq!(reader.read(&mut buffer).unwrap(), Some(Packet { pts, is_key }));
            assert_eq!(buffer, data(len));
        }
        assert_eq!(reader.read(&mut buffer).unwrap(), None);
    }

    #[test]
    fn whatever_is_cut_or_damaged_ends_in_an_error_or_early() {
        let mut writer = Writer::new(Vec::new(), &Stream { codec_data: vec![1, 2], ..stream() }, None).unwrap();
        for pts in 0..3 {
            writer.write(Packet { pts, is_key: true }, &[9; 40]).unwrap();
        }
        let bytes = writer.finish().unwrap();
        let frames = |bytes: &[u8]| {
            let Ok(mut reader) = Reader::new(bytes) else { return 0 };
            let mut buffer = Vec::new();
            (0..100).take_while(|_| matches!(reader.read(&mut buffer), Ok(Some(_)))).count()
        };
        assert_eq!(frames(&bytes), 3);
        for len in 0..bytes.len() {
            assert!(frames(&bytes[..len]) < 3, "{len}");
            for pattern in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[len] ^= pattern;
                frames(&damaged);
            }
        }
    }
}
