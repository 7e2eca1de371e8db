//! What an upscaler is made of and how.

use std::ffi::c_char;
use std::mem::offset_of;
use std::time::Duration;

use abpn::net::{Degradation, built_in};
use abpn::{Builder, FolderCache, Net, Target, TileSize, Upscaler, When, gpu};

use crate::error::{Failure, Result, no_net};
use crate::pointer;

/// What computes.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AbpnTarget {
    /// The best real GPU that passes the self-test, else the CPU; `abpn_upscaler_fallback` says why.
    Auto = 0,
    /// The CPU: always there, the same bytes.
    Cpu = 1,
    /// The best real GPU, or an error.
    Gpu = 2,
    /// The adapter with the index `adapter_index` of `abpn_adapters_new`, or an error.
    GpuIndex = 3,
    /// The best adapter whose name or backend contains `adapter_name`, in any case, or an error.
    GpuName = 4,
}

/// How an upscaler is made. All zeros but `struct_size` is a good beginning.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct AbpnOptions {
    /// sizeof(AbpnOptions)
    pub struct_size: usize,
    /// An AbpnTarget: what computes.
    pub target: u32,
    /// For ABPN_TARGET_GPU_INDEX.
    pub adapter_index: u32,
    /// For ABPN_TARGET_GPU_NAME, else NULL.
    pub adapter_name: *const c_char,
    /// How many times to enlarge: 2, 3 or 4; 0 stands for 3. With `weights` 0, or the net's.
    pub scale: u32,
    /// The side of the pieces into which pictures are cut, in input pixels; 0 leaves it to abpn. The result never depends on it.
    pub tile: u32,
    /// A built-in net, as `abpn_net_name` has them; NULL stands for "clean".
    pub net: *const c_char,
    /// The bytes of a weight file, instead of a built-in net; else NULL. They are not needed any more after the call.
    pub weights: *const u8,
    /// How many they are.
    pub weights_len: usize,
    /// A folder in which the outcome of self-tests, the fastest kernels and compiled pipelines are kept, so that the next start
    /// is faster; NULL for none. Who can write to it decides which adapters are trusted.
    pub cache_folder: *const c_char,
    /// The longest that a GPU may take for one tile, in milliseconds; 0 stands for 120000.
    pub timeout_ms: u64,
    /// GPU memory that may be kept between pictures, in bytes; 0 stands for 512 MiB.
    pub idle_bytes: u64,
    /// 1 to time the GPU's kernels if the cache doesn't know the fastest, a second or two once a machine; else 0.
    pub tune: u32,
}

/// The size of the first version of the struct: all that came with it.
const LEAST_BYTES: usize = offset_of!(AbpnOptions, tune) + size_of::<u32>();

/// Makes an upscaler as the caller's options say.
///
/// # Safety
/// `options` is NULL or points to a struct of its `struct_size`, whose pointers are NULL or point to what they should.
pub(crate) unsafe fn build(options: *const AbpnOptions) -> Result<Upscaler> {
    // SAFETY: the struct is `repr(C)`, begins with its size and may be all zeros; the caller says the rest.
    let options = unsafe { pointer::sized(options, LEAST_BYTES, "options") }?;
    // SAFETY: the caller says so.
    let (net, target) = unsafe { (net(&options)?, target(&options)?) };
    // SAFETY: the caller says so.
    let folder = unsafe { pointer::text(options.cache_folder, "cache_folder") }?;
    let mut builder = Upscaler::builder(net).target(target);
    if options.timeout_ms != 0 {
        builder = builder.timeout(Duration::from_millis(options.timeout_ms));
    }
    if options.idle_bytes != 0 {
        builder = builder.idle_bytes(options.idle_bytes);
    }
    builder = match options.tune {
        0 => builder,
        1 => builder.tune(When::Once),
        other => return Err(Failure::argument(format!("tune: it is 0 or 1, not {other}"))),
    };
    let cache = folder.map(FolderCache::new);
    let upscaler = match &cache {
        Some(cache) => Builder::build(builder.cache(cache))?,
        None => builder.build()?,
    };
    Ok(match options.tile {
        0 => upscaler,
        side => upscaler.with_tile(TileSize::Side(side)),
    })
}

/// # Safety
/// As `build`.
unsafe fn net(options: &AbpnOptions) -> Result<Net> {
    // SAFETY: the caller says so.
    let name = unsafe { pointer::text(options.net, "net") }?;
    if options.weights.is_null() {
        let scale = if options.scale == 0 { 3 } else { options.scale };
        let degradation: Degradation =
            name.unwrap_or("clean").parse().map_err(|error: abpn::Error| no_net(error.to_string()))?;
        let found = usize::try_from(scale).ok().and_then(|scale| built_in(scale, degradation));
        return Ok(found
            .ok_or_else(|| no_net(format!("no built-in net enlarges {scale} times; 2, 3 and 4 are there")))?
            .net()?);
    }
    if name.is_some() {
        return Err(Failure::argument("net and weights: give one of them"));
    }
    // SAFETY: the caller says so.
    let net = Net::read(unsafe { pointer::samples(options.weights, options.weights_len, "weights") }?)?;
    if options.scale != 0 && u32::try_from(net.scale()) != Ok(options.scale) {
        return Err(Failure::argument(format!("scale: it is {}, and the net's is {}", options.scale, net.scale())));
    }
    Ok(net)
}

/// # Safety
/// As `build`.
unsafe fn target(options: &AbpnOptions) -> Result<Target> {
    // SAFETY: the caller says so.
    let name = unsafe { pointer::text(options.adapter_name, "adapter_name") }?;
    let is = |target: AbpnTarget| options.target == target as u32;
    if name.is_some() != is(AbpnTarget::GpuName) {
        return Err(Failure::argument("adapter_name: it goes with ABPN_TARGET_GPU_NAME, and that with it"));
    }
    Ok(match name {
        Some(name) => Target::Gpu(gpu::Choice::Name(name.to_owned())),
        None if is(AbpnTarget::Auto) => Target::Auto,
        None if is(AbpnTarget::Cpu) => Target::Cpu,
        None if is(AbpnTarget::Gpu) => Target::Gpu(gpu::Choice::Best),
        None if is(AbpnTarget::GpuIndex) => Target::Gpu(gpu::Choice::Index(options.adapter_index as usize)),
        None => return Err(Failure::argument(format!("target: {} is no AbpnTarget", options.target))),
    })
}
