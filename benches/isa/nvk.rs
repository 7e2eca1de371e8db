//! NVK's device without hardware: Mesa's compiler for NVIDIA GPUs, behind the shim that stands in for the kernel's driver.

use std::collections::HashSet;

use abpn::Net;
use abpn::gpu::{Family, ShaderText};

use crate::driver::{Compiled, described};
use crate::table::Kernel;

/// What is compiled for: sm_86, as RTX 30 and A10 have it.
pub const GPU: &str = "ga102";
const CHIPSET: &str = "0x172";

/// Where Debian's mesa-drm-shim puts it.
const SHIM: &str = "/usr/lib/x86_64-linux-gnu/libnouveau_noop_drm_shim.so";

/// The environment in which a new process finds NVK alone, and in it a device that is not there.
pub fn environment() -> Result<Vec<(&'static str, String)>, String> {
    let missing = "NVK is not installed: on Debian 13, apt-get install mesa-vulkan-drivers mesa-drm-shim";
    let description = described("nouveau_icd").ok_or(missing)?;
    if !std::path::Path::new(SHIM).exists() {
        return Err(format!("{SHIM} is missing: {missing}"));
    }
    Ok(vec![
        ("VK_DRIVER_FILES", description.clone()),
        ("VK_ICD_FILENAMES", description),
        ("LD_PRELOAD", SHIM.to_owned()),
        ("NOUVEAU_CHIPSET", CHIPSET.to_owned()),
        ("MESA_SHADER_CACHE_DISABLE", "true".to_owned()),
    ])
}

/// What one run through a kernel issues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packed dot products, or multiply-adds in f32.
    products: usize,
    other: usize,
    /// Branches, and what keeps the lanes of a warp together around them.
    control: usize,
    global_loads: usize,
    constant_loads: usize,
    stores: usize,
}

impl Counts {
    fn issued(&self) -> usize {
        self.products + self.other + self.control + self.global_loads + self.constant_loads + self.stores
    }
}

/// Counts a kernel of `family` whose one loop, if the compiler left it a loop, makes `trips` trips. Of a branch both sides count.
///
/// # Errors
/// What it can't read, rather than a wrong count.
pub fn count(assembly: &str, family: Family, trips: usize) -> Result<Counts, String> {
    let lines: Vec<&str> = assembly.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let looped = looped_blocks(&lines)?;
    let (mut counts, mut block) = (Counts::default(), 0);
    for line in lines {
        if let Some(index) = block_index(line) {
            block = index;
            continue;
        }
        if line.starts_with('}') {
            continue;
        }
        let text = line.split("//").next().unwrap_or(line).trim();
        let text = if text.starts_with('@') { text.split_once(' ').map_or("", |(_, rest)| rest.trim()) } else { text };
        let operation = text.split_once(" = ").map_or(text, |(_, operation)| operation.trim());
        let mnemonic =
            operation.split(' ').next().filter(|mnemonic| mnemonic.starts_with(|c: char| c.is_ascii_lowercase()));
        let mnemonic = mnemonic.ok_or_else(|| format!("can't read {line:?}"))?;
        let times = if looped.contains(&block) { trips } else { 1 };
        *field(&mut counts, mnemonic, family) += times;
    }
    Ok(counts)
}

fn field<'a>(counts: &'a mut Counts, mnemonic: &str, family: Family) -> &'a mut usize {
    let product = if family == Family::Dot4 { "idp4" } else { "ffma" };
    match mnemonic.split('.').next().unwrap_or(mnemonic) {
        base if base == product => &mut counts.products,
        "ld" => &mut counts.global_loads,
        "ldc" => &mut counts.constant_loads,
        "st" => &mut counts.stores,
        "bra" | "bsync" | "bssy" | "bclear" | "nop" | "exit" => &mut counts.control,
        _ => &mut counts.other,
    }
}

/// The number of the block that a line begins, as `block.u 3 L3 [1, 2] -> {`.
fn block_index(line: &str) -> Option<usize> {
    let (name, rest) = line.split_once(' ')?;
    name.starts_with("block").then(|| rest.split(' ').next()?.parse().ok())?
}

/// The blocks of the only loop: its head, and those from which a branch back to it is reached without passing it.
fn looped_blocks(lines: &[&str]) -> Result<HashSet<usize>, String> {
    let (mut block, mut edges) = (0, Vec::new());
    for line in lines {
        block = block_index(line).unwrap_or(block);
        let Some(targets) = line.strip_prefix("} -> [").and_then(|rest| rest.strip_suffix(']')) else { continue };
        edges.extend(targets.split(", ").filter_map(|target| target.parse().ok()).map(|target: usize| (block, target)));
    }
    let back: Vec<_> = edges.iter().filter(|(from, to)| to <= from).collect();
    let Some(&&(_, head)) = back.first() else { return Ok(HashSet::new()) };
    if back.iter().any(|(_, to)| *to != head) {
        return Err("it has more than one loop, and only the trips of one are known".to_owned());
    }
    let mut looped = HashSet::from([head]);
    let mut found: Vec<usize> = back.into_iter().map(|(from, _)| *from).collect();
    while let Some(block) = found.pop() {
        if looped.insert(block) {
            found.extend(edges.iter().filter(|(_, to)| *to == block).map(|(from, _)| *from));
        }
    }
    Ok(looped)
}

/// A row of the table; `robust` as wgpu asks for access to buffers.
pub fn row(kernel: &Kernel, compiled: &Compiled, robust: bool) -> Result<String, String> {
    let ShaderText { label, kernel: name, pixels, groups, in_words, .. } = &kernel.shader;
    let counts = count(&compiled.isa, name.family(), *in_words)?;
    let per_pixel = |count: usize| {
        let figure = format!("{:.1}", (count * groups) as f64 / *pixels as f64);
        figure.trim_end_matches(".0").to_owned()
    };
    let share = 100.0 * counts.products as f64 / counts.issued() as f64;
    let figures = [
        counts.products,
        kernel.ideal_products * pixels / groups,
        counts.other,
        counts.control,
        counts.global_loads,
        counts.constant_loads,
        counts.stores,
    ];
    let ends = [compiled.statistic("Number of GPRs")?, compiled.statistic("Code Size")?];
    let cells = [name.to_string(), label.clone(), if robust { "yes" } else { "no" }.to_owned()]
        .into_iter()
        .chain(figures.map(per_pixel))
        .chain([format!("{share:.1}%")])
        .chain(ends.map(|end| end.to_string()));
    Ok(format!("| {} |", cells.collect::<Vec<_>>().join(" | ")))
}

/// The document, for rows that `driver` made.
pub fn document(driver: &str, rows: &[String]) -> String {
    let headings = "\
| kernel | layer | checked | products | ideal | other | control | global loads | constant loads | stores | share | registers | code bytes |
|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";
    format!("{}\nCompiler: {driver}, for {GPU} (sm_86)\n\n{headings}\n{}\n", include_str!("nvk.md"), rows.join("\n"))
}

/// The kernels of the table: every one for GPUs, for 8-bit pictures.
///
/// # Errors
/// As [`crate::table::kernels`].
pub fn kernels(net: &Net) -> abpn::Result<Vec<Kernel>> {
    let kernels = crate::table::kernels(std::slice::from_ref(net))?;
    Ok(kernels.into_iter().filter(|kernel| !kernel.shader.label.contains("16-bit")).collect())
}

/// Counts a snippet, known by hand.
///
/// # Panics
/// If a count is wrong.
pub fn self_test() {
    let snippet = "
        block.u 0 L2 [] -> {
              r0      = s2r sr[0x25]                  // delay=1 wr:0
              r2 p0   = iadd3 r1 c[0x0][0x4] rZ       // delay=4
        @!p0            bra L1                        // delay=1
        } -> [1, 2]
        block 1 L1 [0, 1] -> {
              r8..12  = ld.global.a64.constant.b128 [r8..10]  // delay=5
              r49     = idp4.i8.i8 r36 r45 r5         // delay=1
              r50     = ffma r36 r45 r5               // delay=1
              ur0     = ldc.b32 c[0x1][+0x0]          // delay=1
        @p1             bra L3                        // delay=1
        } -> [2, 3]
        block 2 L2 [1] -> {
                        st.global.a64.strong.gpu.b32 [r1..3] r2 // delay=1
                        exit                          // delay=1
        } -> []
        block 3 L3 [1] -> {
                        bra L1                        // delay=1
        } -> [1]
    ";
    let counts =
        |products, other| Counts { products, other, control: 16, global_loads: 7, constant_loads: 7, stores: 1 };
    assert_eq!(count(snippet, Family::Dot4, 7), Ok(counts(7, 9)));
    assert_eq!(count(snippet, Family::Fma, 7), Ok(counts(7, 9)));
    let nested = snippet.replace("} -> []", "} -> [0]");
    assert!(count(&nested, Family::Dot4, 7).is_err());
    assert!(count(&snippet.replace("= idp4", "= 4idp"), Family::Dot4, 7).is_err());
}
