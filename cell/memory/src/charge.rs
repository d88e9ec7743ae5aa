//! Bytes that are held for a while.

use crate::budget::{Budget, Owner};
use std::sync::Arc;

/// Bytes of a budget that are held until this is dropped.
#[derive(Debug)]
pub struct Charge {
    budget: Arc<Budget>,
    owner: Owner,
    bytes: usize,
}

impl Charge {
    pub(crate) fn new(budget: Arc<Budget>, owner: Owner, bytes: usize) -> Self {
        budget.add(owner, bytes);
        Self { budget, owner, bytes }
    }

    /// Holds so much from now on.
    pub fn resize(&mut self, bytes: usize) {
        self.budget.change(self.owner, self.bytes, bytes);
        self.bytes = bytes;
    }

    /// Nothing yet, for the same owner.
    pub fn empty(&self) -> Self {
        Self::new(Arc::clone(&self.budget), self.owner, 0)
    }

    /// Bytes that it holds.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.sub(self.owner, self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_held_goes_with_who_holds_it() {
        let budget = Budget::new(1_000);
        let mut one = budget.charge(Owner::Loads, 10);
        let other = budget.charge(Owner::HistoryReads, 5);
        one.resize(100);
        assert_eq!((budget.used(), budget.of(Owner::Loads)), (105, 100));
        one.resize(1);
        drop(other);
        assert_eq!((budget.used(), one.bytes()), (1, 1));
        drop(one);
        assert_eq!(budget.used(), 0);
    }
}
