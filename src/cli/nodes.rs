//! `abpn nodes`: how long the operators of light nets take on a device, and what nets made of them would.

use abpn::gpu::{self, Choice, Clock};
use abpn::net::ABPN_X3;
use abpn::nodes::nets::{Network, abpn, networks};
use abpn::nodes::{Class, Measurement, Operator, Precision, Predictor, Residual, Session, operators, residuals};
use abpn::{Net, Target, Upscaler, profile};
use serde_json::{Value, json};

use super::device::{Device, DeviceArgs};
use super::failure::NO_ADAPTER;
use super::print::print;
use super::table::Table;
use super::{Failure, size};

/// Times the operators that light super-resolution nets are made of, and predicts nets from them
///
/// The method is that of ABPN's authors (arXiv 2105.09750): take nets apart into operators, time each on the target at the
/// size that it has there, and choose the net by its predicted latency. Each operator is a compute shader, in single
/// precision and in 8-bit integers; before it is timed it is compared with a plain version on the CPU.
///
/// Three tables: the operators, with milliseconds, GMAC/s and GB/s; the residual kinds of the paper, with what each
/// adds to a net; and published nets, with parameters, multiply-accumulates, memory for live features and the predicted
/// milliseconds of a 1920x1080 frame. At last, for ABPN on a picture of --size, what the table predicts and what the
/// stages of the shipped net take.
#[derive(clap::Args)]
pub struct Args {
    /// Width and height of the operators' maps in pixels
    #[arg(long, value_name = "WxH", default_value = size::DEFAULT, value_parser = size::parse)]
    size: (u32, u32),
    /// Channels of feature maps: 8 to 64, a multiple of 4
    #[arg(long, value_name = "C", default_value_t = 28)]
    channels: usize,
    /// The most samples of an operator; where they take seconds it gets fewer, but one
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    #[command(flatten)]
    device: DeviceArgs,
    /// Print JSON: an object with device, clock, size, channels, operators, residuals, nets and abpn
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print the operators as CSV, one line an operator and precision
    #[arg(long)]
    csv: bool,
}

/// All that was measured, and what follows from it.
struct Report {
    device: String,
    clock: &'static str,
    size: (u32, u32),
    channels: usize,
    rows: Vec<(Operator, [Option<Measurement>; 2])>,
    residuals: Vec<(Residual, [Option<f64>; 2])>,
    nets: Vec<(Network, [Option<f64>; 2])>,
    abpn: Comparison,
}

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let (width, height) = (args.size.0 as usize, args.size.1 as usize);
    let operators = operators(width, height, args.channels).map_err(|error| Failure::usage(error.to_string()))?;
    let (session, target) = open(&args.device)?;
    let clock = match session.clock() {
        Clock::Gpu => "GPU timestamps",
        Clock::Host => "the host's clock",
    };
    let is_table = !args.json && !args.csv;
    let table = Table::new(&OPERATOR_HEADINGS, operators.iter().map(Operator::name));
    if is_table {
        let device = session.device();
        print(format_args!("{device}, {clock}; maps of {width}x{height} pixels, {} channels\n", args.channels))?;
        print(table.row(&OPERATOR_HEADINGS))?;
        print(table.rule())?;
    } else if args.csv {
        print(CSV_HEADINGS.join(","))?;
    }
    let mut rows = Vec::with_capacity(operators.len());
    for operator in operators {
        let measure = |precision| session.measure(&operator, precision, args.repeat as usize);
        let measured = [measure(Precision::F32)?, measure(Precision::Int8)?];
        if is_table {
            print(table.row(&operator_cells(&operator, &measured)))?;
        } else if args.csv {
            measured.iter().flatten().try_for_each(|row| print(csv_line(row)))?;
        }
        rows.push((operator, measured));
    }
    if args.csv {
        return Ok(());
    }
    let predictor = Predictor::new(rows.iter().flat_map(|(_, measured)| measured).flatten().copied().collect());
    let residual = |residual: Residual| {
        let ms = Precision::ALL.map(|precision| predictor.residual_ms(&residual, precision));
        (residual, ms)
    };
    let net = |network: Network| {
        let ms = Precision::ALL.map(|precision| predictor.network_ms(&network, precision));
        (network, ms)
    };
    let report = Report {
        device: session.device(),
        clock,
        size: args.size,
        channels: args.channels,
        residuals: residuals(width, height, args.channels).into_iter().map(residual).collect(),
        nets: networks().into_iter().map(net).collect(),
        rows,
        abpn: Comparison {
            predicted_ms: predictor.network_ms(&abpn(width, height), Precision::Int8),
            measured_ms: abpn_ms(target, args.size)?,
        },
    };
    if args.json { print(format_args!("{:#}", report.json())) } else { report.print_predictions() }
}

/// The device that the options ask for; without any, the best real GPU or else the CPU.
fn open(args: &DeviceArgs) -> Result<(Session, Target), Failure> {
    let choice = args.gpu.clone().unwrap_or_else(Choice::from_env);
    let on_gpu = || -> Result<_, Failure> {
        let adapter = gpu::choose(&choice)?;
        Ok((Session::open(&adapter)?, Target::Adapter(adapter.adapter)))
    };
    match (args.device, &args.gpu) {
        (Device::Cpu, Some(_)) => Err(Failure::usage("--gpu and --device cpu contradict each other")),
        (Device::Cpu, None) => Ok((Session::cpu(), Target::Cpu)),
        (Device::Auto, None) => match on_gpu() {
            // Nothing is wrong with a machine without a real GPU, but a name that fits none is a mistake.
            Err(failure) if failure.code == NO_ADAPTER && choice == Choice::Best => Ok((Session::cpu(), Target::Cpu)),
            result => result,
        },
        _ => on_gpu(),
    }
}

/// How often the shipped net is timed.
const FRAMES: usize = 3;

/// ABPN as the table predicts it and as it is, in int8, for one picture of `--size`.
#[derive(Clone, Copy)]
struct Comparison {
    predicted_ms: Option<f64>,
    /// All stages together.
    measured_ms: f64,
}

/// Milliseconds of the shipped net's stages on a picture, as `abpn profile` measures them.
fn abpn_ms(target: Target, (width, height): (u32, u32)) -> Result<f64, Failure> {
    let upscaler = Upscaler::new(Net::read(ABPN_X3)?, target)?;
    let profile = upscaler.profile(&profile::test_frame(width, height)?, FRAMES)?;
    Ok(profile.compute_ns.median / 1e6)
}

const OPERATOR_HEADINGS: [&str; 7] =
    ["operator", "f32 ms", "f32 GMAC/s", "f32 GB/s", "int8 ms", "int8 GMAC/s", "int8 GB/s"];
const RESIDUAL_HEADINGS: [&str; 3] = ["residual", "f32 ms", "int8 ms"];
const NET_HEADINGS: [&str; 8] =
    ["net", "scale", "parameters", "MAC (G)", "f32 MB", "int8 MB", "predicted f32 ms", "predicted int8 ms"];
const CSV_HEADINGS: [&str; 10] =
    ["operator", "class", "precision", "median_ms", "min_ms", "max_ms", "spread_ms", "samples", "macs", "bytes"];

/// A number to about four digits, which every column is wide enough for.
fn short(value: f64) -> String {
    match value.abs() {
        ..10.0 => format!("{value:.3}"),
        10.0..100.0 => format!("{value:.2}"),
        100.0..1000.0 => format!("{value:.1}"),
        _ => format!("{value:.0}"),
    }
}

/// What is not there is a dash.
fn maybe(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), short)
}

fn operator_cells(operator: &Operator, measured: &[Option<Measurement>; 2]) -> Vec<String> {
    let mut cells = vec![operator.name()];
    for row in measured {
        // A unit in a billion a second is a unit a millisecond in a million.
        let rate = |work: u64| row.map(|row| work as f64 / row.ms.median / 1e6);
        cells.push(maybe(row.map(|row| row.ms.median)));
        cells.push(if operator.class() == Class::Convolution { maybe(rate(operator.macs())) } else { "-".to_owned() });
        cells.push(maybe(row.and_then(|row| rate(operator.bytes(row.precision)))));
    }
    cells
}

fn csv_line(row: &Measurement) -> String {
    let Measurement { operator, precision, ms, samples } = row;
    let numbers = [ms.median, ms.min, ms.max, ms.spread].map(|ms| format!("{ms:.6}")).join(",");
    let (name, class, precision_name) = (operator.name(), operator.class().name(), precision.name());
    format!("{name},{class},{precision_name},{numbers},{samples},{},{}", operator.macs(), operator.bytes(*precision))
}

impl Report {
    fn print_predictions(&self) -> Result<(), Failure> {
        let table = Table::new(&RESIDUAL_HEADINGS, self.residuals.iter().map(|(residual, _)| residual.name.to_owned()));
        print(format_args!("\n{}\n{}", table.row(&RESIDUAL_HEADINGS), table.rule()))?;
        for (residual, [f32_ms, int8_ms]) in &self.residuals {
            print(table.row(&[residual.name.to_owned(), maybe(*f32_ms), maybe(*int8_ms)]))?;
        }
        let table = Table::new(&NET_HEADINGS, self.nets.iter().map(|(net, _)| net.name.to_owned()));
        print(format_args!("\n{}\n{}", table.row(&NET_HEADINGS), table.rule()))?;
        for (net, [f32_ms, int8_ms]) in &self.nets {
            print(table.row(&[
                net.name.to_owned(),
                format!("x{}", net.scale),
                net.parameters().to_string(),
                short(net.macs() as f64 / 1e9),
                short(peak_mb(net, Precision::F32)),
                short(peak_mb(net, Precision::Int8)),
                maybe(*f32_ms),
                maybe(*int8_ms),
            ]))?;
        }
        let ((width, height), Comparison { predicted_ms, measured_ms }) = (self.size, self.abpn);
        let (predicted, measured) = (maybe(predicted_ms), short(measured_ms));
        print(format_args!(
            "\nABPN in int8 on {width}x{height} pixels: predicted {predicted} ms, measured {measured} ms"
        ))
    }

    fn json(&self) -> Value {
        let row = |row: &Measurement| {
            json!({
                "operator": row.operator.name(),
                "class": row.operator.class().name(),
                "precision": row.precision.name(),
                "median_ms": row.ms.median,
                "min_ms": row.ms.min,
                "max_ms": row.ms.max,
                "spread_ms": row.ms.spread,
                "samples": row.samples,
                "macs": row.operator.macs(),
                "bytes": row.operator.bytes(row.precision),
            })
        };
        let residual = |(residual, [f32_ms, int8_ms]): &(Residual, [Option<f64>; 2])| json!({ "residual": residual.name, "f32_ms": f32_ms, "int8_ms": int8_ms });
        let net = |(net, [f32_ms, int8_ms]): &(Network, [Option<f64>; 2])| {
            json!({
                "net": net.name,
                "source": net.source,
                "scale": net.scale,
                "parameters": net.parameters(),
                "macs": net.macs(),
                "peak_values": net.peak_values(),
                "predicted_f32_ms": f32_ms,
                "predicted_int8_ms": int8_ms,
            })
        };
        json!({
            "device": self.device,
            "clock": self.clock,
            "size": [self.size.0, self.size.1],
            "channels": self.channels,
            "operators": self.rows.iter().flat_map(|(_, measured)| measured).flatten().map(row).collect::<Vec<_>>(),
            "residuals": self.residuals.iter().map(residual).collect::<Vec<_>>(),
            "nets": self.nets.iter().map(net).collect::<Vec<_>>(),
            "abpn": { "predicted_ms": self.abpn.predicted_ms, "measured_ms": self.abpn.measured_ms },
        })
    }
}

/// Megabytes of live features at their peak.
fn peak_mb(net: &Network, precision: Precision) -> f64 {
    // A word is four channels.
    net.peak_values() as f64 * precision.word_bytes() as f64 / 4.0 / 1e6
}
