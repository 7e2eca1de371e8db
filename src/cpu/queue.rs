//! Frames that wait for the CPU: it computes one when it is asked for.

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::engine::Engine;
use crate::Result;
use crate::backend::{Backend, FrameQueue, FrameShape};
use crate::frame::{Copied, RowBuffer, Sink, Source};
use crate::options::Timings;
use crate::tile::Tiling;

/// Copies of the frames to compute, the oldest first, and memory for further ones.
pub(super) struct Queue {
    engine: Arc<Engine>,
    tiling: Tiling,
    waiting: VecDeque<Copied>,
    spare: Vec<Copied>,
    row: RowBuffer,
}

impl Queue {
    /// For so many frames.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory).
    pub fn new(engine: Arc<Engine>, frame: FrameShape, tiling: Tiling, depth: usize) -> Result<Self> {
        let copy = |_| Copied::new(frame.width, frame.height, frame.format);
        let spare = (0..depth).map(copy).collect::<Result<_>>()?;
        Ok(Self { engine, tiling, waiting: VecDeque::with_capacity(depth), spare, row: RowBuffer::default() })
    }
}

impl FrameQueue for Queue {
    fn push(&mut self, source: &dyn Source, _: &mut Timings) -> Result<()> {
        let mut frame = self.spare.pop().expect("one for each frame that can be in work");
        frame.copy(source, &mut self.row);
        self.waiting.push_back(frame);
        Ok(())
    }

    fn pop(&mut self, sink: &mut dyn Sink, timings: &mut Timings) -> Result<()> {
        let frame = self.waiting.pop_front().expect("there are frames");
        *timings += self.engine.run(&frame, sink, &self.tiling, &|_| ControlFlow::Continue(()))?;
        self.spare.push(frame);
        Ok(())
    }
}
