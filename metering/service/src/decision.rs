//! What operators have decided about usage that is not there. Pure.
//!
//! A decision is made once, for one log incarnation of a cell, and is never taken back: it says who made it, when and
//! why. What comes all the same is counted, rows that were skipped aside.

use uuid::Uuid;

/// Most that are kept: every answer reads all of them.
pub(crate) const MOST_DECISIONS: usize = 1_000;

/// Longest reason, in bytes: it stands on invoices.
pub(crate) const MOST_REASON: usize = 500;

/// What was decided, with its number in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The incarnation was ended in good order: it is asked for no hour from this on.
    Retired {
        /// Start of the first hour that is not asked for.
        until_ms: i64,
    },
    /// The incarnation is lost: its hours from this on are complete, sealed or not, until it seals one behind that of
    /// the decision.
    Lost {
        /// Start of the first hour that is given up.
        since_ms: i64,
    },
    /// Rows `[from_seq, to_seq)` of a shard were given up.
    Skipped {
        /// Shard.
        shard: u32,
        /// First row.
        from_seq: u64,
        /// One past the last.
        to_seq: u64,
        /// Start of the first hour that the rows may be of: the first that the shard had not sealed.
        since_ms: i64,
    },
}

/// A decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decision {
    /// Cell.
    pub(crate) cell_id: String,
    /// Log incarnation.
    pub(crate) incarnation: Uuid,
    /// What.
    pub(crate) verdict: Verdict,
    /// Why.
    pub(crate) reason: String,
    /// Who.
    pub(crate) decided_by: String,
    /// When, Unix milliseconds.
    pub(crate) decided_at_ms: i64,
}

/// Who decides, when and why.
#[derive(Debug, Clone)]
pub(crate) struct Signed {
    /// Why.
    pub(crate) reason: String,
    /// Who.
    pub(crate) decided_by: String,
    /// When, Unix milliseconds.
    pub(crate) decided_at_ms: i64,
}

impl Signed {
    /// What is decided about an incarnation.
    pub(crate) fn decision(&self, cell_id: &str, incarnation: Uuid, verdict: Verdict) -> Decision {
        let Self { reason, decided_by, decided_at_ms } = self.clone();
        Decision { cell_id: cell_id.to_owned(), incarnation, verdict, reason, decided_by, decided_at_ms }
    }
}

impl Decision {
    /// Whether it is about this log incarnation.
    pub(crate) fn is_of(&self, cell_id: &str, incarnation: Uuid) -> bool {
        self.cell_id == cell_id && self.incarnation == incarnation
    }
}

/// From when on an incarnation is not asked any more; none where it was not retired.
pub(crate) fn retired(decisions: &[Decision], cell_id: &str, incarnation: Uuid) -> Option<i64> {
    decisions.iter().filter(|decision| decision.is_of(cell_id, incarnation)).find_map(|decision| {
        match decision.verdict {
            Verdict::Retired { until_ms } => Some(until_ms),
            Verdict::Lost { .. } | Verdict::Skipped { .. } => None,
        }
    })
}

/// From when on an incarnation is given up, and when that was decided; none where it was not lost.
pub(crate) fn lost(decisions: &[Decision], cell_id: &str, incarnation: Uuid) -> Option<(i64, i64)> {
    decisions.iter().filter(|decision| decision.is_of(cell_id, incarnation)).find_map(|decision| {
        match decision.verdict {
            Verdict::Lost { since_ms } => Some((since_ms, decision.decided_at_ms)),
            Verdict::Retired { .. } | Verdict::Skipped { .. } => None,
        }
    })
}
