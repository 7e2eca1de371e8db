//! The roofline (Williams, Waterman and Patterson, CACM 2009): how fast a stage could be at most.

use super::StageProfile;

/// The speeds that bound every stage on a device, as micro-kernels reach them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ceilings {
    /// Packed int8 dot products, which the stages are made of; 10^9 operations a second.
    pub dot4_gops: f64,
    /// Multiply-adds of f32; 10^9 operations a second.
    pub fma_gops: f64,
    /// Reading and writing of buffers together; 10^9 bytes a second.
    pub copy_gb_per_s: f64,
}

impl Ceilings {
    /// The most that a kernel of packed int8 dot products with `ops_per_byte` can reach, in 10^9 operations a second.
    pub fn roof_gops(&self, ops_per_byte: f64) -> f64 {
        self.dot4_gops.min(self.copy_gb_per_s * ops_per_byte)
    }

    /// How much of that `stage` reaches: 1 on the roofline. It can exceed 1 a little, since the ceilings are measured too,
    /// and a cache may be faster than memory.
    pub fn reached(&self, stage: &StageProfile) -> f64 {
        stage.gops() / self.roof_gops(stage.ops_per_byte())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_ceiling_counts() {
        let ceilings = Ceilings { dot4_gops: 100.0, fma_gops: 1000.0, copy_gb_per_s: 10.0 };
        assert_eq!(ceilings.roof_gops(5.0), 50.0);
        assert_eq!(ceilings.roof_gops(10.0), 100.0);
        assert_eq!(ceilings.roof_gops(500.0), 100.0);
    }
}
