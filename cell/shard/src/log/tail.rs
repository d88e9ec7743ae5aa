//! What a shard's next owner would replay, in bytes, and when that calls for a checkpoint.

use std::collections::VecDeque;

/// After a checkpoint that left much behind (it failed, or an entity that is kept aside holds the trim), the
/// next one waits for this share of the limit to be written anew: trying again at once would gain nothing.
const REGROWTH: usize = 8;

/// Durable log rows after the checkpoint.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    /// (`seq`, bytes) in order.
    rows: VecDeque<(u64, usize)>,
    bytes: usize,
    /// Bytes that became durable since the last checkpoint began.
    grown: usize,
}

impl Tail {
    /// A row is durable.
    pub(crate) fn push(&mut self, seq: u64, bytes: usize) {
        self.rows.push_back((seq, bytes));
        self.bytes += bytes;
        self.grown += bytes;
    }

    /// The checkpoint stands at `through`: rows up to there are replayed no more.
    pub(crate) fn checkpointed(&mut self, through: u64) {
        while let Some((_, bytes)) = self.rows.pop_front_if(|(seq, _)| *seq <= through) {
            self.bytes -= bytes;
        }
    }

    /// A checkpoint begins. Nothing is taken off before it has succeeded.
    pub(crate) fn attempted(&mut self) {
        self.grown = 0;
    }

    /// Bytes of all rows.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether the tail is above `limit`, and enough of it is new for a checkpoint to be of use.
    pub(crate) fn exceeds(&self, limit: usize) -> bool {
        self.bytes >= limit && self.grown >= limit / REGROWTH
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_the_checkpoint_passed_is_taken_off() {
        let mut tail = Tail::default();
        (1..=10).for_each(|seq| tail.push(seq, 10));
        assert!(tail.exceeds(100) && !tail.exceeds(101));
        tail.attempted();
        assert_eq!(tail.bytes(), 100, "it may yet fail");
        tail.checkpointed(4);
        assert_eq!(tail.bytes(), 60);
        tail.push(11, 5);
        assert!(!tail.exceeds(60), "not again at once");
        tail.push(12, 5);
        assert!(tail.exceeds(60), "but when it has grown");
        tail.checkpointed(12);
        assert_eq!(tail.bytes(), 0);
    }
}
