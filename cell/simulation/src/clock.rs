//! The cell's wall clock: the runtime's paused time, and jumps.

use atoll_rpc::Clock;
use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A wall clock that goes with the paused time of the runtime in which it is read, and jumps when told to. It outlives
/// the runtimes: between two lives of the cell it stands still until [`start`](Self::start). Clones are the same clock.
#[derive(Clone)]
pub(crate) struct SimulatedClock(Arc<Mutex<State>>);

struct State {
    /// What the clock showed when the life began, without jumps.
    began: Timestamp,
    /// When the life began; `None` between lives.
    since: Option<Instant>,
    /// By how much the wall clock is off the true time.
    off: SignedDuration,
}

impl SimulatedClock {
    pub(crate) fn new(began: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State { began, since: None, off: SignedDuration::ZERO })))
    }

    /// A life begins in the current runtime, `down` after the last one ended.
    pub(crate) fn start(&self, down: SignedDuration) {
        let mut state = self.0.lock();
        state.began = state.began.saturating_add(down).expect("within the calendar");
        state.since = Some(Instant::now());
    }

    /// The life is over: its time is kept.
    pub(crate) fn stop(&self) {
        let mut state = self.0.lock();
        state.began = state.truth();
        state.since = None;
    }

    /// The true time, without the wall clock's faults.
    pub(crate) fn truth(&self) -> Timestamp {
        self.0.lock().truth()
    }

    /// The wall clock is off by this much from now on; by how much it was.
    pub(crate) fn set_off(&self, off: SignedDuration) -> SignedDuration {
        std::mem::replace(&mut self.0.lock().off, off)
    }
}

impl State {
    fn truth(&self) -> Timestamp {
        let passed = self.since.map_or(SignedDuration::ZERO, |since| {
            SignedDuration::try_from(since.elapsed()).unwrap_or(SignedDuration::MAX)
        });
        self.began.saturating_add(passed).expect("within the calendar")
    }
}

impl Clock for SimulatedClock {
    fn now(&self) -> Timestamp {
        let state = self.0.lock();
        state.truth().saturating_add(state.off).expect("within the calendar")
    }

    fn elapsed(&self) -> Duration {
        let passed = self.0.lock().truth().duration_since(Timestamp::UNIX_EPOCH);
        Duration::try_from(passed).unwrap_or(Duration::ZERO)
    }
}

impl fmt::Debug for SimulatedClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SimulatedClock")
    }
}
