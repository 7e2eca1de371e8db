//! When things ran, as values.

/// What measured a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Timestamps that the GPU writes at the beginning and the end of a compute pass.
    Gpu,
    /// The host's clock around the submission of a pass and the wait for it, which adds what these take.
    Host,
}

/// When a pass ran, in nanoseconds from the beginning of the first.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Span {
    /// When it began.
    pub start_ns: f64,
    /// When it ended.
    pub end_ns: f64,
}

impl Span {
    /// How long it took.
    pub fn duration_ns(&self) -> f64 {
        self.end_ns - self.start_ns
    }

    /// The same, later by so much.
    pub(crate) fn later(self, ns: f64) -> Self {
        Self { start_ns: self.start_ns + ns, end_ns: self.end_ns + ns }
    }
}

/// When the parts of one tile ran.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TileTimes {
    /// The host's phases, as [`Phase::ALL`](crate::profile::Phase::ALL); none where the CPU computes.
    pub phases: Vec<Span>,
    /// The stages, by [`Profile::clock`](crate::profile::Profile::clock). A GPU's clock and the host's have no common zero:
    /// its first stage is put where the host begins to wait. On the CPU, rows of all layers take turns: a stage's span has
    /// the length of its share, the mean of all threads, not its place.
    pub stages: Vec<Span>,
}

impl TileTimes {
    /// From the beginning of the first stage to the end of the last.
    pub fn computing(&self) -> Option<Span> {
        let (first, last) = (self.stages.first()?, self.stages.last()?);
        Some(Span { start_ns: first.start_ns, end_ns: last.end_ns })
    }
}
