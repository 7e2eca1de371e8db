//! `abpn selftest`: do adapters and the CPU compute the reference's bytes?

use abpn::gpu::{self, Adapter};
use abpn::net::ABPN_X3;
use abpn::{Net, Target, Upscaler, When};

use super::print::print;
use super::{Failure, device};

/// Checks adapters and the CPU's kernel against the reference: every stage of the shipped net and of others of its family.
///
/// `abpn upscale` does a short form of this once for each adapter and driver, and refuses an adapter that fails.
#[derive(clap::Args)]
pub struct Args {
    /// Test only this adapter: an index of `abpn adapters`, or a part of a name.
    #[arg(long, value_name = "INDEX|NAME")]
    gpu: Option<gpu::Choice>,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let adapters = match &args.gpu {
        Some(choice) => vec![gpu::choose(choice)?],
        None => runnable()?,
    };
    let mut failures = Vec::new();
    for adapter in &adapters {
        let device = format!("{}: {}", adapter.index, adapter.label());
        failures.extend(test(&device, || Target::Adapter(adapter.adapter.clone()))?);
    }
    if args.gpu.is_none() {
        let device = Upscaler::new(Net::read(ABPN_X3)?, Target::Cpu)?.device();
        failures.extend(test(&device, || Target::Cpu)?);
    }
    failures.into_iter().next().map_or(Ok(()), Err)
}

/// All adapters that have what the kernels need.
fn runnable() -> Result<Vec<Adapter>, Failure> {
    let mut adapters = gpu::adapters();
    if adapters.is_empty() {
        // Says what to do about it.
        gpu::choose(&gpu::Choice::Index(0))?;
    }
    for (adapter, error) in adapters.iter().filter_map(|adapter| Some((adapter, adapter.check().err()?))) {
        print(format_args!("{}: {}: not tested: {error}", adapter.index, adapter.label()))?;
    }
    adapters.retain(|adapter| adapter.check().is_ok());
    Ok(adapters)
}

/// Tests one target with every net, says how each went, and gives what went wrong.
fn test(device: &str, target: impl Fn() -> Target) -> Result<Option<Failure>, Failure> {
    let mut first = None;
    for (name, net) in abpn::selftest::nets()? {
        let outcome = device::build(Upscaler::builder(net).target(target()).self_test(When::Always));
        let word = outcome.as_ref().map_or_else(|failure| failure.message.as_str(), |_| "equal");
        print(format_args!("{device}: {name}: {word}"))?;
        first = first.or(outcome.err());
    }
    Ok(first)
}
