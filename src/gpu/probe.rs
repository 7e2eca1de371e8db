//! Micro-kernels that measure the speeds which bound every stage of a device.
//!
//! Each has a twin on the CPU that computes what one invocation writes and counts the work on the way, so that a kernel
//! which a compiler has cut short, or a driver computes wrongly, can't become a ceiling.

use minijinja::context;

use super::compiled::Compiled;
use super::context::Context;
use super::shader::templates;
use super::timing::{self, Record};
use super::wait_native::read_words;
use crate::random::Random;
use crate::{Error, Result};

/// Turns of the arithmetic kernels; odd, since two turns of the f32 kernel give the beginning again.
const TURNS: u32 = 255;
/// Turns that the text of the int8 kernel repeats, so that the loop itself costs next to nothing; a divisor of [`TURNS`].
const DOT4_UNROLLED: u32 = 3;
/// The same of the f32 kernel, whose turns are shorter.
const FMA_UNROLLED: u32 = 15;
/// Invocations of the first try.
const FIRST_INVOCATIONS: u32 = 1 << 10;
/// A pass is long enough to be measured at this time.
const ENOUGH_NS: f64 = 5e6;
/// Measured passes of a kernel; the fastest counts, because a ceiling is what can be reached at all.
const PASSES: usize = 9;
/// Most bytes of a buffer.
const MAX_BYTES: u64 = 64 << 20;
/// Invocations that are compared with the twin, the last ones.
const COMPARED: u32 = 256;

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
}

/// What one invocation writes.
type Quad = [u32; 4];
const QUAD_BYTES: u64 = size_of::<Quad>() as u64;

/// A micro-kernel.
struct Probe {
    label: &'static str,
    wgsl: String,
    /// Fills `input`, for so many invocations.
    input: fn(u32) -> Vec<u32>,
    /// What an invocation writes, and its work: operations or bytes.
    twin: fn(&[u32], u32) -> (Quad, u64),
}

/// Measures all ceilings; it takes a second or two on software drivers, and an instant on others.
pub(crate) fn ceilings(context: &Context) -> Result<Ceilings> {
    Ok(Ceilings {
        dot4_gops: per_ns(context, &dot4()?)?,
        fma_gops: per_ns(context, &fma()?)?,
        copy_gb_per_s: per_ns(context, &copy())?,
    })
}

/// The text of an arithmetic kernel that repeats so many turns.
fn arithmetic(template: &str, unrolled: u32) -> Result<String> {
    let body = templates().render_str(template, context! { turns => unrolled });
    let rounds = TURNS / unrolled;
    Ok(format!("const ROUNDS = {rounds}u;\n") + &body.map_err(|error| Error::Gpu(format!("probe: {error}")))?)
}

fn dot4() -> Result<Probe> {
    Ok(Probe {
        label: "probe dot4",
        wgsl: arithmetic(include_str!("../../shaders/probe_dot4.wgsl"), DOT4_UNROLLED)?
            + include_str!("../../shaders/dot4.wgsl"),
        input: |_| {
            let mut random = Random::new(0);
            (0..16).map(|_| u32::from_le_bytes([0; 4].map(|_| random.byte()))).collect()
        },
        twin: |weights, index| {
            let mut ops = 0;
            let mut sums = [0, 1, 2, 3].map(|sum| [0, 1, 2, 3].map(|i| (index + sum + i).cast_signed()));
            for _ in 0..TURNS {
                // Word i takes one component of each sum, a different one.
                let codes = [0, 1, 2, 3].map(|i| (0..4).fold(0, |codes, sum| codes ^ sums[sum][(i + sum) % 4]));
                for (sum, components) in sums.iter_mut().enumerate() {
                    for (word, weights) in weights.chunks_exact(4).enumerate() {
                        let codes: [u8; 4] = codes[(sum + word) % 4].to_le_bytes();
                        for (component, weights) in components.iter_mut().zip(weights) {
                            for (code, weight) in codes.iter().zip(weights.to_le_bytes()) {
                                let product = i32::from(code.cast_signed()) * i32::from(weight.cast_signed());
                                *component = component.wrapping_add(product);
                                ops += 2;
                            }
                        }
                    }
                }
            }
            ([0, 1, 2, 3].map(|i| sums.iter().fold(0, |mixed, sum| mixed ^ sum[i]).cast_unsigned()), ops)
        },
    })
}

fn fma() -> Result<Probe> {
    Ok(Probe {
        label: "probe fma",
        wgsl: arithmetic(include_str!("../../shaders/probe_fma.wgsl"), FMA_UNROLLED)?,
        input: |_| [-1.0_f32, -1.0, -1.0, -1.0, 7.0, 8.0, 9.0, 10.0].map(f32::to_bits).to_vec(),
        twin: |input, index| {
            let mut ops = 0;
            let input: Vec<f32> = input.iter().map(|&bits| f32::from_bits(bits)).collect();
            let (factors, addends) = input.split_at(4);
            let mut chains = [0, 1, 2, 3].map(|chain: u16| [(index % 1024) as f32 + f32::from(chain); 4]);
            for _ in 0..TURNS {
                for chain in &mut chains {
                    for ((value, factor), addend) in chain.iter_mut().zip(factors).zip(addends) {
                        *value = value.mul_add(*factor, *addend);
                        ops += 2;
                    }
                }
            }
            let [a, b, c, d] = chains;
            ([0, 1, 2, 3].map(|i| (a[i] + 2.0 * b[i] + 4.0 * c[i] + 8.0 * d[i]).to_bits()), ops)
        },
    })
}

fn copy() -> Probe {
    Probe {
        label: "probe copy",
        wgsl: include_str!("../../shaders/probe_copy.wgsl").to_owned(),
        input: |invocations| (0..4 * invocations).collect(),
        twin: |input, index| {
            let read = &input[4 * index as usize..][..4];
            ([0, 1, 2, 3].map(|i| read[i].wrapping_add(1)), 2 * QUAD_BYTES)
        },
    }
}

/// The work that `probe` does a nanosecond.
fn per_ns(context: &Context, probe: &Probe) -> Result<f64> {
    use wgpu::BufferUsages as Usage;
    // SAFETY: `input` has the length that its type states or the output's, and whole workgroups are dispatched, each invocation
    // of which has its place in `output`.
    #[expect(unsafe_code, reason = "its proof stands here")]
    let compiled = unsafe { Compiled::proved(context, probe.label.to_owned(), &probe.wgsl) }?;
    let limits = context.device.limits();
    let largest = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size).min(MAX_BYTES);
    let [workgroup, ..] = compiled.workgroup_size;
    // Whole workgroups, as the kernels don't ask whether an invocation is one too many.
    let most_workgroups = u32::try_from(largest / QUAD_BYTES).unwrap_or(u32::MAX) / workgroup;
    let most = most_workgroups.min(limits.max_compute_workgroups_per_dimension) * workgroup;
    let input = (probe.input)(most);
    let (output, bind_group) = context.checked(|device| {
        let buffer = |label, size, usage| {
            device.create_buffer(&wgpu::BufferDescriptor { label: Some(label), size, usage, mapped_at_creation: false })
        };
        let input_buffer = buffer("input", size_of_val(&input[..]) as u64, Usage::STORAGE | Usage::COPY_DST);
        context.queue.write_buffer(&input_buffer, 0, bytemuck::cast_slice(&input));
        let output = buffer("output", u64::from(most) * QUAD_BYTES, Usage::STORAGE | Usage::COPY_SRC);
        let bind_group = compiled.bind(device, &[("input", &input_buffer), ("output", &output)]);
        (output, bind_group)
    })?;

    // Calibration: as many invocations as take long enough.
    let mut invocations = FIRST_INVOCATIONS.next_multiple_of(workgroup).min(most);
    let run = |invocations: u32, passes: usize| {
        let record = |pass: &mut wgpu::ComputePass| compiled.record(pass, &bind_group, [invocations, 1, 1]);
        let spans = timing::run(context, context.clock(), &vec![&record as Record; passes])?;
        Ok::<_, Error>(spans.into_iter().map(|span| span.duration_ns()).fold(f64::INFINITY, f64::min))
    };
    while run(invocations, 1)? < ENOUGH_NS && invocations < most {
        invocations = invocations.saturating_mul(4).min(most);
    }
    let best_ns = run(invocations, PASSES)?;

    let first = invocations - COMPARED.min(invocations);
    let mut work = 0;
    let written = read_words(context, &output)?;
    let compared = written.chunks_exact(size_of::<Quad>() / size_of::<u32>()).skip(first as usize);
    for (index, actual) in (first..invocations).zip(compared) {
        let (expected, per_invocation) = (probe.twin)(&input, index);
        if actual != expected {
            let detail = format!("{}: invocation {index} gives {actual:?}, not {expected:?}", probe.label);
            return Err(Error::Gpu(detail));
        }
        work = per_invocation * u64::from(invocations);
    }
    // A pass shorter than a tick says nothing; one tick is then the most that is known.
    Ok(work as f64 / best_ns.max(f64::from(context.queue.get_timestamp_period())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_is_valid_in_every_language() {
        for probe in [dot4().unwrap(), fma().unwrap(), copy()] {
            crate::gpu::test::validate_and_prove(probe.label, &probe.wgsl);
        }
    }

    #[test]
    fn the_unrolled_turns_are_all_turns() {
        assert_eq!([TURNS % DOT4_UNROLLED, TURNS % FMA_UNROLLED, TURNS % 2], [0, 0, 1]);
    }

    #[test]
    fn work_is_counted_as_the_kernels_do_it() {
        let work = |probe: &Probe| (probe.twin)(&(probe.input)(1), 0).1;
        // A turn: 64 dot products of four products each; 16 multiply-adds. A copy: 16 bytes read and written.
        assert_eq!(work(&dot4().unwrap()), u64::from(TURNS) * 64 * 8);
        assert_eq!(work(&fma().unwrap()), u64::from(TURNS) * 16 * 2);
        assert_eq!(work(&copy()), 32);
    }
}
