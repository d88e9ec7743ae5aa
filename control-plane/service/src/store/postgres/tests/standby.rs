//! A standby that commits wait for and that is away: nobody is answered, and nothing is done, by what a failover would
//! take back.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::pin::pin;

use atoll_api::call::Code;
use atoll_api::temporal::api::cloud::cloudservice::v1::{self as cloud, cloud_service};
use atoll_api::temporal::api::cloud::identity::v1::ApiKeySpec;
use atoll_internal_api::operator::v1::{CreateAccountRequest, DrainCellRequest, operator_service};
use atoll_test_postgres::Settings;
use futures::future::join_all;

use super::*;
use crate::test_support::{OPERATOR_KEY, TestAccount, TestCloud, spec};

/// Between two looks at the server.
const LOOK: Duration = Duration::from_millis(20);

/// Tells a call that waits for nobody from one that is given up after 20 s.
const SOON: Duration = Duration::from_secs(10);

struct Site {
    server: Server,
    cloud: TestCloud,
    account: TestAccount,
}

impl Site {
    async fn new() -> Self {
        let server = Server::start(&Settings::default());
        let cloud = TestCloud::at(place(&server.url(&server.database())), &["a"]).await;
        let account = cloud.account("acme").await;
        Self { server, cloud, account }
    }

    /// From now on commits wait for ever, or no longer.
    fn standby_is_away(&self, away: bool) {
        self.server.set("synchronous_standby_names", if away { "away" } else { "" });
    }

    /// Sessions that wait for a standby.
    fn waiting(&self) -> BTreeSet<String> {
        let waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        self.server.sql("postgres", waiting).lines().map(str::to_owned).collect()
    }

    /// Begins something, sees that it waits for the standby instead of ending, and gives it up. What it wrote is seen
    /// by everybody from then on: whoever comes next has the server end its session.
    async fn waits<T: Debug>(&self, what: &str, work: impl Future<Output = T>) {
        let before = self.waiting();
        let mut work = pin!(work);
        for _ in 0..LOOKS {
            if let Ok(answer) = tokio::time::timeout(LOOK, &mut work).await {
                panic!("{what} does not wait for the standby: {answer:?}");
            }
            if !self.waiting().is_subset(&before) {
                return;
            }
        }
        panic!("{what} waits for something else");
    }

    async fn create_namespace(&self, name: &str, id: &str) -> Result<String, Code> {
        let request = cloud::CreateNamespaceRequest {
            spec: Some(spec(name)),
            async_operation_id: id.to_owned(),
            ..Default::default()
        };
        let made = self.cloud.call(&self.account.token, cloud_service::CREATE_NAMESPACE, &request).await;
        made.map(|made| made.async_operation.unwrap().id).map_err(|status| status.code)
    }

    async fn create_key(&self, id: &str) -> Result<String, Code> {
        let request = cloud::CreateApiKeyRequest {
            spec: Some(ApiKeySpec::default()),
            async_operation_id: id.to_owned(),
        };
        let made = self.cloud.call(&self.account.token, cloud_service::CREATE_API_KEY, &request).await;
        made.map(|made| made.key_id).map_err(|status| status.code)
    }

    async fn delete_key(&self, key_id: &str, id: &str) -> Result<(), Code> {
        let request = cloud::DeleteApiKeyRequest {
            key_id: key_id.to_owned(),
            resource_version: "1".to_owned(),
            async_operation_id: id.to_owned(),
        };
        let done = self.cloud.call(&self.account.token, cloud_service::DELETE_API_KEY, &request).await;
        done.map(drop).map_err(|status| status.code)
    }

    async fn create_account(&self, name: &str) -> Result<(), Code> {
        let request = CreateAccountRequest { name: name.to_owned(), ..Default::default() };
        let made = self.cloud.call(OPERATOR_KEY, operator_service::CREATE_ACCOUNT, &request).await;
        made.map(drop).map_err(|status| status.code)
    }

    async fn drain(&self, cell: &str) -> Result<(), Code> {
        let request = DrainCellRequest { cell_id: cell.to_owned() };
        let done = self.cloud.call(OPERATOR_KEY, operator_service::DRAIN_CELL, &request).await;
        done.map(drop).map_err(|status| status.code)
    }
}

#[tokio::test]
async fn no_call_is_answered_by_what_no_standby_has() {
    let site = Site::new().await;
    let key = site.create_key("before").await.unwrap();
    site.standby_is_away(true);
    for attempt in ["the call", "its repeat", "another repeat"] {
        site.waits(attempt, site.create_namespace("orders", "op-1")).await;
    }
    site.waits("another call for the name", site.create_namespace("orders", "op-2")).await;
    site.waits("another request of the operation", site.create_namespace("returns", "op-1")).await;
    for attempt in ["the call", "its repeat"] {
        site.waits(attempt, site.create_key("op-3")).await;
    }
    for attempt in ["the call", "its repeat"] {
        site.waits(attempt, site.delete_key(&key, "op-4")).await;
    }
    site.waits("what is gone", site.delete_key(&key, "op-5")).await;
    for attempt in ["the call", "its repeat"] {
        site.waits(attempt, site.create_account("globex")).await;
    }
    site.waits("what was never there", site.drain("nowhere")).await;

    site.standby_is_away(false);
    assert_eq!(site.create_namespace("orders", "op-1").await.as_deref(), Ok("op-1"));
    assert_eq!(site.create_namespace("orders", "op-2").await, Err(Code::AlreadyExists));
    assert_eq!(site.create_key("op-3").await, Err(Code::AlreadyExists));
    assert_eq!(site.delete_key(&key, "op-4").await, Ok(()));
    assert_eq!(site.delete_key(&key, "op-5").await, Err(Code::NotFound));
    assert_eq!(site.create_account("globex").await, Err(Code::AlreadyExists));
    let mut snapshot = site.cloud.activities.store.snapshot().await.unwrap();
    assert_eq!(snapshot.operations_to_start(9).await.unwrap().len(), 4, "each once");
}

#[tokio::test]
async fn nothing_is_done_by_what_no_standby_has() {
    let site = Site::new().await;
    site.create_namespace("orders", "op-1").await.unwrap();
    site.cloud.carry_out().await;
    site.create_namespace("returns", "op-2").await.unwrap();
    site.standby_is_away(true);
    site.waits("the call", site.create_key("op-3")).await;
    let activities = &site.cloud.activities;
    let cell = activities.store.snapshot().await.unwrap().cell("a").await.unwrap().unwrap();
    let operation = |id: &str| format!("{}/{id}", site.account.id);
    let writes = site.cloud.cells.get("a").writes;
    site.waits("the outbox", site.cloud.outbox.run_once()).await;
    site.waits("a push of keys", activities.push_keys_to(&cell)).await;
    site.waits("a step that pushes keys", activities.push_keys(&operation("op-3"))).await;
    site.waits("a step that applies", activities.apply_namespace(&operation("op-2"))).await;
    site.waits("a step that removes", activities.remove_namespace(&operation("op-2"))).await;
    site.waits("routes", activities.routes.read()).await;
    assert_eq!(site.cloud.starter.take(), [], "no workflow was started");
    assert_eq!(site.cloud.cells.get("a").writes, writes, "nothing was pushed");

    // Who only looks waits for nobody.
    site.cloud.get(&site.account.token, &format!("returns.{}", site.account.id)).await.unwrap();

    site.standby_is_away(false);
    assert_eq!(site.cloud.outbox.run_once().await.unwrap().started, 2);
    assert_eq!(site.cloud.starter.take().len(), 2);
    activities.push_keys_to(&cell).await.unwrap();
    assert_eq!(site.cloud.cells.get("a").keys.len(), 2);
}

/// More of those that act by what they read than there are connections to read on.
#[tokio::test]
async fn whoever_waits_for_the_standby_leaves_the_others_to_read() {
    let site = Site::new().await;
    site.create_namespace("orders", "op-1").await.unwrap();
    site.standby_is_away(true);
    let routes = &site.cloud.activities.routes;
    let mut acting = pin!(join_all((0..3 * READING).map(|_| routes.read())));
    let looking = async {
        while site.waiting().is_empty() {
            tokio::time::sleep(LOOK).await;
        }
        for _ in 0..READING {
            site.cloud.get(&site.account.token, &format!("orders.{}", site.account.id)).await.unwrap();
        }
        site.waiting().len()
    };
    let looked = tokio::time::timeout(SOON, looking);
    let waiting = tokio::select! {
        acted = &mut acting => panic!("{} did not wait", acted.len()),
        looked = looked => looked.expect("nobody who reads waits"),
    };
    assert!((1..=CONFIRMING).contains(&waiting), "{waiting} sessions wait for {} calls", 3 * READING);
    site.standby_is_away(false);
    for read in acting.await {
        read.unwrap();
    }
}

#[tokio::test]
async fn what_was_read_on_another_server_is_not_confirmed_by_this_one() {
    let (_, place) = database();
    let store = PostgresStore::open(&options(place.url.expose())).await.unwrap();
    let session = store.reading.session().await;
    let here = confirmations::server(&mut session.unwrap()).await.unwrap();
    store.confirmations.confirm(&here).await.unwrap();
    let elsewhere = store.confirmations.confirm("2026-01-01 00:00:00+00").await.unwrap_err();
    assert!(elsewhere.is_retryable(), "{elsewhere}");
}

#[tokio::test]
async fn a_gateway_that_knows_nothing_gets_the_last_routes_that_stand() {
    let site = Site::new().await;
    let routes = &site.cloud.activities.routes;
    let stands = routes.read().await.unwrap();
    site.create_namespace("orders", "op-1").await.unwrap();
    let operation = format!("{}/op-1", site.account.id);
    for step in ["begin", "place", "apply_namespace", "push_keys"] {
        site.cloud.step(step, &operation).await.unwrap();
    }
    site.standby_is_away(true);
    site.waits("the change", site.cloud.step("publish_route", &operation)).await;
    assert_eq!(routes.watch(0, Duration::from_secs(30)).await.unwrap(), stands);
    site.waits("who knows them", routes.watch(stands.version, Duration::from_secs(30))).await;
    site.waits("who asks what is there now", routes.watch(0, Duration::ZERO)).await;
    site.standby_is_away(false);
    assert_eq!(routes.watch(0, Duration::from_secs(30)).await.unwrap().routes.len(), 1);
}
