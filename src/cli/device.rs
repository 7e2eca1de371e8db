//! What computes: the options for it, and the upscaler they ask for.

use abpn::gpu::{self, Adapter, Choice, Kernel, Kernels};
use abpn::{Builder, FolderCache, Net, Target, Upscaler, When};
use clap::ValueEnum;

use super::Failure;
use super::message::say;

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The best real GPU that passes the self-test, else the CPU
    Auto,
    /// A GPU or nothing
    Gpu,
    /// The CPU, and the same bytes; ABPN_CPU names one of its kernels (see `abpn adapters`)
    Cpu,
}

/// The options that choose a device.
#[derive(clap::Args)]
pub struct DeviceArgs {
    /// Where to compute; the result is the same
    #[arg(short, long, value_enum, default_value_t = Device::Auto)]
    pub device: Device,
    /// The adapter, by its number or a part of its name in `abpn adapters`
    #[arg(short, long, value_name = "INDEX|NAME")]
    pub gpu: Option<Choice>,
    /// The kernel for every layer that it can compute: a family (dot4, fma, matrix) or a name of `abpn tune`; the result is the same
    #[arg(long, value_name = "FAMILY|NAME", conflicts_with = "retune")]
    pub kernel: Option<Kernel>,
    /// Time the GPU's kernels anew instead of taking those that were the fastest before
    #[arg(long)]
    pub retune: bool,
}

impl DeviceArgs {
    /// Where they say to compute.
    ///
    /// # Errors
    /// If they contradict each other.
    fn target(&self) -> Result<Target, Failure> {
        match (self.device, &self.gpu) {
            (Device::Cpu, Some(_)) => Err(Failure::usage("--gpu and --device cpu contradict each other")),
            (Device::Cpu, None) => Ok(Target::Cpu),
            (_, Some(choice)) => Ok(Target::Gpu(choice.clone())),
            (Device::Gpu, None) => Ok(Target::Gpu(Choice::from_env())),
            (Device::Auto, None) => Ok(Target::Auto),
        }
    }
}

/// An upscaler that runs `net` where `args` say, on a device only if that passed the self-test.
///
/// # Errors
/// If a GPU was asked for, by an option or by WGPU_ADAPTER_NAME, and can't be had or trusted.
pub fn upscaler(net: Net, args: &DeviceArgs) -> Result<Upscaler, Failure> {
    let mut builder = Upscaler::builder(net).target(args.target()?).self_test(When::Once);
    builder = builder.tune(if args.retune { When::Always } else { When::Once });
    if let Some(kernel) = args.kernel {
        builder = builder.kernels(Kernels::only(kernel));
    }
    let upscaler = build(builder)?;
    if let Some(kernel) = args.kernel
        && !upscaler.kernels().is_empty()
        && !upscaler.kernels().iter().any(|&(_, chosen)| chosen == kernel)
    {
        let text = format!("--kernel {kernel}: {} can't run it for any layer of this net", upscaler.device());
        return Err(Failure::usage(text));
    }
    Ok(upscaler)
}

/// What `builder` makes, with what earlier starts found out, which the user's cache folder remembers.
///
/// # Errors
/// As [`Builder::build`].
pub fn build(builder: Builder) -> Result<Upscaler, Failure> {
    // None where the system has no folder for caches.
    let folder = dirs::cache_dir().map(|folder| FolderCache::new(folder.join("abpn")));
    let upscaler = match &folder {
        Some(folder) => builder.cache(folder).build(),
        None => builder.build(),
    }?;
    if let Some(why) = &upscaler.startup().ignored {
        say(format_args!("{why}; --retune writes it anew"));
    }
    Ok(upscaler)
}

/// The adapter that `args` ask for, untested, or none for the CPU; by default the best real GPU if there is one.
///
/// # Errors
/// If a GPU was asked for, by an option or by WGPU_ADAPTER_NAME, and can't be had.
pub fn adapter(args: &DeviceArgs) -> Result<Option<Adapter>, Failure> {
    match args.target()? {
        Target::Cpu => Ok(None),
        Target::Gpu(choice) => Ok(Some(gpu::choose(&choice)?)),
        _ => match (gpu::choose(&Choice::from_env()), Choice::from_env()) {
            // Nothing is wrong with a machine without a real GPU, but a name that fits none is a mistake.
            (Err(_), Choice::Best) => Ok(None),
            (adapter, _) => Ok(Some(adapter?)),
        },
    }
}
