//! A new incarnation begins where the log ends, and neither its time nor its hours go back.

use crate::fixture::*;
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{CellManifest, StorageClass};
use cell_shard::{HOUR_MS, USAGE_MANIFEST, renew};
use cell_store::{Incarnations, MemoryStore, MetadataRecord, ShardId, StoreIdentity};
use prost::Message;
use uuid::Uuid;

const HOUR: i64 = HOUR_MS * 1_000_000;
const NEXT: Uuid = Uuid::from_u128(0x9e37);

fn last_row(cell: &Cell, shard: u32) -> u64 {
    cell.ledger.rows(ShardId(shard)).last().expect("the owner's").seq
}

#[tokio::test(start_paused = true)]
async fn it_begins_behind_what_is_stored() {
    for checkpoint in [false, true] {
        let cell = Cell::new().await;
        for n in 0..20 {
            cell.run(&format!("w-{n}"), start()).await.unwrap();
        }
        if checkpoint {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        let ends: Vec<u64> = (0..SHARDS).map(|shard| last_row(&cell, shard)).collect();
        let (stores, now) = (cell.stores(), (START + 7 * SECOND) / 1_000_000);
        let renewed = renew(&stores, NEXT, now).await.unwrap();
        assert_eq!(renewed.restored.first_seq, ends.iter().map(|end| end + 1).collect::<Vec<_>>());
        assert_eq!(renewed.restored.at_ms, now);
        let identity = StoreIdentity { incarnation: renewed.replaces, shard_count: SHARDS };
        let known = Incarnations::load(&*stores.metadata, identity).await.unwrap();
        assert_eq!((known.current(), known.all().len()), (NEXT, 2));
        let again = cell.another().await;
        again.run("w-0", signal("heard")).await.unwrap();
        for shard in 0..SHARDS {
            let first =
                again.ledger.rows(ShardId(shard)).into_iter().find(|row| row.seq > ends[shard as usize]);
            assert!(first.is_some_and(|row| row.ownership && row.seq == ends[shard as usize] + 1));
        }
    }
}

/// Seals the hours that have ended, and waits until all shards have sealed this one.
async fn sealed(cell: &Cell, hour_ms: i64) {
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| (0..SHARDS).all(|shard| out.seals.contains(&(ShardId(shard), hour_ms)))).await;
}

#[tokio::test(start_paused = true)]
async fn its_time_and_its_hours_are_the_log_s_or_later() {
    for checkpoint in [false, true] {
        let cell = Cell::new().await;
        cell.clock.step(3 * HOUR);
        cell.runtime.turn_hours_all().await.unwrap();
        cell.out.until(|out| out.seals.len() == 4 * SHARDS as usize).await;
        if checkpoint {
            cell.runtime.checkpoint_all().await.unwrap();
        }
        let said = cell.clock.millis();
        let this_hour = said - said.rem_euclid(HOUR_MS);
        // The clock of the machine that it is restored on is behind.
        let behind = renew(&cell.stores(), NEXT, START / 1_000_000).await.unwrap();
        assert!(behind.restored.at_ms >= said, "{} {said}", behind.restored.at_ms);
        assert_eq!(behind.restored.first_hour_ms, this_hour);
        cell.clock.step(HOUR);
        let again = cell.another().await;
        sealed(&again, this_hour).await;
        let wall = again.clock.millis() + 5 * HOUR_MS;
        let ahead = renew(&again.stores(), Uuid::from_u128(0x9e38), wall).await.unwrap();
        assert_eq!(ahead.restored.at_ms, wall, "the wall counts where it is ahead");
        assert_eq!(ahead.restored.first_hour_ms, this_hour + HOUR_MS);
        // From there on it seals each hour once, as any owner does.
        again.clock.step(5 * HOUR);
        let served = again.another().await;
        sealed(&served, this_hour + 5 * HOUR_MS).await;
        let sealed = served.ledger.seals(ShardId(1));
        let expected: Vec<i64> = (0..6).map(|n| this_hour + n * HOUR_MS).collect();
        assert!(sealed.ends_with(&expected), "{sealed:?} does not end with {expected:?}");
    }
}

/// A deletion that was due before, and that the replaced incarnation may have logged among the rows that are lost.
#[tokio::test(start_paused = true)]
async fn no_storage_is_of_a_time_before_it_began() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.run(&id, terminate()).await.unwrap();
    cell.clock.step(RETENTION + 5 * HOUR);
    let began_ms = cell.clock.millis();
    let renewed = renew(&cell.stores(), NEXT, began_ms).await.unwrap();
    assert_eq!(renewed.restored.at_ms, began_ms);
    let again = cell.another().await;
    again.runtime.turn_hours_all().await.unwrap();
    let taken_off = || {
        let usage = again.ledger.records(ShardId(0)).into_iter().flat_map(|record| record.usage);
        let removal = usage.filter_map(|entry| match entry.kind {
            Some(Kind::Storage(delta)) if delta.class() == StorageClass::Retained && delta.bytes < 0 => {
                Some(entry.at_ms)
            }
            _ => None,
        });
        removal.collect::<Vec<i64>>()
    };
    again.out.until(|out| !out.deleted().is_empty()).await;
    assert_eq!(taken_off(), [began_ms]);
}

/// A shard may have sealed nothing for hours: its cell begins all the same where metering was told that it does.
#[tokio::test(start_paused = true)]
async fn a_shard_that_has_sealed_nothing_owes_all_hours_of_its_cell() {
    let began = HOUR_MS * 1_000;
    let stores = MemoryStore::new().stores();
    let identity = stores.shards.open(SHARDS, Uuid::from_u128(1)).await.unwrap();
    let manifest = CellManifest { first_hour_start_ms: began, ..CellManifest::default() };
    let record = MetadataRecord {
        kind: USAGE_MANIFEST.to_owned(),
        id: identity.incarnation.to_string(),
        version: 1,
        data: manifest.encode_to_vec().into(),
    };
    stores.metadata.put(&record).await.unwrap();
    for next in [NEXT, Uuid::from_u128(0x9e38)] {
        let renewed = renew(&stores, next, began + 7 * HOUR_MS).await.unwrap();
        assert_eq!(renewed.restored.first_hour_ms, began);
    }
}
