//! `abpn upscale --dry-run`: what would be read and written.

use abpn::Error;

use super::super::print::print;
use super::super::{Failure, atomic};
use super::args::Args;
use super::inputs::{Job, Plan, Sink, Source};

/// Says what would become of each input, a line each, without reading any.
///
/// # Errors
/// If some inputs would fail, as far as can be known; if standard output can't be written.
pub fn run(args: &Args, plan: &Plan) -> Result<(), Failure> {
    let mut failed = plan.unusable.len();
    for (_, failure) in &plan.unusable {
        print(format_args!("fail: {}", failure.message))?;
    }
    for job in &plan.jobs {
        let (source, sink) = (&job.source, &job.sink);
        match obstacle(args, job) {
            _ if args.skips(job) => print(format_args!("skip: {source} -> {sink} (there already)"))?,
            Some(reason) => {
                failed += 1;
                print(format_args!("fail: {reason}"))?;
            }
            None => print(format_args!("upscale: {source} -> {sink}"))?,
        }
    }
    for path in &plan.passed_over.results {
        print(format_args!("pass over: {} (an earlier result)", path.display()))?;
    }
    for (format, count) in &plan.passed_over.unreadable {
        print(format_args!("pass over: {count} of {format}, which abpn doesn't read"))?;
    }
    match failed {
        0 => Ok(()),
        failed => Err(Failure::new(format!("{failed} of {} inputs would fail", plan.jobs.len() + plan.unusable.len()))),
    }
}

/// What would make a job fail.
fn obstacle(args: &Args, job: &Job) -> Option<String> {
    if let Source::File(path) = &job.source
        && let Err(source) = path.metadata()
    {
        return Some(Error::Io { path: path.clone(), source }.to_string());
    }
    match &job.sink {
        Sink::File(path) => atomic::check_free(path, args.overwrite).err().map(|error| error.to_string()),
        Sink::Stdout => None,
    }
}
