//! `abpn nodes`: how long the operators of light nets take on a device, and what nets made of them would.

mod report;

use abpn::gpu::Clock;
use abpn::net::ABPN_X3;
use abpn::nodes::nets::{Network, abpn, networks};
use abpn::nodes::{Kind, Operator, Precision, Predictor, Residual, Session, operators, residuals};
use abpn::{Net, Target, Upscaler, profile};

use super::device::{DeviceArgs, adapter};
use super::print::print;
use super::table::Table;
use super::{Failure, size};
use report::{CSV_HEADINGS, Comparison, OPERATOR_HEADINGS, Report, csv_line, operator_cells};

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

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    let (width, height) = (args.size.0 as usize, args.size.1 as usize);
    let operators = operators(width, height, args.channels).map_err(|error| Failure::usage(error.to_string()))?;
    let (session, target) = match adapter(&args.device)? {
        Some(adapter) => (Session::open(&adapter)?, Target::Adapter(adapter.adapter)),
        None => (Session::cpu(), Target::Cpu),
    };
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
    let mut measured_ms = 0.0;
    for operator in operators {
        let measure = |precision| session.measure(&operator, precision, args.repeat as usize);
        let measured = [measure(Precision::F32)?, measure(Precision::Int8)?];
        if is_table {
            print(table.row(&operator_cells(&operator, &measured)))?;
        } else if args.csv {
            measured.iter().flatten().try_for_each(|row| print(csv_line(row)))?;
        }
        if operator.kind == (Kind::Convolution { side: 3 }) && !args.csv {
            // Right after what it is made of: on a busy machine speed changes from minute to minute.
            measured_ms = abpn_ms(target.clone(), args.size)?;
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
        abpn: Comparison { predicted_ms: predictor.network_ms(&abpn(width, height), Precision::Int8), measured_ms },
    };
    if args.json { print(format_args!("{:#}", report.json())) } else { report.print_predictions() }
}

/// How often the shipped net is timed.
const FRAMES: usize = 3;

/// Milliseconds of the shipped net's stages on a picture, as `abpn profile` measures them: the least sample, as predictions
/// take it.
fn abpn_ms(target: Target, (width, height): (u32, u32)) -> Result<f64, Failure> {
    let upscaler = Upscaler::new(Net::read(ABPN_X3)?, target)?;
    let profile = upscaler.profile(&profile::test_frame(width, height)?, FRAMES)?;
    Ok(profile.compute_ns.min / 1e6)
}
