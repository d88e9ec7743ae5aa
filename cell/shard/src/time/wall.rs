//! How far a node believes the wall clock.
//!
//! Between two looks of one process the wall clock and the monotonic clock move alike. Where they differ by more than a
//! limit somebody has set the wall clock, or it is broken for a moment: that is not followed until it has lasted, or an
//! operator says that it is right. A process that starts believes what it finds, so restarts are no jumps.

use super::clock::Clock;
use crate::runtime::ShardRuntime;
use cell_engine::Time;
use metrics::Gauge;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::Duration;

/// The wall clock may move against the monotonic one by this much between two looks: what daemons that set clocks do.
const JUMP_LIMIT_NS: i64 = 60_000_000_000;
/// A larger jump is followed once it has lasted this long: a glitch is over by then, and an operator may be quicker.
const LASTING: Duration = Duration::from_secs(600);

/// Both clocks at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Look {
    /// The wall clock, as far as it is believed. May run backwards, by up to the limit at once.
    pub(crate) wall: Time,
    /// The monotonic clock.
    pub(crate) elapsed: Duration,
}

impl Look {
    /// Both clocks so much later.
    pub(crate) fn after(self, by: Duration) -> Self {
        Self { wall: self.wall.plus(nanos(by)), elapsed: self.elapsed.saturating_add(by) }
    }

    /// Whether one of the clocks has come to this moment by then: a machine that was suspended may have moved either
    /// alone.
    pub(crate) fn has_come_by(self, then: Self) -> bool {
        self.wall <= then.wall || self.elapsed <= then.elapsed
    }
}

/// The clocks of a node.
pub(crate) struct Wall {
    clock: Arc<dyn Clock>,
    belief: Mutex<Option<Belief>>,
    /// Seconds by which the wall clock jumped without being followed; 0 while it is believed.
    refused_seconds: Gauge,
}

impl Wall {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        let refused_seconds = metrics::gauge!("atoll_clock_jump_seconds");
        refused_seconds.set(0.0);
        Self { clock, belief: Mutex::new(None), refused_seconds }
    }

    /// Looks at both clocks.
    pub(crate) fn look(&self) -> Look {
        let mut belief = self.belief.lock();
        let (wall, elapsed) = (self.clock.now(), self.clock.elapsed());
        let belief = belief.get_or_insert_with(|| Belief::new(wall, elapsed));
        let refused_before = belief.refused();
        let wall = belief.look(wall, elapsed);
        if belief.refused() != refused_before {
            self.tell(belief.refused());
        }
        Look { wall, elapsed }
    }

    /// By how many nanoseconds the wall clock has jumped without being followed.
    pub(crate) fn refused_jump(&self) -> Option<i64> {
        self.look();
        self.belief.lock().as_ref().and_then(Belief::refused)
    }

    /// The wall clock is right: follows it at once.
    pub(crate) fn confirm(&self) {
        let mut belief = self.belief.lock();
        let (wall, elapsed) = (self.clock.now(), self.clock.elapsed());
        *belief = Some(Belief::new(wall, elapsed));
        self.tell(None);
    }

    fn tell(&self, refused: Option<i64>) {
        let seconds = refused.unwrap_or(0) as f64 / 1e9;
        self.refused_seconds.set(seconds);
        match refused {
            Some(_) => tracing::error!(
                seconds,
                "the wall clock jumped: not followed until it lasts; timers go by the monotonic clock meanwhile"
            ),
            None => tracing::warn!("the wall clock is believed again"),
        }
    }
}

impl ShardRuntime {
    /// The present moment by the wall clock, as far as this node believes that.
    pub fn wall_time(&self) -> Time {
        self.wall.look().wall
    }

    /// An operator says that the wall clock is right: a jump that was not followed is followed at once.
    pub fn confirm_clock(&self) {
        self.wall.confirm();
    }
}

/// What is believed of a wall clock.
#[derive(Clone, Copy, Debug)]
struct Belief {
    /// Believed wall time minus elapsed time, nanoseconds.
    offset: i64,
    /// The same as the wall clock has it since it jumped, and when that was first seen.
    suspect: Option<(i64, Duration)>,
}

impl Belief {
    fn new(wall: Time, elapsed: Duration) -> Self {
        Self { offset: offset(wall, elapsed), suspect: None }
    }

    /// The believed wall time.
    fn look(&mut self, wall: Time, elapsed: Duration) -> Time {
        let seen = offset(wall, elapsed);
        if is_near(seen, self.offset) {
            (self.offset, self.suspect) = (seen, None);
        } else {
            match self.suspect {
                Some((jumped, since)) if is_near(seen, jumped) => {
                    if elapsed.saturating_sub(since) >= LASTING {
                        (self.offset, self.suspect) = (seen, None);
                    }
                }
                Some(_) | None => self.suspect = Some((seen, elapsed)),
            }
        }
        Time(nanos(elapsed).saturating_add(self.offset))
    }

    fn refused(&self) -> Option<i64> {
        self.suspect.map(|(jumped, _)| jumped.saturating_sub(self.offset))
    }
}

fn offset(wall: Time, elapsed: Duration) -> i64 {
    wall.0.saturating_sub(nanos(elapsed))
}

fn is_near(one: i64, other: i64) -> bool {
    one.abs_diff(other) <= JUMP_LIMIT_NS as u64
}

/// Nanoseconds, saturating.
pub(crate) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests;
