//! Histories that begin on the branches of other runs are read whole, whatever becomes of those runs.
//!
//! The forked runs are put together by hand: as they will stand once a command forks them.

use crate::fixture::*;
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::history::v1::history_event::Attributes;
use atoll_internal_api::state::v1::{self as state, RunSnapshot};
use atoll_internal_api::usage::v1::usage_entry::Kind;
use bytes::Bytes;
use cell_engine::{Ancestor, Time};
use cell_shard::{HOUR_MS, ShardConfig, ShardError, Target};
use cell_store::fault::{Call, Fault, Gate};
use cell_store::{
    AppendOutcome, BranchReference, Checkpoint, EntityKey, EntityRow, HistorySegment, Position, ShardId,
    StoreError, WaitingRow,
};
use prost::Message;
use uuid::Uuid;

const HOUR: i64 = HOUR_MS * 1_000_000;
const MIB: usize = 1 << 20;

/// Nothing stays in memory behind a checkpoint.
fn forgetful() -> ShardConfig {
    ShardConfig { resident_entities: 0, side_row_bytes: usize::MAX, ..config() }
}

fn target(run: &EntityKey) -> Target {
    Target::run(run.namespace_id, run.id.clone(), run.run_id)
}

/// The events of a run, and in how many pages they come.
async fn events(cell: &Cell, run: &EntityKey, first: i64, last: i64) -> (Vec<HistoryEvent>, usize) {
    let (mut events, mut pages, mut next) = (Vec::new(), 0, first);
    loop {
        let page = cell.runtime.history(&target(run), next, last).await.expect("readable").expect("a run");
        if page.last_event_id < next {
            return (events, pages);
        }
        (pages, next) = (pages + 1, page.last_event_id + 1);
        let encoded = atoll_api::RawHistory::from_encoded(page.chunks.concat().into());
        events.extend(encoded.events().map(|event| event.expect("decodes")));
    }
}

/// A run with eight events, all stored in segments of two: of the last six each is a signal with so many bytes.
async fn base(cell: &Cell, id: &str, bytes: usize) -> (EntityKey, Vec<HistoryEvent>) {
    cell.run(id, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    for n in 0..6 {
        cell.run(id, signal_with(&format!("s{n}"), bytes)).await.unwrap();
        if n % 2 == 1 {
            cell.runtime.checkpoint_all().await.unwrap();
        }
    }
    let found = cell.runtime.read(&current(id), |view| view.run.map(|run| run.run_id())).await.unwrap();
    let run = EntityKey::run(NAMESPACE, id, found.unwrap());
    let (events, _) = events(cell, &run, 1, i64::MAX).await;
    assert_eq!(events.len(), 8);
    (run, events)
}

/// As others on a branch of this letter would be.
fn changed(events: &[HistoryEvent], letter: char) -> Vec<HistoryEvent> {
    let mut events = events.to_vec();
    for event in &mut events {
        if let Some(Attributes::WorkflowExecutionSignaledEventAttributes(signal)) = &mut event.attributes {
            signal.signal_name = signal.signal_name.replace('s', &letter.to_string());
        }
    }
    events
}

fn encoded(events: &[HistoryEvent]) -> Bytes {
    let mut out = Vec::new();
    for event in events {
        let event = event.encode_to_vec();
        out.push(0x0a);
        prost::encoding::encode_varint(event.len() as u64, &mut out);
        out.extend(event);
    }
    out.into()
}

/// Segments of two events.
fn segments(branch: &EntityKey, events: &[HistoryEvent]) -> Vec<HistorySegment> {
    let segment = |events: &[HistoryEvent]| HistorySegment {
        branch: branch.clone(),
        first_event_id: events[0].event_id,
        last_event_id: events[events.len() - 1].event_id,
        events: encoded(events),
    };
    events.chunks(2).map(segment).collect()
}

async fn write(cell: &Cell, slice: Checkpoint) {
    assert_eq!(cell.engine().checkpoint(&slice).await.unwrap(), AppendOutcome::Accepted);
}

fn reference(fork: &EntityKey, ancestor: &Ancestor) -> BranchReference {
    let branch = EntityKey { run_id: ancestor.branch, ..fork.clone() };
    BranchReference { branch, by: fork.run_id, through_event_id: ancestor.last_event_id }
}

/// Writes a run as a fork of this one leaves it that has come as far as this one: it begins on these branches, and its
/// own events follow.
async fn fork(cell: &Cell, base: &EntityKey, ancestors: &[Ancestor], own: &[HistoryEvent]) -> EntityKey {
    let fork = EntityKey { run_id: Uuid::from_u128(0xf0), ..base.clone() };
    let row = cell.engine().load(&[(ShardId(0), base.clone())], usize::MAX).await.unwrap().remove(0);
    let row = row.expect("stored");
    let mut snapshot = RunSnapshot::decode(row.snapshot).unwrap();
    let stored = |ancestor: &Ancestor| state::Ancestor {
        branch: Bytes::copy_from_slice(ancestor.branch.as_bytes()),
        last_event_id: ancestor.last_event_id,
    };
    snapshot.info.as_mut().unwrap().ancestors = ancestors.iter().map(stored).collect();
    let waiting = cell.waiting().await.into_iter().filter(|row| row.entity() == *base);
    let waiting = waiting.map(|mut row: WaitingRow| {
        row.key.run_id = fork.run_id;
        row
    });
    let slice = Checkpoint {
        entities: vec![EntityRow { key: fork.clone(), snapshot: snapshot.encode_to_vec().into(), ..row }],
        references: ancestors.iter().map(|ancestor| reference(&fork, ancestor)).collect(),
        waiting: waiting.collect(),
        history: segments(&fork, own),
        ..cell.slice().await
    };
    write(cell, slice).await;
    fork
}

/// First events of what stands of a branch.
async fn firsts(cell: &Cell, branch: &EntityKey) -> Vec<i64> {
    let segments = cell.engine().history(ShardId(0), branch, 1, i64::MAX, usize::MAX).await.unwrap();
    segments.iter().map(|segment| segment.first_event_id).collect()
}

/// Every range of a history is what it is of these events.
async fn assert_reads(cell: &Cell, run: &EntityKey, all: &[HistoryEvent]) {
    for first in 1..=all.len() {
        for last in first..=all.len() {
            let found = events(cell, run, first as i64, last as i64).await.0;
            assert_eq!(found, all[first - 1..last], "{first}..={last}");
        }
    }
    assert_eq!(events(cell, run, 1, i64::MAX).await.0, all);
}

/// Retention ends what has closed, and its rows go.
async fn let_time_pass(cell: &Cell) {
    cell.clock.step(RETENTION + 2 * HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    // Nobody waits for a deletion to be durable, and before that no rows go.
    cell.out.until(|out| !out.deleted().is_empty()).await;
    cell.runtime.checkpoint_all().await.unwrap();
}

/// Bytes of the removals that were logged.
fn removed(cell: &Cell) -> Vec<i64> {
    let usage = cell.ledger.records(ShardId(0)).into_iter().flat_map(|record| record.usage);
    let storage = usage.filter_map(|entry| match entry.kind {
        Some(Kind::Storage(delta)) => Some(delta.bytes),
        _ => None,
    });
    storage.collect()
}

#[tokio::test(start_paused = true)]
async fn a_fork_reads_its_history_whole_though_retention_deletes_its_base() {
    let cell = Cell::with(forgetful()).await;
    let id = id_on(0, 0);
    let (base, of_base) = base(&cell, &id, 10).await;
    let shared = Ancestor { branch: base.run_id, last_event_id: 5 };
    let own = changed(&of_base[5..], 'f');
    let fork = fork(&cell, &base, &[shared], &own).await;
    let mut all = [&of_base[..5], &own].concat();
    let cell = cell.another().await;
    assert_reads(&cell, &fork, &all).await;
    assert_reads(&cell, &base, &of_base).await;

    cell.run_at(&target(&base), terminate()).await.unwrap();
    assert_reads(&cell, &base, &events(&cell, &base, 1, i64::MAX).await.0).await;
    let bytes_of_base = encoded(&events(&cell, &base, 1, i64::MAX).await.0).len() as i64;
    let_time_pass(&cell).await;
    assert!(cell.runtime.history(&target(&base), 1, i64::MAX).await.unwrap().is_none());
    assert_eq!(firsts(&cell, &base).await, [1, 3, 5], "the events 7 to 9 are nobody's");
    assert_eq!(removed(&cell), [-bytes_of_base], "what is shared is off the bill of the base");
    assert_reads(&cell, &fork, &all).await;

    // It goes on, in memory and behind a checkpoint, for this owner and for the next.
    cell.run_at(&target(&fork), signal("more")).await.unwrap();
    all = events(&cell, &fork, 1, i64::MAX).await.0;
    assert_eq!((all.len(), all[8].event_id), (9, 9));
    assert_eq!(all[..8], [&of_base[..5], &own].concat());
    assert_reads(&cell, &fork, &all).await;
    let again = cell.another().await;
    assert_reads(&again, &fork, &all).await;
    again.runtime.checkpoint_all().await.unwrap();
    assert_reads(&again, &fork, &all).await;

    again.run_at(&target(&fork), terminate()).await.unwrap();
    let bytes_of_fork = encoded(&events(&again, &fork, 1, i64::MAX).await.0).len() as i64;
    let_time_pass(&again).await;
    assert!(again.runtime.history(&target(&fork), 1, i64::MAX).await.unwrap().is_none());
    assert_eq!((firsts(&again, &base).await, firsts(&again, &fork).await), (vec![], vec![]));
    assert_eq!(removed(&again), [-bytes_of_base, -bytes_of_fork], "the whole history that it served");
}

#[tokio::test(start_paused = true)]
async fn pages_go_over_branches_and_stay_bounded() {
    let cell = Cell::with(forgetful()).await;
    let (base, of_base) = base(&cell, &id_on(0, 0), 3 * MIB / 2).await;
    // Of the second branch nothing else has ever stood.
    let middle = EntityKey { run_id: Uuid::from_u128(0xb0), ..base.clone() };
    let (of_middle, own) = (changed(&of_base[4..], 'm'), changed(&of_base[6..], 'f'));
    let ancestors = [(&base, 4), (&middle, 6)];
    let ancestors = ancestors.map(|(run, last_event_id)| Ancestor { branch: run.run_id, last_event_id });
    write(&cell, Checkpoint { history: segments(&middle, &of_middle), ..cell.slice().await }).await;
    let fork = fork(&cell, &base, &ancestors, &own).await;
    let all = [&of_base[..4], &of_middle[..2], &own].concat();
    let cell = cell.another().await;
    let (found, pages) = events(&cell, &fork, 1, i64::MAX).await;
    assert!(found == all, "events of another branch, or none");
    assert_eq!(pages, 2, "9 MiB of a page of 4 MiB each, which a segment of 3 MiB may pass");
    let first = cell.runtime.history(&target(&fork), 1, i64::MAX).await.unwrap().unwrap();
    assert!(first.chunks.iter().map(Bytes::len).sum::<usize>() < 7 * MIB);
    assert_eq!(events(&cell, &fork, 4, 7).await.0, all[3..7]);
}

#[tokio::test(start_paused = true)]
async fn where_shared_events_are_missing_the_read_says_so() {
    let cell = Cell::with(forgetful()).await;
    let (base, of_base) = base(&cell, &id_on(0, 0), 10).await;
    let shared = Ancestor { branch: base.run_id, last_event_id: 5 };
    let fork = fork(&cell, &base, &[shared], &of_base[5..]).await;
    let short = Ancestor { last_event_id: 2, ..shared };
    write(&cell, Checkpoint { references: vec![reference(&fork, &short)], ..cell.slice().await }).await;
    write(&cell, Checkpoint { deleted: vec![base.clone()], ..cell.slice().await }).await;
    let cell = cell.another().await;
    for first in 3..=5 {
        let answer = cell.runtime.history(&target(&fork), first, i64::MAX).await;
        let Err(ShardError::Store(StoreError::Corrupt(why))) = answer else { panic!("{answer:?}") };
        assert!(why.contains(&format!("event {first} of run {}", fork.run_id)), "{why}");
    }
    assert_eq!(events(&cell, &fork, 1, 2).await.0, of_base[..2]);
    assert_eq!(events(&cell, &fork, 6, 8).await.0, of_base[5..]);
}

/// A branch in the family of an alarm, with segments of two events each up to the sixth.
fn branch_beside(id: &str) -> (EntityKey, Vec<HistorySegment>) {
    let branch = EntityKey { run_id: Uuid::from_u128(0xb0), ..alarm(id).key() };
    let segment = |first_event_id| HistorySegment {
        branch: branch.clone(),
        first_event_id,
        last_event_id: first_event_id + 1,
        events: "events".into(),
    };
    let segments = [1, 3, 5].map(segment).to_vec();
    (branch, segments)
}

#[tokio::test(start_paused = true)]
async fn the_first_slice_of_a_fork_holds_its_references_whoever_writes_it() {
    for crash in [false, true] {
        let (cell, disk) = Cell::on_disk(config()).await;
        let id = id_on(0, 0);
        let (branch, history) = branch_beside(&id);
        write(&cell, Checkpoint { history, ..cell.slice().await }).await;
        let begins_on = Ancestor { branch: branch.run_id, last_event_id: 3 };
        cell.runtime.execute(&alarm(&id), Fork(begins_on)).await.unwrap();
        let cell = if crash {
            disk.crash(0);
            cell.another().await
        } else {
            cell
        };
        cell.runtime.checkpoint_all().await.unwrap();
        write(&cell, Checkpoint { deleted: vec![branch.clone()], ..cell.slice().await }).await;
        assert_eq!(firsts(&cell, &branch).await, [1, 3]);
        // It is written again and deleted.
        cell.runtime.execute(&alarm(&id), Set(Time(START + SECOND), "set")).await.unwrap();
        cell.runtime.checkpoint_all().await.unwrap();
        assert_eq!(firsts(&cell, &branch).await, [1, 3]);
        cell.clock.step(2 * SECOND);
        cell.runtime.wake_all_due().await;
        let_time_pass(&cell).await;
        assert_eq!(firsts(&cell, &branch).await, [0i64; 0]);
    }
}

/// It is made while a checkpoint is on its way, which then removes the rows of its base.
#[tokio::test(start_paused = true)]
async fn the_rows_of_a_base_do_not_go_before_its_fork_refers_to_them() {
    let (cell, disk) = Cell::on_disk(ShardConfig { resident_entities: 0, ..config() }).await;
    let (id, other) = (id_on(0, 0), id_on(0, 1));
    let (branch, history) = branch_beside(&id);
    let base = EntityRow {
        key: branch.clone(),
        snapshot: "closed and due".into(),
        chunks: Vec::new(),
        position: Position { seq: 1, index: 0 },
        wake_at_ms: None,
        closed: true,
        delete_at_ms: Some(1),
        billed_bytes: 18,
    };
    write(&cell, Checkpoint { entities: vec![base], history, ..cell.slice().await }).await;
    let cell = cell.another().await;
    cell.run(&other, start()).await.unwrap();
    let gate = Gate::new();
    cell.store.script(Call::Checkpoint, Fault::HoldBefore(gate.clone()));
    let mut checkpoint = Box::pin(cell.runtime.checkpoint_all());
    tokio::select! {
        biased;
        () = gate.arrived() => {}
        done = &mut checkpoint => panic!("nothing was held: {done:?}"),
    }
    let begins_on = Ancestor { branch: branch.run_id, last_event_id: 3 };
    cell.runtime.execute(&alarm(&id), Fork(begins_on)).await.unwrap();
    cell.clock.step(2 * HOUR);
    cell.runtime.turn_hours_all().await.unwrap();
    gate.open();
    checkpoint.await.unwrap();
    let both = [branch.clone(), alarm(&id).key()].map(|key| (ShardId(0), key));
    let rows = cell.engine().load(&both, usize::MAX).await.unwrap();
    assert_eq!(rows, [None, None], "the base is gone, and its fork in the log alone");
    assert_eq!(firsts(&cell, &branch).await, [1, 3]);
    disk.crash(0);
    let cell = cell.another().await;
    cell.runtime.checkpoint_all().await.unwrap();
    assert_eq!(firsts(&cell, &branch).await, [1, 3]);
    let alarm = cell.engine().load(&[(ShardId(0), alarm(&id).key())], usize::MAX).await.unwrap().remove(0);
    assert!(alarm.is_some());
}
