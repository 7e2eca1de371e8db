//! Which products can be added up in 16 bits, because their weights are small.
//!
//! Codes are bytes, so the sum of some products lies between what the weights below 0 and those above can make of the
//! extreme codes. Most weights of a trained net are far from 127: sums of twenty products fit.

use super::lanes::{Lanes, Sums};

/// One word of codes times a word of weights for each channel of a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Step {
    /// Which word of codes.
    pub position: u16,
    /// `[channel]`; of each word the first [`Lanes::CODES`].
    pub weights: Vec<[i8; 4]>,
}

/// Steps whose products are added up before they go to the accumulators.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub steps: Vec<Step>,
    /// What the sums start with, so that they stay in their 16 bits; `[channel]`. Exact sums start with 0.
    pub start: Vec<[i16; 4]>,
}

/// Steps in groups of which each fits [`Lanes::SUMS`]; a step whose products don't fit becomes two.
pub(super) fn groups<L: Lanes>(steps: Vec<Step>, channels: usize) -> Vec<Group> {
    let Sums::Narrow(codes) = L::SUMS else { return vec![Group { steps, start: vec![[0; 4]; channels] }] };
    let with_reach = |step| (reach(&step, codes), step);
    let mut steps: Vec<(Vec<Reach>, Step)> =
        steps.into_iter().flat_map(|step| split::<L>(step, codes)).map(with_reach).collect();
    // The largest first: the small ones even out what these leave.
    steps.sort_by_key(|(reach, _)| std::cmp::Reverse(reach.iter().map(Reach::width).max()));
    let sums = channels * (4 / codes);
    let total = steps.iter().fold(vec![Reach::default(); sums], |total, (reach, _)| and(&total, reach));
    let fewest = total.iter().map(|sum| usize::from(sum.width().div_ceil(Reach::MOST))).max().unwrap_or(0).max(1);
    // As many groups as steps are always enough.
    let groups = (fewest..).find_map(|count| distributed(&steps, count, sums)).unwrap_or_default();
    groups
        .into_iter()
        .map(|(reach, steps)| {
            let starts: Vec<i16> = reach.iter().map(Reach::start::<L>).collect();
            let start = starts.chunks_exact(4 / codes).map(|starts| {
                let mut start = [0; 4];
                start[..starts.len()].copy_from_slice(starts);
                start
            });
            Group { steps, start: start.collect() }
        })
        .collect()
}

/// Steps in so many groups, each in the one in which it makes the smallest reach; none if they don't fit.
fn distributed(steps: &[(Vec<Reach>, Step)], count: usize, sums: usize) -> Option<Vec<(Vec<Reach>, Vec<Step>)>> {
    let mut groups = vec![(vec![Reach::default(); sums], Vec::new()); count];
    for (reach, step) in steps {
        let largest = |of: &[Reach]| of.iter().zip(reach).map(|(a, b)| a.width() + b.width()).max();
        let (of, group) = groups.iter_mut().min_by_key(|(of, _)| largest(of))?;
        if largest(of) > Some(Reach::MOST) {
            return None;
        }
        *of = and(of, reach);
        group.push(step.clone());
    }
    groups.retain(|(_, group)| !group.is_empty());
    Some(groups)
}

/// A step of which no sum of products can leave 16 bits, or else two that add up to it: the smaller weights of sums that
/// can go to the second.
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

fn and(a: &[Reach], b: &[Reach]) -> Vec<Reach> {
    a.iter().zip(b).map(|(a, b)| Reach { up: a.up + b.up, down: a.down + b.down }).collect()
}

/// How far a sum can get: the sums of its weights above 0 and, without their signs, below.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Reach {
    up: u16,
    down: u16,
}

impl Reach {
    /// The largest width of a sum that 16 bits hold if it starts in the right place: 255 times it are below 2^16.
    const MOST: u16 = 257;

    fn of(weights: &[i8]) -> Self {
        let sum = |sign: i16| weights.iter().map(|&weight| (sign * i16::from(weight)).max(0).cast_unsigned()).sum();
        Self { up: sum(1), down: sum(-1) }
    }

    fn width(&self) -> u16 {
        self.up + self.down
    }

    /// The least and the largest value.
    fn range<L: Lanes>(&self) -> (i32, i32) {
        let (up, down) = (i32::from(self.up), i32::from(self.down));
        let (least, largest) = (-L::ZERO_POINT, 255 - L::ZERO_POINT);
        (up * least - down * largest, up * largest - down * least)
    }

    /// Whether 16 bits hold it if it starts with 0.
    fn fits<L: Lanes>(&self) -> bool {
        let (least, largest) = self.range::<L>();
        i16::try_from(least).is_ok() && i16::try_from(largest).is_ok()
    }

    /// Where a sum of no more than [`Reach::MOST`] has to start to be around 0. On the way to it, additions may wrap around.
    fn start<L: Lanes>(&self) -> i16 {
        let (least, largest) = self.range::<L>();
        i16::try_from((-1 - least - largest).div_euclid(2)).unwrap_or_default()
    }
}
