//! Every measured span in the Chrome trace format, which Perfetto opens.
//!
//! The format: <https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>. Times are in
//! microseconds.

use abpn::profile::{Phase, Profile, Span, TileTimes};
use serde_json::{Value, json};

/// The one process.
const PROCESS: u32 = 1;

/// A row of the trace.
#[derive(Clone, Copy)]
enum Track {
    Host = 1,
    Stages = 2,
}

/// The trace.
pub fn render(profile: &Profile) -> Value {
    let mut events = vec![
        named("process_name", None, "abpn profile"),
        named("thread_name", Some(Track::Host), "host"),
        named("thread_name", Some(Track::Stages), &format!("stages: {}", profile.device)),
    ];
    for (index, frame) in profile.frames.iter().enumerate() {
        let name = format!("frame {index}");
        events.push(complete(&name, Track::Host, frame.span));
        for tile in &frame.tiles {
            for (phase, span) in Phase::ALL.iter().zip(&tile.phases) {
                events.push(complete(phase.name(), Track::Host, *span));
            }
        }
        // The last tile ends last, but a GPU's clock may run a little faster than the host's.
        let spans = frame.tiles.iter().filter_map(TileTimes::computing);
        let whole = spans.reduce(|a, b| Span { start_ns: a.start_ns, end_ns: a.end_ns.max(b.end_ns) });
        events.extend(whole.map(|span| complete(&name, Track::Stages, span)));
        for tile in &frame.tiles {
            for (stage, span) in profile.stages.iter().zip(&tile.stages) {
                events.push(complete(&stage.label, Track::Stages, *span));
            }
        }
    }
    json!({ "traceEvents": events, "displayTimeUnit": "ms" })
}

/// A metadata event that names the process or one of its tracks.
fn named(event: &str, track: Option<Track>, name: &str) -> Value {
    let thread = track.map_or(0, |track| track as u32);
    json!({ "ph": "M", "name": event, "pid": PROCESS, "tid": thread, "args": { "name": name } })
}

/// A complete event: one with a duration.
fn complete(name: &str, track: Track, span: Span) -> Value {
    let (start_us, duration_us) = (span.start_ns / 1e3, span.duration_ns() / 1e3);
    json!({ "ph": "X", "name": name, "pid": PROCESS, "tid": track as u32, "ts": start_us, "dur": duration_us })
}
