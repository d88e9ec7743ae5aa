//! What the control plane asks of a cell.

use crate::fixture::{ADMIN_TOKEN, Cell, Driver, Engine, PATIENCE, Paused, SHARDS, Site, named, seconds};
use atoll_api::call::{Code, Status};
use atoll_api::temporal::api::common::v1::WorkflowType;
use atoll_api::temporal::api::schedule::v1::schedule_action::Action;
use atoll_api::temporal::api::schedule::v1::{self as api, IntervalSpec};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_api::temporal::api::workflow::v1::NewWorkflowExecutionInfo;
use atoll_api::temporal::api::workflowservice::v1::{self as wf, workflow_service as rpc};
use atoll_internal_api::cell::v1::{self as admin, NamespaceSpec, cell_admin};
use atoll_internal_api::limits::CELL_ADMIN_MESSAGE_BYTES;
use atoll_internal_api::usage::v1::ActionType;
use atoll_rpc::CallOptions;
use bytes::Bytes;
use cell_node::Access;
use cell_store::StoreError;
use cell_store::fault::{Call, Fault};
use prost::Message;
use sha2::{Digest, Sha256};
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

fn spec(name: &str, id: u128, generation: u64) -> NamespaceSpec {
    NamespaceSpec { id: Bytes::copy_from_slice(Uuid::from_u128(id).as_bytes()), generation, ..named(name) }
}

async fn apply(cell: &Cell, spec: NamespaceSpec) -> Result<u64, Status> {
    let request = admin::ApplyNamespaceRequest { spec: Some(spec) };
    Ok(cell.admin(cell_admin::APPLY_NAMESPACE, request).await?.generation)
}

async fn description(cell: &Cell, name: &str) -> Result<String, Status> {
    let request = wf::DescribeNamespaceRequest { namespace: name.to_owned(), ..Default::default() };
    let described = cell.call(rpc::DESCRIBE_NAMESPACE, request).await?;
    Ok(described.namespace_info.expect("info").description)
}

#[tokio::test]
async fn an_older_generation_changes_nothing_and_succeeds() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let described = |text: &str, generation| NamespaceSpec {
            description: text.to_owned(),
            ..spec("orders.acct1", 7, generation)
        };
        assert_eq!(apply(&cell, described("third", 3)).await, Ok(3));
        assert_eq!(apply(&cell, described("second", 2)).await, Ok(3));
        assert_eq!(description(&cell, "orders.acct1").await.unwrap(), "third");
        assert_eq!(apply(&cell, described("fourth", 4)).await, Ok(4));

        let cell = cell.crash().await.start().await;
        assert_eq!(description(&cell, "orders.acct1").await.unwrap(), "fourth");
        assert_eq!(apply(&cell, described("third", 3)).await, Ok(4));
        let remove = |generation| admin::RemoveNamespaceRequest { id: described("", 0).id, generation };
        cell.admin(cell_admin::REMOVE_NAMESPACE, remove(3)).await.unwrap();
        assert_eq!(description(&cell, "orders.acct1").await.unwrap(), "fourth");
        cell.admin(cell_admin::REMOVE_NAMESPACE, remove(5)).await.unwrap();
        cell.admin(cell_admin::REMOVE_NAMESPACE, remove(5)).await.unwrap();
        let gone = description(&cell, "orders.acct1").await.unwrap_err();
        assert_eq!(gone.code, Code::NotFound);
        // A call from before the removal arrives after it.
        assert_eq!(apply(&cell, described("fourth", 4)).await, Ok(5));
        assert_eq!(description(&cell, "orders.acct1").await.unwrap_err().code, Code::NotFound);
        let cell = cell.crash().await.start().await;
        assert_eq!(apply(&cell, described("fifth", 5)).await, Ok(5));
        assert_eq!(description(&cell, "orders.acct1").await.unwrap_err().code, Code::NotFound);
        cell.crash().await;
    }
}

#[tokio::test]
async fn the_records_of_a_namespace_go_with_it_and_do_not_come_back() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        let (id, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
        for (name, id) in [("orders.acct1", 7), ("pay.acct1", 8)] {
            apply(&cell, spec(name, id, 1)).await.unwrap();
            let workflow = Driver { namespace: name.to_owned(), ..Driver::new(&cell, name) };
            workflow.start().await;
        }
        for id in [id, other] {
            Cell::until("a record", async || (cell.site.listed(id).await == 1).then_some(())).await;
        }
        let remove = |generation| admin::RemoveNamespaceRequest {
            id: Bytes::copy_from_slice(id.as_bytes()),
            generation,
        };
        cell.admin(cell_admin::REMOVE_NAMESPACE, remove(0)).await.unwrap();
        assert_eq!(cell.site.listed(id).await, 1, "the cell holds a newer generation");
        cell.site.visibility_away.store(true, Ordering::SeqCst);
        let refused = cell.admin(cell_admin::REMOVE_NAMESPACE, remove(2)).await.unwrap_err();
        assert_eq!(refused.code, Code::Unavailable, "it is asked again");
        cell.site.visibility_away.store(false, Ordering::SeqCst);
        cell.admin(cell_admin::REMOVE_NAMESPACE, remove(2)).await.unwrap();
        assert_eq!(cell.site.listed(id).await, 0);

        // The log still has the run: what a start tells of it is not written.
        let cell = cell.crash().await.start().await;
        let late = Driver { namespace: "pay.acct1".to_owned(), ..Driver::new(&cell, "late") };
        late.start().await;
        Cell::until("a later record", async || (cell.site.listed(other).await == 2).then_some(())).await;
        assert_eq!(cell.site.listed(id).await, 0);
        cell.crash().await;
    }
}

/// A schedule that starts nothing for a while.
fn schedule(namespace: &str) -> wf::CreateScheduleRequest {
    let start = NewWorkflowExecutionInfo {
        workflow_id: "scheduled".to_owned(),
        workflow_type: Some(WorkflowType { name: "Scheduled".to_owned() }),
        task_queue: Some(TaskQueue { name: "queue".to_owned(), ..Default::default() }),
        ..Default::default()
    };
    let interval = IntervalSpec { interval: seconds(86_400), phase: None };
    wf::CreateScheduleRequest {
        namespace: namespace.to_owned(),
        schedule_id: "daily".to_owned(),
        schedule: Some(api::Schedule {
            spec: Some(api::ScheduleSpec { interval: vec![interval], ..Default::default() }),
            action: Some(api::ScheduleAction { action: Some(Action::StartWorkflow(start)) }),
            ..Default::default()
        }),
        request_id: "create".to_owned(),
        ..Default::default()
    }
}

#[tokio::test]
async fn what_a_namespace_holds_goes_with_it_and_no_storage_is_billed_for_it_any_more() {
    for engine in Engine::all() {
        for killed in [false, true] {
            let cell = Cell::on(engine.fresh()).await;
            let (id, other) = (Uuid::from_u128(7), Uuid::from_u128(8));
            for (name, id) in [("orders.acct1", 7), ("pay.acct1", 8)] {
                apply(&cell, spec(name, id, 1)).await.unwrap();
                for n in 0..5 {
                    let open =
                        Driver { namespace: name.to_owned(), ..Driver::new(&cell, &format!("open-{n}")) };
                    open.start().await;
                }
                let closed = Driver { namespace: name.to_owned(), ..Driver::new(&cell, "closed") };
                closed.start().await;
                closed.step(vec![crate::fixture::done()]).await;
                cell.call(rpc::CREATE_SCHEDULE, schedule(name)).await.expect("created");
            }
            cell.checkpoint().await;
            // What a shard exports of a start and of its storage comes together.
            Cell::until("all starts are exported", async || {
                let starts =
                    crate::usage::actions(&cell.usage().await).get(&ActionType::StartWorkflow).copied();
                (starts == Some(12)).then_some(())
            })
            .await;
            let billed = async |id| {
                Cell::until("open and closed runs are billed", async || {
                    let standing = crate::usage::standing(&cell, id).await;
                    (standing.len() == 2 && standing.values().all(|bytes| *bytes > 0)).then_some(standing)
                })
                .await
            };
            billed(id).await;
            let theirs = (cell.site.stored(other).await, billed(other).await);
            let remove =
                admin::RemoveNamespaceRequest { id: Bytes::copy_from_slice(id.as_bytes()), generation: 2 };
            cell.admin(cell_admin::REMOVE_NAMESPACE, remove).await.unwrap();
            let cell = if killed { cell.crash().await.start().await } else { cell };
            Cell::until("its rows are gone", async || cell.site.stored(id).await.is_empty().then_some(()))
                .await;
            Cell::until("nothing is billed", async || {
                let standing = crate::usage::standing(&cell, id).await;
                standing.values().all(|bytes| *bytes == 0).then_some(())
            })
            .await;
            assert_eq!((cell.site.stored(other).await, crate::usage::standing(&cell, other).await), theirs);
            assert_eq!(cell.site.listed(id).await, 0);
            let late = Driver { namespace: "pay.acct1".to_owned(), ..Driver::new(&cell, "open-0") };
            late.step(vec![crate::fixture::done()]).await;
            cell.crash().await;
        }
    }
}

#[tokio::test]
async fn a_namespace_without_name_or_id_is_refused() {
    let cell = Cell::on(Engine::memory()).await;
    for bad in [spec("", 7, 1), NamespaceSpec { id: Bytes::from_static(b"short"), ..spec("n", 7, 1) }] {
        assert_eq!(apply(&cell, bad).await.unwrap_err().code, Code::InvalidArgument);
    }
    let nothing = admin::ApplyNamespaceRequest { spec: None };
    let refused = cell.admin(cell_admin::APPLY_NAMESPACE, nothing).await.unwrap_err();
    assert_eq!(refused.code, Code::InvalidArgument);
    cell.crash().await;
}

#[tokio::test]
async fn a_wrong_token_opens_no_method() {
    let cell = Cell::on(Engine::memory()).await;
    let namespace = description(&cell, "default").await;
    for method in &cell_admin::METHODS {
        for token in ["", "wrong", "admin-token2"] {
            let refused = cell.admin_raw(token, method.path, Bytes::new()).await.map(drop).unwrap_err();
            assert_eq!(refused.code, Code::Unauthenticated, "{} with {token:?}", method.name);
        }
        // An empty request is one to each of them, and what they say of it is their own.
        let open = cell.admin_raw(ADMIN_TOKEN, method.path, Bytes::new()).await.map(drop);
        assert_ne!(open.err().map(|status| status.code), Some(Code::Unauthenticated), "{}", method.name);
    }
    assert_eq!(description(&cell, "default").await, namespace);
    cell.crash().await;
}

/// All keys come in one message, each with what it may do.
#[tokio::test]
async fn a_set_of_keys_as_large_as_a_message_may_be_is_taken() {
    let cell = Cell::on(Engine::memory()).await;
    let key = |number: usize| admin::KeyRecord {
        key_id: format!("key-{number:08}"),
        secret_sha256: Bytes::from_static(&[7; 32]),
        account_id: "acct1".to_owned(),
        principal: "somebody".to_owned(),
        grant: Some(admin::Grant {
            namespaces: [("orders.acct1".to_owned(), "write".to_owned())].into(),
            ..Default::default()
        }),
        ..Default::default()
    };
    let of =
        |keys: usize| admin::ApplyKeySetRequest { generation: 1_000, keys: (0..keys).map(key).collect() };
    let each = of(2).encoded_len() - of(1).encoded_len();
    let all = of((CELL_ADMIN_MESSAGE_BYTES - 1_000) / each);
    assert!((CELL_ADMIN_MESSAGE_BYTES * 9 / 10..CELL_ADMIN_MESSAGE_BYTES).contains(&all.encoded_len()));
    assert_eq!(cell.admin(cell_admin::APPLY_KEY_SET, all).await.unwrap().generation, 1_000);
    cell.crash().await;
}

#[tokio::test]
async fn a_cell_says_how_it_is() {
    for engine in Engine::all() {
        let cell = Cell::on(engine).await;
        apply(&cell, spec("orders.acct1", 7, 3)).await.unwrap();
        Driver::new(&cell, "one").start().await;
        let two = Driver::new(&cell, "two");
        two.start().await;
        two.step(vec![crate::fixture::done()]).await;
        let status = cell.admin(cell_admin::GET_STATUS, admin::GetStatusRequest {}).await.unwrap();
        assert_eq!((status.cell_id.as_str(), status.healthy, status.open_runs), ("cell-t", true, 1));
        assert_eq!((status.shard_count, status.shards_owned), (SHARDS, SHARDS));
        assert!(status.problems.is_empty());
        assert_eq!(status.incarnation.len(), 16);
        let held: Vec<(String, u64)> =
            status.namespaces.iter().map(|held| (held.name.clone(), held.generation)).collect();
        assert_eq!(held, [("default".to_owned(), 1), ("orders.acct1".to_owned(), 3)]);
        let incarnation = status.incarnation;
        let cell = cell.crash().await.start().await;
        let status = cell.admin(cell_admin::GET_STATUS, admin::GetStatusRequest {}).await.unwrap();
        assert_eq!((status.incarnation, status.open_runs), (incarnation, 1));
        cell.crash().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_cell_that_serves_only_some_of_its_shards_is_unwell() {
    let cell = Paused::with(|config| config.shards.shard_count = SHARDS).await;
    assert!(cell.status().await.healthy);
    cell.faults.script(Call::Append, Fault::Panic);
    // Of all shards together, then of the first alone.
    for _ in 0..2 {
        cell.faults.script(Call::Acquire, Fault::Before(StoreError::Corrupt("a page".to_owned())));
    }
    // The others are served again by then, and what could not be read is not tried again yet.
    tokio::time::sleep(Duration::from_secs(60)).await;
    let status = cell.status().await;
    assert_eq!((status.healthy, status.shards_owned), (false, SHARDS - 1));
    for said in ["3 of 4 shards are served", "shard 0 is not served: not taken over: "] {
        assert!(status.problems.iter().any(|problem| problem.starts_with(said)), "{:?}", status.problems);
    }
}

fn key(id: &str, namespace: &str, role: &str) -> admin::KeyRecord {
    let namespaces = [(namespace.to_owned(), role.to_owned())].into_iter().collect();
    admin::KeyRecord {
        key_id: id.to_owned(),
        secret_sha256: Sha256::digest(b"secret").to_vec().into(),
        account_id: "acct1".to_owned(),
        principal: id.to_owned(),
        grant: Some(admin::Grant { namespaces, ..Default::default() }),
        ..Default::default()
    }
}

async fn may_count(cell: &Cell, token: &str) -> Option<Code> {
    let request =
        wf::CountWorkflowExecutionsRequest { namespace: "orders.acct1".to_owned(), query: String::new() };
    let options = CallOptions::timeout(PATIENCE).bearer(token);
    let outcome = cell.call_with(rpc::COUNT_WORKFLOW_EXECUTIONS, request, options).await;
    outcome.err().map(|refused| refused.code)
}

#[tokio::test]
async fn pushed_keys_open_the_cell_and_stay_pushed() {
    for engine in Engine::all() {
        let mut site = Site::new(engine);
        site.config.access = Access::Keys { internal_token: Some("internal".into()) };
        let cell = site.start().await;
        apply(&cell, spec("orders.acct1", 7, 1)).await.unwrap();
        let push = async |cell: &Cell, generation, keys: Vec<admin::KeyRecord>| {
            let request = admin::ApplyKeySetRequest { generation, keys };
            cell.admin(cell_admin::APPLY_KEY_SET, request).await.expect("pushed").generation
        };
        assert_eq!(may_count(&cell, "a.secret").await, Some(Code::Unauthenticated));
        assert_eq!(push(&cell, 2, vec![key("a", "orders.acct1", "read")]).await, 2);
        assert_eq!(may_count(&cell, "a.secret").await, None);
        assert_eq!(may_count(&cell, "a.wrong").await, Some(Code::Unauthenticated));
        assert_eq!(push(&cell, 1, vec![]).await, 2, "an older set changes nothing");
        assert_eq!(may_count(&cell, "a.secret").await, None);

        let cell = cell.crash().await.start().await;
        assert_eq!(may_count(&cell, "a.secret").await, None, "keys are durable");
        assert_eq!(may_count(&cell, "internal").await, None);
        assert_eq!(push(&cell, 3, vec![key("a", "books.acct1", "read")]).await, 3);
        assert_eq!(may_count(&cell, "a.secret").await, Some(Code::PermissionDenied));
        let status = cell.admin(cell_admin::GET_STATUS, admin::GetStatusRequest {}).await.unwrap();
        assert_eq!(status.key_set_generation, 3);
        cell.crash().await;
    }
}

#[tokio::test]
async fn more_keys_than_a_published_call_may_bring_are_pushed_whole() {
    for engine in Engine::all() {
        let mut site = Site::new(engine);
        site.config.access = Access::Keys { internal_token: Some("internal".into()) };
        let cell = site.start().await;
        apply(&cell, spec("orders.acct1", 7, 1)).await.unwrap();
        let mut keys: Vec<_> =
            (0..60_000).map(|n| key(&format!("key-{n:05}"), "orders.acct1", "read")).collect();
        let push = async |generation, keys: Vec<admin::KeyRecord>| {
            let request = admin::ApplyKeySetRequest { generation, keys };
            assert!(request.encoded_len() > 5 << 20, "{} bytes", request.encoded_len());
            cell.admin(cell_admin::APPLY_KEY_SET, request).await.expect("pushed").generation
        };
        assert_eq!(push(2, keys.clone()).await, 2);
        assert_eq!(may_count(&cell, "key-31415.secret").await, None);
        keys.remove(31_415);
        assert_eq!(push(3, keys).await, 3);
        assert_eq!(may_count(&cell, "key-31415.secret").await, Some(Code::Unauthenticated));
        assert_eq!(may_count(&cell, "key-31416.secret").await, None);
        cell.crash().await;
    }
}
