//! The kernels: the ways in which a layer's convolution can be computed. All give the same bytes; which one is the fastest is
//! the adapter's affair.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use crate::net::{F32_EXACT, MAX_CHANNELS, TAPS};

/// The most pixels that one thread makes: it may load as many words less one beyond the padding.
pub(crate) const MAX_PIXELS: usize = 8;

/// What a kernel multiplies with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Family {
    /// Packed dot products of four bytes: one instruction on most GPUs since 2018.
    Dot4,
    /// Multiply-adds in f32, exact because all sums stay below 2^24: for adapters whose packed dot product is emulated.
    Fma,
    /// Cooperative matrices, f16 times f16 added up in f32, exact for the same reason: tensor cores and the like.
    Matrix {
        /// Rows and columns of a matrix: 8 or 16.
        side: usize,
    },
}

impl Family {
    /// Every family.
    pub const ALL: [Self; 4] = [Self::Dot4, Self::Fma, Self::Matrix { side: 8 }, Self::Matrix { side: 16 }];

    /// Its name on the command line: one for matrices of every size.
    pub fn name(self) -> &'static str {
        match self {
            Self::Dot4 => "dot4",
            Self::Fma => "fma",
            Self::Matrix { .. } => "matrix",
        }
    }
}

/// The output words, four channels each, that one thread makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Words {
    /// A layer's, or as many as registers hold.
    Group,
    /// One; other threads make the others. Only for layers that write feature maps.
    One,
}

/// Where a layer's parameters lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Parameters {
    Storage,
    /// A uniform buffer, which has a cache of its own on some GPUs, and which software drivers read once for all lanes.
    Uniform,
}

impl Parameters {
    /// The address space in WGSL.
    pub fn space(self) -> &'static str {
        match self {
            Self::Storage => "storage",
            Self::Uniform => "uniform",
        }
    }
}

/// One way to compute a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kernel {
    family: Family,
    /// Input pixels that one thread makes, along x: each weight that it loads serves them all.
    pub(crate) pixels: usize,
    pub(crate) words: Words,
    pub(crate) parameters: Parameters,
    /// Rows of the 3x3 window that are straight text; a loop goes over the rest.
    pub(crate) rows: usize,
    /// Words that are loaded at once, 1, 2 or 4; a thread's pixels begin at a multiple of that, and so do rows.
    pub(crate) load_words: usize,
    /// With matrices, rows of the tile that a subgroup makes at a time: each weight that it loads serves them all.
    pub(crate) subgroup_rows: u32,
    /// Threads of a workgroup along x and y.
    pub(crate) workgroup: [u32; 2],
}

/// What a device offers to kernels.
#[derive(Clone, Debug)]
pub(crate) struct Abilities {
    pub limits: wgpu::Limits,
    /// Rows and columns of the cooperative matrices that it multiplies, f16 times f16 added up in f32.
    pub matrix_sides: Vec<usize>,
}

impl Kernel {
    /// The one that can compute every layer.
    pub const DOT4: Self = Self {
        family: Family::Dot4,
        pixels: 2,
        words: Words::Group,
        parameters: Parameters::Storage,
        rows: 3,
        load_words: 1,
        subgroup_rows: 1,
        workgroup: [16, 4],
    };
    /// For GPUs that have packed dot products, before any was timed: on AMD the same instructions, on NVIDIA fewer, as the
    /// hardware checks accesses to uniform buffers.
    pub const DOT4_UNIFORM: Self = Self { parameters: Parameters::Uniform, ..Self::DOT4 };
    const FMA: Self = Self { family: Family::Fma, ..Self::DOT4 };
    const MATRIX: Self = Self { family: Family::Matrix { side: 16 }, pixels: 1, workgroup: [32, 4], ..Self::DOT4 };
    /// For software drivers: few loads, and few instructions to compile.
    const SOFTWARE: Self = Self { pixels: 4, parameters: Parameters::Uniform, rows: 1, ..Self::DOT4 };

    /// Every kernel: those that the tuner tries.
    pub const ALL: &[Self] = &[
        Self::DOT4,
        Self::DOT4_UNIFORM,
        Self { workgroup: [32, 2], ..Self::DOT4 },
        Self { pixels: 1, ..Self::DOT4 },
        Self { pixels: 4, ..Self::DOT4 },
        Self { pixels: 4, words: Words::One, ..Self::DOT4 },
        Self { pixels: 8, words: Words::One, ..Self::DOT4 },
        Self { pixels: 8, words: Words::One, parameters: Parameters::Uniform, ..Self::DOT4 },
        Self { parameters: Parameters::Uniform, load_words: 2, ..Self::DOT4 },
        Self { pixels: 4, parameters: Parameters::Uniform, load_words: 4, ..Self::DOT4 },
        Self { pixels: 4, words: Words::One, load_words: 4, ..Self::DOT4 },
        Self { pixels: 8, words: Words::One, parameters: Parameters::Uniform, load_words: 4, ..Self::DOT4 },
        Self::SOFTWARE,
        Self::FMA,
        Self { pixels: 4, words: Words::One, ..Self::FMA },
        Self { pixels: 4, words: Words::One, parameters: Parameters::Uniform, load_words: 4, ..Self::FMA },
        Self { pixels: 4, parameters: Parameters::Uniform, rows: 1, ..Self::FMA },
        Self::MATRIX,
        Self { pixels: 2, workgroup: [32, 2], ..Self::MATRIX },
        Self { workgroup: [32, 2], ..Self::MATRIX },
        Self { pixels: 2, workgroup: [16, 4], subgroup_rows: 2, ..Self::MATRIX },
        Self { family: Family::Matrix { side: 8 }, workgroup: [32, 2], ..Self::MATRIX },
        Self { family: Family::Matrix { side: 8 }, pixels: 2, workgroup: [16, 4], subgroup_rows: 2, ..Self::MATRIX },
    ];

    /// What it multiplies with.
    pub fn family(self) -> Family {
        self.family
    }

    /// Whether it is for software drivers alone: its inner loop costs GPUs more than it saves.
    pub fn is_for_software(self) -> bool {
        self.rows == 1
    }

    /// The kernel for `adapter` before any was timed.
    fn of_adapter(adapter: &wgpu::AdapterInfo) -> Self {
        match (adapter.device_type, adapter.backend) {
            (wgpu::DeviceType::Cpu, _) => Self::SOFTWARE,
            // Neither MSL nor GLSL has a packed dot product.
            (_, wgpu::Backend::Metal | wgpu::Backend::Gl) => Self::FMA,
            _ => Self::DOT4_UNIFORM,
        }
    }
}

/// Every kernel keeps to the room that buffers have for what a thread loads, and its parts are whole.
const _: () = {
    let mut index = 0;
    while index < Kernel::ALL.len() {
        let kernel = Kernel::ALL[index];
        assert!(kernel.pixels <= MAX_PIXELS && kernel.pixels.is_multiple_of(kernel.load_words));
        assert!(kernel.workgroup[1].is_multiple_of(kernel.subgroup_rows));
        index += 1;
    }
};

/// Codes are stored minus 128, so no sum of a layer's products leaves the integers that f32 holds.
const _: () = assert!(((MAX_CHANNELS * TAPS * 127 * 128) as u64) < F32_EXACT);

/// Its name, as `dot4-2x1` or `dot4-8x1-word-uniform`: the family, the pixels of a thread, and what differs from the default;
/// or `matrix-16x16-tile32x4-rows2`: the family, the matrices, the pixels of a workgroup, and how many of their rows a subgroup
/// makes at a time, if more than one.
impl fmt::Display for Kernel {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let family = self.family.name();
        if let Family::Matrix { side } = self.family {
            let [width, height] = self.workgroup;
            write!(formatter, "{family}-{side}x{side}-tile{}x{height}", width as usize * self.pixels)?;
            return if self.subgroup_rows == 1 { Ok(()) } else { write!(formatter, "-rows{}", self.subgroup_rows) };
        }
        write!(formatter, "{family}-{}x1", self.pixels)?;
        if self.words == Words::One {
            formatter.write_str("-word")?;
        }
        if self.parameters == Parameters::Uniform {
            formatter.write_str("-uniform")?;
        }
        if self.rows == 1 {
            formatter.write_str("-row")?;
        }
        if self.load_words > 1 {
            write!(formatter, "-load{}", self.load_words)?;
        }
        if self.workgroup != Self::DOT4.workgroup {
            let [x, y] = self.workgroup;
            write!(formatter, "-workgroup{x}x{y}")?;
        }
        Ok(())
    }
}

/// The name of a kernel, or of a family, whose first kernel it stands for.
impl FromStr for Kernel {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_named = |kernel: &&Self| kernel.to_string() == text || kernel.family.name() == text;
        Self::ALL.iter().find(is_named).copied().ok_or_else(|| {
            let mut families = Family::ALL.map(Family::name).to_vec();
            families.dedup();
            let families = families.join(", ");
            let kernels: Vec<_> = Self::ALL.iter().map(Self::to_string).collect();
            format!("no kernel is called so; there are the families {families} and the kernels {}", kernels.join(", "))
        })
    }
}

/// Which kernel computes which layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kernels {
    /// For all layers that are not named.
    preferred: Kernel,
    /// By the layer's label, as `conv3x3 7>7`.
    layers: BTreeMap<String, Kernel>,
}

impl Kernels {
    /// One kernel for every layer that it can compute, and the default for the rest.
    pub fn only(kernel: Kernel) -> Self {
        Self { preferred: kernel, layers: BTreeMap::new() }
    }

    /// What is likely to be the best for `adapter`, before any was timed.
    pub fn of_adapter(adapter: &wgpu::AdapterInfo) -> Self {
        Self::only(Kernel::of_adapter(adapter))
    }

    /// Sets the kernel of the layers that are labelled so.
    pub fn set(&mut self, label: String, kernel: Kernel) {
        self.layers.insert(label, kernel);
    }

    /// The layers that have a kernel of their own, by their labels.
    pub fn layers(&self) -> impl Iterator<Item = (&str, Kernel)> {
        self.layers.iter().map(|(label, &kernel)| (label.as_str(), kernel))
    }

    /// The kernels that are wished for the layers labelled so, the dearest first.
    pub(super) fn wished(&self, label: &str) -> impl Iterator<Item = Kernel> {
        self.layers.get(label).copied().into_iter().chain([self.preferred])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_read_back() {
        for kernel in Kernel::ALL {
            assert_eq!(kernel.to_string().parse(), Ok(*kernel));
        }
        assert_eq!("fma".parse(), Ok(Kernel::FMA));
        assert!("dot5".parse::<Kernel>().unwrap_err().contains("dot4-2x1"));
    }
}
