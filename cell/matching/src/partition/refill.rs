//! Tasks that the store keeps for the partition: asked for as room is there.

use std::collections::BTreeSet;
use std::sync::Arc;

use tokio::time::Instant;

use super::Partition;
use crate::backlog::Entry;
use crate::beyond::Wanted;
use crate::pull::Pull;
use crate::task::TaskRef;

impl Partition {
    /// Takes in the rows that it asked for, in order; as many as the limit mean that there may be more. What these
    /// shards were to write is not among them.
    pub(crate) fn pulled(self: &Arc<Self>, rows: Vec<TaskRef>, wanted: Wanted, failed: &BTreeSet<u32>) {
        let now = Instant::now();
        let cut = rows.last().filter(|_| rows.len() >= wanted.limit).map(TaskRef::place);
        for task in rows {
            let mut inner = self.inner.lock();
            if inner.closed {
                return;
            }
            if !inner.backlog.contains(&task) {
                self.meters().tasks_added.increment(1);
                inner.added.add(now);
                let seq = inner.sequence();
                self.place(inner, Box::new(Entry { seq, arrived: now, task }), now);
            }
        }
        let mut inner = self.inner.lock();
        if let Some(bound) = inner.beyond.bound(cut.clone()) {
            // What belongs behind tasks that are not here goes back to the store.
            for task in inner.backlog.split_off(&bound) {
                inner.beyond.refuse(task.place(), task.shard);
            }
        }
        inner.beyond.read(cut, wanted, failed);
        let wanted = inner.wanted(self.config());
        drop(inner);
        self.ask(wanted);
    }

    /// What it asked for could not be read.
    pub(crate) fn not_pulled(self: &Arc<Self>, wanted: Wanted) {
        let mut inner = self.inner.lock();
        inner.beyond.unread(wanted.shards);
        let wanted = inner.wanted(self.config());
        drop(inner);
        self.ask(wanted);
    }

    /// Asks for all that waits in the store, whatever is known of that.
    pub(crate) fn look_again(self: &Arc<Self>) {
        if self.is_sticky() {
            return;
        }
        let mut inner = self.inner.lock();
        inner.beyond.look_again();
        let wanted = inner.wanted(self.config());
        drop(inner);
        self.ask(wanted);
    }

    /// Asks for rows, where there is something to ask for.
    pub(super) fn ask(self: &Arc<Self>, wanted: Option<Wanted>) {
        if let Some(wanted) = wanted {
            self.shared.pulls.ask(Pull::new(self, wanted));
        }
    }
}
