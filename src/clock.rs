//! The host's clock: the one place that asks for it, since wasm32-unknown-unknown has none. There every time is zero.

use std::time::Duration;

/// A moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instant(Moment);

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
type Moment = std::time::Instant;
#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
type Moment = ();

#[cfg(not(all(target_arch = "wasm32", target_os = "unknown")))]
impl Instant {
    /// The present.
    pub fn now() -> Self {
        Self(std::time::Instant::now())
    }

    /// How long this is after an earlier moment.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_duration_since(earlier.0)
    }
}

#[cfg(all(target_arch = "wasm32", target_os = "unknown"))]
impl Instant {
    /// Any moment.
    pub fn now() -> Self {
        Self(())
    }

    /// Zero.
    pub fn since(self, _: Self) -> Duration {
        Duration::ZERO
    }
}

impl Instant {
    /// How long ago this was.
    pub fn elapsed(self) -> Duration {
        Self::now().since(self)
    }

    /// The same in nanoseconds.
    pub fn elapsed_ns(self) -> f64 {
        self.elapsed().as_secs_f64() * 1e9
    }
}
