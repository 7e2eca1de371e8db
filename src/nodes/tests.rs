//! Every operator against its plain version, on every adapter of this machine.

use super::kernels::{Grid, Kernel, Walked, kernels};
use super::number::Number;
use super::operands::{Operands, Parameters};
use super::operator::{Kind, Operator, SCALE, operators};
use super::program::Program;
use super::session::CHECKED_SIZE;
use super::tensor::{Shape, Tensor};
use super::{Precision, check, reference};
use crate::gpu::Context;
use crate::gpu::test::{test_adapters, validate};

/// A single pixel, odd sizes, more than a workgroup along both axes, and more rows than the steps of a sum.
const SIZES: [(usize, usize); 5] = [(1, 1), (2, 3), (37, 5), CHECKED_SIZE, (70, 19)];

/// The table's operators, at channel counts that one group of words holds and that take several.
fn tested() -> Vec<Operator> {
    [28, 36].iter().flat_map(|&channels| operators(1, 1, channels).unwrap()).collect()
}

#[test]
fn every_kernel_equals_its_plain_version() {
    for adapter in test_adapters() {
        let context = Context::open(&adapter.adapter, Default::default()).unwrap();
        for operator in tested() {
            for precision in Precision::ALL.into_iter().filter(|&precision| operator.has(precision)) {
                let program = Program::new(&context, &operator, precision).unwrap();
                for (width, height) in SIZES {
                    let operator = Operator { width, height, ..operator };
                    check::program(&context, &program, &operator)
                        .unwrap_or_else(|error| panic!("{} {width}x{height}: {error}", adapter.label()));
                }
            }
        }
    }
}

#[test]
fn the_checked_size_is_more_than_a_workgroup_of_every_kernel() {
    let (width, height) = CHECKED_SIZE;
    for operator in tested().into_iter().map(|operator| Operator { width, height, ..operator }) {
        for precision in Precision::ALL.into_iter().filter(|&precision| operator.has(precision)) {
            for Kernel { label, wgsl, grid } in kernels(&operator, precision, 0).unwrap() {
                let Grid::Map { of, pixels, .. } = grid else { continue };
                let module = naga::front::wgsl::parse_str(&wgsl).unwrap();
                let [threads_x, threads_y, _] = module.entry_points[0].workgroup_size.map(|size| size as usize);
                let map = match of {
                    Walked::Input => operator.inputs()[0],
                    Walked::Output => operator.outputs()[0],
                };
                assert!(map.width > threads_x * pixels && map.height > threads_y, "{label}: {map:?}");
                assert!(!map.width.is_multiple_of(threads_x * pixels), "{label}: {map:?}");
                assert!(!map.width.is_multiple_of(pixels) || pixels == 1, "{label}: {map:?}");
                assert!(!map.height.is_multiple_of(threads_y), "{label}: {map:?}");
            }
        }
    }
}

#[test]
fn every_shader_is_valid_in_every_language() {
    for operator in tested() {
        for precision in Precision::ALL.into_iter().filter(|&precision| operator.has(precision)) {
            for uniform_bytes in [0, 64 << 10] {
                for kernel in kernels(&operator, precision, uniform_bytes).unwrap() {
                    validate(&kernel.label, &kernel.wgsl);
                }
            }
        }
    }
}

#[test]
fn one_changed_value_fails_each_comparison() {
    fn changed<N: Number>(operator: &Operator, change: impl Fn(N) -> N) {
        let expected = reference::run(operator, &Operands::<N>::random(operator, 1));
        assert!(check::difference(operator, &expected, &expected).is_none());
        for output in 0..expected.len() {
            for at in 0..expected[output].values.len() {
                let mut actual = expected.clone();
                actual[output].values[at] = change(actual[output].values[at]);
                assert!(check::difference(operator, &expected, &actual).is_some(), "{} {at}", operator.name());
            }
        }
    }
    for operator in operators(3, 2, 8).unwrap() {
        changed::<f32>(&operator, |value| value + 0.001);
        changed::<f32>(&operator, |_| f32::NAN);
        changed::<i8>(&operator, |value| value ^ 1);
    }
}

/// An operator must depend on each of its inputs and parameters: data that don't show a mistake prove nothing.
#[test]
fn every_operand_matters() {
    for operator in operators(4, 4, 8).unwrap() {
        let original = Operands::<i8>::random(&operator, 1);
        let expected = reference::run(&operator, &original);
        for input in 0..original.inputs.len() {
            let mut operands = Operands::<i8>::random(&operator, 1);
            operands.inputs[input] = Operands::<i8>::random(&operator, 2).inputs.swap_remove(input);
            assert_ne!(reference::run(&operator, &operands), expected, "{} input {input}", operator.name());
        }
        if !matches!(original.parameters, Parameters::None) {
            let mut operands = Operands::<i8>::random(&operator, 1);
            operands.parameters = Operands::<i8>::random(&operator, 2).parameters;
            assert_ne!(reference::run(&operator, &operands), expected, "{} parameters", operator.name());
        }
    }
}

/// The definition of a transposed convolution: every input pixel adds its value times the kernel to the output.
#[test]
fn a_transposed_convolution_is_a_convolution_and_a_shuffle() {
    let operator =
        Operator { kind: Kind::Transposed { side: 9 }, width: 5, height: 4, in_channels: 4, out_channels: 3 };
    let operands = Operands::<f32>::random(&operator, 1);
    let Parameters::Filter(filter) = &operands.parameters else { panic!("a convolution has a filter") };
    let (input, output) = (&operands.inputs[0], operator.outputs()[0]);
    assert_eq!((output.width, output.height), (15, 12));
    let mut sums = vec![0.0; output.pixels() * 3];
    for (y, x) in (0..output.height).flat_map(|y| (0..output.width).map(move |x| (y, x))) {
        let place = y % SCALE * SCALE + x % SCALE;
        for colour in 0..3 {
            sums[(y * output.width + x) * 3 + colour] = filter.channels[place * 3 + colour];
        }
    }
    for (from_y, from_x) in (0..4).flat_map(|y| (0..5).map(move |x| (y, x))) {
        for (v, u) in (0..9).flat_map(|v| (0..9).map(move |u| (v, u))) {
            // The kernel's middle lies on the middle of the block that the pixel becomes.
            let (y, x) = (from_y * SCALE + v, from_x * SCALE + u);
            if y < 3 || x < 3 || y - 3 >= output.height || x - 3 >= output.width {
                continue;
            }
            let (y, x) = (y - 3, x - 3);
            let (phase, tap) = (y % SCALE * SCALE + x % SCALE, (8 - v) / SCALE * SCALE + (8 - u) / SCALE);
            for colour in 0..3 {
                for (channel, value) in input.pixel(from_x, from_y).iter().enumerate() {
                    sums[(y * output.width + x) * 3 + colour] +=
                        value * filter.weight(phase * 3 + colour, tap, channel);
                }
            }
        }
    }
    let expected = vec![Tensor { shape: output, values: sums }];
    let actual = reference::run(&operator, &operands);
    assert_eq!(check::difference(&operator, &expected, &actual), None);
}

#[test]
fn the_plain_versions_know_small_cases() {
    let shape = |channels| Shape { width: 1, height: 1, channels };
    let run = |kind, values: &[&[i8]], out_channels| {
        let inputs =
            values.iter().map(|values| Tensor { shape: shape(values.len()), values: values.to_vec() }).collect();
        let operator = Operator { kind, width: 1, height: 1, in_channels: values[0].len(), out_channels };
        reference::run(&operator, &Operands { inputs, parameters: Parameters::None }).swap_remove(0).values
    };
    assert_eq!(run(Kind::Add, &[&[100, -3], &[127, -128]], 2), [127, -88]);
    assert_eq!(run(Kind::Multiply, &[&[-128, 64], &[-128, 1]], 2), [127, 1]);
    assert_eq!(run(Kind::Relu, &[&[-128, 0, 5]], 3), [0, 0, 5]);
    assert_eq!(run(Kind::Sigmoid, &[&[-128, 0, 127]], 3), [-128, 0, 127]);
    assert_eq!(run(Kind::Concatenate, &[&[1], &[2]], 2), [1, 2]);
    assert_eq!(run(Kind::Anchor, &[&[1, 2, 3]], 27), [1, 2, 3].repeat(9));
    assert_eq!(run(Kind::Nearest, &[&[1, 2, 3]], 3), [1, 2, 3].repeat(9));
    assert_eq!(run(Kind::Bicubic, &[&[1, -2, 127]], 3), [1, -2, 127].repeat(9));
}
