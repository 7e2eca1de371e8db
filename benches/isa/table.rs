//! The table: what each kernel costs on each GPU, and what it may cost.

use abpn::Net;
use abpn::gpu::{self, Family, Kernels, ShaderText};
use abpn::net::TAPS;

use crate::counts::Counts;
use crate::driver::Compiled;

/// GPUs that RADV compiles for.
pub const GPUS: [Gpu; 4] = [
    Gpu { name: "navi21", architecture: "RDNA2", has_goals: true, lanes_counted: 32 },
    Gpu { name: "gfx1100", architecture: "RDNA3", has_goals: true, lanes_counted: 32 },
    Gpu { name: "vega20", architecture: "GCN5", has_goals: false, lanes_counted: 64 },
    // It has no packed dot product.
    Gpu { name: "navi10", architecture: "RDNA1", has_goals: false, lanes_counted: 32 },
];
/// Lanes of the waves in which RADV runs compute shaders.
const WAVE_LANES: u64 = 64;
/// The fewest waves that a SIMD must have room for, so that some can wait for memory while others compute.
const WAVES_GOAL: u64 = 6;

/// One GPU.
pub struct Gpu {
    /// As RADV knows it.
    pub name: &'static str,
    architecture: &'static str,
    /// The others are for information.
    has_goals: bool,
    /// Lanes of the waves in which RADV counts what a SIMD has room for.
    lanes_counted: u64,
}

/// A kernel and the layers that run it.
pub struct Kernel {
    pub shader: ShaderText,
    /// Products a pixel, of four channels or of one, that its first layer can't do without.
    pub ideal_products: usize,
    /// The least share of products, in percent.
    share_goal: Option<f64>,
}

/// Every kernel for GPUs that can run a layer of the nets, for pictures of either depth.
pub fn kernels(nets: &[Net]) -> abpn::Result<Vec<Kernel>> {
    let mut kernels: Vec<Kernel> = Vec::new();
    let all = gpu::Kernel::ALL.iter().filter(|kernel| !kernel.is_for_software());
    for ((kernel, bits), net) in
        all.flat_map(|&kernel| [(kernel, 8), (kernel, 16)]).flat_map(|key| nets.iter().map(move |net| (key, net)))
    {
        let last = net.layers().len() - 1;
        let shaders = gpu::shaders(net, bits, &Kernels::only(kernel))?;
        // What GPUs begin with: their first kernel, or another where a uniform buffer can't hold the parameters.
        let first = gpu::shaders(net, bits, &Kernels::only(gpu::Kernel::DOT4_UNIFORM))?;
        for (index, (shader, layer)) in shaders.into_iter().zip(net.layers()).enumerate() {
            // The first layer has few dot products to pay for its requantisation with, the last makes whole pixels.
            // A residual for 16-bit samples takes three instructions more than one for 8-bit samples, a PReLU more than twice
            // the instructions of a ReLU.
            let share_goal = match index {
                0 if layer.prelu.is_some() => 30.0,
                0 => 55.0,
                _ if index < last => 86.0,
                _ if bits == 8 => 85.0,
                _ => 80.0,
            };
            let share_goal = (shader == first[index]).then_some(share_goal);
            let inputs =
                if shader.kernel.family() == Family::Dot4 { layer.in_channels.div_ceil(4) } else { layer.in_channels };
            let ideal_products = inputs * TAPS * layer.out_channels;
            if kernels.iter().all(|known| known.shader != shader) {
                kernels.push(Kernel { shader, ideal_products, share_goal });
            }
        }
    }
    Ok(kernels)
}

/// What a kernel costs on a GPU.
pub struct Row<'a> {
    pub gpu: &'a Gpu,
    pub kernel: &'a Kernel,
    pub counts: Counts,
    vgprs: u64,
    spilled_registers: u64,
    waves: u64,
    code_bytes: u64,
}

impl<'a> Row<'a> {
    pub fn new(gpu: &'a Gpu, kernel: &'a Kernel, compiled: &Compiled, counts: Counts) -> Result<Self, String> {
        Ok(Self {
            gpu,
            kernel,
            counts,
            vgprs: compiled.statistic("VGPRs")?,
            spilled_registers: compiled.statistic("Spilled SGPRs")? + compiled.statistic("Spilled VGPRs")?,
            waves: compiled.statistic("Subgroups per SIMD")? * gpu.lanes_counted / WAVE_LANES,
            code_bytes: compiled.statistic("Code size")?,
        })
    }

    /// Share of dot products in the vector ALU's time, in percent.
    fn share(&self) -> f64 {
        100.0 * self.counts.products as f64 / self.counts.vector_slots() as f64
    }

    /// The goal for that, if there is one on this GPU.
    fn share_goal(&self) -> Option<f64> {
        self.kernel.share_goal.filter(|_| self.gpu.has_goals)
    }

    pub fn markdown(&self) -> String {
        let ShaderText { label, kernel, pixels, groups, .. } = &self.kernel.shader;
        let per_pixel = |count: usize| {
            let figure = format!("{:.1}", (count * groups) as f64 / *pixels as f64);
            figure.trim_end_matches(".0").to_owned()
        };
        let counts = self.counts;
        let cells = [
            format!("{} ({})", self.gpu.name, self.gpu.architecture),
            kernel.to_string(),
            label.clone(),
            per_pixel(counts.products),
            self.kernel.ideal_products.to_string(),
            per_pixel(counts.slow_multiplications),
            per_pixel(counts.other_vector),
            format!("{:.1}%", self.share()),
            self.share_goal().map(|goal| format!("{goal}%")).unwrap_or_default(),
            per_pixel(counts.scalar_memory),
            per_pixel(counts.vector_memory),
            self.vgprs.to_string(),
            self.spilled_registers.to_string(),
            self.waves.to_string(),
            self.code_bytes.to_string(),
        ];
        format!("| {} |", cells.join(" | "))
    }

    /// The goals that it misses.
    pub fn misses(&self) -> Vec<String> {
        let Some(share_goal) = self.share_goal() else { return Vec::new() };
        let name = format!("{} {} on {}", self.kernel.shader.kernel, self.kernel.shader.label, self.gpu.name);
        let share = self.share();
        let goals = [
            (share < share_goal, format!("{name}: products are {share:.1}%, not {share_goal}%")),
            (self.spilled_registers > 0, format!("{name}: {} registers are spilled", self.spilled_registers)),
            (self.waves < WAVES_GOAL, format!("{name}: a SIMD has room for {} waves, not {WAVES_GOAL}", self.waves)),
        ];
        goals.into_iter().filter(|(is_missed, _)| *is_missed).map(|(_, miss)| miss).collect()
    }
}

/// How the line of a table begins that names the compiler.
const COMPILER: &str = "Compiler: ";

/// The document, for rows that `driver` made.
pub fn document(driver: &str, rows: &[String]) -> String {
    let intro = format!(include_str!("intro.md"), waves_goal = WAVES_GOAL, wave_lanes = WAVE_LANES);
    format!("{intro}\n{COMPILER}{driver}\n\n{HEADINGS}\n{}\n", rows.join("\n"))
}

/// The compiler that a document names.
pub fn driver(document: &str) -> Option<&str> {
    document.lines().find_map(|line| line.strip_prefix(COMPILER))
}

const HEADINGS: &str = "\
| GPU | kernel | layer | products | ideal | 32-bit multiplies | other VALU | share | goal | scalar loads | vector loads, stores \
| VGPRs | spills | waves | code bytes |
|---|---|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|";
