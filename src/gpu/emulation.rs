//! Cooperative matrices in plain WGSL, for tests on adapters that have none: each thread is a subgroup of its own, factors stay
//! where they are loaded from, and sums are added up where they will be stored.

use std::collections::HashMap;

/// How well matrices are emulated.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Emulation {
    Exact,
    /// Every sum begins with 1, as a driver with a bug may have it.
    OffByOne,
}

/// The text of a kernel with cooperative matrices, with these emulated; other kernels stay as they are.
pub(super) fn emulate(wgsl: &str, emulation: Emulation) -> String {
    const EXTENSION: &str = "enable wgpu_cooperative_matrix;\n";
    if !wgsl.contains(EXTENSION) {
        return wgsl.to_owned();
    }
    let side = if wgsl.contains("coop_mat8x8") { 8 } else { 16 };
    let mut text = wgsl.replace(EXTENSION, "");
    for (written, emulated) in [
        (", @builtin(subgroup_id) subgroup: u32, @builtin(num_subgroups) subgroups: u32", ""),
        ("step = subgroup; step < STEPS; step += subgroups", "step = thread; step < STEPS; step += THREADS"),
        (&format!("coopLoadT<coop_mat{side}x{side}<f16, A>>(&layer.weights["), "Factor("),
        (&format!("coopLoad<coop_mat{side}x{side}<f16, B>>(&codes["), "Factor("),
        (&format!("], {side}u)"), &format!(", {side}u)")),
        ("], CODES_STRIDE)", ", CODES_STRIDE)"),
    ] {
        assert!(text.contains(written), "{written}");
        text = text.replace(written, emulated);
    }
    let places: HashMap<&str, &str> = text.lines().filter_map(stored).collect();
    let lines = text.lines().filter(|line| stored(line).is_none() && !line.contains("let zero ="));
    let text: Vec<_> = lines.map(|line| emulated_sum(line, &places).unwrap_or_else(|| line.to_owned())).collect();
    let text = text.join("\n");
    assert!(!text.contains("coop"), "{text}");
    let first = match emulation {
        Emulation::Exact => "0.0",
        Emulation::OffByOne => "1.0",
    };
    text + &FUNCTIONS.replace("SIDE", &format!("{side}u")).replace("FIRST", first)
}

/// The name of the matrix that a line stores, and the index where.
fn stored(line: &str) -> Option<(&str, &str)> {
    let (name, rest) = line.trim().strip_prefix("coopStoreT(")?.split_once(", &sums[")?;
    Some((name, rest.strip_suffix("], TILE_WIDTH);")?))
}

/// A line that begins a sum, or adds to it.
fn emulated_sum(line: &str, places: &HashMap<&str, &str>) -> Option<String> {
    let line = line.trim();
    if let Some(name) = line.strip_prefix("var ").and_then(|line| line.strip_suffix(" = zero;")) {
        return Some(format!("clear({});", places[name]));
    }
    let (name, factors) = line.split_once(" = coopMultiplyAdd(")?;
    let factors = factors.strip_suffix(&format!(", {name});"))?;
    Some(format!("multiply_add({factors}, {});", places[name]))
}

/// Weights are loaded along rows, codes along columns, and sums are stored along rows.
const FUNCTIONS: &str = "
struct Factor {
    at: u32,
    stride: u32,
}
fn clear(at: u32) {
    for (var i = 0u; i < SIDE * SIDE; i++) {
        sums[at + i / SIDE * TILE_WIDTH + i % SIDE] = FIRST;
    }
}
fn multiply_add(a: Factor, b: Factor, at: u32) {
    for (var i = 0u; i < SIDE * SIDE; i++) {
        var sum = 0.0;
        for (var k = 0u; k < SIDE; k++) {
            let weight = f32(layer.weights[a.at + i / SIDE * a.stride + k]);
            sum += weight * f32(codes[b.at + i % SIDE * b.stride + k]);
        }
        sums[at + i / SIDE * TILE_WIDTH + i % SIDE] += sum;
    }
}
";
