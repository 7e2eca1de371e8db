//! The roofline (Williams, Waterman and Patterson, CACM 2009): how fast a stage could be at most.

use super::StageProfile;
pub use crate::gpu::Ceilings;

impl Ceilings {
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
