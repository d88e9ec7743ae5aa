//! A log that went back is served by nobody until it has a new incarnation, under whose name it goes on.

use crate::fixture::{Cell, Driver, Engine, Site, done};
use atoll_api::temporal::api::workflowservice::v1::workflow_service as rpc;
use atoll_internal_api::cell::v1::{GetStatusRequest, GetStatusResponse, cell_admin};
use atoll_internal_api::usage::v1::usage_entry::Kind;
use atoll_internal_api::usage::v1::{ActionType, CellManifest, UsageObject};
use atoll_object_store::ObjectStore;
use atoll_test_postgres::{ARCHIVED, Server, Settings, Stop};
use cell_store::fault::{Call, Fault};
use cell_store::{Incarnations, StoreError, StoreIdentity};
use prost::Message;
use std::collections::BTreeMap;
use uuid::Uuid;

const SECOND: Uuid = Uuid::from_u128(2);
const THIRD: Uuid = Uuid::from_u128(3);

async fn status(cell: &Cell) -> GetStatusResponse {
    cell.admin(cell_admin::GET_STATUS, GetStatusRequest {}).await.expect("status")
}

async fn check(site: &Site) -> Result<(), StoreError> {
    let stores = site.stores().await;
    let identity = StoreIdentity { incarnation: Uuid::nil(), shard_count: site.config.shards.shard_count };
    let known = Incarnations::load(&*stores.metadata, identity).await.expect("readable");
    known.check(&*stores.metadata).await
}

fn now(site: &Site) -> i64 {
    atoll_rpc::Clock::now(&site.clock).as_millisecond()
}

#[tokio::test]
async fn a_log_that_went_back_is_not_served_again_as_if_it_had_not() {
    let (engine, faults) = Engine::faulty();
    let mut site = Site::new(engine);
    site.config.shards.shard_count = 1;
    let cell = site.start().await;
    let first = status(&cell).await.incarnation;
    let kept = Driver::new(&cell, "kept");
    kept.start().await;
    faults.script(Call::Append, Fault::Forget);
    kept.signal("forgotten").await;
    // Whatever is written next finds the gap.
    let problem = Cell::until("the cell stops", async || {
        let next = Driver::new(&cell, "next").start_request();
        let _refused = cell.call(rpc::START_WORKFLOW_EXECUTION, next).await;
        let problems = status(&cell).await.problems;
        problems.into_iter().find(|problem| problem.starts_with("the cell stopped"))
    })
    .await;
    assert!(problem.contains("`atoll cell restored`"), "{problem}");
    Cell::until("its store knows", async || check(&cell.site).await.is_err().then_some(())).await;
    let mut site = cell.crash().await;
    for _ in 0..2 {
        let Err((refused, why)) = site.try_start().await else { panic!("it serves a log that went back") };
        assert!(why.contains("shard 0") && why.contains("`atoll cell restored`"), "{why}");
        site = refused;
    }
    let wall = now(&site);
    let renewed = cell_shard::renew(&site.stores().await, SECOND, wall).await.expect("renewed");
    assert_eq!((renewed.replaces.as_bytes().to_vec(), renewed.id), (first.to_vec(), SECOND));
    let cell = site.start().await;
    let served = status(&cell).await;
    assert_eq!((&served.incarnation[..], served.healthy), (&SECOND.as_bytes()[..], true));
    Driver::new(&cell, "kept").signal("heard").await;
    cell.crash().await;
}

#[tokio::test]
async fn each_incarnation_has_its_manifest_and_its_rows() {
    for engine in Engine::all() {
        let mut site = Site::new(engine);
        let first = {
            let cell = site.start().await;
            let first = Uuid::from_slice(&status(&cell).await.incarnation).expect("an id");
            // What is used now is in the log or the outbox when the next incarnation begins.
            cell.site.object_faults.set_away(true);
            work(&cell, 0).await;
            cell.checkpoint().await;
            work(&cell, 1).await;
            site = cell.crash().await;
            first
        };
        let wall = now(&site);
        let second = cell_shard::renew(&site.stores().await, SECOND, wall).await.expect("renewed");
        let third = cell_shard::renew(&site.stores().await, THIRD, wall).await.expect("renewed again");
        assert_eq!((second.replaces, third.replaces), (first, SECOND));
        assert_eq!(second.restored, third.restored, "the second has written nothing");
        site.object_faults.set_away(false);
        let cell = site.start().await;
        work(&cell, 2).await;
        let objects = Cell::until("all usage is exported", async || {
            let objects = cell.usage().await;
            let starts = crate::usage::actions(&objects);
            (starts.values().max() == Some(&(3 * RUNS))).then_some(objects)
        })
        .await;
        let mut ends = BTreeMap::new();
        for object in &objects {
            let begins = third.restored.first_seq[object.shard as usize];
            let of = Uuid::from_slice(&object.incarnation).expect("an id");
            let (is_first, is_third) = (object.to_seq <= begins, object.from_seq >= begins);
            assert_eq!(
                (of == first, of == THIRD),
                (is_first, is_third),
                "{object:?} of a log from {begins} on"
            );
            *ends.entry(of).or_insert(0) += object.entries.len();
        }
        assert!(ends.len() == 2 && ends.values().all(|entries| *entries > 0), "{ends:?}");
        let mut manifests = Vec::new();
        for id in [first, SECOND, THIRD] {
            let key = usage_object::manifest_key("cell-t", id);
            let bytes = cell.site.objects.get(&key, usage_object::LARGEST_MANIFEST).await.expect("readable");
            manifests.push(CellManifest::decode(bytes.expect("a manifest")).expect("a manifest"));
        }
        assert!(manifests[0].replaces.is_empty() && manifests[0].first_seq.is_empty());
        for (manifest, replaces, renewed) in
            [(&manifests[1], first, &second), (&manifests[2], SECOND, &third)]
        {
            assert_eq!(manifest.replaces, replaces.as_bytes()[..]);
            assert_eq!(manifest.first_seq, renewed.restored.first_seq);
            assert_eq!(manifest.restored_at_ms, renewed.restored.at_ms);
            assert_eq!(manifest.first_hour_start_ms, manifests[0].first_hour_start_ms);
            assert_eq!(
                (&manifest.region, manifest.shard_count),
                (&manifests[0].region, crate::fixture::SHARDS)
            );
        }
        cell.crash().await;
    }
}

const RUNS: u64 = 6;

async fn work(cell: &Cell, round: usize) {
    for n in 0..RUNS {
        let driver = Driver::new(cell, &format!("used-{round}-{n}"));
        driver.start().await;
        driver.step(vec![done()]).await;
    }
}

#[tokio::test]
async fn a_postgresql_that_is_restored_to_a_moment_goes_on_and_bills_what_it_had() {
    let server = Server::start(&Settings { set: &ARCHIVED, tls: None });
    let database = server.database();
    let cell = Site::new(Engine::at(server.url(&database))).start().await;
    let first = Uuid::from_slice(&status(&cell).await.incarnation).expect("an id");
    work(&cell, 0).await;
    server.back_up();
    work(&cell, 1).await;
    server.restore_point("here");
    work(&cell, 2).await;
    let lost = Driver::new(&cell, "lost");
    lost.start().await;
    Cell::until("what is lost is exported", async || {
        (starts(&cell.usage().await) == 3 * RUNS + 1).then_some(())
    })
    .await;
    server.stop(Stop::Crash);
    let site = cell.crash().await;
    let restored = server.restored("here");
    let site = site.on(Engine::at(restored.url(&database)));
    let wall = now(&site);
    let renewed = cell_shard::renew(&site.stores().await, SECOND, wall).await.expect("renewed");
    assert_eq!(renewed.replaces, first);
    let cell = site.start().await;
    // What was lost begins again; what stands goes on.
    Driver::new(&cell, "lost").start().await;
    work(&cell, 2).await;
    assert_eq!(Driver::new(&cell, &format!("used-1-{}", RUNS - 1)).event_types().await.len(), 5);
    // By rows and incarnations each start is billed once: those before the restore, those that it lost, those since.
    let billed = async || {
        let objects = cell.usage().await;
        let of = |id: Uuid| objects.iter().filter(move |object| object.incarnation == id.as_bytes()[..]);
        let (before, since): (Vec<_>, Vec<_>) = (of(first).cloned().collect(), of(SECOND).cloned().collect());
        assert!(
            since.iter().all(|object| object.from_seq >= renewed.restored.first_seq[object.shard as usize])
        );
        let begun = |object: &UsageObject| renewed.restored.first_seq[object.shard as usize];
        (starts(&before) == 3 * RUNS + 1 && starts_from(&since, begun) == RUNS + 1).then_some(())
    };
    Cell::until("all is billed", billed).await;
    cell.crash().await;
}

fn starts(objects: &[UsageObject]) -> u64 {
    starts_from(objects, |_| 1)
}

/// Starts in objects of one incarnation, whose rows begin there.
fn starts_from(objects: &[UsageObject], begin: impl Fn(&UsageObject) -> u64) -> u64 {
    let mut watermarks: BTreeMap<u32, u64> = BTreeMap::new();
    let mut starts = 0;
    for object in objects {
        let watermark = watermarks.entry(object.shard).or_insert_with(|| begin(object));
        assert!(object.from_seq <= *watermark, "a gap before {object:?}");
        for positioned in object.entries.iter().filter(|entry| entry.seq >= *watermark) {
            if let Some(Kind::Actions(actions)) = &positioned.entry.as_ref().expect("an entry").kind
                && actions.r#type() == ActionType::StartWorkflow
            {
                starts += actions.count;
            }
        }
        *watermark = object.to_seq.max(*watermark);
    }
    starts
}
