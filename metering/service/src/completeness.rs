//! Which hours are complete. Pure.
//!
//! A manifest says from which hour on a log incarnation must seal, and how many shards do. An hour of a cell is
//! complete when every shard of the incarnation that was in force has sealed it; hours before the first incarnation ask
//! for nothing. An incarnation is in force until the first hour of the next one.

use std::collections::{BTreeMap, BTreeSet};

use uuid::Uuid;

use crate::hour::HOUR_MS;

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
}

/// How far a shard is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ShardProgress {
    /// Row in the database.
    pub(crate) shard_id: i64,
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
}

/// How far everything is in, as of one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    /// By cell and first hour.
    pub(crate) manifests: Vec<Manifest>,
    /// Shards that an object was taken in of.
    pub(crate) shards: Vec<ShardProgress>,
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
    first_hour_ms: i64,
    /// First hour of the next incarnation.
    end_ms: i64,
    /// End of the last sealed hour of every shard.
    sealed_until_ms: Vec<i64>,
}

impl Term {
    fn complete_until(&self) -> i64 {
        self.sealed_until_ms.iter().copied().min().unwrap_or(self.first_hour_ms)
    }
}

/// What is complete, by cell.
#[derive(Debug)]
pub(crate) struct Completeness {
    /// Terms in order of time; none for an expected cell that has said nothing yet.
    cells: BTreeMap<String, Vec<Term>>,
}

impl Completeness {
    /// Of all cells that have a manifest, and those that are expected to.
    pub(crate) fn of(progress: &Progress, expected_cells: &[String]) -> Self {
        let sealed: BTreeMap<(&str, Uuid, u32), i64> = progress
            .shards
            .iter()
            .filter_map(|s| Some(((s.cell_id.as_str(), s.incarnation, s.shard), s.sealed_until_ms?)))
            .collect();
        let mut cells: BTreeMap<String, Vec<Term>> =
            expected_cells.iter().map(|cell| (cell.clone(), Vec::new())).collect();
        for manifest in &progress.manifests {
            let terms = cells.entry(manifest.cell_id.clone()).or_default();
            if let Some(last) = terms.last_mut() {
                last.end_ms = manifest.first_hour_ms;
            }
            let first_hour_ms = manifest.first_hour_ms;
            let until = |shard| {
                let key = (manifest.cell_id.as_str(), manifest.incarnation, shard);
                sealed.get(&key).copied().unwrap_or(first_hour_ms).max(first_hour_ms)
            };
            let sealed_until_ms = (0..manifest.shard_count).map(until).collect();
            terms.push(Term { first_hour_ms, end_ms: i64::MAX, sealed_until_ms });
        }
        Self { cells }
    }

    /// Whether every shard of the cell has sealed the hour.
    pub(crate) fn is_complete(&self, cell_id: &str, hour_ms: i64) -> bool {
        let Some(terms) = self.cells.get(cell_id).filter(|terms| !terms.is_empty()) else { return false };
        let in_force = terms.iter().rev().find(|term| term.first_hour_ms <= hour_ms);
        in_force.is_none_or(|term| hour_ms < term.complete_until())
    }

    /// Every hour of every cell before this is complete; none where a cell has said nothing yet, or there is no cell.
    pub(crate) fn complete_until(&self) -> Option<i64> {
        let of_cell = |terms: &Vec<Term>| {
            let unfinished = terms.iter().find(|term| term.complete_until() < term.end_ms);
            unfinished.map(Term::complete_until)
        };
        self.cells.values().map(of_cell).min().flatten()
    }

    /// What is missing of hours from `from_ms` on and before `to_ms`: earliest first, at most `limit`.
    pub(crate) fn missing(&self, from_ms: i64, to_ms: i64, limit: usize) -> Vec<Missing> {
        // Every hour before is complete, so that each step of the loop finds something.
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
}

fn missing_of(cell_id: &str, terms: &[Term], hour_ms: i64) -> Vec<Missing> {
    let of_shard = |shard: u32| Missing { hour_ms, cell_id: cell_id.to_owned(), shard };
    if terms.is_empty() {
        return vec![of_shard(0)];
    }
    let Some(term) = terms.iter().rev().find(|term| term.first_hour_ms <= hour_ms) else { return Vec::new() };
    let unsealed = (0u32..).zip(&term.sealed_until_ms).filter(|(_, until)| **until <= hour_ms);
    unsealed.map(|(shard, _)| of_shard(shard)).collect()
}

#[cfg(test)]
mod tests;
