//! Which products can be added up in 16 bits, because their weights are small.
//!
//! Codes are bytes, so the sum of some products lies between what the weights below 0 and those above can make of the
//! extreme codes. Most weights of a trained net are far from 127: sums of a dozen or more products fit.

use super::lanes::{Lanes, Sums};

/// One word of codes times a word of weights for each channel of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Which word of codes.
    pub position: u16,
    /// `[channel]`; of each word the first [`Lanes::CODES`].
    pub weights: Vec<[i8; 4]>,
}

/// Steps in groups of which each fits [`Lanes::SUMS`]; a step that doesn't fit alone becomes two.
pub(super) fn groups<L: Lanes>(steps: Vec<Step>) -> Vec<Vec<Step>> {
    let Sums::Narrow(codes) = L::SUMS else { return vec![steps] };
    let mut steps: Vec<(Step, Vec<Reach>)> = steps
        .into_iter()
        .flat_map(|step| split::<L>(step, codes))
        .map(|step| {
            let reach = reach(&step, codes);
            (step, reach)
        })
        .collect();
    // First fit, the largest first: the small ones fill what these leave.
    steps.sort_by_key(|(_, reach)| std::cmp::Reverse(reach.iter().map(Reach::size).max()));
    let mut groups: Vec<(Vec<Step>, Vec<Reach>)> = Vec::new();
    for (step, reach) in steps {
        let with = |of: &[Reach]| -> Vec<Reach> { of.iter().zip(&reach).map(|(a, b)| a.and(b)).collect() };
        let fits = |(_, of): &&mut (Vec<Step>, Vec<Reach>)| with(of).iter().all(Reach::fits::<L>);
        if let Some((group, of)) = groups.iter_mut().find(fits) {
            *of = with(of);
            group.push(step);
        } else {
            groups.push((vec![step], reach));
        }
    }
    groups.into_iter().map(|(group, _)| group).collect()
}

/// A step whose every sum fits as it is, else two that add up to it: the smaller weights of sums that don't fit go to the
/// second.
fn split<L: Lanes>(mut first: Step, codes: usize) -> impl Iterator<Item = Step> {
    let mut second = Step { position: first.position, weights: vec![[0; 4]; first.weights.len()] };
    for (from, to) in first.weights.iter_mut().zip(&mut second.weights) {
        for (from, to) in from.chunks_exact_mut(codes).zip(to.chunks_exact_mut(codes)) {
            if !Reach::of(from).fits::<L>() {
                let smaller = (0..codes).min_by_key(|&i| from[i].unsigned_abs()).unwrap_or_default();
                std::mem::swap(&mut from[smaller], &mut to[smaller]);
            }
        }
    }
    let needed = second.weights.iter().flatten().any(|&weight| weight != 0);
    [Some(first), needed.then_some(second)].into_iter().flatten()
}

/// The reach of each of a step's sums.
fn reach(step: &Step, codes: usize) -> Vec<Reach> {
    step.weights.iter().flat_map(|weights| weights.chunks_exact(codes)).map(Reach::of).collect()
}

/// How far a sum can get: the sums of its weights above 0 and, without their signs, below.
#[derive(Clone, Copy, Debug, Default)]
struct Reach {
    up: i32,
    down: i32,
}

impl Reach {
    fn of(weights: &[i8]) -> Self {
        let sum = |sign: i32| weights.iter().map(|&weight| (sign * i32::from(weight)).max(0)).sum();
        Self { up: sum(1), down: sum(-1) }
    }

    fn and(&self, other: &Self) -> Self {
        Self { up: self.up + other.up, down: self.down + other.down }
    }

    fn size(&self) -> i32 {
        self.up.max(self.down)
    }

    /// Whether 16 bits hold the sum, whatever the codes. Then it doesn't matter that partial sums may wrap around.
    fn fits<L: Lanes>(&self) -> bool {
        let (least, largest) = (-L::ZERO_POINT, 255 - L::ZERO_POINT);
        let top = self.up * largest - self.down * least;
        let bottom = self.up * least - self.down * largest;
        i16::try_from(top).is_ok() && i16::try_from(bottom).is_ok()
    }
}
