//! The end of a shard's log: what was applied, what is on its way, what is durable, and who waits for it.

use super::batch::OpenBatch;
use super::tail::Tail;
use crate::memory::START;
use crate::time::HOUR_MS;
use cell_store::Position;
use std::collections::VecDeque;
use tokio::sync::oneshot;

/// Answers that wait before it is looked whether anybody still waits for them.
const WAITERS_LOOKED_OVER: usize = 4_096;

/// The end of a shard's log.
pub(crate) struct LogHead {
    pub(crate) open: OpenBatch,
    /// Ordinal of the last applied record; counts from the acquisition, behind all that was replayed.
    pub(crate) applied: u64,
    /// Ordinal of the last durable record.
    pub(crate) durable: u64,
    /// Last durable log row.
    pub(crate) durable_seq: u64,
    /// Answers that wait for an ordinal, in order.
    waiters: VecDeque<(u64, oneshot::Sender<()>)>,
    /// At this many, those whose callers went away are left out.
    waiters_looked_over_at: usize,
    /// Durable rows since the last checkpoint.
    pub(crate) tail: Tail,
    /// Rows up to this one need no replay.
    pub(crate) checkpoint_seq: u64,
    /// Start of the last sealed hour, Unix milliseconds.
    pub(crate) sealed_hour_ms: Option<i64>,
    /// The same, as far as it is durable: what a checkpoint may say.
    pub(crate) durable_sealed_hour_ms: Option<i64>,
    /// Bytes on their way to the store.
    pub(crate) in_flight_bytes: usize,
    /// Where the last record of the open batch stands.
    pub(crate) last_position: Position,
    /// Row and next index of usage entries.
    pub(crate) entry_index: (u64, u32),
}

impl LogHead {
    /// Usage may have times from here on (Unix milliseconds): every hour before is sealed.
    pub(crate) fn unsealed_from(&self) -> i64 {
        self.sealed_hour_ms.map_or(i64::MIN, |sealed| sealed + HOUR_MS)
    }

    pub(crate) fn new() -> Self {
        Self {
            open: OpenBatch::new(1),
            applied: 0,
            durable: 0,
            durable_seq: 0,
            waiters: VecDeque::new(),
            waiters_looked_over_at: WAITERS_LOOKED_OVER,
            tail: Tail::default(),
            checkpoint_seq: 0,
            sealed_hour_ms: None,
            durable_sealed_hour_ms: None,
            in_flight_bytes: 0,
            last_position: START,
            entry_index: (0, 0),
        }
    }

    /// A receiver that is told when `ordinal` is durable; `None` when it is already.
    pub(crate) fn wait_for(&mut self, ordinal: u64) -> Option<oneshot::Receiver<()>> {
        if ordinal <= self.durable {
            return None;
        }
        if self.waiters.len() >= self.waiters_looked_over_at {
            // While the store is away callers give up, and others come.
            self.waiters.retain(|(_, sender)| !sender.is_closed());
            self.waiters_looked_over_at = WAITERS_LOOKED_OVER.max(2 * self.waiters.len());
        }
        let (sender, receiver) = oneshot::channel();
        // Answers mostly wait for the newest record; a read may wait for an older one.
        let at = self.waiters.partition_point(|(waits_for, _)| *waits_for <= ordinal);
        self.waiters.insert(at, (ordinal, sender));
        Some(receiver)
    }

    /// Records up to `ordinal`, rows up to `seq` are durable: takes out the answers that may leave.
    pub(crate) fn durable_to(&mut self, ordinal: u64, seq: u64) -> Vec<oneshot::Sender<()>> {
        self.durable = ordinal;
        self.durable_seq = seq;
        let ready = self.waiters.partition_point(|(waits_for, _)| *waits_for <= ordinal);
        self.waiters.drain(..ready).map(|(_, sender)| sender).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_that_nobody_waits_for_any_more_do_not_pile_up() {
        let mut log = LogHead::new();
        let kept = log.wait_for(7).expect("nothing is durable");
        for n in 0..100_000 {
            drop(log.wait_for(1 + n % 9));
        }
        assert!(log.waiters.len() < 10_000, "{}", log.waiters.len());
        assert_eq!(log.durable_to(7, 1).into_iter().filter(|answer| !answer.is_closed()).count(), 1);
        drop(kept);
    }

    #[test]
    fn answers_are_looked_over_only_once_they_have_doubled() {
        let mut log = LogHead::new();
        let mut waiting: Vec<_> = (0..4_097).map(|_| log.wait_for(1)).collect();
        waiting.drain(..1_000);
        waiting.extend((0..4_095).map(|_| log.wait_for(1)));
        assert_eq!(log.waiters.len(), 8_192, "not yet");
        waiting.push(log.wait_for(1));
        assert_eq!(log.waiters.len(), 7_193);
    }
}
