//! Hours that should be complete and are not.

use std::collections::{BTreeMap, BTreeSet};

use crate::completeness::{Completeness, Missing, Progress};
use crate::config::ALERT_AFTER;
use crate::hour::{HOUR_MS, start_of};

/// Shard hours named in one look's alerts.
const MOST_MISSING: usize = 1_000;

/// Warns once for each cell and hour that is open too long after its end. Answers what it warned of.
pub(super) fn alert(
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
        let manifest =
            Manifest { cell_id, incarnation, shard_count: 1, first_hour_ms: 0, region: String::new() };
        let shard = |sealed_until_ms| ShardProgress {
            shard_id: 1,
            cell_id: "a".to_owned(),
            incarnation,
            shard: 0,
            watermark: 1,
            sealed_until_ms: Some(sealed_until_ms),
            written_at_ms: 0,
        };
        let progress = |sealed| Progress {
            manifests: vec![manifest.clone()],
            shards: vec![shard(sealed)],
            cube_version: 0,
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
}
