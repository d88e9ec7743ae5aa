//! Two pushes and the changes that they bring, in every order of their steps, on a cell that is no fake: what a cell
//! once got to know is never taken back by a push that was slower.

mod ended;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_api::temporal::api::cloud::identity::v1::ApiKeySpec;
use atoll_rpc::ManualClock;
use futures::future::BoxFuture;
use uuid::Uuid;

use super::Activities;
use crate::model::{Cell, Namespace, NamespaceState};
use crate::store::Counter;
use crate::test_support::real_cell::RealCell;
use crate::test_support::schedules::{Schedules, step_ends};
use crate::test_support::{Engine, TestAccount, TestCloud, on_each_engine};

on_each_engine! {
    a_revoked_key_never_comes_back_and_a_new_one_is_never_lost,
    settings_that_were_undone_never_come_back,
}

/// Orders of two pushes of three steps each (read, send, judge the answer) and of two changes, one after the other:
/// 8! / (3! 3! 2!).
const ORDERS: usize = 560;

/// Of these orders so many are run: each takes some thirty transactions, which on PostgreSQL wait for the disk and for
/// many answers.
fn orders(engine: Engine) -> (Schedules, usize) {
    const SOME: usize = 80;
    match engine {
        Engine::Sqlite => (Schedules::default(), ORDERS),
        Engine::Postgres => (Schedules::some(SOME), SOME),
    }
}

struct Site {
    cell: RealCell,
    cloud: TestCloud,
    /// Two control planes' on one database, where several can use it.
    activities: [Activities; 2],
    account: TestAccount,
}

impl Site {
    async fn new(engine: Engine) -> Arc<Self> {
        let clock = ManualClock::new("2026-03-15T10:00:00Z".parse().unwrap());
        let cell = RealCell::start(clock.clone()).await;
        let cloud = TestCloud::of(engine, "a", cell.client(), clock).await;
        let account = cloud.account("acme").await;
        let activities = [cloud.activities.clone(), cloud.others_activities(engine).await];
        Arc::new(Self { cell, cloud, activities, account })
    }

    async fn cell(&self) -> Cell {
        let mut snapshot = self.cloud.activities.store.snapshot().await.unwrap();
        snapshot.cell("a").await.unwrap().unwrap()
    }

    async fn reconcile(&self) {
        self.cloud.reconciler.run_once().await.unwrap();
    }

    async fn key_generation(&self) -> u64 {
        let mut snapshot = self.cloud.activities.store.snapshot().await.unwrap();
        snapshot.counter(Counter::KeySet).await.unwrap()
    }

    async fn make_key(&self) -> (String, String) {
        let request = cloud::CreateApiKeyRequest { spec: Some(ApiKeySpec::default()), ..Default::default() };
        let made =
            self.cloud.call(&self.account.token, cloud_service::CREATE_API_KEY, &request).await.unwrap();
        (made.key_id, made.token)
    }

    async fn delete_key(&self, key_id: &str) {
        let request = cloud::DeleteApiKeyRequest {
            key_id: key_id.to_owned(),
            resource_version: "1".to_owned(),
            ..Default::default()
        };
        self.cloud.call(&self.account.token, cloud_service::DELETE_API_KEY, &request).await.unwrap();
    }

    async fn namespace(&self, uuid: Uuid) -> Namespace {
        let mut snapshot = self.cloud.activities.store.snapshot().await.unwrap();
        snapshot.namespace(uuid).await.unwrap().unwrap()
    }
}

async fn a_revoked_key_never_comes_back_and_a_new_one_is_never_lost(engine: Engine) {
    let site = Site::new(engine).await;
    let (mut schedules, orders) = orders(engine);
    let mut run = 0;
    loop {
        let (key_id, revoked) = site.make_key().await;
        site.reconcile().await;
        assert!(site.cell.takes(&revoked).await);
        let made = Arc::new(Mutex::new(None));
        let push = |by: usize| -> BoxFuture<'static, ()> {
            let site = site.clone();
            Box::pin(async move { site.activities[by].push_keys_to(&site.cell().await).await.unwrap() })
        };
        // From which generation on the revoked key is gone.
        let gone_from = Arc::new(Mutex::new(u64::MAX));
        let changes: BoxFuture<'static, ()> = Box::pin({
            let (site, key_id) = (site.clone(), key_id.clone());
            let (made, gone_from) = (made.clone(), gone_from.clone());
            async move {
                site.delete_key(&key_id).await;
                *gone_from.lock().unwrap() = site.key_generation().await;
                step_ends().await;
                *made.lock().unwrap() = Some(site.make_key().await);
            }
        });
        let mut was_gone = false;
        let order = schedules
            .run(vec![push(0), push(1), changes], async || {
                let held = site.cloud.activities.cells.status(&site.cell().await).await.unwrap();
                was_gone |= held.key_set_generation >= *gone_from.lock().unwrap();
                let takes = site.cell.takes(&revoked).await;
                assert!(!(was_gone && takes), "the revoked key came back");
            })
            .await;
        site.reconcile().await;
        assert!(!site.cell.takes(&revoked).await, "order {order:?}: the revoked key works");
        let (new_id, new) = made.lock().unwrap().clone().unwrap();
        assert!(site.cell.takes(&new).await, "order {order:?}: the new key does not work");
        site.delete_key(&new_id).await;
        run += 1;
        if !schedules.next() {
            break;
        }
    }
    assert_eq!(run, orders);
    Arc::into_inner(site).unwrap().cell.stop().await;
}

async fn settings_that_were_undone_never_come_back(engine: Engine) {
    let site = Site::new(engine).await;
    let name = site.cloud.create(&site.account.token, "orders").await.unwrap().namespace;
    site.cloud.carry_out().await;
    assert_eq!(site.cell.retention_days(&name).await, Some(7));
    let uuid = {
        let mut snapshot = site.cloud.activities.store.snapshot().await.unwrap();
        snapshot.live_namespace(&name).await.unwrap().unwrap().uuid
    };
    let (mut schedules, orders) = orders(engine);
    let mut run = 0;
    loop {
        assert_eq!(site.namespace(uuid).await.state, NamespaceState::Active);
        // What each generation holds.
        let before = site.namespace(uuid).await.generation.cast_unsigned();
        let days = Arc::new(Mutex::new(BTreeMap::from([(before, 7)])));
        let push = |by: usize| -> BoxFuture<'static, ()> {
            let site = site.clone();
            Box::pin(async move {
                let namespace = site.namespace(uuid).await;
                site.activities[by].apply_to(&site.cell().await, &namespace).await.unwrap();
            })
        };
        let changes: BoxFuture<'static, ()> = Box::pin({
            let (site, name, days) = (site.clone(), name.clone(), days.clone());
            async move {
                let namespace = site.namespace(uuid).await;
                let request = cloud::UpdateNamespaceRequest {
                    namespace: name,
                    resource_version: namespace.resource_version.to_string(),
                    spec: Some(cloud_spec(&namespace, 30)),
                    ..Default::default()
                };
                let token = &site.account.token;
                site.cloud.call(token, cloud_service::UPDATE_NAMESPACE, &request).await.unwrap();
                let changed = site.namespace(uuid).await;
                days.lock().unwrap().insert(changed.generation.cast_unsigned(), 30);
                step_ends().await;
                site.cloud.activities.compensate(&changed.workflow_id, "it failed").await.unwrap();
                let undone = site.namespace(uuid).await;
                days.lock().unwrap().insert(undone.generation.cast_unsigned(), 7);
            }
        });
        let mut newest = 0;
        let order = schedules
            .run(vec![push(0), push(1), changes], async || {
                let held = site.cloud.activities.cells.status(&site.cell().await).await.unwrap();
                let generation = held.namespaces[0].generation;
                assert!(generation >= newest, "generation {generation} after {newest}");
                newest = generation;
                let expected = days.lock().unwrap().get(&generation).copied();
                assert_eq!(site.cell.retention_days(&name).await, expected, "at generation {generation}");
            })
            .await;
        site.reconcile().await;
        assert_eq!(site.cell.retention_days(&name).await, Some(7), "order {order:?}");
        run += 1;
        if !schedules.next() {
            break;
        }
    }
    assert_eq!(run, orders);
    Arc::into_inner(site).unwrap().cell.stop().await;
}

fn cloud_spec(
    namespace: &Namespace,
    retention_days: i32,
) -> atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec {
    atoll_api::temporal::api::cloud::namespace::v1::NamespaceSpec { retention_days, ..namespace.spec.clone() }
}
