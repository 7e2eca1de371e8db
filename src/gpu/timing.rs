//! How long compute passes take: by the GPU's timestamps, or by the host's clock where the adapter has none.

use super::context::{Context, Mapping};
use super::packing::to_u32;
use crate::Result;
use crate::clock::Instant;
use crate::timing::{Clock, Span};

/// Bits of the GPU's tick counter that wgpu requires at least.
const LEAST_TICK_BITS: u32 = 36;

/// Ticks from `begin` to `end`, if the counter wrapped at most once. Its width is not known, so it is taken to wrap at the
/// first power of two that holds `begin`.
fn ticks_between(begin: u64, end: u64) -> u64 {
    if end >= begin {
        return end - begin;
    }
    let bits = (u64::BITS - begin.leading_zeros()).max(LEAST_TICK_BITS);
    // 2^64 is 0 in the wrapping arithmetic of 64 bits.
    let period = 1_u64.checked_shl(bits).unwrap_or(0);
    end.wrapping_sub(begin).wrapping_add(period)
}

/// Records one pass.
pub(crate) type Record<'a> = &'a dyn Fn(&mut wgpu::ComputePass);

/// Runs passes one after the other and says when each ran.
///
/// Each is a compute pass of its own, because some GPUs write timestamps only between passes.
pub(crate) fn run(context: &Context, clock: Clock, passes: &[Record]) -> Result<Vec<Span>> {
    match clock {
        Clock::Gpu => by_timestamps(context, passes),
        Clock::Host => by_host(context, passes),
    }
}

fn by_timestamps(context: &Context, passes: &[Record]) -> Result<Vec<Span>> {
    let count = 2 * to_u32(passes.len());
    let size = u64::from(count) * size_of::<u64>() as u64;
    let mut mapping = Mapping::new();
    let (read_back, submission) = context.checked(|device| {
        let ty = wgpu::QueryType::Timestamp;
        let queries = device.create_query_set(&wgpu::QuerySetDescriptor { label: Some("timestamps"), ty, count });
        let buffer = |label, usage| {
            device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        let resolved = buffer("timestamps", wgpu::BufferUsages::QUERY_RESOLVE | wgpu::BufferUsages::COPY_SRC);
        let read_back = buffer("timestamps", wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST);
        let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("timed") });
        for (index, record) in (0..).zip(passes) {
            record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor {
                label: Some("timed"),
                timestamp_writes: Some(wgpu::ComputePassTimestampWrites {
                    query_set: &queries,
                    beginning_of_pass_write_index: Some(2 * index),
                    end_of_pass_write_index: Some(2 * index + 1),
                }),
            }));
        }
        encoder.resolve_query_set(&queries, 0..count, &resolved, 0);
        encoder.copy_buffer_to_buffer(&resolved, 0, &read_back, 0, size);
        let submission = context.queue.submit([encoder.finish()]);
        mapping.ask(&read_back, wgpu::MapMode::Read);
        (read_back, submission)
    })?;
    mapping.wait(context, submission)?;
    let view = read_back.slice(..).get_mapped_range().map_err(|error| crate::Error::Gpu(error.to_string()))?;
    let ticks: &[u64] = bytemuck::cast_slice(&view);
    let period_ns = f64::from(context.queue.get_timestamp_period());
    let since_first = |tick: u64| ticks_between(ticks[0], tick) as f64 * period_ns;
    let span = |pair: &[u64]| Span { start_ns: since_first(pair[0]), end_ns: since_first(pair[1]) };
    Ok(ticks.chunks_exact(2).map(span).collect())
}

fn by_host(context: &Context, passes: &[Record]) -> Result<Vec<Span>> {
    let start = Instant::now();
    let mut spans = Vec::with_capacity(passes.len());
    for record in passes {
        let start_ns = start.elapsed_ns();
        let submission = context.checked(|device| {
            let mut encoder = device.create_command_encoder(&wgpu::CommandEncoderDescriptor { label: Some("timed") });
            record(&mut encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default()));
            context.queue.submit([encoder.finish()])
        })?;
        context.wait(submission)?;
        spans.push(Span { start_ns, end_ns: start.elapsed_ns() });
    }
    Ok(spans)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_may_wrap_once() {
        assert_eq!(ticks_between(5, 12), 7);
        assert_eq!(ticks_between(7, 7), 0);
        // A counter of 36 bits, one of 48, and one of 64.
        assert_eq!(ticks_between((1 << 36) - 3, 4), 7);
        assert_eq!(ticks_between((1 << 48) - 1, 0), 1);
        assert_eq!(ticks_between(u64::MAX - 1, 5), 7);
        // One that began below 2^35 is still at least 36 bits wide.
        assert_eq!(ticks_between(3, 2), (1 << 36) - 1);
    }
}
