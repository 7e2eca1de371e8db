//! How calls end: a status, and words.

use std::cell::RefCell;
use std::ffi::{CString, c_char};
use std::panic::AssertUnwindSafe;

use abpn::Error;

/// How a call ended.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbpnStatus {
    /// It did what was asked.
    Ok = 0,
    /// An argument is null, zero, misaligned, too small, contradicts another, or was never meant to be given.
    InvalidArgument = 1,
    /// The net is not a usable weight file, or no built-in net has that name and scale.
    InvalidNet = 2,
    /// The picture has no pixels, or its upscaled size can't be addressed.
    ImageSize = 3,
    /// The host or the GPU has not enough memory.
    OutOfMemory = 4,
    /// There is no adapter such as was asked for.
    NoAdapter = 5,
    /// The adapter lacks something that the net needs.
    Adapter = 6,
    /// The device computes wrong bytes: it must not be used. The CPU is always there.
    SelfTest = 7,
    /// The device was lost: unplugged, reset, or its driver crashed. Make another upscaler.
    DeviceLost = 8,
    /// The GPU did not finish in time.
    Timeout = 9,
    /// The progress function asked to stop.
    Cancelled = 10,
    /// As many frames as were asked for are in work: pop one first.
    FramesFull = 11,
    /// The driver refused something else.
    Gpu = 12,
    /// A bug of abpn. The handle that was used must only be freed.
    Internal = 13,
}

/// What went wrong: the status and the words for `abpn_last_error`.
pub(crate) struct Failure(AbpnStatus, String);

impl Failure {
    /// Of the arguments.
    pub fn argument(text: impl Into<String>) -> Self {
        Self(AbpnStatus::InvalidArgument, text.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let status = match &error {
            Error::Tensor { .. } | Error::WeightFile(_) => AbpnStatus::InvalidNet,
            Error::SampleCount { .. } | Error::Unsupported(_) | Error::TileSize { .. } | Error::CpuKernel { .. } => {
                AbpnStatus::InvalidArgument
            }
            Error::ImageSize { .. } => AbpnStatus::ImageSize,
            Error::Memory { .. } | Error::OutOfMemory { .. } => AbpnStatus::OutOfMemory,
            Error::NoAdapter { .. } => AbpnStatus::NoAdapter,
            Error::Adapter { .. } => AbpnStatus::Adapter,
            Error::SelfTest { .. } => AbpnStatus::SelfTest,
            Error::DeviceLost { .. } => AbpnStatus::DeviceLost,
            Error::Timeout { .. } => AbpnStatus::Timeout,
            Error::Cancelled => AbpnStatus::Cancelled,
            Error::FramesFull { .. } => AbpnStatus::FramesFull,
            Error::Gpu(_) => AbpnStatus::Gpu,
            _ => AbpnStatus::Internal,
        };
        Self(status, error.to_string())
    }
}

pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// A built-in net that isn't there.
pub(crate) fn no_net(text: String) -> Failure {
    Failure(AbpnStatus::InvalidNet, text)
}

thread_local! {
    static LAST: RefCell<CString> = RefCell::default();
}

/// Runs the body of a function that C calls: keeps its words if it fails, and lets nothing unwind.
pub(crate) fn call(body: impl FnOnce() -> Result<()>) -> AbpnStatus {
    // A handle that was in use when something unwound is only freed after that, as the header says.
    let ended = std::panic::catch_unwind(AssertUnwindSafe(body));
    let Failure(status, text) = match ended {
        Ok(Ok(())) => return AbpnStatus::Ok,
        Ok(Err(failure)) => failure,
        Err(payload) => {
            let text = payload.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no reason is known");
            Failure(AbpnStatus::Internal, format!("a bug of abpn: {text}"))
        }
    };
    LAST.with(|last| *last.borrow_mut() = c_string(text));
    status
}

/// As a C string; one that has a zero ends there.
pub(crate) fn c_string(text: String) -> CString {
    CString::new(text.split('\0').next().unwrap_or_default()).unwrap_or_default()
}

/// Why the last call on this thread that failed did so, in a sentence; "" if none has. Never NULL. It lives until the next
/// call that fails on this thread.
#[unsafe(no_mangle)]
pub extern "C" fn abpn_last_error() -> *const c_char {
    LAST.with(|last| last.borrow().as_ptr())
}
