//! What a table's entities hold of the memory budget.

use crate::memory::resident::MemoryShare;
use cell_memory::Budget;
use std::sync::Arc;

/// What the entities of one table hold, which goes with the table.
pub(super) struct Ledger {
    pub(super) memory: Arc<Budget>,
    open: usize,
    closed: usize,
}

impl Ledger {
    /// Of a table without entities.
    pub(super) fn new(memory: Arc<Budget>) -> Self {
        Self { memory, open: 0, closed: 0 }
    }

    /// An entity holds so much from now on.
    pub(super) fn settle(&mut self, held: &mut MemoryShare, now: MemoryShare) {
        let before = std::mem::replace(held, now);
        if before.owner() == now.owner() {
            self.memory.change(now.owner(), before.bytes, now.bytes);
        } else {
            self.memory.sub(before.owner(), before.bytes);
            self.memory.add(now.owner(), now.bytes);
        }
        *self.sum(before) -= before.bytes;
        *self.sum(now) += now.bytes;
    }

    fn sum(&mut self, held: MemoryShare) -> &mut usize {
        if held.closed { &mut self.closed } else { &mut self.open }
    }

    /// Bytes of all entities.
    pub(super) fn all(&self) -> usize {
        self.open + self.closed
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        let closed = |closed| MemoryShare { bytes: 0, closed }.owner();
        self.memory.sub(closed(false), self.open);
        self.memory.sub(closed(true), self.closed);
    }
}
