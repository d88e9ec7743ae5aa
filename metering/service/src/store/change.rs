//! What an object changes in the ledger of its shard.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::ledger::{KnownOwner, Ledger, OpenHour, Quantity, StorageKey};

/// The difference between a ledger as it was loaded and as it is to stand. Lists are in the order of their keys.
pub(crate) struct Change<'a> {
    /// Log rows before this one are in.
    pub(super) watermark: u64,
    /// End of the last sealed hour.
    pub(super) sealed_until_ms: Option<i64>,
    /// Shard time up to which objects have spoken.
    pub(super) written_at_ms: i64,
    /// The watermark when sealed hours were last corrected.
    pub(super) corrected_at: u64,
    /// Log rows that were given up.
    pub(super) skipped_rows: u64,
    /// What became of the log's rows.
    pub(super) fate: String,
    /// Owners that are new or other ones.
    pub(super) owners: Vec<(Uuid, &'a KnownOwner)>,
    /// Owners that nothing refers to any more.
    pub(super) owners_gone: Vec<Uuid>,
    /// Bytes that stand now.
    pub(super) standing: Vec<(StorageKey, Quantity)>,
    /// Of which none stand any more.
    pub(super) standing_gone: Vec<StorageKey>,
    /// Changes in unsealed hours, by start of the hour.
    pub(super) open: Vec<(i64, StorageKey, OpenHour)>,
    /// Hours that were sealed.
    pub(super) open_gone: Vec<(i64, StorageKey)>,
}

impl<'a> Change<'a> {
    /// From `before` to `after`.
    pub(super) fn between(before: &Ledger, after: &'a Ledger) -> Self {
        let open = changed(&before.open, &after.open);
        Self {
            watermark: after.watermark,
            sealed_until_ms: after.sealed_until_ms,
            written_at_ms: after.written_at_ms,
            corrected_at: after.corrected_at,
            skipped_rows: after.skipped_rows,
            fate: after.fate.to_string(),
            owners: changed(&before.owners, &after.owners).map(|(id, owner)| (*id, owner)).collect(),
            owners_gone: gone(&before.owners, &after.owners),
            standing: changed(&before.standing, &after.standing).map(|(key, bytes)| (*key, *bytes)).collect(),
            standing_gone: gone(&before.standing, &after.standing),
            open: open.map(|((hour_ms, key), open)| (*hour_ms, *key, *open)).collect(),
            open_gone: gone(&before.open, &after.open),
        }
    }
}

fn changed<'a, K: Ord, V: PartialEq>(
    before: &BTreeMap<K, V>,
    after: &'a BTreeMap<K, V>,
) -> impl Iterator<Item = (&'a K, &'a V)> {
    after.iter().filter(|(key, value)| before.get(key) != Some(value))
}

fn gone<K: Ord + Copy, V>(before: &BTreeMap<K, V>, after: &BTreeMap<K, V>) -> Vec<K> {
    before.keys().filter(|key| !after.contains_key(key)).copied().collect()
}
