//! Hours that should be complete and are not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::completeness::{Completeness, Missing, Progress};
use crate::config::ALERT_AFTER;
use crate::hour::{HOUR_MS, start_of};

/// How long metering lets cells catch up after its own start.
const SETTLING: Duration = Duration::from_secs(60);
/// Shard hours named in one look's alerts.
const MOST_MISSING: usize = 1_000;

/// What was warned of, in memory only.
#[derive(Debug, Default)]
pub(super) struct Alerts {
    /// When this first looked, Unix milliseconds.
    since_ms: Option<i64>,
    given: BTreeSet<(String, i64)>,
}

impl Alerts {
    /// Warns once for each cell and hour that is open too long after its end. Answers what it warned of.
    ///
    /// Nothing is late in the first minute: after a standstill of the whole cloud, cells seal what has ended meanwhile
    /// as soon as they are back, and a new cell has to say its first word.
    pub(super) fn look(
        &mut self,
        progress: &Progress,
        expected_cells: &[String],
        now_ms: i64,
    ) -> Vec<(String, i64)> {
        // A clock that was set back must not make it wait for the time that it once told.
        let since_ms = self.since_ms.map_or(now_ms, |since| since.min(now_ms));
        self.since_ms = Some(since_ms);
        if now_ms - since_ms < SETTLING.as_millis() as i64 {
            return Vec::new();
        }
        alert(progress, expected_cells, now_ms, &mut self.given)
    }
}

fn alert(
    progress: &Progress,
    expected_cells: &[String],
    now_ms: i64,
    alerted: &mut BTreeSet<(String, i64)>,
) -> Vec<(String, i64)> {
    let completeness = Completeness::of(progress, expected_cells);
    let to = start_of(now_ms - ALERT_AFTER.as_millis() as i64);
    // A cell that has said nothing yet is asked about the last hour only.
    let from = completeness.complete_until().unwrap_or(to - HOUR_MS);
    let mut late: BTreeMap<(String, i64), Vec<u32>> = BTreeMap::new();
    for Missing { hour_ms, cell_id, shard } in completeness.missing(from, to, MOST_MISSING) {
        late.entry((cell_id, hour_ms)).or_default().push(shard);
    }
    alerted.retain(|hour| late.contains_key(hour));
    let mut new = Vec::new();
    for ((cell_id, hour_ms), shards) in late {
        if alerted.insert((cell_id.clone(), hour_ms)) {
            let hour =
                jiff::Timestamp::from_millisecond(hour_ms).map(|at| at.to_string()).unwrap_or_default();
            tracing::warn!(cell_id, hour, ?shards, "an hour of usage is open long after its end");
            new.push((cell_id, hour_ms));
        }
    }
    new
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::completeness::{Manifest, ShardProgress};

    #[test]
    fn an_hour_is_alerted_once_and_only_when_it_is_late() {
        let incarnation = uuid::Uuid::nil();
        let cell_id = "a".to_owned();
        let manifest = Manifest {
            cell_id,
            incarnation,
            shard_count: 1,
            first_hour_ms: 0,
            region: String::new(),
            restored: None,
        };
        let shard = |sealed_until_ms| ShardProgress {
            shard_id: 1,
            ledger_id: 1,
            cell_id: "a".to_owned(),
            incarnation,
            shard: 0,
            watermark: 1,
            sealed_until_ms: Some(sealed_until_ms),
            written_at_ms: 0,
            objects: 1,
            corrected_at: 0,
            skipped_rows: 0,
            fate: crate::lineage::Fate::default(),
        };
        let progress = |sealed| Progress {
            manifests: vec![manifest.clone()],
            shards: vec![shard(sealed)],
            ..Progress::default()
        };
        let mut alerted = BTreeSet::new();
        // Hour 1 ends at 2 h: it is late from 3 h on.
        assert_eq!(alert(&progress(HOUR_MS), &[], 3 * HOUR_MS - 1, &mut alerted), []);
        assert_eq!(alert(&progress(HOUR_MS), &[], 3 * HOUR_MS, &mut alerted), [("a".to_owned(), HOUR_MS)]);
        assert_eq!(alert(&progress(HOUR_MS), &[], 3 * HOUR_MS, &mut alerted), []);
        assert_eq!(
            alert(&progress(HOUR_MS), &[], 4 * HOUR_MS, &mut alerted),
            [("a".to_owned(), 2 * HOUR_MS)]
        );
        assert_eq!(alert(&progress(3 * HOUR_MS), &[], 4 * HOUR_MS, &mut alerted), []);
        assert!(alerted.is_empty(), "what came in is forgotten");
    }

    #[test]
    fn cells_may_catch_up_after_a_start() {
        let silent = ["a".to_owned()];
        let nothing = Progress::default();
        let mut alerts = Alerts::default();
        let begin = 5 * HOUR_MS;
        assert_eq!(alerts.look(&nothing, &silent, begin), []);
        assert_eq!(alerts.look(&nothing, &silent, begin + 59_999), []);
        let late = ("a".to_owned(), 3 * HOUR_MS);
        assert_eq!(alerts.look(&nothing, &silent, begin + 60_000), [late]);
        assert_eq!(alerts.look(&nothing, &silent, begin + 60_001), [], "once");
    }

    #[test]
    fn a_clock_that_goes_back_does_not_silence_alerts() {
        let silent = ["a".to_owned()];
        let nothing = Progress::default();
        let mut alerts = Alerts::default();
        assert_eq!(alerts.look(&nothing, &silent, 1_000 * HOUR_MS), []);
        assert_eq!(alerts.look(&nothing, &silent, 5 * HOUR_MS), []);
        let late = ("a".to_owned(), 3 * HOUR_MS);
        assert_eq!(alerts.look(&nothing, &silent, 5 * HOUR_MS + 60_000), [late]);
    }
}
