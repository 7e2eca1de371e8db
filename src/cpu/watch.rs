//! What listens to a sweep: a stopwatch, and a trace of all codes.

use std::time::Duration;

use super::sweep::RowGeometry;
use crate::clock::Instant;
use crate::reference::Features;

/// Hears of each row that a layer has finished.
pub(super) trait Watch {
    /// Row `y` of layer `layer`; of a hidden one with its words, `[word, stride]`, of the area's columns and some round
    /// them: the picture's column `x` is at `x - origin + 1`.
    fn row(&mut self, layer: usize, y: usize, words: &[u32], geometry: RowGeometry);
}

/// Hears nothing.
impl Watch for () {
    fn row(&mut self, _: usize, _: usize, _: &[u32], _: RowGeometry) {}
}

/// The time that each layer took.
pub(super) struct Stopwatch {
    last: Instant,
    pub layers: Vec<Duration>,
}

impl Default for Stopwatch {
    fn default() -> Self {
        Self { last: Instant::now(), layers: Vec::new() }
    }
}

impl Watch for Stopwatch {
    fn row(&mut self, layer: usize, _: usize, _: &[u32], _: RowGeometry) {
        let now = Instant::now();
        self.layers.resize(self.layers.len().max(layer + 1), Duration::ZERO);
        self.layers[layer] += now.since(self.last);
        self.last = now;
    }
}

/// The codes of every hidden layer.
pub(super) struct Trace {
    /// Codes of a word.
    pub codes: usize,
    pub layers: Vec<Features>,
}

impl Watch for Trace {
    fn row(&mut self, layer: usize, y: usize, words: &[u32], RowGeometry { origin, stride }: RowGeometry) {
        let Some(Features { width, channels, codes, .. }) = self.layers.get_mut(layer) else { return };
        let bits = 32 / self.codes;
        for (i, code) in codes[y * *width * *channels..][..*width * *channels].iter_mut().enumerate() {
            let (x, channel) = (i / *channels, i % *channels);
            let word = words[channel / self.codes * stride + x - origin + 1];
            *code = (word >> (channel % self.codes * bits)).to_le_bytes()[0];
        }
    }
}
