//! What computes: the options for it, and the upscaler they ask for.

use std::fs;
use std::time::{Duration, Instant};

use abpn::gpu::{self, Adapter, Choice, Kernel, Kernels};
use abpn::{GpuOptions, Net, Target, Upscaler};
use clap::ValueEnum;

use super::failure::NO_ADAPTER;
use super::message::say;
use super::{Failure, cache, tuned, verdict};

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

/// An upscaler that runs `net` where `args` say, on an adapter only if that passed the self-test.
///
/// # Errors
/// If a GPU was asked for, by an option or by WGPU_ADAPTER_NAME, and can't be had or trusted.
pub fn upscaler(net: Net, args: &DeviceArgs) -> Result<Upscaler, Failure> {
    timed_upscaler(net, args).map(|(upscaler, _)| upscaler)
}

/// How long the parts of the start took; zero on the CPU.
#[derive(Clone, Copy, Default)]
pub struct Startup {
    /// Finding the adapter.
    pub adapter: Duration,
    /// Opening it, and compiling the pipelines.
    pub pipelines: Duration,
    /// Timing the kernels, if that was not done before.
    pub tuning: Duration,
    /// The self-test, if it has not passed before.
    pub self_test: Duration,
}

/// As [`upscaler`], and how long that took.
///
/// # Errors
/// As [`upscaler`].
pub fn timed_upscaler(net: Net, args: &DeviceArgs) -> Result<(Upscaler, Startup), Failure> {
    let choice = args.gpu.clone().unwrap_or_else(Choice::from_env);
    match (args.device, &args.gpu) {
        (Device::Cpu, Some(_)) => Err(contradiction()),
        (Device::Cpu, None) => on_cpu(net),
        (Device::Gpu, _) | (Device::Auto, Some(_)) => on_gpu(net, &choice, args),
        (Device::Auto, None) => match on_gpu(net.clone(), &choice, args) {
            // Nothing is wrong with a machine without a real GPU, but a name that fits none is a mistake.
            Err(failure) if failure.code == NO_ADAPTER && choice == Choice::Best => on_cpu(net),
            Err(failure) if failure.code != NO_ADAPTER => {
                say(format_args!("{}; the CPU takes over", failure.message));
                on_cpu(net)
            }
            result => result,
        },
    }
}

fn on_cpu(net: Net) -> Result<(Upscaler, Startup), Failure> {
    let upscaler = Upscaler::new(net, Target::Cpu)?;
    let start = Instant::now();
    verdict::remembered(&upscaler)?;
    Ok((upscaler, Startup { self_test: start.elapsed(), ..Startup::default() }))
}

fn on_gpu(net: Net, choice: &Choice, args: &DeviceArgs) -> Result<(Upscaler, Startup), Failure> {
    let start = Instant::now();
    let adapter = gpu::choose(choice)?;
    let found = Instant::now();
    let remembered = if args.retune { None } else { tuned::remembered(&adapter, &net) };
    let kernels = args.kernel.map(Kernels::only).or_else(|| remembered.clone());
    let path = || cache::path("pipelines", gpu::pipelines_key(&adapter.info)?, "bin");
    let saved = path().and_then(|path| fs::read(path).ok()).unwrap_or_default();
    let options = GpuOptions { pipelines: &saved, kernels };
    let mut upscaler = Upscaler::with_options(net, Target::Adapter(adapter.adapter.clone()), options)?;
    if let Some(kernel) = args.kernel
        && !upscaler.kernels().iter().any(|&(_, chosen)| chosen == kernel)
    {
        let text = format!("--kernel {kernel}: {} can't run it for any layer of this net", adapter.label());
        return Err(Failure::usage(text));
    }
    let compiled = Instant::now();
    // Software drivers take a minute for it, and all of them are fastest with the same kernel.
    let is_untuned = args.kernel.is_none() && remembered.is_none() && !adapter.is_software();
    if args.retune || is_untuned {
        say(format_args!("timing the kernels on {}, once", adapter.label()));
        if let Some(tuning) = upscaler.tune()? {
            tuned::remember(&adapter, upscaler.net(), &tuning);
            upscaler = upscaler.with_kernels(tuning.kernels)?;
        }
    }
    let tuned = Instant::now();
    verdict::remembered(&upscaler)?;
    let self_test = tuned.elapsed();
    if let Some(pipelines) = upscaler.pipelines() {
        cache::write(path(), &pipelines);
    }
    Ok((upscaler, Startup { adapter: found - start, pipelines: compiled - found, tuning: tuned - compiled, self_test }))
}

/// The adapter that `args` ask for, untested, or none for the CPU; by default the best real GPU if there is one.
///
/// # Errors
/// If a GPU was asked for, by an option or by WGPU_ADAPTER_NAME, and can't be had.
pub fn adapter(args: &DeviceArgs) -> Result<Option<Adapter>, Failure> {
    let choice = args.gpu.clone().unwrap_or_else(Choice::from_env);
    match (args.device, &args.gpu) {
        (Device::Cpu, Some(_)) => Err(contradiction()),
        (Device::Cpu, None) => Ok(None),
        (device, gpu) => match gpu::choose(&choice) {
            Ok(adapter) => Ok(Some(adapter)),
            // Nothing is wrong with a machine without a real GPU, but a name that fits none is a mistake.
            Err(_) if device == Device::Auto && gpu.is_none() && choice == Choice::Best => Ok(None),
            Err(error) => Err(error.into()),
        },
    }
}

fn contradiction() -> Failure {
    Failure::usage("--gpu and --device cpu contradict each other")
}
