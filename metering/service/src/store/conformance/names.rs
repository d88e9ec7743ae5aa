//! Names that others choose.

use std::collections::BTreeMap;

use atoll_internal_api::usage::v1::{Attribution, UsageObject};
use bytes::Bytes;

use super::pages::add;
use super::{Place, is_taken, take};
use crate::completeness::Manifest;
use crate::cube::{CubeKey, LONGEST_NAMES};
use crate::hour::HOUR_MS;
use crate::ledger::{NotUsage, Quantity};
use crate::service::{all_rows, before};
use crate::store::{Selection, ShardName};
use crate::test_support::{INCARNATION, namespace, timers};

/// In the order of their bytes, which is no alphabet's.
const TEXTS: [&str; 12] = ["", "\0", "\0a", "A", "Z", "a", "a\0", "a\0b", "aa", "é", "\u{fffd}", "\u{1f980}"];

pub(super) async fn any_text_comes_back_and_is_ordered_by_its_bytes(place: &dyn Place) {
    let store = place.open().await;
    let mut rows: BTreeMap<CubeKey, Quantity> = BTreeMap::new();
    for text in TEXTS {
        let text = text.to_owned();
        for key in [
            CubeKey { namespace: text.clone(), ..before(0) },
            CubeKey { project_id: text.clone(), ..before(0) },
            CubeKey { tags: text.clone(), ..before(0) },
            CubeKey { cell_id: text.clone(), ..before(0) },
            CubeKey { account_id: text.clone(), ..before(0) },
            CubeKey { account_id: "one".to_owned(), tags: text.clone(), ..before(0) },
            CubeKey { action_type: text, ..before(0) },
        ] {
            rows.insert(key, 7);
        }
    }
    add(&store, &rows).await;
    for account in [None, Some("one"), Some("a\0b"), Some("\0")] {
        let account_id = account.map(str::to_owned);
        let mut selection =
            Selection { account_id, namespace: String::new(), after: before(0), before_ms: 1, limit: 5 };
        selection.after.hour_ms = -HOUR_MS;
        let expected: Vec<(CubeKey, Quantity)> =
            rows.iter().filter(|(key, _)| selection.takes(key)).map(|(key, n)| (key.clone(), *n)).collect();
        let mut found = Vec::new();
        loop {
            let page = store.page(&selection).await.unwrap().rows;
            let Some((last, _)) = page.last() else { break };
            selection.after = last.clone();
            found.extend(page);
        }
        assert_eq!(found, expected, "{account:?}");
    }
    let manifest = Manifest {
        cell_id: "a\0".to_owned(),
        incarnation: INCARNATION,
        shard_count: 3,
        first_hour_ms: HOUR_MS,
        region: "\0".to_owned(),
        restored: None,
    };
    store.insert_manifest(&manifest).await.unwrap();
    assert_eq!(store.progress().await.unwrap().manifests, [manifest]);
}

/// Text of so many bytes that cannot be compressed.
fn noise(bytes: usize) -> String {
    use rand::{Rng, SeedableRng};
    let mut random = rand::rngs::StdRng::seed_from_u64(7);
    (0..bytes).map(|_| char::from(random.random_range(33..127_u8))).collect()
}

pub(super) async fn the_longest_names_are_taken(place: &dyn Place) {
    let store = place.open().await;
    let cell_id = "c".repeat(20);
    let name = ShardName { cell_id: cell_id.clone(), incarnation: INCARNATION, shard: 0 };
    // Beside the cell's id, and tags that are none.
    let longest = noise(LONGEST_NAMES - 20 - 2);
    let named = |from, namespace: &str| UsageObject {
        attributions: vec![Attribution {
            namespace_id: Bytes::copy_from_slice(namespace_id().as_bytes()),
            namespace: namespace.to_owned(),
            generation: from,
            ..Attribution::default()
        }],
        ..timers(&cell_id, from, from + 1)
    };
    assert!(is_taken(take(&store, &name, &named(1, &longest)).await));
    let refused = store.take_in(&name, &named(2, &format!("{longest}n"))).await.unwrap();
    assert_eq!(refused, Err(NotUsage::Names(LONGEST_NAMES + 1)));
    let tags: BTreeMap<String, String> =
        (0..10).map(|n| (format!("{n}{}", noise(62)), noise(63).replace(['"', '\\'], "x"))).collect();
    let mut tagged = named(2, &"n".repeat(63));
    tagged.attributions[0].tags = tags.into_iter().map(|(k, v)| (k.replace(['"', '\\'], "x"), v)).collect();
    assert!(is_taken(take(&store, &name, &tagged).await), "as many tags as the control plane takes");
    let rows = all_rows(&store).await;
    assert!(rows.iter().any(|(key, _)| key.namespace == longest) && rows.len() == 2);
}

fn namespace_id() -> uuid::Uuid {
    namespace(1)
}
