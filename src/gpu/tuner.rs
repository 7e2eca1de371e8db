//! The tuner: times every kernel on the device at hand, layer by layer, and takes the fastest of those that equal the
//! reference.

use std::collections::BTreeMap;

use super::engine::{Engine, Untested};
use super::kernels::{Kernel, Kernels};
use super::program::each_on_a_thread;
use super::task::Task;
use super::variant::Variant;
use crate::Result;
use crate::backend::Backend;
use crate::frame::{Rgb, test_frame};
use crate::image::Samples;
use crate::selftest::Test;
use crate::stats::Stats;

/// The frame to time kernels on: large enough to fill a GPU.
const FRAME: (u32, u32) = (640, 360);
/// The same for software drivers, which one small frame fills.
const FRAME_SOFTWARE: (u32, u32) = (128, 64);
/// How often each kernel is timed; kernels take turns, so that all see the same clock rates.
const ROUNDS: usize = 7;
/// A kernel that takes so many times as long as the fastest, for every layer, is timed once.
const HOPELESS: f64 = 2.0;

/// What the kernels took, and which are the fastest.
#[derive(Debug)]
#[non_exhaustive]
pub struct Tuning {
    /// The fastest kernel for each layer.
    pub kernels: Kernels,
    /// The labels of the layers, as `conv3x3 7>7`, and how many layers of the net have each.
    pub layers: Vec<(String, usize)>,
    /// The frame's width and height in pixels.
    pub frame: (u32, u32),
    /// Every kernel of [`Kernel::ALL`] that can compute some layer on this device.
    pub trials: Vec<Trial>,
}

/// What one kernel took.
#[derive(Debug)]
#[non_exhaustive]
pub struct Trial {
    /// The kernel.
    pub kernel: Kernel,
    /// The time of one layer of each label of [`Tuning::layers`], in nanoseconds; none where it can't compute that layer.
    /// An error if it failed, or if its bytes are wrong: then it is never taken.
    pub layers_ns: Result<Vec<Option<Stats>>>,
}

impl Engine {
    /// Times the kernels on this engine's device for the layers of its net.
    pub fn tune(&self) -> Result<Tuning> {
        let frame = if self.is_software() { FRAME_SOFTWARE } else { FRAME };
        let tasks = Task::of_net(self.net(), 8);
        let mut layers: Vec<(Task, usize)> = Vec::new();
        for &task in &tasks {
            match layers.iter_mut().find(|(known, _)| known.label() == task.label()) {
                Some((_, count)) => *count += 1,
                None => layers.push((task, 1)),
            }
        }
        let abilities = &self.context().abilities;
        let can_run = |kernel: Kernel, task: Task| Variant { task, kernel }.can_run(abilities);
        let can_run_any = |kernel: &&Kernel| tasks.iter().any(|&task| can_run(**kernel, task));
        let kernels: Vec<Kernel> = Kernel::ALL.iter().filter(can_run_any).copied().collect();
        let compile = |kernel| Untested::like(self, Kernels::only(kernel));
        let compiled = if self.is_software() || self.context().is_single_threaded() {
            // A software driver takes a good part of a machine's memory to compile one.
            kernels.iter().map(|&kernel| compile(kernel)).collect()
        } else {
            each_on_a_thread(&kernels, compile)
        };
        let test = Test::new(self.net());
        let tested = compiled.into_iter().map(|engine| engine.and_then(|engine| engine.tested_by(&test)));
        let candidates: Vec<_> = kernels.into_iter().zip(tested).collect();
        let times = time(&candidates, can_run, &tasks, frame)?;
        let trials: Vec<_> = candidates
            .into_iter()
            .zip(times)
            .map(|((kernel, engine), samples)| {
                let stats = |&(task, _): &(Task, usize)| {
                    can_run(kernel, task).then(|| Stats::of(samples[&task.label()].iter().copied()))
                };
                Trial { kernel, layers_ns: engine.map(|_| layers.iter().map(stats).collect()) }
            })
            .collect();
        let mut kernels = Kernels::of_adapter(self.info());
        for (index, (task, _)) in layers.iter().enumerate() {
            if let Some(kernel) = fastest(&trials, index) {
                // Pictures of 16 bits differ in the last layer's last few instructions.
                let twins = tasks.iter().zip(Task::of_net(self.net(), 16)).filter(|(twin, _)| *twin == task);
                twins.for_each(|(_, twin)| kernels.set(twin.label(), kernel));
                kernels.set(task.label(), kernel);
            }
        }
        let layers = layers.into_iter().map(|(task, count)| (task.label(), count)).collect();
        Ok(Tuning { kernels, layers, frame, trials })
    }
}

/// The kernel that was the fastest for one layer, of those whose bytes are right.
fn fastest(trials: &[Trial], layer: usize) -> Option<Kernel> {
    let median = |trial: &Trial| Some(trial.layers_ns.as_ref().ok()?[layer]?.median);
    let timed = trials.iter().filter_map(|trial| Some((trial.kernel, median(trial)?)));
    timed.min_by(|a, b| a.1.total_cmp(&b.1)).map(|(kernel, _)| kernel)
}

/// Nanoseconds of every layer of every round, by its label, for each candidate; only of layers that it can compute itself, none
/// for those that failed.
fn time(
    candidates: &[(Kernel, Result<Engine>)],
    can_run: impl Fn(Kernel, Task) -> bool,
    tasks: &[Task],
    (width, height): (u32, u32),
) -> Result<Vec<BTreeMap<String, Vec<f64>>>> {
    let frame = test_frame(width, height)?;
    let Samples::U8(samples) = frame.samples() else { unreachable!("a test frame has 8 bits") };
    let rgb = Rgb { width: width as usize, height: height as usize, samples };
    let mut times = vec![BTreeMap::<String, Vec<f64>>::new(); candidates.len()];
    let mut has_hope = vec![true; candidates.len()];
    // The first round is not counted: it warms up.
    for round in 0..=ROUNDS {
        for (index, (kernel, engine)) in candidates.iter().enumerate() {
            let (Ok(engine), true) = (engine, has_hope[index]) else { continue };
            for (&task, span) in tasks.iter().zip(engine.time_stages(&rgb)?) {
                if round > 0 && can_run(*kernel, task) {
                    times[index].entry(task.label()).or_default().push(span.duration_ns());
                }
            }
        }
        if round == 1 {
            has_hope = have_hope(&times);
        }
    }
    Ok(times)
}

/// Whether there is a layer for which each candidate is not much slower than the fastest, by the times so far.
fn have_hope(times: &[BTreeMap<String, Vec<f64>>]) -> Vec<bool> {
    let least = |samples: &[f64]| samples.iter().copied().fold(f64::INFINITY, f64::min);
    let best = |label: &str| {
        times.iter().filter_map(|times| times.get(label)).map(|samples| least(samples)).fold(f64::INFINITY, f64::min)
    };
    let has_hope = |times: &BTreeMap<String, Vec<f64>>| {
        times.iter().any(|(label, samples)| least(samples) <= HOPELESS * best(label))
    };
    times.iter().map(has_hope).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn what_is_fast_for_no_layer_has_no_hope() {
        let times =
            |layers: &[(&str, f64)]| layers.iter().map(|&(label, ns)| (label.to_owned(), vec![ns, ns + 1.0])).collect();
        let candidates = [
            times(&[("a", 10.0), ("b", 50.0)]),
            times(&[("a", 19.0), ("b", 99.0)]),
            times(&[("a", 21.0), ("b", 11.0)]),
            times(&[("a", 21.0), ("b", 23.0)]),
            times(&[]),
        ];
        assert_eq!(have_hope(&candidates), [true, true, true, false, false]);
    }

    #[test]
    fn wrong_kernels_are_never_the_fastest() {
        let trial = |index: usize, layers_ns: [Option<f64>; 2]| Trial {
            kernel: Kernel::ALL[index],
            layers_ns: Ok(layers_ns.map(|ns| ns.map(|ns| Stats::of([ns]))).to_vec()),
        };
        let wrong = Error::SelfTest { adapter: String::new(), stage: String::new(), detail: String::new() };
        let trials = [
            trial(0, [Some(3.0), Some(2.0)]),
            Trial { kernel: Kernel::ALL[1], layers_ns: Err(wrong) },
            trial(2, [Some(2.0), None]),
        ];
        assert_eq!([0, 1].map(|layer| fastest(&trials, layer)), [Some(Kernel::ALL[2]), Some(Kernel::ALL[0])]);
        assert_eq!(fastest(&trials[1..2], 0), None);
    }
}
