//! The usage interface over what looks took in.

use std::pin::pin;
use std::sync::Arc;

use atoll_api::call::{CallContext, Code, Principal, PrincipalKind, Protocol};
use atoll_internal_api::usage::v1::usage_entry::Kind as EntryKind;
use atoll_internal_api::usage::v1::{
    Attribution, GetCompletenessRequest, GetCompletenessResponse, HourSeal, ListUsageRequest,
    PositionedEntry, StorageClass, StorageDelta, UsageEntry, UsageObject, UsageRow, UsageService,
    usage_service,
};
use atoll_object_store::ObjectStore;
use atoll_object_store::fault::{FaultObjects, ObjectCall, ObjectFault};
use atoll_rpc::ManualClock;
use bytes::Bytes;
use prost_types::Timestamp;
use tokio::sync::Semaphore;

use super::look::World;
use crate::hour::HOUR_MS;
use crate::test_support::{namespace, timers};

const HOUR_S: i64 = HOUR_MS / 1_000;

fn hour(number: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: number * HOUR_S, nanos: 0 })
}

fn owner() -> Attribution {
    Attribution {
        namespace_id: Bytes::copy_from_slice(namespace(1).as_bytes()),
        namespace: "orders.acme1".to_owned(),
        account_id: "acme1".to_owned(),
        project_id: "p".to_owned(),
        tags: [("team".to_owned(), "blue".to_owned())].into_iter().collect(),
        generation: 1,
    }
}

/// Row 3 adds 10 active bytes a quarter past hour 0; row 4 seals hour 0; the object speaks until `told_ms`.
fn stored(told_ms: i64, sealed: bool) -> UsageObject {
    let delta = StorageDelta { class: StorageClass::Active as i32, bytes: 10 };
    let entry = UsageEntry {
        namespace_id: owner().namespace_id,
        at_ms: HOUR_MS / 4,
        kind: Some(EntryKind::Storage(delta)),
    };
    UsageObject {
        from_seq: 3,
        to_seq: if sealed { 5 } else { 4 },
        entries: vec![PositionedEntry { seq: 3, index: 0, entry: Some(entry) }],
        seals: if sealed { vec![HourSeal { hour_start_ms: 0, seq: 4 }] } else { Vec::new() },
        attributions: vec![owner()],
        written_at_ms: told_ms,
        ..timers("a", 3, 3)
    }
}

async fn list(world: &World, request: ListUsageRequest) -> Result<(Vec<UsageRow>, String), Code> {
    let ctx = CallContext::new(usage_service::LIST_USAGE.info());
    let answer = world.metering.usage().list_usage(&ctx, request).await.map_err(|status| status.code)?;
    Ok((answer.rows, answer.next_page_token))
}

fn hours(from: i64, to: i64) -> ListUsageRequest {
    ListUsageRequest { start_time: hour(from), end_time: hour(to), ..ListUsageRequest::default() }
}

async fn completeness(world: &World, from: i64, to: i64) -> Result<GetCompletenessResponse, Code> {
    completeness_by(world.metering.usage(), from, to).await
}

async fn completeness_by(
    usage: Arc<dyn UsageService>,
    from: i64,
    to: i64,
) -> Result<GetCompletenessResponse, Code> {
    let ctx = CallContext::new(usage_service::GET_COMPLETENESS.info());
    let request = GetCompletenessRequest { start_time: hour(from), end_time: hour(to) };
    usage.get_completeness(&ctx, request).await.map_err(|status| status.code)
}

fn short(rows: &[UsageRow]) -> Vec<(i64, &str, &str, bool)> {
    let of = |row: &UsageRow| row.hour.map_or(-1, |at| at.seconds / HOUR_S);
    rows.iter().map(|row| (of(row), row.kind.as_str(), row.quantity.as_str(), row.incomplete)).collect()
}

#[tokio::test]
async fn an_open_hour_is_shown_as_far_as_it_is_told_and_final_once_it_is_sealed() {
    let mut world = World::new(&[]).await;
    world.put_manifest("a", 1).await;
    world.put(&UsageObject { attributions: vec![owner()], ..timers("a", 1, 3) }).await;
    world.put(&stored(HOUR_MS / 2, false)).await;
    world.look().await;
    let (rows, token) = list(&world, hours(0, 3)).await.unwrap();
    assert_eq!(short(&rows), [(0, "actions", "2", true), (0, "active_storage", "9000000", true)]);
    assert_eq!(token, "");

    world.put(&stored(HOUR_MS + 7, true)).await;
    world.look().await;
    let (rows, _) = list(&world, hours(0, 3)).await.unwrap();
    assert_eq!(
        short(&rows),
        [
            (0, "actions", "2", false),
            (0, "active_storage", "27000000", false),
            (1, "active_storage", "70", true)
        ]
    );
    let row = &rows[0];
    assert_eq!((row.account_id.as_str(), row.namespace.as_str()), ("acme1", "orders.acme1"));
    assert_eq!((row.action_type.as_str(), row.project_id.as_str()), ("start_timer", "p"));
    assert_eq!((&row.tags["team"], row.namespace_id.clone()), (&"blue".to_owned(), namespace(1).to_string()));
    assert_eq!(row.cell_id, "a");
}

#[tokio::test]
async fn an_owner_that_one_shard_names_is_known_to_the_others() {
    let mut world = World::new(&[]).await;
    world.put_manifest("a", 2).await;
    world.put(&UsageObject { attributions: vec![owner()], ..timers("a", 1, 3) }).await;
    world.put(&UsageObject { shard: 1, ..timers("a", 1, 5) }).await;
    world.look().await;
    let request = ListUsageRequest { account_id: "acme1".to_owned(), ..hours(0, 1) };
    assert_eq!(short(&list(&world, request).await.unwrap().0), [(0, "actions", "6", true)]);
}

#[tokio::test]
async fn pages_of_one_row_give_the_same_rows_as_one_page() {
    let mut world = World::new(&[]).await;
    world.put_manifest("a", 1).await;
    world.put(&UsageObject { attributions: vec![owner()], ..timers("a", 1, 3) }).await;
    world.put(&stored(5 * HOUR_MS / 2, true)).await;
    world.look().await;
    for account_id in ["", "acme1"] {
        let all = ListUsageRequest { account_id: account_id.to_owned(), ..hours(0, 9) };
        let (whole, _) = list(&world, all.clone()).await.unwrap();
        assert_eq!(whole.len(), 4, "actions, and storage of three hours");
        let mut pages = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = ListUsageRequest { page_size: 1, page_token, ..all.clone() };
            let (rows, next) = list(&world, request).await.unwrap();
            assert_eq!(rows.len(), 1);
            pages.extend(rows);
            page_token = next;
            if page_token.is_empty() {
                break;
            }
        }
        assert_eq!(pages, whole);
    }
}

#[tokio::test]
async fn pages_say_which_usage_they_are_of() {
    let mut world = World::new(&[]).await;
    world.put_manifest("a", 1).await;
    world.put(&UsageObject { attributions: vec![owner()], ..timers("a", 1, 3) }).await;
    world.put(&stored(5 * HOUR_MS / 2, true)).await;
    world.look().await;
    let version = async |request: ListUsageRequest| {
        let ctx = CallContext::new(usage_service::LIST_USAGE.info());
        let answer = world.metering.usage().list_usage(&ctx, request).await;
        answer.map(|answer| answer.cube_version).map_err(|status| status.code)
    };
    // Hour 0 is sealed, and what follows is open.
    let until = |to| ListUsageRequest { page_size: 1, version_until: hour(to), ..hours(0, 1) };
    let (sealed, open) = (version(hours(0, 1)).await, version(hours(0, 3)).await);
    assert_eq!(version(until(1)).await, sealed);
    assert_eq!(version(until(3)).await, open);
    assert_eq!(
        version(ListUsageRequest { version_until: hour(0), ..hours(0, 1) }).await,
        Err(Code::InvalidArgument)
    );
    assert_eq!(completeness(&world, 0, 3).await.map(|answer| answer.cube_version), open);
    world.put(&timers("a", 5, 6)).await;
    world.metering.ingest().look(&mut crate::ingest::Memory::default(), &Default::default()).await;
    assert_ne!(version(hours(0, 3)).await, open);
    assert_ne!(version(hours(0, 1)).await, sealed, "that timer is of hour 0, which was sealed");
}

#[tokio::test]
async fn listings_are_of_the_account_the_namespace_and_the_period() {
    let mut world = World::new(&[]).await;
    world.put_manifest("a", 1).await;
    world.put(&UsageObject { attributions: vec![owner()], ..timers("a", 1, 3) }).await;
    world.put(&stored(HOUR_MS + 7, true)).await;
    world.look().await;
    let of = |account_id: &str, namespace: &str, from, to| ListUsageRequest {
        account_id: account_id.to_owned(),
        namespace: namespace.to_owned(),
        ..hours(from, to)
    };
    let cases = [
        (of("acme1", "", 0, 9), 3),
        (of("acme1", "orders.acme1", 0, 9), 3),
        (of("acme1", "other.acme1", 0, 9), 0),
        (of("other", "", 0, 9), 0),
        (of("acme1", "", 1, 9), 1),
        (of("acme1", "", 0, 1), 2),
        (of("acme1", "", 2, 9), 0),
    ];
    for (request, rows) in cases {
        assert_eq!(list(&world, request.clone()).await.unwrap().0.len(), rows, "{request:?}");
    }
    let bad = [
        ListUsageRequest { page_size: -1, ..hours(0, 1) },
        ListUsageRequest { page_token: "x".to_owned(), ..hours(0, 1) },
        hours(1, 1),
        ListUsageRequest::default(),
    ];
    for request in bad {
        assert_eq!(list(&world, request.clone()).await.unwrap_err(), Code::InvalidArgument, "{request:?}");
    }
}

#[tokio::test]
async fn a_period_is_complete_when_every_shard_of_every_cell_has_sealed_it_and_somebody_looked() {
    let mut world = World::new(&["a", "b"]).await;
    assert_eq!(completeness(&world, 0, 1).await.unwrap_err(), Code::Unavailable, "nobody looked");
    world.put_manifest("a", 2).await;
    world.look().await;
    let answer = completeness(&world, 0, 1).await.unwrap();
    let missing: Vec<(&str, u32)> = answer.missing.iter().map(|m| (m.cell_id.as_str(), m.shard)).collect();
    assert_eq!(missing, [("a", 0), ("a", 1), ("b", 0)]);
    assert_eq!((answer.complete, answer.complete_until), (false, None));

    world.put_manifest("b", 1).await;
    world.put(&timers("a", 1, 3)).await;
    for (cell, shard) in [("a", 0), ("a", 1), ("b", 0)] {
        let first = if (cell, shard) == ("a", 0) { 3 } else { 1 };
        let seals = vec![HourSeal { hour_start_ms: 0, seq: first }];
        world.put(&UsageObject { shard, seals, to_seq: first + 1, ..timers(cell, first, first) }).await;
    }
    world.look().await;
    let answer = completeness(&world, 0, 1).await.unwrap();
    assert_eq!((answer.complete, answer.complete_until), (true, hour(1)));
    assert!(answer.missing.is_empty());
    assert!(!completeness(&world, 0, 2).await.unwrap().complete);
}

#[tokio::test]
async fn a_tenant_learns_until_when_usage_is_complete_and_nothing_of_cells() {
    let mut world = World::new(&["a", "b"]).await;
    world.put_manifest("a", 2).await;
    world.put_manifest("b", 1).await;
    let seals = vec![HourSeal { hour_start_ms: 0, seq: 1 }];
    for (cell, shard) in [("a", 0), ("a", 1), ("b", 0)] {
        world.put(&UsageObject { shard, seals: seals.clone(), to_seq: 2, ..timers(cell, 1, 1) }).await;
    }
    world.look().await;
    let asked = async |kind, account: &str, to| {
        let mut ctx = CallContext::new(usage_service::GET_COMPLETENESS.info());
        ctx.protocol = Protocol::Grpc;
        let (id, account) = ("x".to_owned(), account.to_owned());
        ctx.principal = Some(Arc::new(Principal { kind, id, account, display: String::new() }));
        let request = GetCompletenessRequest { start_time: hour(0), end_time: hour(to) };
        world.metering.usage().get_completeness(&ctx, request).await.unwrap()
    };
    for to in [1, 3] {
        for kind in [PrincipalKind::User, PrincipalKind::ServiceAccount, PrincipalKind::Certificate] {
            let tenant = asked(kind, "acme1", to).await;
            let complete_until = hour(1);
            let expected =
                GetCompletenessResponse { complete: to == 1, complete_until, ..Default::default() };
            assert_eq!(tenant, expected);
        }
    }
    for kind in [PrincipalKind::Operator, PrincipalKind::Internal] {
        let operator = asked(kind, "", 3).await;
        assert_eq!(operator.missing.len(), 6, "two hours of three shards");
        assert_ne!(operator.cube_version, "");
    }
}

/// Cell a has sealed hour 0 too early, as a cell does whose clock is ahead: it is half past by everybody else's.
async fn half_an_hour_early() -> (World, ManualClock) {
    let mut world = World::new(&["a"]).await;
    let clock = ManualClock::new("1970-01-01T00:30:00Z".parse().unwrap());
    world.metering = world.metering.clone().with_clock(Arc::new(clock.clone()));
    world.put_manifest("a", 1).await;
    let seals = vec![HourSeal { hour_start_ms: 0, seq: 1 }];
    world.put(&UsageObject { seals, to_seq: 2, ..timers("a", 1, 1) }).await;
    (world, clock)
}

fn strike_one(clock: &ManualClock) {
    clock.set("1970-01-01T01:00:01Z".parse().unwrap());
}

#[tokio::test]
async fn an_hour_that_nobody_looked_for_after_its_end_is_not_called_complete() {
    let (mut world, clock) = half_an_hour_early().await;
    world.look().await;
    assert_eq!(completeness(&world, 0, 1).await.unwrap_err(), Code::Unavailable);
    strike_one(&clock);
    world.look().await;
    assert!(completeness(&world, 0, 1).await.unwrap().complete);
}

/// It may have listed the cells before a new one was there.
#[tokio::test]
async fn a_look_that_began_before_the_end_of_an_hour_says_nothing_of_it() {
    let (mut world, clock) = half_an_hour_early().await;
    let slow = FaultObjects::new(Arc::clone(&world.objects) as Arc<dyn ObjectStore>, 1);
    world.read_through(Arc::new(slow.clone())).await;
    world.metering = world.metering.clone().with_clock(Arc::new(clock.clone()));
    let gate = Arc::new(Semaphore::new(0));
    slow.script(ObjectCall::List, ObjectFault::HoldAfter(Arc::clone(&gate)));
    {
        let mut look = pin!(world.look());
        let is_listing = async {
            while slow.calls(ObjectCall::List) == 0 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            () = &mut look => panic!("its list has not answered"),
            () = is_listing => {}
        }
        strike_one(&clock);
        gate.add_permits(1);
        look.await;
    }
    assert_eq!(completeness(&world, 0, 1).await.unwrap_err(), Code::Unavailable);
    world.look().await;
    assert!(completeness(&world, 0, 1).await.unwrap().complete);
}

/// The call may have read what stood before the look.
#[tokio::test]
async fn a_look_during_a_call_says_nothing_of_what_the_call_read_before() {
    let (mut world, clock) = half_an_hour_early().await;
    world.look().await;
    strike_one(&clock);
    let mut call = pin!(completeness_by(world.metering.usage(), 0, 1));
    assert!(futures::poll!(&mut call).is_pending(), "the database is read");
    world.look().await;
    assert_eq!(call.await.unwrap_err(), Code::Unavailable);
    assert!(completeness(&world, 0, 1).await.unwrap().complete);
}
