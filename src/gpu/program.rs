//! All that runs over a window, compiled: the conversions at both ends and the stages between them.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, ScopedJoinHandle};

use super::context::Context;
use super::conversion::{Conversion, Way};
use super::shader::Variant;
use super::stage::Stage;
use crate::Result;

/// A net's stages for pictures of one depth.
pub(crate) struct Program {
    pub bits: u32,
    pub variants: Vec<Variant>,
    pub stages: Vec<Arc<Stage>>,
    pub pack: Conversion,
    pub unpack: Conversion,
}

/// Programs, compiled at first use.
#[derive(Default)]
pub(crate) struct Programs(Mutex<Compiled>);

#[derive(Default)]
struct Compiled {
    /// By bits a sample.
    programs: HashMap<u32, Arc<Program>>,
    /// Most stages of a net share one, and so do pictures of 8 and 16 bits.
    stages: HashMap<Variant, Arc<Stage>>,
}

impl Programs {
    /// The program of `variants`, which are the net's for pictures of `bits` bits a sample, at this `scale`.
    pub fn get(
        &self,
        context: &Context,
        scale: usize,
        bits: u32,
        variants: impl FnOnce() -> Vec<Variant>,
    ) -> Result<Arc<Program>> {
        let mut compiled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = compiled.programs.get(&bits) {
            return Ok(Arc::clone(program));
        }
        let variants = variants();
        let mut missing: Vec<&Variant> = Vec::new();
        for variant in &variants {
            if !compiled.stages.contains_key(variant) && !missing.contains(&variant) {
                missing.push(variant);
            }
        }
        // Drivers compile each on the thread that asks. Threads of our own: one of a pool that waits here, with the lock,
        // might take up work that wants the lock too.
        let (stages, pack, unpack) = thread::scope(|scope| {
            let stages: Vec<_> =
                missing.iter().map(|&variant| scope.spawn(move || Stage::new(context, variant))).collect();
            let pack = scope.spawn(|| Conversion::new(context, Way::Pack, bits));
            let unpack = scope.spawn(|| Conversion::new(context, Way::Unpack { scale }, bits));
            (stages.into_iter().map(join).collect::<Vec<_>>(), join(pack), join(unpack))
        });
        for (&variant, stage) in missing.into_iter().zip(stages) {
            compiled.stages.insert(variant, Arc::new(stage?));
        }
        let stages = variants.iter().map(|variant| Arc::clone(&compiled.stages[variant])).collect();
        let program = Arc::new(Program { bits, variants, stages, pack: pack?, unpack: unpack? });
        compiled.programs.insert(bits, Arc::clone(&program));
        Ok(program)
    }
}

/// The thread's value, or its panic.
fn join<T>(thread: ScopedJoinHandle<T>) -> T {
    thread.join().unwrap_or_else(|panic| resume_unwind(panic))
}
