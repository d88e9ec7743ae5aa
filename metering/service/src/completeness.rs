//! Which hours are complete: those that every shard that must seal them has sealed.

use crate::hours::HOUR_MS;
use std::collections::BTreeMap;

/// Most missing shard hours that an answer names.
pub(crate) const MISSING_SHOWN: usize = 100;

/// One incarnation of a cell's log, with what its shards have sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Incarnation {
    pub(crate) cell_id: String,
    /// First hour that it must seal.
    pub(crate) first_hour_ms: i64,
    /// For each shard, the end of the last hour that it sealed.
    pub(crate) sealed_until_ms: Vec<Option<i64>>,
}

/// A shard that has not sealed an hour, or not delivered the seal.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Missing {
    pub(crate) hour_ms: i64,
    pub(crate) cell_id: String,
    pub(crate) shard: u32,
}

/// What every hour must contain.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    /// By cell and in order of their first hours: each is responsible until the next begins.
    cells: BTreeMap<String, Vec<Incarnation>>,
    /// Cells that must exist and never said anything.
    unknown: Vec<String>,
}

impl Coverage {
    /// From everything that is known, and the cells that must exist.
    pub(crate) fn new(mut incarnations: Vec<Incarnation>, expected: &[String]) -> Self {
        incarnations.sort_by_key(|incarnation| incarnation.first_hour_ms);
        let mut cells: BTreeMap<String, Vec<Incarnation>> = BTreeMap::new();
        for incarnation in incarnations {
            cells.entry(incarnation.cell_id.clone()).or_default().push(incarnation);
        }
        let unknown = expected.iter().filter(|cell| !cells.contains_key(*cell)).cloned().collect();
        Self { cells, unknown }
    }

    /// The first shard hours in `[start, end)` that are missing, by hour, cell and shard. A cell that never said
    /// anything misses the whole period, named by its shard 0.
    pub(crate) fn missing(&self, start_ms: i64, end_ms: i64) -> Vec<Missing> {
        let known = self.cells.values().flat_map(|cell| duties(cell)).map(|duty| {
            (duty.incarnation.cell_id.as_str(), duty.shard, duty.next_ms.max(start_ms), duty.end_ms.min(end_ms))
        });
        let unknown = self.unknown.iter().map(|cell| (cell.as_str(), 0, start_ms, end_ms));
        let mut missing = Vec::new();
        for (cell_id, shard, from_ms, to_ms) in known.chain(unknown) {
            let hours = (0..MISSING_SHOWN as i64).map(|index| from_ms.saturating_add(index * HOUR_MS));
            missing.extend(
                hours
                    .take_while(|hour_ms| *hour_ms < to_ms)
                    .map(|hour_ms| Missing { hour_ms, cell_id: cell_id.to_owned(), shard }),
            );
        }
        missing.sort();
        missing.truncate(MISSING_SHOWN);
        missing
    }

    /// Every hour of the cell that starts before this is complete.
    pub(crate) fn complete_until(&self, cell_id: &str) -> Option<i64> {
        let cell = self.cells.get(cell_id)?;
        duties(cell).filter(|duty| duty.next_ms < duty.end_ms).map(|duty| duty.next_ms).min()
    }

    /// Every hour of every cell that starts before this is complete; none when no hour is.
    pub(crate) fn all_complete_until(&self) -> Option<i64> {
        if !self.unknown.is_empty() {
            return None;
        }
        let until = self.cells.keys().filter_map(|cell| self.complete_until(cell)).min()?;
        let first = self.cells.values().flatten().map(|incarnation| incarnation.first_hour_ms).min()?;
        (until > first).then_some(until)
    }
}

/// The hours `[first, end_ms)` of a shard; those before `next_ms` are sealed.
struct Duty<'a> {
    incarnation: &'a Incarnation,
    shard: u32,
    next_ms: i64,
    end_ms: i64,
}

fn duties(cell: &[Incarnation]) -> impl Iterator<Item = Duty<'_>> {
    cell.iter().enumerate().flat_map(|(index, incarnation)| {
        let end_ms = cell.get(index + 1).map_or(i64::MAX, |next| next.first_hour_ms);
        incarnation.sealed_until_ms.iter().zip(0..).map(move |(sealed, shard)| Duty {
            incarnation,
            shard,
            next_ms: sealed.unwrap_or(i64::MIN).max(incarnation.first_hour_ms),
            end_ms,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const H: i64 = HOUR_MS;

    fn incarnation(cell: &str, first: i64, sealed: &[Option<i64>]) -> Incarnation {
        let sealed_until_ms = sealed.iter().map(|hours| hours.map(|hours| hours * H)).collect();
        Incarnation { cell_id: cell.into(), first_hour_ms: first * H, sealed_until_ms }
    }

    fn missing(coverage: &Coverage, start: i64, end: i64) -> Vec<(i64, String, u32)> {
        coverage.missing(start * H, end * H).into_iter().map(|m| (m.hour_ms / H, m.cell_id, m.shard)).collect()
    }

    #[test]
    fn an_hour_is_complete_when_every_shard_of_every_cell_sealed_it() {
        let a = incarnation("a", 10, &[Some(12), Some(13)]);
        let b = incarnation("b", 11, &[Some(14)]);
        let coverage = Coverage::new(vec![a, b], &["a".into()]);
        assert_eq!(missing(&coverage, 0, 12), []);
        assert_eq!(missing(&coverage, 12, 14), [(12, "a".into(), 0), (13, "a".into(), 0), (13, "a".into(), 1)]);
        assert_eq!(coverage.complete_until("a"), Some(12 * H));
        assert_eq!(coverage.complete_until("b"), Some(14 * H));
        assert_eq!(coverage.all_complete_until(), Some(12 * H));
    }

    #[test]
    fn a_shard_that_never_sealed_misses_everything_from_the_first_hour() {
        let coverage = Coverage::new(vec![incarnation("a", 10, &[Some(12), None])], &[]);
        assert_eq!(missing(&coverage, 9, 11), [(10, "a".into(), 1)]);
        assert_eq!(coverage.all_complete_until(), None);
        assert_eq!(coverage.missing(0, i64::MAX).len(), MISSING_SHOWN);
    }

    #[test]
    fn a_cell_that_must_exist_and_says_nothing_is_missing() {
        let coverage = Coverage::new(vec![incarnation("a", 10, &[Some(12)])], &["z".into()]);
        assert_eq!(missing(&coverage, 10, 11), [(10, "z".into(), 0)]);
        assert_eq!(coverage.all_complete_until(), None);
    }

    #[test]
    fn an_incarnation_is_responsible_until_the_next_begins() {
        let old = incarnation("a", 10, &[Some(12)]);
        let new = incarnation("a", 12, &[Some(15)]);
        let coverage = Coverage::new(vec![new, old], &[]);
        assert_eq!(missing(&coverage, 10, 15), []);
        assert_eq!(coverage.complete_until("a"), Some(15 * H));
        assert_eq!(coverage.complete_until("b"), None);
    }
}
