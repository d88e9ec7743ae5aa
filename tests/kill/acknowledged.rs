//! What the cell said yes to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// Refusals that are kept: one tells enough.
const MOST_REFUSALS: usize = 20;

/// A kind of call.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Kind {
    Start,
    Signal,
    /// An answer to a workflow task that does not close the workflow.
    WorkflowTask,
    /// One that does.
    Completion,
    /// An activity's result.
    Activity,
    /// An activity's failure that is to be retried.
    FailedAttempt,
    /// A wait for the end of a workflow that saw it.
    LongPoll,
    /// A query that was refused by its condition, or answered.
    Query,
}

/// What the cell said yes to, and what it should not have said no to.
#[derive(Clone, Default)]
pub struct Acknowledged {
    /// Workflow ids that may exist: a start was sent, acknowledged or not, or a parent was told to start them.
    pub attempted: BTreeSet<String>,
    pub starts: BTreeSet<String>,
    /// (workflow id, signal name).
    pub signals: BTreeSet<(String, String)>,
    pub completions: BTreeSet<String>,
    /// Workflow ids with the id of the closing event that a long poll saw.
    pub closings: BTreeMap<String, i64>,
    /// Workflow ids whose activity of a single attempt was handed out, and how often.
    pub handed_out_once: BTreeMap<String, usize>,
    /// Queries that were sent, acknowledged or not.
    pub queries_sent: usize,
    /// Refusals that no crash explains.
    pub refusals: Vec<String>,
    counts: BTreeMap<Kind, usize>,
}

impl Acknowledged {
    /// One more of a kind.
    pub fn add(&mut self, kind: Kind) {
        *self.counts.entry(kind).or_default() += 1;
    }

    /// A refusal that no crash explains.
    pub fn refused(&mut self, refusal: String) {
        if self.refusals.len() < MOST_REFUSALS {
            self.refusals.push(refusal);
        }
    }

    /// How many of a kind there were.
    pub fn count(&self, kind: Kind) -> usize {
        self.counts.get(&kind).copied().unwrap_or_default()
    }

    /// How many of all kinds.
    pub fn calls(&self) -> usize {
        self.counts.values().sum()
    }
}

impl fmt::Display for Acknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts: Vec<String> =
            self.counts.iter().map(|(kind, count)| format!("{kind:?} {count}")).collect();
        f.write_str(&counts.join(", "))
    }
}
