//! What computes: the options for it, and the upscaler they ask for.

use abpn::{Error, Net, Target, Upscaler};
use clap::ValueEnum;

use super::Failure;

/// Where to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Device {
    /// The best real GPU that passes the self-test, else the CPU
    Auto,
    /// A GPU or nothing
    Gpu,
    /// The CPU: slow, and the same bytes
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
    pub gpu: Option<String>,
}

/// An upscaler that runs `net` where `choice` says.
pub fn upscaler(net: Net, choice: &DeviceArgs) -> Result<Upscaler, Failure> {
    match (choice.device, &choice.gpu) {
        (Device::Cpu, Some(_)) => Err(Failure::usage("--gpu and --device cpu contradict each other")),
        (Device::Gpu, _) | (_, Some(_)) => Err(Error::NoAdapter("use --device cpu".to_owned()).into()),
        (Device::Auto | Device::Cpu, None) => Ok(Upscaler::new(net, Target::Cpu)?),
    }
}
