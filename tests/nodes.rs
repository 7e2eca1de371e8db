//! `abpn nodes` from outside, on tiny maps.

use abpn::nodes::{Precision, Session, operators};
use serde_json::Value;

use crate::machine::adapters;
use crate::program::{Ended, Folder, ended};

fn nodes(arguments: &str) -> Ended {
    ended(&mut Folder::new().bare_command(&format!("nodes {arguments}")))
}

fn stdout(ended: &Ended) -> &str {
    assert_eq!(ended.code, Some(0), "{ended:?}");
    std::str::from_utf8(&ended.stdout).unwrap()
}

/// Operators and precisions of the table at 8 channels.
fn measurable() -> usize {
    let operators = operators(1, 1, 8).unwrap();
    operators
        .iter()
        .flat_map(|operator| Precision::ALL.map(|precision| operator.has(precision)))
        .filter(|&has| has)
        .count()
}

#[test]
fn the_tables_have_all_rows() {
    let ended = nodes("--device cpu --size 9x7 --channels 8 --repeat 1");
    let text = stdout(&ended);
    for operator in operators(9, 7, 8).unwrap() {
        assert!(text.contains(&format!("| {} ", operator.name())), "{} in {text}", operator.name());
    }
    for expected in
        ["| features (FSRL): add", "| ABPN ", "| EDSR (baseline) ", "ABPN in int8 on 9x7 pixels: predicted "]
    {
        assert!(text.contains(expected), "{expected} in {text}");
    }
    // Every line of a table is as wide as the others.
    for table in text.split("\n\n").filter(|table| table.starts_with('|')) {
        let mut widths: Vec<_> =
            table.lines().filter(|line| line.starts_with('|')).map(|line| line.chars().count()).collect();
        widths.dedup();
        assert_eq!(widths.len(), 1, "{table}");
    }
}

#[test]
fn json_has_every_number() {
    let ended = nodes("--device cpu --size 6x5 --channels 8 --repeat 2 --json");
    let value: Value = serde_json::from_str(stdout(&ended)).unwrap();
    assert_eq!((&value["size"][0], &value["size"][1]), (&Value::from(6), &Value::from(5)));
    let rows = value["operators"].as_array().unwrap();
    assert_eq!(rows.len(), measurable());
    for row in rows {
        let number = |key: &str| row[key].as_f64().unwrap_or_else(|| panic!("{key} of {row}"));
        assert!(number("min_ms") <= number("median_ms") && number("median_ms") <= number("max_ms"), "{row}");
        assert!(number("bytes") > 0.0 && number("samples") >= 1.0, "{row}");
    }
    assert!(value["nets"].as_array().unwrap().iter().all(|net| net["predicted_f32_ms"].as_f64().unwrap() > 0.0));
    assert!(value["residuals"].as_array().unwrap().iter().all(|residual| residual["int8_ms"].is_number()));
    assert!(value["abpn"]["measured_ms"].as_f64().unwrap() > 0.0);
}

#[test]
fn csv_has_a_line_an_operator_and_precision() {
    let ended = nodes("--device cpu --size 6x5 --channels 8 --repeat 1 --csv");
    let lines: Vec<_> = stdout(&ended).lines().collect();
    assert_eq!(lines.len(), 1 + measurable());
    let columns = lines[0].split(',').count();
    assert!(lines.iter().all(|line| line.split(',').count() == columns), "{lines:?}");
}

#[test]
fn impossible_options_are_refused() {
    for arguments in ["--size 640", "--size 0x5", "--size 9999x5", "--channels 30", "--channels 4", "--repeat 0"] {
        assert_eq!(nodes(&format!("--device cpu {arguments}")).code, Some(2), "{arguments}");
    }
    assert_eq!(nodes("--device cpu --gpu 0").code, Some(2));
    assert_eq!(nodes("--gpu no-such-adapter").code, Some(3));
}

/// Each adapter runs an operator of each class; what it computes is compared before it is timed.
#[test]
fn adapters_are_measured() {
    for adapter in adapters() {
        let session = Session::open(&adapter).unwrap();
        for operator in operators(20, 6, 8).unwrap().iter().step_by(5) {
            let measured = session.measure(operator, Precision::Int8, 2).unwrap();
            assert!(measured.is_none_or(|measured| measured.ms.median > 0.0), "{}", operator.name());
        }
        // No adapter has a buffer for that; nothing panics.
        let huge = operators(1 << 15, 1 << 15, 64).unwrap().swap_remove(0);
        assert!(session.measure(&huge, Precision::Int8, 1).is_err());
    }
}
