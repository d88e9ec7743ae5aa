//! The lives of the cell: how each ends, and what it meets before.

use rand::Rng;
use rand::rngs::StdRng;
use std::time::Duration;

/// One life of the cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LifePlan {
    /// How it ends; `None` for the last one.
    pub(crate) kill: Option<Kill>,
    /// When another cell opens the same store and takes its shards, while this one goes on and does not know: counted
    /// from when it serves.
    pub(crate) succeeded_after: Option<Duration>,
    /// How many appends are refused as corrupt.
    pub(crate) damaged: u32,
    /// How long the weather changes in the last life: it is calm behind that. The others end in the storm.
    pub(crate) storm: Duration,
}

/// A moment of a life of the cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Moment {
    /// Its so-many-th step over a seam.
    Step(u64),
    /// Its so-many-th append: what was answered too early is lost then.
    Append(u64),
}

/// The end of one life of the cell.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kill {
    /// When the process is gone, unless nothing is left to do before.
    pub(crate) at: Moment,
    /// Whether the call that it dies at is carried out.
    pub(crate) takes_effect: bool,
    /// How long nothing runs then.
    pub(crate) away: Duration,
    /// How many writes that were not synced the disk keeps all the same.
    pub(crate) kept: usize,
}

impl LifePlan {
    /// Draws lives: the last one without a kill.
    pub(super) fn draw_all(random: &mut StdRng) -> Vec<Self> {
        let kills = *[0, 1, 1, 2, 3].get(random.random_range(0..5)).unwrap_or(&1);
        (0..=kills).map(|life| Self::draw(random, life == kills)).collect()
    }

    fn draw(random: &mut StdRng, last: bool) -> Self {
        let some_seconds =
            |random: &mut StdRng, most: u64| Duration::from_millis(random.random_range(0..most * 1_000));
        Self {
            kill: (!last).then(|| Kill::draw(random)),
            succeeded_after: random.random_bool(0.15).then(|| some_seconds(random, 60)),
            damaged: if random.random_bool(0.2) { random.random_range(1..3) } else { 0 },
            storm: if random.random_bool(0.7) { some_seconds(random, 240) } else { Duration::ZERO },
        }
    }
}

impl Kill {
    /// Draws kills that come while closed runs are deleted. Their moments count from such a deletion.
    pub(super) fn draw_among_deletions(random: &mut StdRng) -> Vec<Self> {
        let kills = *[0, 0, 0, 1, 2].get(random.random_range(0..5)).unwrap_or(&0);
        let at = |random: &mut StdRng| Moment::Step(random.random_range(1..60));
        (0..kills).map(|_| Self { at: at(random), ..Self::draw(random) }).collect()
    }

    fn draw(random: &mut StdRng) -> Self {
        Self {
            at: if random.random_bool(0.5) {
                Moment::Step(random.random_range(20..600))
            } else {
                Moment::Append(random.random_range(2..100))
            },
            takes_effect: random.random_bool(0.5),
            away: Duration::from_secs(random.random_range(0..90)),
            kept: random.random_range(0..3),
        }
    }
}
