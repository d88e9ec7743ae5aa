//! How much there is, and who holds it.

use crate::charge::Charge;
use metrics::Gauge;
use parking_lot::Mutex;
use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use tokio::sync::Notify;

/// What holds memory of a cell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(usize)]
pub enum Owner {
    /// Entities in memory that may be asked for any moment.
    Residents,
    /// Entities in memory that have come to their end.
    ClosedRuns,
    /// Entities on their way from the store.
    Loads,
    /// Names of entities that somebody asked for in vain.
    AbsentNames,
    /// Records that are applied and not yet durable.
    Batches,
    /// What sinks of projections have not taken.
    Spools,
    /// Wake-ups of entities that are not in memory.
    Wakes,
    /// Partitions of task queues with the tasks that wait in them, and who polled these of late.
    Backlogs,
    /// Names of messages between entities that wait for their turn.
    Messages,
    /// Pages of histories that were read for somebody.
    HistoryReads,
    /// Queries that wait for their workers.
    Queries,
    /// Descriptions of large runs that are made for somebody.
    Descriptions,
    /// What a store in memory holds: counted against starts alone.
    MemoryEngine,
    /// What a visibility store in memory holds: the same.
    MemoryVisibility,
}

impl Owner {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Residents,
        Self::ClosedRuns,
        Self::Loads,
        Self::AbsentNames,
        Self::Batches,
        Self::Spools,
        Self::Wakes,
        Self::Backlogs,
        Self::Messages,
        Self::HistoryReads,
        Self::Queries,
        Self::Descriptions,
        Self::MemoryEngine,
        Self::MemoryVisibility,
    ];

    /// Its name in metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Residents => "residents",
            Self::ClosedRuns => "closed_runs",
            Self::Loads => "loads",
            Self::AbsentNames => "absent_names",
            Self::Batches => "batches",
            Self::Spools => "spools",
            Self::Wakes => "wakes",
            Self::Backlogs => "backlogs",
            Self::Messages => "messages",
            Self::HistoryReads => "history_reads",
            Self::Queries => "queries",
            Self::Descriptions => "descriptions",
            Self::MemoryEngine => "memory_engine",
            Self::MemoryVisibility => "memory_visibility",
        }
    }

    /// Whether its bytes count against the budget as a whole.
    const fn drains(self) -> bool {
        !matches!(self, Self::MemoryEngine | Self::MemoryVisibility)
    }
}

/// Share of the budget that clients leave to work that runs.
const RESERVE: usize = 8;
/// Above four fifths of the budget it is pressed; it is relieved once it is below three quarters.
const PRESSED: (usize, usize) = (4, 5);
const RELIEVED: (usize, usize) = (3, 4);

type Source = Box<dyn Fn() -> usize + Send + Sync>;

/// The memory of a cell: a limit in bytes, and what is held of it by owner.
pub struct Budget {
    limit: usize,
    /// Of all owners that drain.
    used: AtomicUsize,
    owners: [AtomicUsize; Owner::ALL.len()],
    /// Owners that are asked what they hold.
    sources: Mutex<Vec<(Owner, Source)>>,
    pressed: Notify,
    /// Rises with every use of an entity, on any shard: the clock of letting go.
    uses: AtomicU64,
    gauges: [Gauge; Owner::ALL.len()],
}

impl Budget {
    /// A budget of so many bytes of which nothing is used.
    pub fn new(limit: usize) -> Arc<Self> {
        metrics::gauge!("atoll_memory_budget_bytes").set(limit as f64);
        Arc::new(Self {
            limit,
            used: AtomicUsize::new(0),
            owners: Default::default(),
            sources: Mutex::default(),
            pressed: Notify::new(),
            uses: AtomicU64::new(0),
            gauges: Owner::ALL.map(|owner| metrics::gauge!("atoll_memory_bytes", "owner" => owner.name())),
        })
    }

    /// Bytes that there are.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Bytes that are held, but for those of stores in memory.
    pub fn used(&self) -> usize {
        self.used.load(Relaxed)
    }

    /// Bytes that others hold than who holds `own` of them.
    pub fn used_beside(&self, own: usize) -> usize {
        self.used().saturating_sub(own)
    }

    /// Bytes that one owner holds.
    pub fn of(&self, owner: Owner) -> usize {
        self.owners[owner as usize].load(Relaxed)
    }

    /// Holds bytes until the charge is dropped.
    pub fn charge(self: &Arc<Self>, owner: Owner, bytes: usize) -> Charge {
        Charge::new(Arc::clone(self), owner, bytes)
    }

    /// An owner holds more.
    pub fn add(&self, owner: Owner, bytes: usize) {
        if bytes == 0 {
            return;
        }
        self.owners[owner as usize].fetch_add(bytes, Relaxed);
        if owner.drains() {
            let before = self.used.fetch_add(bytes, Relaxed);
            let mark = self.share(PRESSED);
            if before < mark && before.saturating_add(bytes) >= mark {
                self.pressed.notify_one();
            }
        }
    }

    /// An owner holds less.
    pub fn sub(&self, owner: Owner, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let before = self.owners[owner as usize].fetch_sub(bytes, Relaxed);
        debug_assert!(before >= bytes, "{owner:?} gives back {bytes} of {before}");
        if owner.drains() {
            self.used.fetch_sub(bytes, Relaxed);
        }
    }

    /// An owner that held `before` holds `now`.
    pub fn change(&self, owner: Owner, before: usize, now: usize) {
        if now >= before {
            self.add(owner, now - before);
        } else {
            self.sub(owner, before - now);
        }
    }

    /// An owner that counts by itself holds so much in all. Not for one that is charged as well.
    pub fn set(&self, owner: Owner, bytes: usize) {
        let before = self.owners[owner as usize].swap(bytes, Relaxed);
        if owner.drains() {
            if bytes >= before {
                let used = self.used.fetch_add(bytes - before, Relaxed);
                let mark = self.share(PRESSED);
                if used < mark && used + (bytes - before) >= mark {
                    self.pressed.notify_one();
                }
            } else {
                self.used.fetch_sub(before - bytes, Relaxed);
            }
        }
    }

    /// An owner is asked what it holds whenever there is a look. Several sources of one owner add up.
    pub fn watch(&self, owner: Owner, source: impl Fn() -> usize + Send + Sync + 'static) {
        self.sources.lock().push((owner, Box::new(source)));
    }

    /// Asks owners that are asked.
    pub fn look(&self) {
        let mut levels = [None::<usize>; Owner::ALL.len()];
        for (owner, source) in &*self.sources.lock() {
            *levels[*owner as usize].get_or_insert(0) += source();
        }
        for owner in Owner::ALL {
            if let Some(bytes) = levels[owner as usize] {
                self.set(owner, bytes);
            }
        }
    }

    /// Shows all levels in the metrics.
    pub fn show(&self) {
        for owner in Owner::ALL {
            self.gauges[owner as usize].set(self.of(owner) as f64);
        }
    }

    /// Whether something may be loaded for a client.
    pub fn has_room_for_clients(&self) -> bool {
        self.used() < self.clients_limit()
    }

    /// Whether a client may add something that stays.
    pub fn has_room_for_starts(&self) -> bool {
        let stores: usize =
            Owner::ALL.into_iter().filter(|owner| !owner.drains()).map(|it| self.of(it)).sum();
        self.used().saturating_add(stores) < self.clients_limit()
    }

    /// Whether work that runs may go on adding to what is held.
    pub fn has_room(&self) -> bool {
        self.used() < self.limit
    }

    /// What clients may fill.
    pub fn clients_limit(&self) -> usize {
        self.limit - self.limit / RESERVE
    }

    /// Whether it is time to let go.
    pub fn is_pressed(&self) -> bool {
        self.used() >= self.share(PRESSED)
    }

    /// Bytes that would have to go before nobody need let go any more.
    pub fn excess(&self) -> usize {
        self.used().saturating_sub(self.share(RELIEVED))
    }

    /// Returns once it has come to be pressed, or somebody wants it looked at.
    pub async fn pressed(&self) {
        self.pressed.notified().await;
    }

    /// Has whoever lets go take a look.
    pub fn wake(&self) {
        self.pressed.notify_one();
    }

    /// The moment of a use: later ones are greater.
    pub fn use_now(&self) -> u64 {
        self.uses.fetch_add(1, Relaxed) + 1
    }

    fn share(&self, (part, of): (usize, usize)) -> usize {
        self.limit / of * part
    }
}

impl Debug for Budget {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut levels = f.debug_struct("Budget");
        levels.field("limit", &self.limit);
        for owner in Owner::ALL {
            levels.field(owner.name(), &self.of(owner));
        }
        levels.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn clients_leave_an_eighth_and_stores_in_memory_stand_in_the_way_of_starts_alone() {
        let budget = Budget::new(800);
        budget.add(Owner::Residents, 600);
        budget.set(Owner::MemoryEngine, 60);
        budget.set(Owner::MemoryVisibility, 39);
        assert!(budget.has_room_for_clients() && budget.has_room_for_starts());
        budget.set(Owner::MemoryVisibility, 40);
        assert!(budget.has_room_for_clients() && !budget.has_room_for_starts());
        budget.add(Owner::Batches, 100);
        assert!(!budget.has_room_for_clients() && budget.has_room());
        budget.add(Owner::Spools, 100);
        assert!(!budget.has_room());
        budget.sub(Owner::Residents, 300);
        assert!(budget.has_room_for_clients());
        assert_eq!((budget.used(), budget.of(Owner::Residents)), (500, 300));
    }

    #[test]
    fn owners_that_are_asked_count_as_those_that_say_it() {
        let budget = Budget::new(100);
        budget.watch(Owner::Spools, || 30);
        budget.watch(Owner::Spools, || 12);
        budget.add(Owner::Loads, 5);
        budget.look();
        budget.look();
        assert_eq!((budget.of(Owner::Spools), budget.used()), (42, 47));
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_lets_go_is_called_when_four_fifths_are_held() {
        let budget = Budget::new(100);
        budget.add(Owner::Residents, 79);
        let idle = tokio::time::timeout(Duration::from_secs(1), budget.pressed()).await;
        assert!(idle.is_err() && !budget.is_pressed());
        budget.add(Owner::Loads, 1);
        tokio::time::timeout(Duration::from_secs(1), budget.pressed()).await.expect("called");
        assert!(budget.is_pressed());
        assert_eq!(budget.excess(), 5);
    }
}
