//! Cells and objects that are gone: what operators decide, and what billing is told.

use std::sync::Arc;

use atoll_api::call::{CallContext, Code, Principal, PrincipalKind, Protocol, Status};
use atoll_internal_api::usage::v1::{
    CellManifest, Exemption, GetCompletenessRequest, GetCompletenessResponse, HourSeal,
    ListMeteredCellsRequest, ListMissingObjectsRequest, LoseMeteredCellRequest, RetireMeteredCellRequest,
    SkipObjectsRequest, UsageObject, usage_operator_service as methods, usage_service,
};
use atoll_object_store::ObjectStore;
use atoll_rpc::{ManualClock, wire_time};
use bytes::Bytes;
use prost::Message;
use prost_types::Timestamp;
use uuid::Uuid;

use super::look::World;
use crate::hour::HOUR_MS;
use crate::test_support::{INCARNATION, timers};

/// Cells a and b have sealed hours 0 and 1, and it is half past 5.
async fn world() -> World {
    let mut world = World::new(&["a", "b"]).await;
    let clock = ManualClock::new("1970-01-01T05:30:00Z".parse().unwrap());
    world.metering = world.metering.clone().with_clock(Arc::new(clock));
    for cell in ["a", "b"] {
        world.put_manifest(cell, 1).await;
        world.put(&sealed(cell, 1, 1)).await;
    }
    world.look().await;
    world
}

/// A row that seals an hour.
fn sealed(cell: &str, row: u64, hour: i64) -> UsageObject {
    let seals = vec![HourSeal { hour_start_ms: hour * HOUR_MS, seq: row }];
    UsageObject { seals, to_seq: row + 1, ..timers(cell, row, row) }
}

fn hour(number: i64) -> Option<Timestamp> {
    Some(wire_time::from_millis(number * HOUR_MS))
}

async fn completeness(world: &World, from: i64, to: i64) -> GetCompletenessResponse {
    let ctx = CallContext::new(usage_service::GET_COMPLETENESS.info());
    let request = GetCompletenessRequest { start_time: hour(from), end_time: hour(to) };
    world.metering.usage().get_completeness(&ctx, request).await.unwrap()
}

async fn complete(world: &World, from: i64, to: i64) -> bool {
    completeness(world, from, to).await.complete
}

/// A call of the operator Ada.
fn by_ada(info: &'static atoll_api::call::MethodInfo) -> CallContext {
    let mut ctx = CallContext::new(info);
    ctx.protocol = Protocol::Grpc;
    let (id, account) = ("ada".to_owned(), String::new());
    ctx.principal =
        Some(Arc::new(Principal { kind: PrincipalKind::Operator, id, account, display: String::new() }));
    ctx
}

async fn retire(world: &World, cell: &str, until: Option<i64>) -> Result<Option<Timestamp>, Code> {
    let request = RetireMeteredCellRequest {
        cell_id: cell.to_owned(),
        until: until.and_then(hour),
        reason: "moved".to_owned(),
        ..Default::default()
    };
    let (operator, ctx) = (world.metering.operator(), by_ada(methods::RETIRE_METERED_CELL.info()));
    let answer = operator.retire_metered_cell(&ctx, request).await;
    answer.map(|answer| answer.end.unwrap().since).map_err(|status| status.code)
}

async fn lose(
    world: &World,
    cell: &str,
    incarnation: &str,
    since: Option<i64>,
) -> Result<Option<Timestamp>, Status> {
    let request = LoseMeteredCellRequest {
        cell_id: cell.to_owned(),
        incarnation: incarnation.to_owned(),
        since: since.and_then(hour),
        reason: "burnt down".to_owned(),
    };
    let (operator, ctx) = (world.metering.operator(), by_ada(methods::LOSE_METERED_CELL.info()));
    let answer = operator.lose_metered_cell(&ctx, request).await;
    answer.map(|answer| answer.end.unwrap().since)
}

#[tokio::test]
async fn a_retired_cell_keeps_no_hour_open() {
    let mut world = world().await;
    world.put(&sealed("b", 2, 4)).await;
    world.look().await;
    assert!(!complete(&world, 0, 4).await, "cell a owes hours 2 and 3");
    assert_eq!(retire(&world, "a", Some(1)).await, Err(Code::FailedPrecondition), "it has sealed hour 1");
    assert_eq!(retire(&world, "nobody", None).await, Err(Code::NotFound));
    assert_eq!(retire(&world, "a", None).await, Ok(hour(2)));
    for again in [None, Some(2)] {
        assert_eq!(retire(&world, "a", again).await, Ok(hour(2)), "again");
    }
    assert_eq!(retire(&world, "a", Some(3)).await, Err(Code::AlreadyExists));
    let answer = completeness(&world, 0, 5).await;
    assert_eq!((answer.complete, answer.complete_until, answer.exemptions), (true, hour(5), vec![]));
    // What it says all the same is counted.
    world.put(&timers("a", 2, 5)).await;
    world.look().await;
    assert_eq!(world.total().await, 3);
    let (operator, ctx) = (world.metering.operator(), by_ada(methods::LIST_METERED_CELLS.info()));
    let cells = operator.list_metered_cells(&ctx, ListMeteredCellsRequest {}).await.unwrap().cells;
    let shown: Vec<_> =
        cells.iter().map(|cell| (cell.cell_id.as_str(), cell.in_force, cell.ends.len())).collect();
    assert_eq!(shown, [("a", false, 1), ("b", true, 0)]);
    let end = &cells[0].ends[0];
    let said = (end.kind.as_str(), end.reason.as_str(), end.decided_by.as_str());
    assert_eq!(said, ("retired", "moved", "ada"));
    assert_eq!(wire_time::millis(end.decided_time.as_ref().unwrap()).unwrap(), 11 * HOUR_MS / 2);
    assert_eq!(cells[0].sealed_until, hour(2));
}

#[tokio::test]
async fn a_lost_cell_keeps_no_hour_open_and_the_reason_is_told() {
    let mut world = world().await;
    world.put(&sealed("b", 2, 4)).await;
    world.look().await;
    let version = completeness(&world, 0, 5).await.cube_version;
    assert_eq!(lose(&world, "a", "", None).await.unwrap(), hour(2), "the first that it owes");
    assert_eq!(lose(&world, "a", "", None).await.unwrap(), hour(2), "again");
    assert_eq!(lose(&world, "a", "", Some(3)).await.unwrap_err().code, Code::AlreadyExists);
    let answer = completeness(&world, 0, 5).await;
    assert_eq!((answer.complete, answer.complete_until), (true, hour(5)));
    assert_ne!(answer.cube_version, version);
    let expected = Exemption {
        cell_id: "a".to_owned(),
        incarnation: INCARNATION.to_string(),
        start_time: hour(2),
        end_time: hour(6),
        skipped: None,
        reason: "burnt down".to_owned(),
    };
    assert_eq!(answer.exemptions, [expected]);
    assert_eq!(completeness(&world, 0, 2).await.exemptions, [], "of hours that it sealed");
    // It was not lost, after all.
    world.put(&sealed("a", 2, 5)).await;
    world.look().await;
    assert_eq!(completeness(&world, 0, 5).await.exemptions, []);
}

#[tokio::test]
async fn of_two_that_began_in_one_hour_the_dead_one_is_named() {
    let mut world = world().await;
    let dead = Uuid::from_u128(0xdead);
    let manifest = CellManifest {
        cell_id: "a".to_owned(),
        incarnation: Bytes::copy_from_slice(dead.as_bytes()),
        shard_count: 1,
        ..CellManifest::default()
    };
    let key = usage_object::manifest_key("a", dead);
    world.objects.put(&key, manifest.encode_to_vec().into()).await.unwrap();
    world.look().await;
    assert!(!complete(&world, 0, 2).await, "it may be the one that lives");
    assert_eq!(lose(&world, "a", "", None).await.unwrap_err().code, Code::FailedPrecondition);
    assert_eq!(lose(&world, "a", "x", None).await.unwrap_err().code, Code::InvalidArgument);
    assert_eq!(lose(&world, "a", &dead.to_string(), None).await.unwrap(), hour(0));
    assert!(complete(&world, 0, 2).await);
}

#[tokio::test]
async fn a_damaged_object_is_skipped_and_what_is_behind_it_comes_in() {
    let mut world = world().await;
    let key = usage_object::key(&timers("a", 2, 5)).unwrap();
    world.objects.put(&key, Bytes::from_static(b"PAR1 damaged PAR1")).await.unwrap();
    for object in [&timers("a", 5, 6), &sealed("a", 6, 4), &sealed("b", 2, 4)] {
        world.put(object).await;
    }
    world.look().await;
    let missing = world.metering.operator();
    let info = methods::LIST_MISSING_OBJECTS.info();
    let missing =
        missing.list_missing_objects(&by_ada(info), ListMissingObjectsRequest {}).await.unwrap().objects;
    let [found] = &missing[..] else { panic!("{missing:?}") };
    assert_eq!((found.cell_id.as_str(), found.shard, found.from_seq, found.to_seq), ("a", 0, 2, 5));
    assert_ne!(found.problem, "");
    let skip_to = async |from_seq, to_seq, reason: &str| {
        let request = SkipObjectsRequest {
            cell_id: found.cell_id.clone(),
            incarnation: found.incarnation.clone(),
            shard: found.shard,
            from_seq,
            to_seq,
            reason: reason.to_owned(),
        };
        let answer = world.metering.operator();
        let answer = answer.skip_objects(&by_ada(methods::SKIP_OBJECTS.info()), request).await;
        answer.map(drop).map_err(|status| status.code)
    };
    let skip = async |from_seq, reason: &str| skip_to(from_seq, found.to_seq, reason).await;
    assert_eq!(skip_to(2, 6, "burnt").await, Err(Code::FailedPrecondition), "row 5 is there");
    assert_eq!(skip_to(2, u64::MAX >> 1, "burnt").await, Err(Code::FailedPrecondition));
    assert_eq!(skip(2, " ").await, Err(Code::InvalidArgument), "without a reason");
    assert_eq!(skip(3, "burnt").await, Err(Code::FailedPrecondition));
    for _ in 0..2 {
        assert_eq!(skip(2, "burnt").await, Ok(()), "and again");
    }
    world.look().await;
    assert_eq!(world.total().await, 1);
    let answer = completeness(&world, 0, 5).await;
    let told: Vec<_> =
        answer.exemptions.iter().map(|one| (one.reason.as_str(), one.skipped.unwrap().from_seq)).collect();
    assert_eq!((answer.complete, told), (true, vec![("burnt", 2)]));
    let missing = world.metering.operator();
    let missing =
        missing.list_missing_objects(&by_ada(info), ListMissingObjectsRequest {}).await.unwrap().objects;
    assert_eq!(missing, []);
}

#[tokio::test]
async fn only_what_is_missing_when_an_operator_says_so_is_skipped() {
    let mut world = world().await;
    let skip = async |world: &World, from_seq, to_seq| {
        let request = SkipObjectsRequest {
            cell_id: "a".to_owned(),
            incarnation: INCARNATION.to_string(),
            shard: 0,
            from_seq,
            to_seq,
            reason: "burnt".to_owned(),
        };
        let answer = world.metering.operator();
        let answer = answer.skip_objects(&by_ada(methods::SKIP_OBJECTS.info()), request).await;
        answer.map(drop).map_err(|status| status.code)
    };
    for to_seq in [3, 9, 1 << 40] {
        assert_eq!(skip(&world, 2, to_seq).await, Err(Code::FailedPrecondition), "it waits for nothing");
    }
    world.put(&timers("a", 5, 6)).await;
    world.look().await;
    // Since that look one has come that leaves less to be given up.
    world.put(&timers("a", 2, 4)).await;
    assert_eq!(skip(&world, 2, 5).await, Err(Code::FailedPrecondition), "rows 2 and 3 are there");
    assert_eq!(skip(&world, 4, 6).await, Err(Code::FailedPrecondition), "row 5 is there");
    assert_eq!(skip(&world, 4, 5).await, Ok(()));
    assert_eq!(skip(&world, 4, 5).await, Ok(()), "again");
    world.look().await;
    assert_eq!(world.total().await, 3);
}
