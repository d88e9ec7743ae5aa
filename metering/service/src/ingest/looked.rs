//! What the last look found, for who answers questions.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::sync::watch;
use uuid::Uuid;

use crate::completeness::Progress;
use crate::store::ShardName;

/// The time of a look that nobody told the time: later than everything.
pub(super) const TIMELESS: i64 = i64::MAX;

/// A look that saw every cell.
#[derive(Debug, Clone)]
pub(crate) struct Whole {
    /// When it began, Unix milliseconds.
    pub(crate) began_ms: i64,
    /// Cells and log incarnations that hours must contain, as it left the database.
    cells: Arc<BTreeSet<(String, Uuid)>>,
}

impl Whole {
    pub(super) fn new(began_ms: i64, progress: &Progress) -> Self {
        let cells = progress.manifests.iter().map(|known| (known.cell_id.clone(), known.incarnation));
        Self { began_ms, cells: Arc::new(cells.collect()) }
    }

    /// Whether `progress` has all that the look left in the database. A failover may have taken a cell from it, whose
    /// hours nobody would ask for until the next look.
    pub(crate) fn is_in(&self, progress: &Progress) -> bool {
        let known: BTreeSet<(&str, Uuid)> =
            progress.manifests.iter().map(|known| (known.cell_id.as_str(), known.incarnation)).collect();
        self.cells.iter().all(|(cell_id, incarnation)| known.contains(&(cell_id.as_str(), *incarnation)))
    }
}

/// Rows that a shard waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Waiting {
    /// The shard.
    pub(crate) name: ShardName,
    /// Rows before this one are in.
    pub(crate) from_seq: u64,
    /// Where what is there goes on; none where nothing is.
    pub(crate) to_seq: Option<u64>,
    /// What is wrong with the object of these rows; empty where there is none.
    pub(crate) problem: String,
}

/// What looks of this process found. Clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Looked {
    whole: watch::Sender<Option<Whole>>,
    waiting: watch::Sender<Vec<Waiting>>,
}

impl Looked {
    /// Nothing yet.
    pub(crate) fn never() -> Self {
        Self { whole: watch::Sender::new(None), waiting: watch::Sender::new(Vec::new()) }
    }

    /// The last whole look; none before the first one of this process.
    pub(crate) fn whole(&self) -> Option<Whole> {
        self.whole.borrow().clone()
    }

    /// What shards wait for, by their names.
    pub(crate) fn waiting(&self) -> Vec<Waiting> {
        self.waiting.borrow().clone()
    }

    pub(super) fn set_waiting(&self, waiting: Vec<Waiting>) {
        self.waiting.send_replace(waiting);
    }

    pub(super) fn set(&self, whole: Whole) {
        self.whole.send_replace(Some(whole));
    }
}
