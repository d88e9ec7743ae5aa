//! Looks at an object store: what is found, what is waited for, what is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use atoll_internal_api::usage::v1::{CellManifest, HourSeal, UsageObject};
use atoll_object_store::{ConditionalPut, MemoryObjectStore, ObjectStore, ObjectStoreError};
use bytes::Bytes;
use prost::Message;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use crate::hour::HOUR_MS;
use crate::ingest::Memory;
use crate::service::all_rows;
use crate::test_support::{INCARNATION, timers};
use crate::{Config, Database, Deps, Metering};

/// Metering over objects in memory.
pub(super) struct World {
    pub(super) metering: Metering,
    pub(super) objects: Arc<MemoryObjectStore>,
    memory: Memory,
    /// Of a file; goes with the world.
    _folder: Option<TempDir>,
}

impl World {
    pub(super) async fn new(cells: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = Database::Sqlite(folder.path().join("metering.db"));
        Self { _folder: Some(folder), ..Self::on(database, cells).await }
    }

    pub(super) async fn on(database: Database, cells: &[&str]) -> Self {
        let objects = Arc::new(MemoryObjectStore::default());
        let config = Config {
            database,
            cells: cells.iter().map(|&cell| cell.to_owned()).collect(),
            interval: std::time::Duration::from_millis(20),
        };
        let deps = Deps { objects: Arc::clone(&objects) as Arc<dyn ObjectStore> };
        let metering = Metering::build(config, deps).await.unwrap();
        Self { metering, objects, memory: Memory::default(), _folder: None }
    }

    /// From here on objects are read through `objects`, by a process that has just started.
    pub(super) async fn read_through(&mut self, objects: Arc<dyn ObjectStore>) {
        let config = self.metering.ingest().config;
        // A database belongs to one process at a time.
        self.metering.close().await;
        self.metering = Metering::build(config, Deps { objects }).await.unwrap();
        self.memory = Memory::default();
    }

    pub(super) async fn look(&mut self) {
        self.metering.ingest().look(&mut self.memory, &CancellationToken::new()).await;
    }

    pub(super) async fn put_manifest(&self, cell_id: &str, shard_count: u32) {
        let manifest = CellManifest {
            cell_id: cell_id.to_owned(),
            incarnation: Bytes::copy_from_slice(INCARNATION.as_bytes()),
            shard_count,
            ..CellManifest::default()
        };
        let key = usage_object::manifest_key(cell_id, INCARNATION);
        self.objects.put(&key, manifest.encode_to_vec().into()).await.unwrap();
    }

    pub(super) async fn put(&self, object: &UsageObject) {
        let key = usage_object::key(object).unwrap();
        self.objects.put(&key, usage_object::encode(object).unwrap()).await.unwrap();
    }

    /// Objects and manifests that are refused now.
    pub(super) fn refused(&self) -> usize {
        self.memory.refused.count()
    }

    /// The next look reads everything that is there, as after a start.
    pub(super) fn forget_refusals(&mut self) {
        self.memory = Memory::default();
    }

    /// Everything in the cube.
    pub(super) async fn total(&self) -> i128 {
        all_rows(&self.metering.ingest().store).await.iter().map(|(_, quantity)| quantity).sum()
    }
}

#[tokio::test]
async fn objects_are_taken_in_once_and_rows_that_are_missing_are_waited_for() {
    let mut world = World::new(&[]).await;
    world.put(&timers("a", 1, 4)).await;
    world.look().await;
    assert_eq!(world.total().await, 0, "no manifest names the shard");
    world.put_manifest("a", 2).await;
    world.put(&timers("a", 6, 9)).await;
    world.look().await;
    world.look().await;
    assert_eq!(world.total().await, 3, "rows 4 and 5 are missing");
    world.put(&timers("a", 4, 6)).await;
    world.look().await;
    assert_eq!(world.total().await, 8);
}

#[tokio::test]
async fn a_recovered_writer_may_overlap_what_is_in() {
    let mut world = World::new(&[]).await;
    world.put_manifest("a", 1).await;
    world.put(&timers("a", 1, 10)).await;
    world.look().await;
    world.put(&timers("a", 5, 15)).await;
    world.look().await;
    assert_eq!(world.total().await, 14);
    // It begins before the last object that was taken in: a listing of everything finds it, at the latest when a gap
    // shows.
    world.put(&timers("a", 2, 20)).await;
    world.put(&timers("a", 20, 21)).await;
    world.look().await;
    assert_eq!(world.total().await, 20);
}

#[tokio::test]
async fn what_is_no_usage_holds_up_its_shard_alone_until_its_rows_come_another_way() {
    let mut world = World::new(&[]).await;
    world.put_manifest("a", 1).await;
    world.put_manifest("b", 1).await;
    let key = usage_object::key(&timers("a", 1, 4)).unwrap();
    world.objects.put(&key, Bytes::from_static(b"PAR1 damaged PAR1")).await.unwrap();
    let misplaced = usage_object::encode(&timers("c", 1, 4)).unwrap();
    let stranger = usage_object::key(&timers("a", 1, 5)).unwrap();
    world.objects.put(&stranger, misplaced).await.unwrap();
    world.objects.put("cells/c/not-a-uuid/manifest", Bytes::from_static(b"\x0a\x01c")).await.unwrap();
    world.put(&timers("a", 4, 6)).await;
    world.put(&timers("b", 1, 3)).await;
    world.look().await;
    assert_eq!(world.total().await, 2, "those of cell b");
    world.put(&timers("a", 1, 6)).await;
    world.look().await;
    assert_eq!(world.total().await, 7);
}

#[tokio::test]
async fn a_damaged_object_is_read_again_once_it_is_restored() {
    let mut world = World::new(&[]).await;
    let manifest = usage_object::manifest_key("a", INCARNATION);
    world.objects.put(&manifest, Bytes::from_static(b"damaged")).await.unwrap();
    world.look().await;
    assert_eq!(world.memory.refused.count(), 1, "the manifest");
    world.put_manifest("a", 1).await;
    let object = timers("a", 1, 4);
    let key = usage_object::key(&object).unwrap();
    world.objects.put(&key, Bytes::from_static(b"PAR1 damaged PAR1")).await.unwrap();
    world.put(&timers("a", 4, 6)).await;
    for _ in 0..2 {
        world.look().await;
    }
    assert_eq!((world.total().await, world.memory.refused.count()), (0, 1), "the object");
    world.put(&object).await;
    // It was read in the second and third look; now it has to wait for two.
    world.look().await;
    assert_eq!(world.total().await, 0, "not read at every look");
    world.look().await;
    assert_eq!((world.total().await, world.memory.refused.count()), (5, 0));
}

#[tokio::test]
async fn an_object_that_breaks_its_own_range_is_refused_whole() {
    let mut world = World::new(&[]).await;
    world.put_manifest("a", 1).await;
    let mut broken = timers("a", 1, 4);
    broken.entries[2].seq = 4;
    world.put(&broken).await;
    world.look().await;
    assert_eq!(world.total().await, 0);
    let mut sealed = timers("a", 1, 5);
    sealed.seals.push(HourSeal { hour_start_ms: 1, seq: 2 });
    world.put(&sealed).await;
    world.look().await;
    assert_eq!(world.total().await, 0, "no hour begins at 1 ms");
}

/// As `timers`, of a shard whose time at the object's end is on this day.
fn on_day(day: i64, from: u64, to: u64) -> UsageObject {
    let at_ms = day * 24 * HOUR_MS + 5;
    let mut object = UsageObject { written_at_ms: at_ms, ..timers("a", from, to) };
    object
        .entries
        .iter_mut()
        .filter_map(|positioned| positioned.entry.as_mut())
        .for_each(|e| e.at_ms = at_ms);
    object
}

#[tokio::test]
async fn what_a_look_lists_does_not_grow_with_history() {
    const DAYS: i64 = 60;
    const OBJECTS_A_DAY: u64 = 3;
    let mut world = World::new(&[]).await;
    let store = Arc::new(Counted { objects: Arc::clone(&world.objects), listed: AtomicUsize::new(0) });
    world.read_through(Arc::clone(&store) as Arc<dyn ObjectStore>).await;
    world.put_manifest("a", 1).await;
    let (mut row, mut most) = (1, 0);
    for day in 0..DAYS {
        for _ in 0..OBJECTS_A_DAY {
            world.put(&on_day(day, row, row + 1)).await;
            row += 1;
        }
        // As after a start: a look at everything that can still matter.
        world.forget_refusals();
        world.look().await;
        most = most.max(store.listed.swap(0, Ordering::Relaxed));
        world.look().await;
        assert_eq!(store.listed.swap(0, Ordering::Relaxed), 1, "the last one alone, between two of these");
    }
    assert_eq!(world.total().await, i128::from(row) - 1);
    assert_eq!(most as u64, 2 * OBJECTS_A_DAY, "of the day before and of this one");

    // A former owner wrote the rest of what it had, late: it ends where the last object does, or behind it.
    world.put(&on_day(DAYS, 2, row + 4)).await;
    world.forget_refusals();
    world.look().await;
    assert_eq!(world.total().await, i128::from(row) + 3);
}

/// Objects, and how many keys of usage were listed.
struct Counted {
    objects: Arc<MemoryObjectStore>,
    listed: AtomicUsize,
}

#[async_trait]
impl ObjectStore for Counted {
    async fn put(&self, key: &str, bytes: Bytes) -> Result<(), ObjectStoreError> {
        self.objects.put(key, bytes).await
    }

    async fn put_if_absent(&self, key: &str, bytes: Bytes) -> Result<ConditionalPut, ObjectStoreError> {
        self.objects.put_if_absent(key, bytes).await
    }

    async fn get(&self, key: &str, most: usize) -> Result<Option<Bytes>, ObjectStoreError> {
        self.objects.get(key, most).await
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<String>, ObjectStoreError> {
        let keys = self.objects.list(prefix, after, limit).await?;
        self.listed.fetch_add(keys.iter().filter(|key| key.starts_with("usage/")).count(), Ordering::Relaxed);
        Ok(keys)
    }

    async fn delete(&self, key: &str) -> Result<(), ObjectStoreError> {
        self.objects.delete(key).await
    }
}

#[tokio::test]
async fn it_runs_until_it_is_stopped() {
    let world = World::new(&[]).await;
    let stop = CancellationToken::new();
    let running = tokio::spawn(world.metering.clone().run(stop.clone()));
    stop.cancel();
    running.await.unwrap();
    world.metering.close().await;
}
