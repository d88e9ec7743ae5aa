//! Metrics of ingest.

use crate::completeness::{Completeness, Progress};
use crate::hour::{HOUR_MS, start_of};
use crate::ledger::Applied;
use crate::store::ShardName;

/// Looks that failed, in part or as a whole.
pub(super) const FAILED_LOOKS: &str = "metering_failed_looks_total";
const REFUSALS: &str = "metering_objects_refused_total";
const REFUSED_NOW: &str = "metering_objects_refused";
const TAKEN: &str = "metering_objects_ingested_total";
const ENTRIES: &str = "metering_entries_ingested_total";
const LATE: &str = "metering_late_entries_total";
const UNOWNED: &str = "metering_unowned_entries_total";
const AFTER_RETIREMENT: &str = "metering_retired_entries_total";
const GAP: &str = "metering_shard_gap";
const UNSEALED: &str = "metering_shard_unsealed_seconds";
const OPEN_HOURS: &str = "metering_open_hours";

/// Counts an object, and reports faults of its cell.
pub(super) fn applied(name: &ShardName, key: &str, applied: Applied) {
    let Applied::Taken { entries, late, unowned } = applied else { return };
    metrics::counter!(TAKEN, "cell" => name.cell_id.clone()).increment(1);
    metrics::counter!(ENTRIES, "cell" => name.cell_id.clone()).increment(entries as u64);
    if late > 0 {
        metrics::counter!(LATE, "cell" => name.cell_id.clone()).increment(late as u64);
        tracing::warn!(key, late, "usage of hours that were sealed; it is counted");
    }
    if unowned > 0 {
        metrics::counter!(UNOWNED, "cell" => name.cell_id.clone()).increment(unowned as u64);
        tracing::warn!(
            key,
            unowned,
            "usage of namespaces whose owner no object names; it is on nobody's bill"
        );
    }
}

/// Reports usage of a cell that was retired, of later than it was to use anything.
pub(super) fn after_retirement(name: &ShardName, key: &str, entries: usize) {
    if entries > 0 {
        metrics::counter!(AFTER_RETIREMENT, "cell" => name.cell_id.clone()).increment(entries as u64);
        tracing::warn!(key, entries, "usage of a cell from after its last hour; it is counted");
    }
}

/// Counts a reading of an object that is damaged or foreign.
pub(super) fn refusal() {
    metrics::counter!(REFUSALS).increment(1);
}

/// Objects that are wanted and cannot be read now. Above 0 is an alert: usage is missing until they are whole again.
pub(super) fn refused_now(count: usize) {
    metrics::gauge!(REFUSED_NOW).set(count as f64);
}

/// Whether the shard waits for rows that are missing.
pub(super) fn gap(name: &ShardName, gap: bool) {
    let gauge = metrics::gauge!(GAP, "cell" => name.cell_id.clone(), "shard" => name.shard.to_string());
    gauge.set(f64::from(u8::from(gap)));
}

/// How long each shard has not sealed (an hour and a bit is usual), and how many ended hours are open in some cell.
pub(super) fn progress(progress: &Progress, expected_cells: &[String], now_ms: i64) {
    for shard in &progress.shards {
        if let Some(sealed) = shard.sealed_until_ms {
            let labels = [("cell", shard.cell_id.clone()), ("shard", shard.shard.to_string())];
            metrics::gauge!(UNSEALED, &labels).set(now_ms.saturating_sub(sealed) as f64 / 1e3);
        }
    }
    if let Some(until) = Completeness::of(progress, expected_cells).complete_until() {
        let open = (start_of(now_ms) - until).max(0) / HOUR_MS;
        metrics::gauge!(OPEN_HOURS).set(open as f64);
    }
}
