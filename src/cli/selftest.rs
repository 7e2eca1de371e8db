//! `abpn selftest`: does an adapter compute the reference's bytes?

use std::io::Write;

use abpn::gpu::{self, Adapter};
use abpn::{Target, Upscaler};

use super::{Failure, verdict};

/// Checks adapters against the reference: every stage of the shipped net and of others of its family.
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
        None => gpu::adapters(),
    };
    if adapters.is_empty() {
        return Err(gpu::choose(&gpu::Choice::Best).err().map_or_else(|| Failure::new("no adapter"), Failure::from));
    }
    let mut worst = Ok(());
    for adapter in &adapters {
        if let Err(failure) = test(adapter) {
            worst = Err(failure.context(format!("{}: {}", adapter.index, adapter.label())));
        }
    }
    worst
}

/// Tests one adapter with every net, and says how each went.
fn test(adapter: &Adapter) -> Result<(), Failure> {
    for (name, net) in abpn::selftest::nets()? {
        let outcome = Upscaler::new(net, Target::Adapter(adapter.adapter.clone()))
            .map_err(Failure::from)
            .and_then(|upscaler| verdict::fresh(&upscaler));
        let word = outcome.as_ref().map_or_else(|failure| failure.message.as_str(), |()| "equal");
        writeln!(std::io::stdout(), "{}: {}: {name}: {word}", adapter.index, adapter.label())
            .map_err(|error| Failure::new(format!("standard output: {error}")))?;
        outcome?;
    }
    Ok(())
}
