//! Everything that can go wrong, as one type.

use std::path::PathBuf;

use crate::codec::Format;

/// An error of the library. Its text names the thing and the cause.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A tensor of a weight file is missing, unknown, misshapen or holds values the engine can't run.
    #[error("tensor {tensor:?}: {reason}")]
    Tensor {
        /// Name of the tensor in the safetensors file, as `conv.3.weight`.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A weight file can't be used at all: not safetensors, a wrong version, a missing metadata entry.
    #[error("not a usable weight file: {0}")]
    WeightFile(String),
    /// The caller's pixels don't have the length that width, height and layout ask for.
    #[error("an image of {width}x{height} with {channels} channels has {expected} samples, not {actual}")]
    SampleCount {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// Samples a pixel.
        channels: usize,
        /// Samples that these dimensions ask for.
        expected: u128,
        /// Samples that were given.
        actual: usize,
    },
    /// An image without pixels, or one whose upscaled size does not fit this machine's memory addressing.
    #[error("an image of {width}x{height} can't be upscaled {scale} times: {reason}")]
    ImageSize {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The net's scale.
        scale: usize,
        /// Why not.
        reason: &'static str,
    },
    /// An image of a kind that this call does not take.
    #[error("{0}")]
    Unsupported(String),
    /// As many frames as were asked for are in work.
    #[error("{depth} frames are in work already: pop one before the next is pushed")]
    FramesFull {
        /// The most frames in work at once.
        depth: usize,
    },
    /// A picture, or what is needed to upscale it, does not fit the memory.
    #[error("not enough memory: {bytes} bytes are needed at once")]
    Memory {
        /// What was needed, in bytes.
        bytes: usize,
    },
    /// A file can't be read or written.
    #[error("{path}: {reason}", path = path.display(), reason = reason(source))]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file without a byte.
    #[error("the file is empty")]
    EmptyFile,
    /// The bytes begin like a format that abpn knows but doesn't read.
    #[error("it is {name}, which abpn doesn't read; {remedy}")]
    ForeignFormat {
        /// The format, with its article.
        name: &'static str,
        /// How to get a file that abpn reads.
        remedy: &'static str,
    },
    /// The bytes begin like no image format that abpn knows.
    #[error("not an image, or of an unknown format (abpn reads PNG, JPEG, WebP, GIF, JPEG XL, BMP, TIFF, PNM and QOI)")]
    UnknownFormat,
    /// An image can't be decoded: damaged, cut short, or of a kind that abpn can't read faithfully.
    #[error("can't decode this {format}: {reason}")]
    Decode {
        /// The format that the file's first bytes promise.
        format: Format,
        /// What is wrong with it.
        reason: String,
    },
    /// A picture has more pixels than the caller allows.
    #[error("{width}x{height} pixels are more than the limit of {max_pixels}")]
    TooManyPixels {
        /// Width in pixels.
        width: u32,
        /// Height in pixels.
        height: u32,
        /// The most that are allowed.
        max_pixels: u64,
    },
    /// A format can't hold a picture, or writing it failed.
    #[error("can't write {format}: {reason}")]
    Encode {
        /// The format.
        format: Format,
        /// Why not.
        reason: String,
    },
    /// No adapter fits what was asked for.
    #[error("no GPU adapter: {}", no_adapter(.wanted.as_deref(), .seen))]
    NoAdapter {
        /// What was asked for, as `with index 7`; none for the best real GPU.
        wanted: Option<String>,
        /// The adapters that there are, as `0: name (backend)`.
        seen: Vec<String>,
    },
    /// `ABPN_CPU` names a CPU kernel that abpn or this machine doesn't have.
    #[error("ABPN_CPU is {name:?}, which this machine can't run; it has {runnable}")]
    CpuKernel {
        /// What was asked for.
        name: String,
        /// The kernels that can be asked for.
        runnable: String,
    },
    /// The adapter lacks something that the kernels need, or its driver refused a device.
    #[error("adapter {adapter:?} can't run the net: {reason}")]
    Adapter {
        /// The adapter's name.
        adapter: String,
        /// What it lacks.
        reason: String,
    },
    /// A tile of the asked size needs larger buffers than the adapter has.
    #[error(
        "tiles of {side} pixels need larger buffers than the adapter has, which can have tiles of {largest} pixels"
    )]
    TileSize {
        /// The side that was asked for, in input pixels.
        side: usize,
        /// A side that the adapter can have, in input pixels.
        largest: usize,
    },
    /// The self-test found a stage whose bytes differ from the reference: the adapter or CPU kernel must not be
    /// used.
    #[error("adapter {adapter:?} computes wrong bytes in stage {stage:?} ({detail})")]
    SelfTest {
        /// The adapter's name, or the CPU's with its kernel.
        adapter: String,
        /// Label of the first stage that differs.
        stage: String,
        /// Where, and which values.
        detail: String,
    },
    /// The GPU has not enough memory for one tile.
    #[error("the GPU is out of memory ({detail})")]
    OutOfMemory {
        /// What was asked for.
        detail: String,
    },
    /// The driver reset the device: a crash, an unplugged card, or a submission that took too long.
    #[error("the GPU was lost ({detail})")]
    DeviceLost {
        /// What the driver said.
        detail: String,
    },
    /// A tile did not finish in time.
    #[error("the GPU did not finish a tile within {seconds} s")]
    Timeout {
        /// How long was waited.
        seconds: u64,
    },
    /// Any other refusal of the GPU; a bug of abpn or of the driver.
    #[error("GPU error: {0}")]
    Gpu(String),
    /// Pictures that can't be resampled or compared: with alpha, too small, or of different sizes.
    #[error("{0}")]
    Eval(String),
    /// The caller's observer asked to stop.
    #[error("cancelled")]
    Cancelled,
}

/// Why no adapter fits.
fn no_adapter(wanted: Option<&str>, seen: &[String]) -> String {
    let list = seen.join(", ");
    match wanted {
        _ if seen.is_empty() => "wgpu sees none".to_owned(),
        None => format!("only software rasterisers are there ({list})"),
        Some(wanted) => format!("there is none {wanted}; there are {list}"),
    }
}

/// What the system says, without its number for it.
pub(crate) fn reason(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or(&text).to_owned()
}

/// The library's result.
pub type Result<T> = std::result::Result<T, Error>;
