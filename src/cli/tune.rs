//! `abpn tune`: which kernel is the fastest for each layer.

use abpn::gpu::{self, Trial, Tuning};
use abpn::{Target, Upscaler, When};
use serde_json::{Value, json};

use super::net::ModelArgs;
use super::print::print;
use super::table::Table;
use super::{Failure, device};

const NOTES: &str = "\
Columns: the layers of the net, how many have that shape, and the time of one of them in ms, the median of several; the \
fastest kernel's has a star. net: all layers with this kernel where it can compute them. A kernel that fails or gives a \
wrong byte is named with the reason, and never used.

A kernel's name says its family (dot4: packed dot products of bytes; fma: multiply-adds in f32; matrix: cooperative \
matrices of f16), how many pixels a thread makes, or a workgroup (tile), and what differs from the default: word (a thread makes four channels instead of a pixel's), uniform (parameters \
in a uniform buffer), row (a loop over the window's rows), and the workgroup's shape.

The choice is kept in the cache folder for this adapter, its driver and this version of abpn. Other commands make it \
themselves when they first meet a GPU; for software drivers it is known, and they are timed only here or by --retune.

JSON: device, width_px, height_px, kernels (by layer), layers (label, count), trials (kernel, failure or null, layers: \
median_ns, min_ns and max_ns of each, null where the kernel can't compute it).

Examples:
  abpn tune                      on the best GPU
  abpn tune --gpu 1 --json       another adapter, for scripts";

/// Times every kernel on an adapter, layer by layer, and keeps the choice of the fastest
#[derive(clap::Args)]
#[command(after_help = NOTES)]
pub struct Args {
    #[command(flatten)]
    net: ModelArgs,
    /// The adapter, by its number or a part of its name in `abpn adapters`
    #[arg(short, long, value_name = "INDEX|NAME")]
    gpu: Option<gpu::Choice>,
    /// Print a JSON object instead of a table; the units are in its keys
    #[arg(long)]
    json: bool,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let net = args.net.load()?;
    let target = Target::Gpu(args.gpu.unwrap_or_else(gpu::Choice::from_env));
    let builder = Upscaler::builder(net).target(target).tune(When::Always).self_test(When::Never);
    let upscaler = device::build(builder)?;
    let tuning = upscaler.startup().tuned.as_ref().ok_or_else(|| Failure::new("no kernel was timed"))?;
    if args.json {
        return print(format_args!("{:#}", report(&upscaler.device(), tuning)));
    }
    let (width, height) = tuning.frame;
    print(format_args!("{width}x{height} on {}, ms a layer", upscaler.device()))?;
    print("")?;
    let mut headings = vec!["kernel".to_owned()];
    headings.extend(tuning.layers.iter().map(|(label, count)| format!("{count} {label}")));
    headings.push("net".to_owned());
    let timed = |trial: &&Trial| trial.layers_ns.is_ok();
    let rows: Vec<_> = tuning.trials.iter().filter(timed).map(|trial| cells(tuning, trial)).collect();
    Table::lines(&headings, &rows).into_iter().try_for_each(print)?;
    for Trial { kernel, layers_ns, .. } in &tuning.trials {
        if let Err(error) = layers_ns {
            print(format_args!("{kernel} is not used: {error}"))?;
        }
    }
    Ok(())
}

fn cells(tuning: &Tuning, trial: &Trial) -> Vec<String> {
    let mut cells = vec![trial.kernel.to_string()];
    let mut net_ns = 0.0;
    for ((label, count), stats) in tuning.layers.iter().zip(trial.layers_ns.iter().flatten()) {
        let Some(stats) = stats else {
            net_ns = f64::NAN;
            cells.push("-".to_owned());
            continue;
        };
        net_ns += *count as f64 * stats.median;
        let is_chosen = tuning.kernels.layers().any(|(chosen, kernel)| chosen == label && kernel == trial.kernel);
        cells.push(format!("{:.3}{}", stats.median / 1e6, if is_chosen { "*" } else { " " }));
    }
    cells.push(if net_ns.is_nan() { "-".to_owned() } else { format!("{:.3}", net_ns / 1e6) });
    cells
}

fn report(device: &str, tuning: &Tuning) -> Value {
    let trial = |trial: &Trial| {
        let layers = trial.layers_ns.iter().flatten().map(|stats| {
            stats.map(|stats| json!({ "median_ns": stats.median, "min_ns": stats.min, "max_ns": stats.max }))
        });
        json!({
            "kernel": trial.kernel.to_string(),
            "failure": trial.layers_ns.as_ref().err().map(ToString::to_string),
            "layers": layers.collect::<Vec<_>>(),
        })
    };
    let layer = |(label, count): &(String, usize)| json!({ "label": label, "count": count });
    let kernels = tuning.kernels.layers().map(|(label, kernel)| (label.to_owned(), kernel.to_string().into()));
    json!({
        "device": device,
        "width_px": tuning.frame.0,
        "height_px": tuning.frame.1,
        "kernels": kernels.collect::<serde_json::Map<_, _>>(),
        "layers": tuning.layers.iter().map(layer).collect::<Vec<_>>(),
        "trials": tuning.trials.iter().map(trial).collect::<Vec<_>>(),
    })
}
