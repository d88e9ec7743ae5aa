//! Usage objects: every action once, whole ranges, hours that are sealed, owners as of the event.

use crate::fixture::{Cell, Driver, Engine, SHARDS, Site, done, named};
use atoll_internal_api::cell::v1::{ApplyNamespaceRequest, NamespaceSpec, cell_admin};
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{ActionType, StorageClass, UsageObject};
use atoll_object_store::fault::{ObjectCall, ObjectFault};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use uuid::Uuid;

/// 2026-03-01T10:00:00Z, the hour in which every cell of these tests begins.
pub(crate) const FIRST_HOUR_MS: i64 = 1_772_359_200_000;
const HOUR_MS: i64 = 3_600_000;

/// What metering takes of the objects: of each shard every row once and none left out. After a crash ranges overlap.
fn taken(objects: &[UsageObject]) -> Vec<UsageObject> {
    let mut watermarks: BTreeMap<u32, u64> = BTreeMap::new();
    let mut taken = Vec::new();
    for object in objects {
        let watermark = watermarks.entry(object.shard).or_insert(1);
        assert!(object.from_seq <= *watermark, "gap in shard {} before {}", object.shard, object.from_seq);
        let mut object = object.clone();
        object.entries.retain(|entry| entry.seq >= *watermark);
        object.seals.retain(|seal| seal.seq >= *watermark);
        *watermark = object.to_seq.max(*watermark);
        taken.push(object);
    }
    taken
}

pub(crate) fn actions(objects: &[UsageObject]) -> BTreeMap<ActionType, u64> {
    let mut counted = BTreeMap::new();
    for entry in taken(objects).iter().flat_map(|object| &object.entries) {
        if let Some(Kind::Actions(actions)) = &entry.entry.as_ref().expect("an entry").kind {
            *counted.entry(actions.r#type()).or_insert(0) += actions.count;
        }
    }
    counted
}

fn bytes(objects: &[UsageObject]) -> i64 {
    let taken = taken(objects);
    let entries = taken.iter().flat_map(|object| &object.entries);
    let deltas = entries.filter_map(|entry| match &entry.entry.as_ref()?.kind {
        Some(Kind::Storage(delta)) => Some(delta.bytes),
        _ => None,
    });
    deltas.sum()
}

/// History bytes that are billed for a namespace, by class of storage.
pub(crate) async fn standing(cell: &Cell, namespace_id: Uuid) -> BTreeMap<StorageClass, i64> {
    let mut standing = BTreeMap::new();
    for entry in taken(&cell.usage().await).iter().flat_map(|object| &object.entries) {
        let entry = entry.entry.as_ref().expect("an entry");
        if let Some(Kind::Storage(delta)) = &entry.kind
            && entry.namespace_id == namespace_id.as_bytes()[..]
        {
            *standing.entry(delta.class()).or_insert(0) += delta.bytes;
        }
    }
    standing
}

pub(crate) fn seals(objects: &[UsageObject]) -> BTreeMap<i64, u32> {
    let mut sealed = BTreeMap::new();
    for seal in taken(objects).iter().flat_map(|object| &object.seals) {
        *sealed.entry(seal.hour_start_ms).or_insert(0) += 1;
    }
    sealed
}

async fn work(cell: &Cell, id: &str) {
    let driver = Driver::new(cell, id);
    driver.start().await;
    driver.step(vec![driver.activity("a")]).await;
    let activity = driver.poll_activity().await;
    driver.complete_activity(&activity).await;
    driver.signal("go").await;
    driver.step(vec![done()]).await;
}

fn expected(runs: u64) -> BTreeMap<ActionType, u64> {
    [ActionType::StartWorkflow, ActionType::ScheduleActivity, ActionType::SignalWorkflow]
        .into_iter()
        .map(|action| (action, runs))
        .collect()
}

#[tokio::test]
async fn actions_and_bytes_are_exported_once_also_across_crashes() {
    for engine in Engine::all() {
        let mut cell = Cell::on(engine).await;
        let mut runs = 0;
        for round in 0..3 {
            for n in 0..5 {
                work(&cell, &format!("used-{round}-{n}")).await;
                runs += 1;
            }
            if round == 1 {
                cell.checkpoint().await;
            }
            // Some of it may be in the object store already, and some only in the log or the outbox.
            cell = cell.crash().await.start().await;
        }
        let mut billed = 0;
        for round in 0..3 {
            for n in 0..5 {
                let driver = Driver::new(&cell, &format!("used-{round}-{n}"));
                let info = driver.describe().await.workflow_execution_info.expect("info");
                billed += info.history_size_bytes;
            }
        }
        // The bytes that stand are the bytes of the histories.
        Cell::until("all usage is exported", async || {
            let objects = cell.usage().await;
            (actions(&objects) == expected(runs) && bytes(&objects) == billed).then_some(())
        })
        .await;
        cell.crash().await;
    }
}

#[tokio::test]
async fn every_shard_seals_every_hour_used_or_not() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        work(&cell, "busy").await;
        cell.advance(Duration::from_secs(3 * 3_600)).await;
        let complete: BTreeMap<i64, u32> = (-1..3).map(|n| (FIRST_HOUR_MS + n * HOUR_MS, SHARDS)).collect();
        let objects = Cell::until("every shard has sealed", async || {
            let objects = cell.usage().await;
            (seals(&objects) == complete).then_some(objects)
        })
        .await;
        for object in taken(&objects) {
            for seal in &object.seals {
                let late = object.entries.iter().filter(|entry| entry.seq > seal.seq);
                let late = late.filter(|e| e.entry.as_ref().unwrap().at_ms < seal.hour_start_ms + HOUR_MS);
                assert_eq!(late.count(), 0, "an entry after the seal of its hour");
            }
        }
        // A cell that was down for hours seals them when it is back.
        let site = cell.crash().await;
        site.clock.advance(jiff::SignedDuration::from_hours(2));
        let cell = site.start().await;
        let complete: BTreeMap<i64, u32> = (-1..5).map(|n| (FIRST_HOUR_MS + n * HOUR_MS, SHARDS)).collect();
        let objects = Cell::until("the hours of the outage are sealed", async || {
            let objects = cell.usage().await;
            (seals(&objects) == complete).then_some(objects)
        })
        .await;
        assert_eq!(actions(&objects), expected(1));
        cell.crash().await;
    }
}

fn owned(project: &str, generation: u64) -> NamespaceSpec {
    NamespaceSpec {
        id: Bytes::copy_from_slice(Uuid::from_u128(9).as_bytes()),
        project_id: project.to_owned(),
        generation,
        ..named("moving.acct1")
    }
}

/// Actions by the project that they are attributed to.
fn by_project(objects: &[UsageObject]) -> BTreeMap<String, usize> {
    let id = Uuid::from_u128(9);
    let mut found = BTreeMap::new();
    for object in objects {
        let owner = object.attributions.iter().find(|owner| owner.namespace_id == id.as_bytes()[..]);
        for entry in &object.entries {
            let entry = entry.entry.as_ref().expect("an entry");
            if entry.namespace_id == id.as_bytes()[..] && matches!(entry.kind, Some(Kind::Actions(_))) {
                let project = owner.map_or("nobody", |owner| &owner.project_id);
                *found.entry(project.to_owned()).or_insert(0) += 1;
            }
        }
    }
    found
}

/// The export is slow; the namespace is made mid-hour, changes hands and is removed before anything is written.
#[tokio::test]
async fn usage_belongs_to_whom_the_namespace_belonged_then() {
    let mut site = Site::new(Engine::memory());
    site.config.usage_interval = Duration::from_secs(3_600);
    let cell = site.start().await;
    let apply = async |project: &str, generation| {
        let request = ApplyNamespaceRequest { spec: Some(owned(project, generation)) };
        cell.admin(cell_admin::APPLY_NAMESPACE, request).await.expect("applied");
    };
    let start = async |id: &str| {
        let driver = Driver { namespace: "moving.acct1".to_owned(), ..Driver::new(&cell, id) };
        driver.start().await;
    };
    apply("red", 1).await;
    start("one").await;
    start("two").await;
    apply("blue", 2).await;
    start("three").await;
    let remove = atoll_internal_api::cell::v1::RemoveNamespaceRequest { id: owned("", 0).id, generation: 2 };
    cell.admin(cell_admin::REMOVE_NAMESPACE, remove).await.expect("removed");
    // The seal at the hour's end makes the exporter write.
    cell.advance(Duration::from_secs(3_600)).await;
    let expected: BTreeMap<String, usize> = [("red".to_owned(), 2), ("blue".to_owned(), 1)].into();
    let found = Cell::until("everything is exported", async || {
        let found = by_project(&cell.usage().await);
        (found.values().sum::<usize>() == 3).then_some(found)
    })
    .await;
    assert_eq!(found, expected);
    assert_eq!(actions(&cell.usage().await), [(ActionType::StartWorkflow, 3)].into());
    cell.crash().await;
}

/// Nothing reaches the object store before the crash, and the log is trimmed: the outbox alone holds the usage.
#[tokio::test]
async fn usage_that_no_object_holds_survives_checkpoints_and_crashes() {
    for engine in Engine::all() {
        let mut site = Site::new(engine);
        site.config.usage_interval = Duration::from_secs(3_600);
        let cell = site.start().await;
        // The seals of the hour before the first make the exporter write once.
        Cell::until("every shard has begun", async || {
            (seals(&cell.usage().await).values().sum::<u32>() == SHARDS).then_some(())
        })
        .await;
        let before = cell.usage().await;
        work(&cell, "one").await;
        cell.checkpoint().await;
        work(&cell, "two").await;
        cell.checkpoint().await;
        work(&cell, "three").await;
        assert_eq!(cell.usage().await, before, "nothing is exported");
        let mut site = cell.crash().await;
        site.config.usage_interval = Duration::from_millis(20);
        let cell = site.start().await;
        Cell::until("all actions are exported", async || {
            (actions(&cell.usage().await) == expected(3)).then_some(())
        })
        .await;
        cell.crash().await;
    }
}

/// What it does not take stays, and the next life writes it.
#[tokio::test]
async fn an_object_store_that_does_not_answer_holds_up_no_shutdown() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let gate = Arc::new(Semaphore::new(0));
        for _ in 0..100 {
            cell.site
                .object_faults
                .script(ObjectCall::PutIfAbsent, ObjectFault::HoldBefore(Arc::clone(&gate)));
        }
        work(&cell, "used").await;
        let site = cell.stop().await;
        assert!(!actions(&site.usage().await).contains_key(&ActionType::SignalWorkflow));
        gate.close();
        let site = site.start().await.stop().await;
        assert_eq!(actions(&site.usage().await), expected(1));
    }
}
