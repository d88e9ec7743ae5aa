//! Cells, clocks and object stores that do what they must not: nothing is lost or counted twice, and nobody else waits.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use atoll_api::call::{CallContext, Code};
use atoll_internal_api::usage::v1::usage_entry::Kind as EntryKind;
use atoll_internal_api::usage::v1::{
    CellManifest, GetCompletenessRequest, HourSeal, StorageClass, StorageDelta, UsageObject, usage_service,
};
use atoll_object_store::{ConditionalPut, MemoryObjectStore, ObjectStore, ObjectStoreError};
use atoll_rpc::ManualClock;
use bytes::Bytes;
use prost::Message;
use prost_types::Timestamp;

use super::look::World;
use crate::hour::HOUR_MS;
use crate::test_support::{INCARNATION, timers};

/// A world of these cells that is told the time, in hours of 1970. Cells a and b have said that they are there.
async fn world_at(cells: &[&str], hours: i64) -> (World, ManualClock) {
    let mut world = World::new(cells).await;
    let clock = ManualClock::new(jiff::Timestamp::UNIX_EPOCH);
    set(&clock, hours);
    world.metering = world.metering.clone().with_clock(Arc::new(clock.clone()));
    for cell in ["a", "b"] {
        world.put_manifest(cell, 1).await;
    }
    (world, clock)
}

fn set(clock: &ManualClock, hours: i64) {
    clock.set(jiff::Timestamp::from_second(hours * 3_600).unwrap());
}

/// Timers in rows `[from, to)`, and a seal of that hour in row `to`.
fn sealed(cell: &str, from: u64, to: u64, hour: i64) -> UsageObject {
    let seals = vec![HourSeal { hour_start_ms: hour * HOUR_MS, seq: to }];
    UsageObject { seals, to_seq: to + 1, ..timers(cell, from, to) }
}

/// Whether hours `0..to` are complete.
async fn complete(world: &World, to: i64) -> Result<bool, Code> {
    let ctx = CallContext::new(usage_service::GET_COMPLETENESS.info());
    let at = |hours: i64| Some(Timestamp { seconds: hours * 3_600, nanos: 0 });
    let request = GetCompletenessRequest { start_time: at(0), end_time: at(to) };
    let answer = world.metering.usage().get_completeness(&ctx, request).await;
    answer.map(|answer| answer.complete).map_err(|status| status.code)
}

#[tokio::test]
async fn a_cell_ahead_of_the_clock_waits_for_it_and_completes_nothing_before() {
    let (mut world, clock) = world_at(&["a", "b"], 2).await;
    world.put(&sealed("a", 1, 4, 0)).await;
    // Cell a jumps a month ahead and seals all of it. What it writes afterwards is behind that: its time stays there.
    world.put(&UsageObject { written_at_ms: 720 * HOUR_MS, ..sealed("a", 5, 7, 700) }).await;
    world.put(&UsageObject { written_at_ms: 720 * HOUR_MS, ..timers("a", 8, 10) }).await;
    world.put(&sealed("b", 1, 6, 1)).await;
    world.look().await;
    assert_eq!((world.total().await, world.refused()), (3 + 5, 1), "cell b is whole");
    assert_eq!((complete(&world, 1).await, complete(&world, 2).await), (Ok(true), Ok(false)));

    set(&clock, 719);
    world.look().await;
    assert_eq!((world.total().await, world.refused()), (3 + 5 + 2 + 2, 0), "an hour ahead is close enough");
    world.look().await;
    assert_eq!(world.total().await, 12, "once");
}

#[tokio::test]
async fn a_cell_that_would_begin_in_the_future_is_asked_for_its_hours_all_the_same() {
    let (mut world, clock) = world_at(&["a", "b", "c"], 2).await;
    let manifest = |first_hour_start_ms| CellManifest {
        cell_id: "c".to_owned(),
        incarnation: Bytes::copy_from_slice(INCARNATION.as_bytes()),
        shard_count: 1,
        first_hour_start_ms,
        ..CellManifest::default()
    };
    let key = usage_object::manifest_key("c", INCARNATION);
    for cell in ["a", "b"] {
        world.put(&sealed(cell, 1, 2, 1)).await;
    }
    for first_hour_ms in [500 * HOUR_MS, i64::MAX - i64::MAX % HOUR_MS, i64::MIN, -HOUR_MS] {
        world.objects.put(&key, manifest(first_hour_ms).encode_to_vec().into()).await.unwrap();
        world.forget_refusals();
        world.look().await;
        assert_eq!((world.refused(), complete(&world, 2).await), (1, Ok(false)), "{first_hour_ms}");
    }
    world.objects.put(&key, manifest(2 * HOUR_MS).encode_to_vec().into()).await.unwrap();
    world.forget_refusals();
    set(&clock, 3);
    world.look().await;
    assert_eq!((world.refused(), complete(&world, 2).await), (0, Ok(true)));
}

#[tokio::test]
async fn a_clock_that_goes_back_makes_metering_wait_and_loses_nothing() {
    let (mut world, clock) = world_at(&["a", "b"], 5).await;
    for cell in ["a", "b"] {
        world.put(&sealed(cell, 1, 4, 3)).await;
    }
    world.look().await;
    assert_eq!((world.total().await, complete(&world, 4).await), (6, Ok(true)));

    set(&clock, 1);
    let later = sealed("a", 5, 8, 4);
    world.put(&later).await;
    world.look().await;
    assert_eq!((world.total().await, world.refused()), (6, 1), "what is in stays in");
    assert_eq!(
        complete(&world, 4).await,
        Err(Code::Unavailable),
        "nobody looked after that hour, as far as is known"
    );

    set(&clock, 6);
    world.look().await;
    world.look().await;
    assert_eq!((world.total().await, world.refused()), (9, 0));
    assert_eq!(complete(&world, 4).await, Ok(true));
}

#[tokio::test]
async fn rows_that_are_told_twice_count_as_they_were_told_first() {
    let mut world = World::new(&[]).await;
    world.put_manifest("a", 1).await;
    world.put(&timers("a", 1, 6)).await;
    world.look().await;
    let mut other = timers("a", 3, 9);
    for positioned in &mut other.entries {
        if let Some(EntryKind::Actions(actions)) = positioned.entry.as_mut().and_then(|e| e.kind.as_mut()) {
            actions.count = 100;
        }
    }
    world.put(&other).await;
    // The same name with other content, after it was taken in.
    let replaced = UsageObject { to_seq: 6, entries: other.entries[..1].to_vec(), ..timers("a", 1, 1) };
    world.put(&replaced).await;
    world.look().await;
    assert_eq!(world.total().await, 5 + 3 * 100, "rows 3 to 5 are in already");
}

#[tokio::test]
async fn no_object_stops_more_than_its_own_shard() {
    let mut world = World::new(&[]).await;
    let good = || timers("a", 1, 4);
    let entry = |change: &dyn Fn(&mut atoll_internal_api::usage::v1::UsageEntry)| {
        let mut object = good();
        object.entries[1].entry.as_mut().map(change).unwrap();
        object
    };
    let seal = |hour_start_ms| UsageObject { seals: vec![HourSeal { hour_start_ms, seq: 3 }], ..good() };
    let last_hour = i64::MAX - i64::MAX % HOUR_MS;
    let twice = UsageObject { entries: [good().entries, good().entries].concat(), ..good() };
    let poison = [
        entry(&|entry| entry.at_ms = i64::MIN),
        entry(&|entry| entry.at_ms = i64::MAX),
        entry(&|entry| entry.at_ms = -1),
        UsageObject { written_at_ms: i64::MIN, ..good() },
        UsageObject { written_at_ms: i64::MAX, ..good() },
        seal(last_hour),
        seal(-HOUR_MS),
        // The last hour of the year 9998: 70 million hours after the entries.
        seal(253_370_764_800_000 - HOUR_MS),
        twice,
        UsageObject { to_seq: u64::MAX, ..good() },
    ];
    let shards = poison.len() as u32;
    world.put_manifest("a", shards + 1).await;
    for (shard, object) in (0..).zip(poison) {
        let object = UsageObject { shard, ..object };
        // One of no time has no name of its own.
        let name =
            usage_object::key(&object).or_else(|_| usage_object::key(&UsageObject { shard, ..good() }));
        world.objects.put(&name.unwrap(), usage_object::encode(&object).unwrap()).await.unwrap();
    }
    let delta = StorageDelta { class: StorageClass::Active as i32, bytes: i64::MAX };
    let huge = entry(&|entry| entry.kind = Some(EntryKind::Storage(delta)));
    world.put(&UsageObject { shard: shards, ..huge }).await;
    world.look().await;
    assert_eq!(world.refused(), shards as usize);
    assert_eq!(world.total().await, 2, "the last shard's timers; its bytes stand for no time yet");
    // Whole again, each under its own name.
    for shard in 0..shards {
        world.put(&UsageObject { shard, ..good() }).await;
    }
    world.forget_refusals();
    world.look().await;
    assert_eq!(world.total().await, 2 + 3 * i128::from(shards));
}

/// Objects of which some cannot be read, as by rights that are missing.
struct Locked {
    objects: Arc<MemoryObjectStore>,
    /// Part of their keys.
    locked: Mutex<Option<&'static str>>,
    /// A key that is listed beside the others, and is none.
    stray: Option<&'static str>,
}

#[async_trait]
impl ObjectStore for Locked {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), ObjectStoreError> {
        self.objects.put(key, bytes).await
    }

    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<ConditionalPut, ObjectStoreError> {
        self.objects.put_if_absent(key, bytes).await
    }

    async fn get(&self, key: &str, most: usize) -> Result<Option<Bytes>, ObjectStoreError> {
        if self.stray.is_some_and(|stray| key == stray) {
            return Err(ObjectStoreError::InvalidKey(key.to_owned()));
        }
        if self.locked.lock().unwrap().is_some_and(|locked| key.contains(locked)) {
            return Err(std::io::Error::from(std::io::ErrorKind::PermissionDenied).into());
        }
        self.objects.get(key, most).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ObjectStoreError> {
        let mut keys = self.objects.list(prefix, after, limit).await?;
        let stray =
            self.stray.filter(|stray| stray.starts_with(prefix) && after.is_none_or(|after| *stray > after));
        keys.extend(stray.map(str::to_owned));
        keys.sort();
        Ok(keys)
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectStoreError> {
        self.objects.delete(key).await
    }
}

#[tokio::test]
async fn what_cannot_be_read_holds_up_nothing_else_and_is_in_once_it_can() {
    let mut world = World::new(&["a", "b"]).await;
    let stray = Some("cells/no such key/manifest");
    let locked = Mutex::new(Some("usage/a/"));
    let store = Arc::new(Locked { objects: Arc::clone(&world.objects), locked, stray });
    world.read_through(Arc::clone(&store) as Arc<dyn ObjectStore>).await;
    for cell in ["a", "b"] {
        world.put_manifest(cell, 1).await;
        world.put(&sealed(cell, 1, 4, 0)).await;
    }
    world.look().await;
    assert_eq!((world.total().await, world.refused()), (3, 1), "cell b; the stray key");
    assert_eq!(complete(&world, 1).await, Ok(false), "an answer: it can be said what is missing");

    // A manifest that cannot be read may be of a cell that nobody knows.
    world.put_manifest("c", 1).await;
    *store.locked.lock().unwrap() = Some("cells/c/");
    world.read_through(Arc::clone(&store) as Arc<dyn ObjectStore>).await;
    world.look().await;
    assert_eq!(world.total().await, 6, "cell a, whatever becomes of c");
    assert_eq!(complete(&world, 1).await, Err(Code::Unavailable));
    *store.locked.lock().unwrap() = None;
    world.look().await;
    assert_eq!(complete(&world, 1).await, Ok(false), "c has sealed nothing");
}

#[tokio::test]
async fn a_cell_whose_objects_are_deleted_keeps_what_is_in_and_owes_the_rest() {
    let (mut world, clock) = world_at(&["a"], 1).await;
    for cell in ["a", "b"] {
        world.put(&sealed(cell, 1, 4, 0)).await;
    }
    world.look().await;
    assert_eq!((world.total().await, complete(&world, 1).await), (6, Ok(true)));
    for prefix in ["cells/b/", "usage/b/"] {
        for key in world.objects.list(prefix, None, 10).await.unwrap() {
            world.objects.delete(&key).await.unwrap();
        }
    }
    world.put(&sealed("a", 5, 6, 1)).await;
    set(&clock, 3);
    world.forget_refusals();
    world.look().await;
    assert_eq!((world.total().await, world.refused()), (7, 0));
    assert_eq!((complete(&world, 1).await, complete(&world, 2).await), (Ok(true), Ok(false)));
}
