//! Cells that are restored and go on: what was used is billed once, however manifests and objects come.

use std::collections::BTreeMap;
use std::pin::pin;

use atoll_api::call::CallContext;
use atoll_internal_api::usage::v1::usage_entry::Kind as EntryKind;
use atoll_internal_api::usage::v1::{
    ActionType, CellManifest, GetCompletenessRequest, HourSeal, PositionedEntry, StorageClass, StorageDelta,
    UsageEntry, UsageObject, usage_service,
};
use atoll_object_store::ObjectStore;
use atoll_rpc::wire_time;
use bytes::Bytes;
use prost::Message;
use rand::rngs::StdRng;
use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::look::World;
use crate::hour::{HOUR_MS, start_of};
use crate::ingest::Memory;
use crate::service::all_rows;
use crate::store::conformance::PostgresPlace;
use crate::test_support::{INCARNATION, Log, namespace, object, timers};

const SHARDS: u32 = 2;

/// Hour, namespace, kind, action type: the quantity.
type Cube = BTreeMap<(i64, Uuid, String, String), i128>;

/// An incarnation: its logs by shard, and what it goes on from.
struct Life {
    incarnation: Uuid,
    logs: Vec<Log>,
    /// Which life it goes on from, from which row of each shard on, and since when.
    restored: Option<(usize, Vec<u64>, i64)>,
    first_hour_ms: i64,
}

impl Life {
    fn first(random: &mut StdRng) -> Self {
        let mut logs: Vec<Log> = (0..SHARDS).map(|shard| Log::random(random, shard)).collect();
        logs.iter_mut().for_each(|log| log.moved_at = u64::MAX);
        Self { incarnation: INCARNATION, logs, restored: None, first_hour_ms: 10 * HOUR_MS }
    }

    /// One that goes on from a backup of another, which was taken at some moment of its life.
    fn restored(random: &mut StdRng, lives: &[Self], from: usize) -> Self {
        let incarnation = Uuid::from_u128(random.random());
        let other = &lives[from];
        let keeps: Vec<u64> =
            other.logs.iter().map(|log| random.random_range(log.first_row..=log.end())).collect();
        let held = other.logs.iter().zip(&keeps);
        let sealed = held.map(|(log, keeps)| log.sealed_before(*keeps)).min().unwrap();
        let first_hour_ms = sealed.map_or(other.first_hour_ms, |sealed| sealed.max(other.first_hour_ms));
        let told = lives.iter().flat_map(|life| &life.logs).map(Log::told).max().unwrap();
        let at_ms = told + random.random_range(0..40 * HOUR_MS);
        let logs = other
            .logs
            .iter()
            .zip(&keeps)
            .map(|(log, keeps)| Log::going_on(random, log, incarnation, *keeps, at_ms, first_hour_ms));
        let logs = logs.collect();
        Self { incarnation, logs, restored: Some((from, keeps, at_ms)), first_hour_ms }
    }

    fn manifest(&self, lives: &[Self]) -> CellManifest {
        let (replaces, first_seq, restored_at_ms) = match &self.restored {
            None => (Bytes::new(), Vec::new(), 0),
            Some((from, keeps, at_ms)) => {
                let replaces = Bytes::copy_from_slice(lives[*from].incarnation.as_bytes());
                (replaces, keeps.clone(), *at_ms)
            }
        };
        CellManifest {
            cell_id: "a".to_owned(),
            incarnation: Bytes::copy_from_slice(self.incarnation.as_bytes()),
            shard_count: SHARDS,
            first_hour_start_ms: self.first_hour_ms,
            region: String::new(),
            replaces,
            first_seq,
            restored_at_ms,
        }
    }
}

/// Whether the state of a life holds this row of another.
fn holds(lives: &[Life], life: usize, of: usize, shard: usize, row: u64) -> bool {
    match &lives[life].restored {
        _ if life == of => true,
        None => false,
        Some((from, keeps, _)) if *from == of => row < keeps[shard],
        Some((from, ..)) => holds(lives, *from, of, shard, row),
    }
}

/// What all lives cost, delta by delta and hour by hour: bytes count while the state in force holds their row.
fn expected(lives: &[Life]) -> Cube {
    let mut cube = Cube::new();
    // States in force, each until the next.
    let began: Vec<i64> =
        lives.iter().map(|life| life.restored.as_ref().map_or(i64::MIN, |(.., at_ms)| *at_ms)).collect();
    for shard in 0..SHARDS as usize {
        let told = lives.iter().map(|life| life.logs[shard].told()).max().unwrap();
        let closed = lives.last().unwrap().logs[shard].sealed_before(u64::MAX).unwrap();
        for (of, life) in lives.iter().enumerate() {
            for (row, entry) in life.logs[shard]
                .numbered()
                .flat_map(|(seq, row)| row.entries.iter().map(move |one| (seq, one)))
            {
                let id = Uuid::from_slice(&entry.namespace_id).unwrap();
                let delta = match entry.kind.as_ref().unwrap() {
                    EntryKind::Actions(actions) => {
                        let name = ActionType::try_from(actions.r#type).unwrap().as_str_name();
                        let name = name.strip_prefix("ACTION_TYPE_").unwrap().to_lowercase();
                        let key = (start_of(entry.at_ms), id, "actions".to_owned(), name);
                        *cube.entry(key).or_default() += i128::from(actions.count);
                        continue;
                    }
                    EntryKind::Storage(delta) => delta,
                };
                let kind = match delta.class() {
                    StorageClass::Active => "active_storage",
                    _ => "retained_storage",
                };
                for state in of..lives.len() {
                    if !holds(lives, state, of, shard, row) {
                        continue;
                    }
                    // Also of its own rows: what stood before is as the replaced life left it.
                    let from = entry.at_ms.max(began[state]);
                    let to = began.get(state + 1).copied().unwrap_or(i64::MAX);
                    let mut hour = start_of(from);
                    while hour <= told && hour < to {
                        let end = if hour < closed { hour + HOUR_MS } else { told.min(hour + HOUR_MS) };
                        let stands = (end.min(to) - from.max(hour)).max(0);
                        let key = (hour, id, kind.to_owned(), String::new());
                        *cube.entry(key).or_default() += i128::from(delta.bytes) * i128::from(stands);
                        hour += HOUR_MS;
                    }
                }
            }
        }
    }
    cube.retain(|_, quantity| *quantity != 0);
    cube
}

/// What comes into the object store.
#[derive(Clone)]
enum Arrival {
    Manifest(CellManifest),
    /// An object of the life of this number.
    Object(usize, UsageObject),
}

fn arrivals(lives: &[Life], random: &mut StdRng) -> Vec<Arrival> {
    let mut all: Vec<Arrival> = lives.iter().map(|life| Arrival::Manifest(life.manifest(lives))).collect();
    for (number, life) in lives.iter().enumerate() {
        for log in &life.logs {
            let mut from = log.first_row;
            // What a later life holds of the rows, and when that began.
            let shard = log.name.shard as usize;
            let later = lives.iter().filter_map(|life| life.restored.as_ref());
            let later = later
                .filter(|(of, ..)| *of == number)
                .map(|(_, keeps, at_ms)| (keeps[shard], *at_ms))
                .next_back();
            let mut begins = Vec::new();
            while from < log.end() {
                begins.push(from);
                let to = (from + random.random_range(1..20)).min(log.end());
                let mut object = object(log, from, to);
                // Not written by then: the restored cell writes it, on another day maybe.
                if let Some((keeps, at_ms)) = later
                    && to <= keeps
                    && random.random_bool(0.4)
                {
                    object.written_at_ms = at_ms;
                }
                all.push(Arrival::Object(number, object));
                from = to;
            }
            // What another owner of the shard wrote, or the restored cell once more: each begins where something ends.
            for _ in 0..6 {
                let from = begins[random.random_range(0..begins.len())];
                let to = random.random_range(from + 1..=log.end());
                all.push(Arrival::Object(number, object(log, from, to)));
            }
        }
    }
    all.shuffle(random);
    all
}

async fn cube(world: &World) -> Cube {
    let mut cube = Cube::new();
    for (key, quantity) in all_rows(&world.metering.ingest().store).await {
        let key = (key.hour_ms, key.namespace_id, key.kind.name().to_owned(), key.action_type);
        *cube.entry(key).or_default() += quantity;
    }
    cube.retain(|_, quantity| *quantity != 0);
    cube
}

/// Up to when metering calls usage complete.
async fn complete_until(world: &World) -> Option<i64> {
    let ctx = CallContext::new(usage_service::GET_COMPLETENESS.info());
    let (start_time, end_time) = (Some(wire_time::from_millis(0)), Some(wire_time::from_millis(HOUR_MS)));
    let usage = world.metering.usage();
    let answer = usage.get_completeness(&ctx, GetCompletenessRequest { start_time, end_time }).await.ok()?;
    answer.complete_until.map(|until| wire_time::millis(&until).unwrap())
}

fn before(cube: &Cube, until: i64) -> Cube {
    cube.iter()
        .filter(|((hour, ..), _)| *hour < until)
        .map(|(key, quantity)| (key.clone(), *quantity))
        .collect()
}

/// A process that ends in the middle of a look.
async fn look_and_die(world: &World, steps: u32) {
    let (ingest, mut memory, stop) = (world.metering.ingest(), Memory::default(), CancellationToken::new());
    let mut look = pin!(ingest.look(&mut memory, &stop));
    for _ in 0..steps {
        if futures::poll!(&mut look).is_ready() {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn comes_to_the_same(world: &mut World, lives: &[Life], random: &mut StdRng) {
    let expected = expected(lives);
    let newest = lives.len() - 1;
    let mut left = arrivals(lives, random);
    while let Some(arrival) = left.pop() {
        match &arrival {
            Arrival::Manifest(manifest) => {
                let incarnation = Uuid::from_slice(&manifest.incarnation).unwrap();
                let key = usage_object::manifest_key("a", incarnation);
                world.objects.put(&key, manifest.encode_to_vec().into()).await.unwrap();
            }
            Arrival::Object(_, object) => world.put(object).await,
        }
        if random.random_bool(0.2) {
            look_and_die(world, random.random_range(0..200)).await;
        }
        if random.random_bool(0.05) {
            world.read_through(Arc::clone(&world.objects) as Arc<dyn ObjectStore>).await;
        }
        if random.random_bool(0.3) {
            world.look().await;
        }
        // What is replaced ended before it was: in truth all of it is there when the last manifest is. What came later
        // is met by a look at everything.
        let is_newest = |arrival: &Arrival| matches!(arrival, Arrival::Object(life, _) if *life == newest);
        if left.iter().all(is_newest) && random.random_bool(0.3) {
            world.forget_refusals();
            world.look().await;
            if let Some(until) = complete_until(world).await {
                assert_eq!(before(&cube(world).await, until), before(&expected, until), "is called complete");
            }
        }
    }
    for _ in 0..2 {
        world.forget_refusals();
        world.look().await;
    }
    assert_eq!(cube(world).await, expected);
    let logs = lives[newest].logs.iter();
    assert_eq!(complete_until(world).await, logs.map(|log| log.sealed_before(u64::MAX)).min().unwrap());
}

/// A life, and which earlier ones the others go on from.
fn lives(random: &mut StdRng, from: &[usize]) -> Vec<Life> {
    let mut lives = vec![Life::first(random)];
    for &from in from {
        let next = Life::restored(random, &lives, from);
        lives.push(next);
    }
    lives
}

/// Restored once; once more; from the same backup again, or one of the same life; and both.
const HISTORIES: [&[usize]; 4] = [&[0], &[0, 1], &[0, 0], &[0, 0, 1]];

#[tokio::test]
async fn no_order_of_what_comes_of_restored_cells_matters() {
    let mut random = StdRng::seed_from_u64(atoll_seed::seed());
    for history in HISTORIES {
        for _ in 0..4 {
            let lives = lives(&mut random, history);
            comes_to_the_same(&mut World::new(&[]).await, &lives, &mut random).await;
        }
    }
}

#[tokio::test]
async fn no_order_of_what_comes_of_restored_cells_matters_on_postgresql() {
    let mut random = StdRng::seed_from_u64(atoll_seed::seed());
    for history in HISTORIES {
        let lives = lives(&mut random, history);
        let place = PostgresPlace::new().await;
        comes_to_the_same(&mut World::on(place.database(), &[]).await, &lives, &mut random).await;
    }
}

/// An object of one incarnation's rows, of a namespace: bytes that come, then a seal, each in a row.
fn rows(incarnation: Uuid, from_seq: u64, bytes: &[(i64, i64)], seals: &[i64]) -> UsageObject {
    let mut object = timers("a", from_seq, from_seq);
    object.incarnation = Bytes::copy_from_slice(incarnation.as_bytes());
    for (at_ms, bytes) in bytes {
        let delta = StorageDelta { class: StorageClass::Active as i32, bytes: *bytes };
        let namespace_id = Bytes::copy_from_slice(namespace(1).as_bytes());
        let entry = UsageEntry { namespace_id, at_ms: *at_ms, kind: Some(EntryKind::Storage(delta)) };
        object.entries.push(PositionedEntry { seq: object.to_seq, index: 0, entry: Some(entry) });
        object.to_seq += 1;
        object.written_at_ms = object.written_at_ms.max(*at_ms);
    }
    for hour in seals {
        object.seals.push(HourSeal { hour_start_ms: hour * HOUR_MS, seq: object.to_seq });
        object.to_seq += 1;
        object.written_at_ms = object.written_at_ms.max((hour + 1) * HOUR_MS);
    }
    object
}

/// Ten bytes stand in the backup. Five came half an hour before it was restored at 2:00, and are gone with what was
/// lost.
#[tokio::test]
async fn bytes_that_were_lost_count_until_the_restore_and_their_hours_wait_for_them() {
    let mut world = World::new(&["a"]).await;
    let new = Uuid::from_u128(0xb);
    put_restored(&world, new, 2 * HOUR_MS).await;
    world.put(&rows(INCARNATION, 1, &[(0, 10)], &[0])).await;
    world.put(&rows(new, 3, &[], &[1, 2])).await;
    let lost = rows(INCARNATION, 3, &[(3 * HOUR_MS / 2, 5)], &[1]);
    let key = usage_object::key(&lost).unwrap();
    world.objects.put(&key, Bytes::from_static(b"PAR1 damaged PAR1")).await.unwrap();
    world.look().await;
    assert_eq!(complete_until(&world).await, Some(HOUR_MS), "hour 1 may lack what was lost");
    world.put(&lost).await;
    world.forget_refusals();
    world.look().await;
    assert_eq!(complete_until(&world).await, Some(3 * HOUR_MS));
    let hours: Vec<(i64, i128)> =
        cube(&world).await.into_iter().map(|((hour, ..), quantity)| (hour / HOUR_MS, quantity)).collect();
    let (whole, half) = (i128::from(HOUR_MS), i128::from(HOUR_MS / 2));
    assert_eq!(hours, [(0, 10 * whole), (1, 10 * whole + 5 * half), (2, 10 * whole)]);
}

/// The manifests of a cell with one shard that was restored at this time, to what it had before row 3.
async fn put_restored(world: &World, new: Uuid, restored_at_ms: i64) {
    let manifest = |incarnation: Uuid| CellManifest {
        cell_id: "a".to_owned(),
        incarnation: Bytes::copy_from_slice(incarnation.as_bytes()),
        shard_count: 1,
        ..CellManifest::default()
    };
    let restored = CellManifest {
        first_hour_start_ms: HOUR_MS,
        replaces: Bytes::copy_from_slice(INCARNATION.as_bytes()),
        first_seq: vec![3],
        restored_at_ms,
        ..manifest(new)
    };
    for manifest in [manifest(INCARNATION), restored] {
        let key = usage_object::manifest_key("a", Uuid::from_slice(&manifest.incarnation).unwrap());
        world.objects.put(&key, manifest.encode_to_vec().into()).await.unwrap();
    }
}

/// A deletion among the lost rows, which the restored cell does again and dates back as the first one was, counts once.
#[tokio::test]
async fn what_was_deleted_before_the_restore_and_is_again_is_taken_off_once() {
    for lost_first in [true, false] {
        let mut world = World::new(&["a"]).await;
        let new = Uuid::from_u128(0xb);
        put_restored(&world, new, 4 * HOUR_MS).await;
        let lost = rows(INCARNATION, 3, &[(3 * HOUR_MS / 2, -10)], &[1, 2]);
        world.put(&rows(INCARNATION, 1, &[(0, 10)], &[0])).await;
        if lost_first {
            world.put(&lost).await;
            world.look().await;
        }
        world.put(&rows(new, 3, &[(3 * HOUR_MS / 2, -10)], &[1, 2, 3, 4])).await;
        world.look().await;
        world.put(&lost).await;
        // What comes late of a log that was replaced is met by a look at everything.
        world.forget_refusals();
        world.look().await;
        let hours: Vec<(i64, i128)> =
            cube(&world).await.into_iter().map(|((hour, ..), quantity)| (hour / HOUR_MS, quantity)).collect();
        let whole = i128::from(HOUR_MS);
        assert_eq!(hours, [(0, 10 * whole), (1, 5 * whole)], "lost first: {lost_first}");
    }
}
