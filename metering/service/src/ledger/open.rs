//! What an open hour holds so far.

use super::{LEAST, Ledger, Quantity};
use crate::cube::CubeKey;
use crate::hour::{HOUR_MS, start_of};

impl Ledger {
    /// The storage integrals of unsealed hours from `from_ms` on and before `to_ms`, up to the shard time that objects
    /// have spoken of. They are in no row of the cube yet.
    pub(crate) fn open_storage(&self, from_ms: i64, to_ms: i64) -> Vec<(CubeKey, Quantity)> {
        let mut rows = Vec::new();
        let first_change = self.open.keys().next().map(|(hour, _)| *hour);
        let Some(first) = self.closed_until_ms.or(first_change) else { return rows };
        let mut hour = first.max(start_of(from_ms));
        let mut standing = self.standing.clone();
        for ((_, key), change) in self.open.range(..(hour, LEAST)) {
            *standing.entry(*key).or_default() += change.bytes;
        }
        while hour < to_ms && hour <= start_of(self.told_ms) {
            let end = hour + HOUR_MS;
            let told = self.told_ms.min(end);
            let mut keys = self.present_in(hour);
            keys.extend(standing.keys());
            for key in keys {
                let change = self.open.get(&(hour, key)).copied().unwrap_or_default();
                let stood = standing.get(&key).copied().unwrap_or_default();
                // What the changes add until the end, less what they would add after the time told.
                let changed = change.moment - change.bytes * Quantity::from(end - told);
                let integral = self.billed(stood * Quantity::from(told - hour) + changed);
                standing.insert(key, stood + change.bytes);
                if integral != 0 {
                    let row = CubeKey::storage(&self.cell_id, hour, key.0, &self.owner(key.0), key.1);
                    rows.push((row, integral));
                }
            }
            hour = end;
        }
        rows
    }
}
