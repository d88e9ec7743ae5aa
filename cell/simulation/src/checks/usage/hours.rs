//! Which hours were sealed, and whose usage it is.

use crate::calls::NAMESPACE;
use atoll_internal_api::usage::v1::UsageObject;
use std::collections::{BTreeMap, BTreeSet};

const HOUR_MS: i64 = 3_600_000;

/// What a shard said, by log row.
#[derive(Default)]
struct Said {
    /// Starts of sealed hours.
    seals: BTreeSet<(u64, i64)>,
    /// Times of usage entries.
    entries: BTreeSet<(u64, i64)>,
}

/// Every shard seals each hour in its turn, and says nothing of it later; what it says is of the namespace here.
pub(super) fn broken(objects: &[UsageObject]) -> Vec<String> {
    let mut broken = Vec::new();
    let mut shards: BTreeMap<u32, Said> = BTreeMap::new();
    for object in objects {
        let said = shards.entry(object.shard).or_default();
        said.seals.extend(object.seals.iter().map(|seal| (seal.seq, seal.hour_start_ms)));
        for positioned in &object.entries {
            let Some(entry) = &positioned.entry else { continue };
            said.entries.insert((positioned.seq, entry.at_ms));
            let of = object.attributions.iter().find(|it| it.namespace_id == entry.namespace_id);
            if of.is_none_or(|owner| owner.namespace != NAMESPACE) {
                broken.push(format!("row {} of shard {} has usage of {of:?}", positioned.seq, object.shard));
            }
        }
    }
    broken.extend(shards.iter().flat_map(|(shard, said)| said.broken(*shard)));
    broken
}

impl Said {
    fn broken(&self, shard: u32) -> Vec<String> {
        let mut broken = Vec::new();
        let mut hours = self.seals.iter().map(|(_, hour)| *hour);
        let Some(mut last) = hours.next() else { return vec![format!("shard {shard} seals nothing")] };
        for hour in hours {
            if hour != last + HOUR_MS {
                broken.push(format!("shard {shard} seals {hour} after {last}"));
            }
            last = hour;
        }
        for (row, at_ms) in &self.entries {
            let sealed = self.seals.range(..(*row, i64::MIN)).next_back();
            if let Some((seal, hour)) = sealed.filter(|(_, hour)| *at_ms < hour + HOUR_MS) {
                broken.push(format!(
                    "row {row} of shard {shard} has usage at {at_ms}, and row {seal} sealed {hour}"
                ));
            }
        }
        broken
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use atoll_internal_api::usage::v1::{Attribution, HourSeal, PositionedEntry, UsageEntry};

    /// An object of entries and seals by row and time in hours.
    fn object(namespace: &str, entries: &[(u64, i64)], seals: &[(u64, i64)]) -> UsageObject {
        let entry = |&(seq, hour): &(u64, i64)| {
            let entry = UsageEntry { at_ms: hour * HOUR_MS, ..Default::default() };
            PositionedEntry { seq, index: 0, entry: Some(entry) }
        };
        let seal = |&(seq, hour): &(u64, i64)| HourSeal { seq, hour_start_ms: hour * HOUR_MS };
        UsageObject {
            entries: entries.iter().map(entry).collect(),
            seals: seals.iter().map(seal).collect(),
            attributions: vec![Attribution { namespace: namespace.to_owned(), ..Default::default() }],
            ..Default::default()
        }
    }

    /// The check must notice what is wrong, or that simulations pass says nothing.
    #[test]
    fn what_is_wrong_with_hours_is_noticed() {
        let good = || object(NAMESPACE, &[(1, 7), (4, 8), (9, 9)], &[(2, 7), (6, 8)]);
        assert_eq!(broken(&[good(), good()]), [""; 0], "told twice");
        let before = object(NAMESPACE, &[(6, 8)], &[(6, 8)]);
        assert_eq!(broken(&[before]), [""; 0], "within a row usage comes before its seal");
        for (what, object) in [
            ("later usage", object(NAMESPACE, &[(7, 8)], &[(2, 7), (6, 8)])),
            ("a hole", object(NAMESPACE, &[], &[(2, 7), (6, 9)])),
            ("an hour twice", object(NAMESPACE, &[], &[(2, 7), (6, 7)])),
            ("no seal", object(NAMESPACE, &[(1, 7)], &[])),
            ("another's usage", object("other", &[(1, 7)], &[(2, 7)])),
        ] {
            assert_eq!(broken(&[object]).len(), 1, "{what}");
        }
    }
}
