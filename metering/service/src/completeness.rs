//! Which hours are complete. Pure.
//!
//! A manifest says from which hour on a log incarnation must seal, and how many shards do. An hour of a cell is
//! complete when every shard of the incarnation that was in force has sealed it; hours before the first incarnation ask
//! for nothing. An incarnation is in force until the first hour of the next one, or until the one from which on an
//! operator has retired it. Hours of one that an operator has given up are complete by that decision, which is then
//! told with them ([`Exemption`]): up to when it was decided, where the cell seals on, and for good else.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::decision::{Decision, Verdict, lost, retired};
use crate::hour::{HOUR_MS, ceiling, start_of};
use crate::ledger::FIRST_ROW;
use crate::lineage::Fate;

/// What the hours of a cell must contain, from one hour on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Manifest {
    /// Cell.
    pub(crate) cell_id: String,
    /// Log incarnation.
    pub(crate) incarnation: Uuid,
    /// Shards that seal.
    pub(crate) shard_count: u32,
    /// First hour that they must seal.
    pub(crate) first_hour_ms: i64,
    /// Region, for people.
    pub(crate) region: String,
    /// What it goes on from; none where it began with nothing.
    pub(crate) restored: Option<Restored>,
}

/// What an incarnation goes on from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Restored {
    /// The incarnation that it replaces.
    pub(crate) replaces: Uuid,
    /// By shard, the first row of its log: rows before it are the replaced one's.
    pub(crate) first_rows: Vec<u64>,
    /// When it began to go on, Unix milliseconds of shard time.
    pub(crate) at_ms: i64,
}

impl Restored {
    /// The first row of a shard's log.
    pub(crate) fn first_row(&self, shard: u32) -> u64 {
        self.first_rows.get(shard as usize).copied().unwrap_or(FIRST_ROW)
    }
}

/// How far a shard is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardProgress {
    /// Row in the database.
    pub(crate) shard_id: i64,
    /// The row whose ledger it goes on with: often its own.
    pub(crate) ledger_id: i64,
    /// Cell.
    pub(crate) cell_id: String,
    /// Log incarnation.
    pub(crate) incarnation: Uuid,
    /// Number within the cell.
    pub(crate) shard: u32,
    /// Log rows before this one are in.
    pub(crate) watermark: u64,
    /// End of the last sealed hour.
    pub(crate) sealed_until_ms: Option<i64>,
    /// Shard time up to which objects have spoken.
    pub(crate) written_at_ms: i64,
    /// Objects taken in so far.
    pub(crate) objects: u64,
    /// The watermark when sealed hours were last corrected; 0 where they never were.
    pub(crate) corrected_at: u64,
    /// Log rows that were given up.
    pub(crate) skipped_rows: u64,
    /// What became of its rows, as far as that is done.
    pub(crate) fate: Fate,
}

impl ShardProgress {
    /// How far a ledger is, of all logs that go on with it: of `root`, whose it is, and of the others.
    pub(crate) fn together<'a>(logs: impl IntoIterator<Item = &'a Self>) -> Option<Self> {
        logs.into_iter().cloned().reduce(|one, other| {
            let root = if one.shard_id == one.ledger_id { &one } else { &other };
            Self {
                sealed_until_ms: one.sealed_until_ms.max(other.sealed_until_ms),
                written_at_ms: one.written_at_ms.max(other.written_at_ms),
                skipped_rows: one.skipped_rows.saturating_add(other.skipped_rows),
                ..root.clone()
            }
        })
    }
}

/// How far everything is in, as of one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// By cell and first hour.
    pub(crate) manifests: Vec<Manifest>,
    /// Shards that an object was taken in of.
    pub(crate) shards: Vec<ShardProgress>,
    /// What operators have decided, oldest first.
    pub(crate) decisions: Vec<Decision>,
}

impl Progress {
    /// How far each ledger is.
    pub(crate) fn ledgers(&self) -> Vec<ShardProgress> {
        let mut ledgers: BTreeMap<i64, Vec<&ShardProgress>> = BTreeMap::new();
        for shard in &self.shards {
            ledgers.entry(shard.ledger_id).or_default().push(shard);
        }
        ledgers.into_values().filter_map(ShardProgress::together).collect()
    }

    /// Whether another incarnation of its cell has taken over.
    pub(crate) fn is_replaced(&self, manifest: &Manifest) -> bool {
        let mut others = self.manifests.iter().filter(|other| other.cell_id == manifest.cell_id);
        others.any(|other| takes_over(other, manifest))
    }
}

/// A shard's hour that is not in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Missing {
    /// Start of the hour.
    pub(crate) hour_ms: i64,
    /// Cell.
    pub(crate) cell_id: String,
    /// Shard.
    pub(crate) shard: u32,
}

/// Hours that one incarnation of a cell must seal.
#[derive(Debug)]
struct Term {
    incarnation: Uuid,
    first_hour_ms: i64,
    /// The first hour that is not asked for: that of the next incarnation, or the one from which on it is retired.
    end_ms: i64,
    /// End of the last sealed hour of every shard.
    sealed_until_ms: Vec<i64>,
    /// Hours that are given up: the first, and the first that is asked for again, which is [`i64::MAX`] as long as
    /// nothing says that the cell lives on.
    lost: Option<(i64, i64)>,
}

impl Term {
    /// Every hour before this is sealed by every shard, or given up.
    fn complete_until(&self) -> i64 {
        let sealed = self.sealed_until();
        match self.lost {
            Some((since, until)) if since <= sealed => sealed.max(until),
            Some(_) | None => sealed,
        }
    }

    fn sealed_until(&self) -> i64 {
        self.sealed_until_ms.iter().copied().min().unwrap_or(self.first_hour_ms)
    }

    fn asks_for(&self, hour_ms: i64) -> bool {
        self.first_hour_ms <= hour_ms && hour_ms < self.end_ms
    }

    /// Shards whose hour is missing.
    fn missing(&self, hour_ms: i64) -> impl Iterator<Item = u32> {
        let is_given_up = self.lost.is_some_and(|(since, until)| (since..until).contains(&hour_ms));
        let is_asked = self.asks_for(hour_ms) && !is_given_up;
        let unsealed =
            (0u32..).zip(&self.sealed_until_ms).filter(move |(_, until)| is_asked && **until <= hour_ms);
        unsealed.map(|(shard, _)| shard)
    }
}

/// Hours that count as complete though usage of them is missing, because of a decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Exemption<'a> {
    /// What was decided.
    pub(crate) decision: &'a Decision,
    /// First hour.
    pub(crate) start_ms: i64,
    /// One past the last; none where there is none.
    pub(crate) end_ms: i64,
}

/// What is complete, by cell.
#[derive(Debug)]
pub(crate) struct Completeness<'a> {
    /// Terms in order of time; none for an expected cell that has said nothing yet.
    cells: BTreeMap<String, Vec<Term>>,
    decisions: &'a [Decision],
}

impl<'a> Completeness<'a> {
    /// Of all cells that have a manifest, and those that are expected to.
    pub(crate) fn of(progress: &'a Progress, expected_cells: &[String]) -> Self {
        let sealed: BTreeMap<(&str, Uuid, u32), i64> = progress
            .shards
            .iter()
            .filter_map(|s| Some(((s.cell_id.as_str(), s.incarnation, s.shard), s.sealed_until_ms?)))
            .collect();
        let decisions = &progress.decisions;
        let mut cells: BTreeMap<String, Vec<Term>> =
            expected_cells.iter().map(|cell| (cell.clone(), Vec::new())).collect();
        for manifest in &progress.manifests {
            let Manifest { cell_id, incarnation, first_hour_ms, .. } = manifest;
            let until = |shard| {
                let key = (cell_id.as_str(), *incarnation, shard);
                // What replaced incarnations have used may be of any hour of those that came after.
                let sealed = sealed.get(&key).copied().filter(|_| progress.is_settled(manifest, shard));
                sealed.unwrap_or(*first_hour_ms).max(*first_hour_ms)
            };
            let sealed_until_ms: Vec<i64> = (0..manifest.shard_count).map(until).collect();
            // A shard that has sealed an hour behind the decision lives, and so does its cell: it is asked again.
            let lost = lost(decisions, cell_id, *incarnation).map(|(since, decided)| {
                let known = ceiling(decided).max(since);
                let lives_on = sealed_until_ms.iter().any(|sealed| *sealed > known);
                (since, if lives_on { known } else { i64::MAX })
            });
            let term = Term {
                incarnation: *incarnation,
                first_hour_ms: *first_hour_ms,
                end_ms: end_of(manifest, progress),
                sealed_until_ms,
                lost,
            };
            cells.entry(cell_id.clone()).or_default().push(term);
        }
        Self { cells, decisions }
    }

    /// Whether every shard of the cell that has to has sealed the hour.
    pub(crate) fn is_complete(&self, cell_id: &str, hour_ms: i64) -> bool {
        let Some(terms) = self.cells.get(cell_id).filter(|terms| !terms.is_empty()) else { return false };
        terms.iter().all(|term| term.missing(hour_ms).next().is_none())
    }

    /// Every hour of every cell before this is complete; none where a cell has said nothing yet, or there is no cell.
    /// [`i64::MAX`] where no cell is asked for anything any more.
    pub(crate) fn complete_until(&self) -> Option<i64> {
        let of_cell = |terms: &Vec<Term>| {
            let unfinished = terms.iter().map(|term| (term.complete_until(), term.end_ms));
            let first = unfinished.filter(|(until, end)| until < end).map(|(until, _)| until).min();
            (!terms.is_empty()).then(|| first.unwrap_or(i64::MAX))
        };
        self.cells.values().map(of_cell).min().flatten()
    }

    /// What is missing of hours from `from_ms` on and before `to_ms`: earliest first, at most `limit`.
    pub(crate) fn missing(&self, from_ms: i64, to_ms: i64, limit: usize) -> Vec<Missing> {
        // Every hour before is complete.
        let mut hour = self.complete_until().unwrap_or(from_ms).max(from_ms);
        let mut missing = Vec::new();
        while hour < to_ms && missing.len() < limit {
            let of_hour: BTreeSet<Missing> =
                self.cells.iter().flat_map(|(cell, terms)| missing_of(cell, terms, hour)).collect();
            missing.extend(of_hour);
            hour += HOUR_MS;
        }
        missing.truncate(limit);
        missing
    }

    /// What was decided about hours from `from_ms` on and before `to_ms` that nothing else makes complete.
    pub(crate) fn exemptions(&self, from_ms: i64, to_ms: i64) -> Vec<Exemption<'a>> {
        let hours = |decision: &'a Decision| {
            let (start_ms, end_ms) = self.hours_of(decision)?;
            (start_ms < to_ms && from_ms < end_ms).then_some(Exemption { decision, start_ms, end_ms })
        };
        self.decisions.iter().filter_map(hours).collect()
    }

    /// Hours of which usage may be missing by a decision. A cell used nothing after it was known to be lost, and rows
    /// are of no later time than the decision to skip them.
    fn hours_of(&self, decision: &Decision) -> Option<(i64, i64)> {
        let decided = ceiling(decision.decided_at_ms);
        match decision.verdict {
            Verdict::Retired { .. } => None,
            Verdict::Skipped { since_ms, .. } => Some((since_ms, decided.max(since_ms + HOUR_MS))),
            Verdict::Lost { since_ms } => {
                let terms = self.cells.get(&decision.cell_id)?;
                let term = terms.iter().find(|term| term.incarnation == decision.incarnation)?;
                let start = term.sealed_until().max(since_ms);
                let end = term.end_ms.min(decided.max(since_ms + HOUR_MS));
                (start < end).then_some((start, end))
            }
        }
    }
}

/// The first hour that an incarnation is not asked for. One that was given up for another restore of what it goes on
/// from is asked for none: what it had sealed, that other one has or seals.
fn end_of(manifest: &Manifest, progress: &Progress) -> i64 {
    if progress.is_abandoned(manifest) {
        return manifest.first_hour_ms;
    }
    let of_cell = progress.manifests.iter().filter(|other| other.cell_id == manifest.cell_id);
    let of_cell = of_cell.filter(|other| !progress.is_abandoned(other));
    let next = of_cell.filter(|other| takes_over(other, manifest)).map(|other| other.first_hour_ms).min();
    let retired = retired(&progress.decisions, &manifest.cell_id, manifest.incarnation);
    next.into_iter().chain(retired).min().unwrap_or(i64::MAX)
}

/// Whether an incarnation of a cell takes over from another. Of two that begin in the same hour none does, where
/// neither says so: nobody can tell which of them lives, and both must seal, until an operator says that one is lost.
pub(crate) fn takes_over(later: &Manifest, earlier: &Manifest) -> bool {
    let replaces = |one: &Manifest| one.restored.as_ref().map(|restored| restored.replaces);
    if replaces(later) == Some(earlier.incarnation) || replaces(earlier) == Some(later.incarnation) {
        return replaces(later) == Some(earlier.incarnation);
    }
    match (&later.restored, &earlier.restored) {
        (Some(one), Some(other)) if one.at_ms != other.at_ms => one.at_ms > other.at_ms,
        _ => began(later) > began(earlier),
    }
}

/// The hour in which an incarnation began.
fn began(manifest: &Manifest) -> i64 {
    let restored = manifest.restored.as_ref().map_or(manifest.first_hour_ms, |restored| restored.at_ms);
    start_of(restored.max(manifest.first_hour_ms))
}

fn missing_of(cell_id: &str, terms: &[Term], hour_ms: i64) -> Vec<Missing> {
    let of_shard = |shard: u32| Missing { hour_ms, cell_id: cell_id.to_owned(), shard };
    if terms.is_empty() {
        return vec![of_shard(0)];
    }
    terms.iter().flat_map(|term| term.missing(hour_ms)).map(of_shard).collect()
}

#[cfg(test)]
mod tests;
