use super::*;
use crate::net::{Layer, Net};
use crate::random::Random;
use crate::upscaler::{Target, Upscaler};

fn net(scale: usize, widths: &[usize]) -> Net {
    let mut random = Random::new(7);
    let mut input = 3;
    let mut layers = Vec::new();
    let last = [3 * scale * scale];
    for (i, &out) in widths.iter().chain(&last).enumerate() {
        let is_last = i == widths.len();
        let weights = (0..out * input * 9).map(|_| (random.byte() as i32 - 128).clamp(-127, 127) as i8).collect();
        let limit = 100_000 + u32::from(random.byte()) * 100;
        layers.push(Layer {
            in_channels: input,
            out_channels: out,
            weights,
            bias: (0..out).map(|_| random.byte() as i32 * 100 - 12000).collect(),
            limit: vec![limit; out],
            pre: vec![if is_last { 3 } else { 2 }; out],
            mul: vec![((255u64 << 20) / u64::from(limit >> if is_last { 3 } else { 2 })) as u16; out],
            post: vec![20; out],
        });
        input = out;
    }
    Net::new(scale, layers, Default::default()).unwrap()
}

#[test]
fn trial() {
    for adapter in adapters() {
        println!("{}: {}", adapter.index, adapter.label());
        for (scale, widths) in [(3, vec![28, 28, 27]), (2, vec![16]), (4, vec![48, 36]), (3, vec![])] {
            let t = std::time::Instant::now();
            let up = Upscaler::new(net(scale, &widths), Target::Adapter(adapter.adapter.clone())).unwrap();
            let t1 = t.elapsed();
            let r = up.self_test();
            println!("{scale} {widths:?} {t1:?} {:?} {r:?}", t.elapsed());
        }
    }
}
