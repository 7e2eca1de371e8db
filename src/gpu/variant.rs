//! A task with the kernel that computes it: what tells one shader from another.

use super::kernels::{Abilities, Family, Kernel, Kernels, Parameters, Words};
use super::task::{MAX_GROUP_WORDS, Task, groups};
use crate::net::Net;

/// Codes that separate the pixels of a tile, so that the columns of a matrix lie in different banks of the memory.
const CODES_PADDING: usize = 8;

/// The matrices that a kernel multiplies, and what a workgroup keeps of its tile for them, in elements;
/// `shaders/matrix.wgsl` says of what.
pub(super) struct Matrices {
    /// Rows and columns of a matrix.
    pub side: usize,
    /// Input and output channels in whole matrices.
    pub in_blocks: usize,
    pub out_blocks: usize,
    /// Pixels of a workgroup along x and y.
    pub tile_width: usize,
    pub tile_height: usize,
    pub codes_stride: usize,
    pub codes_len: usize,
    pub sums_len: usize,
}

impl Matrices {
    /// Elements of the weights of one tap.
    pub fn weights_per_tap(&self) -> usize {
        self.in_blocks * self.out_blocks * self.side.pow(2)
    }

    /// Bytes of a workgroup's memory: codes are f16, sums f32.
    fn workgroup_bytes(&self) -> usize {
        2 * self.codes_len + 4 * self.sums_len
    }
}

/// Stages with equal variants share a pipeline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Variant {
    pub task: Task,
    pub kernel: Kernel,
}

impl Variant {
    /// Every stage of `net` for pictures of `bits` bits a sample, on a device with these abilities.
    pub fn of_net(net: &Net, bits: u32, kernels: &Kernels, abilities: &Abilities) -> Vec<Self> {
        Task::of_net(net, bits).into_iter().map(|task| Self::new(task, kernels, abilities)).collect()
    }

    /// The first kernel that is wished for `task` and can compute it.
    fn new(task: Task, kernels: &Kernels, abilities: &Abilities) -> Self {
        let label = task.label();
        let mut wished = kernels.wished(&label).map(|kernel| Self { task, kernel });
        wished.find(|variant| variant.can_run(abilities)).unwrap_or(Self { task, kernel: Kernel::DOT4 })
    }

    /// Whether a device with these abilities can run it.
    pub fn can_run(&self, Abilities { limits, matrix_sides }: &Abilities) -> bool {
        let Self { task, kernel } = self;
        let bytes = self.parameters_words() as u64 * 4;
        let has_matrices = |matrices: Matrices| {
            let most_bytes = limits.max_compute_workgroup_storage_size as usize;
            matrix_sides.contains(&matrices.side) && matrices.workgroup_bytes() <= most_bytes
        };
        (kernel.words == Words::Group || task.end.is_features())
            && (kernel.parameters == Parameters::Storage || bytes <= limits.max_uniform_buffer_binding_size)
            && self.matrices().is_none_or(has_matrices)
    }

    /// Threads that share a pixel.
    pub fn groups(&self) -> usize {
        match (self.kernel.family(), self.kernel.words) {
            (Family::Matrix { .. }, _) => 1,
            (_, Words::Group) => groups(self.task.out_words, self.task.end),
            (_, Words::One) => self.task.out_words,
        }
    }

    /// Words a pixel that one thread makes.
    pub fn group_words(&self) -> usize {
        self.task.out_words / self.groups()
    }

    /// Input pixels that one thread makes, along x: one if its words alone are more than most.
    pub fn pixels(&self) -> usize {
        if self.group_words() > MAX_GROUP_WORDS { 1 } else { self.kernel.pixels }
    }

    /// Words that it loads at once. Where its pixels are fewer than its kernel's, they may begin anywhere.
    pub fn load_words(&self) -> usize {
        if self.pixels().is_multiple_of(self.kernel.load_words) { self.kernel.load_words } else { 1 }
    }

    /// Its matrices, if its kernel has some.
    pub fn matrices(&self) -> Option<Matrices> {
        let Family::Matrix { side } = self.kernel.family() else { return None };
        let blocks = |words: usize| (4 * words).div_ceil(side);
        let (in_blocks, out_blocks) = (blocks(self.task.in_words), blocks(self.task.out_words));
        let [threads_x, tile_height] = self.kernel.workgroup.map(|threads| threads as usize);
        let tile_width = threads_x * self.pixels();
        let codes_stride = in_blocks * side + CODES_PADDING;
        let codes_len = (tile_height + 2) * (tile_width + 2) * codes_stride;
        let sums_len = tile_height * out_blocks * side * tile_width;
        Some(Matrices { side, in_blocks, out_blocks, tile_width, tile_height, codes_stride, codes_len, sums_len })
    }

    /// Invocations of a workgroup along x and y. Subgroups are numbered only in those of one dimension.
    pub fn workgroup_size(&self) -> [u32; 2] {
        let [x, y] = self.kernel.workgroup;
        if self.matrices().is_some() { [x * y, 1] } else { [x, y] }
    }

    /// Invocations along x, y and z that compute a window of so many pixels.
    pub fn invocations(&self, width: usize, height: usize) -> [usize; 3] {
        match self.matrices() {
            None => [width.div_ceil(self.pixels()), height, self.groups()],
            Some(Matrices { tile_width, tile_height, .. }) => {
                let [threads, _] = self.workgroup_size();
                [width.div_ceil(tile_width) * threads as usize, height.div_ceil(tile_height), 1]
            }
        }
    }
}
