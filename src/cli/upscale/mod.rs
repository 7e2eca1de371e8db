//! `abpn upscale`.

mod args;
mod decoded;
mod dry_run;
mod foreign;
mod inputs;
mod progress;
mod report;
mod worker;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use abpn::Error;
use abpn::origin::{Coding, choose};

pub use args::Args;

use super::failure::INTERRUPTED;
use super::net::Nets;
use super::upscalers::Upscalers;
use super::{Failure, atomic, interrupt};
use decoded::{Decoded, decode, read};
use inputs::{Job, Plan, Sink, Source};
use progress::Progress;
use report::Report;
use worker::Worker;

/// Runs the command.
pub fn run(args: Args) -> Result<(), Failure> {
    interrupt::install();
    let nets = Nets::new(&args.net, args.scale)?;
    let plan = inputs::plan(&args, nets.scale())?;
    args.check(&plan.jobs)?;
    if args.dry_run {
        return dry_run::run(&args, &plan);
    }
    let Plan { jobs, unusable, passed_over } = plan;
    remove_leftovers(&jobs);
    let upscalers = Upscalers::new(&nets, &args.device, args.tile);
    // The first file is decoded while the device gets ready for the net that it is likely to need: its pixels, which may
    // ask for another, are not known yet. Standard input may keep one waiting.
    let (mut first, decoding) = (None, args.decoding());
    let upscaler = thread::scope(|scope| {
        let job = jobs.first().filter(|job| job.source != Source::Stdin && !args.skips(job));
        let mut coding = Coding::Unstated;
        match job.map(|job| (job, read(&job.source, args.max_pixels))) {
            Some((job, Ok(encoded))) => {
                coding = encoded.coding;
                let first = &mut first;
                scope.spawn(move || *first = Some(decode(&job.source, &encoded, &decoding)));
            }
            Some((_, Err(failure))) => first = Some(Err(failure)),
            None => {}
        }
        upscalers.get(&nets.pick(|| choose(coding, None)).name)
    })?;

    let progress = Progress::new(jobs.len(), !args.quiet && !args.no_progress);
    let report = Report {
        progress: &progress,
        device: upscaler.device(),
        json: args.json,
        quiet: args.quiet,
        verbose: args.verbose,
    };
    report.device();
    for (input, failure) in &unusable {
        report.unusable(input, failure)?;
    }
    report.passed_over(&passed_over);
    let abandoned = AtomicBool::new(false);
    let worker = Worker { args: &args, upscalers: &upscalers, abandoned: &abandoned };
    let failed = run_all(&jobs, first, &worker, &report)? + unusable.len();
    report.unreadable(&passed_over);
    match (failed, jobs.len() + unusable.len()) {
        (0, _) => Ok(()),
        // Its own message says it all.
        (_, 1) => Err(Failure::new("")),
        (failed, all) => Err(Failure::new(format!("{failed} of {all} inputs failed"))),
    }
}

/// Removes what a run that was killed has left where results will go.
fn remove_leftovers(jobs: &[Job]) {
    let parent = |job: &Job| match &job.sink {
        Sink::File(path) => path.parent().map(Path::to_owned),
        Sink::Stdout => None,
    };
    let folders: BTreeSet<_> = jobs.iter().filter_map(parent).collect();
    folders.iter().for_each(|folder| atomic::remove_leftovers(folder));
}

/// Does the jobs, of which the first may be decoded already, several at a time; returns how many failed.
///
/// # Errors
/// What leaves no hope for the other images: the GPU's failure, standard output's, an interruption.
fn run_all(
    jobs: &[Job],
    first: Option<Result<Decoded, Failure>>,
    worker: &Worker,
    report: &Report,
) -> Result<usize, Failure> {
    let first = Mutex::new(first);
    let next = AtomicUsize::new(0);
    let failed = AtomicUsize::new(0);
    let fatal = Mutex::new(None);
    let abandon = |failure: Failure| {
        // Only the first: what comes after it is its consequence.
        if !worker.abandoned.swap(true, Ordering::Relaxed) {
            *fatal.lock().unwrap_or_else(PoisonError::into_inner) = Some(failure);
        }
    };
    let work = || {
        while !worker.abandoned.load(Ordering::Relaxed) {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some(job) = jobs.get(index) else { break };
            if interrupt::requested() {
                abandon(Error::Cancelled.into());
                break;
            }
            let share = report.progress.image();
            let decoded = if index == 0 { first.lock().unwrap_or_else(PoisonError::into_inner).take() } else { None };
            let told = match worker.run(job, decoded, &share) {
                Ok(outcome) => report.outcome(job, &outcome),
                Err(failure) if failure.code == INTERRUPTED => Err(failure),
                Err(failure) if failure.is_fatal() => report
                    .failure(job, &failure)
                    .and(Err(Failure { message: "stopped: other images would fail alike".to_owned(), ..failure })),
                Err(failure) => {
                    failed.fetch_add(1, Ordering::Relaxed);
                    report.failure(job, &failure)
                }
            };
            if let Err(failure) = told {
                abandon(failure);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.len().min(worker.args.jobs.into()) {
            scope.spawn(work);
        }
    });
    report.progress.clear();
    match fatal.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some(failure) => Err(failure),
        None => Ok(failed.into_inner()),
    }
}
