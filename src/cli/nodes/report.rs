//! What `abpn nodes` prints: tables, CSV and JSON.

use abpn::nodes::nets::Network;
use abpn::nodes::{Class, Measurement, Operator, Precision, Residual};
use serde_json::{Value, json};

use crate::cli::Failure;
use crate::cli::print::print;
use crate::cli::table::Table;

/// All that was measured, and what follows from it.
pub struct Report {
    pub device: String,
    pub clock: &'static str,
    pub size: (u32, u32),
    pub channels: usize,
    pub rows: Vec<(Operator, [Option<Measurement>; 2])>,
    pub residuals: Vec<(Residual, [Option<f64>; 2])>,
    pub nets: Vec<(Network, [Option<f64>; 2])>,
    pub abpn: Comparison,
}

/// ABPN as the table predicts it and as it is, in int8, for one picture of `--size`.
#[derive(Clone, Copy)]
pub struct Comparison {
    pub predicted_ms: Option<f64>,
    /// All stages together.
    pub measured_ms: f64,
}

/// Of the table of operators.
pub const OPERATOR_HEADINGS: [&str; 7] =
    ["operator", "f32 ms", "f32 GMAC/s", "f32 GB/s", "int8 ms", "int8 GMAC/s", "int8 GB/s"];
const RESIDUAL_HEADINGS: [&str; 3] = ["residual", "f32 ms", "int8 ms"];
const NET_HEADINGS: [&str; 8] =
    ["net", "scale", "parameters", "MAC (G)", "f32 MB", "int8 MB", "predicted f32 ms", "predicted int8 ms"];
/// Of the operators as CSV.
pub const CSV_HEADINGS: [&str; 10] =
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

/// A row under [`OPERATOR_HEADINGS`].
pub fn operator_cells(operator: &Operator, measured: &[Option<Measurement>; 2]) -> Vec<String> {
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

/// A line under [`CSV_HEADINGS`].
pub fn csv_line(row: &Measurement) -> String {
    let Measurement { operator, precision, ms, samples } = row;
    let numbers = [ms.median, ms.min, ms.max, ms.spread].map(|ms| format!("{ms:.6}")).join(",");
    let (name, class, precision_name) = (operator.name(), operator.class().name(), precision.name());
    format!("{name},{class},{precision_name},{numbers},{samples},{},{}", operator.macs(), operator.bytes(*precision))
}

impl Report {
    /// Prints all but the operators.
    pub fn print_predictions(&self) -> Result<(), Failure> {
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

    /// Everything as one object.
    pub fn json(&self) -> Value {
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
