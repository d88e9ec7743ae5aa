//! Large events are written once, beside the log, and are read like any others.

use crate::fixture::*;
use cell_engine::commands::SignalWorkflow;
use cell_shard::{LogInspector, ShardConfig, ShardError};
use cell_store::fault::{Call, Fault, FaultRates, Gate};
use cell_store::{Checkpoint, EntityKey, HistorySegment, Inspector, ShardId, StoreError};
use futures::FutureExt;

const MIB: usize = 1 << 20;

async fn run_key(cell: &Cell, id: &str) -> EntityKey {
    let target = current(id);
    let run = cell.runtime.read(&target, |view| view.run.map(|run| run.run_id())).await.unwrap();
    EntityKey::run(NAMESPACE, id, run.unwrap())
}

/// The segment of a run of the first shard that begins with this event.
async fn segment(cell: &Cell, run: &EntityKey, first: i64) -> Option<HistorySegment> {
    let wanted = [(ShardId(0), run.clone(), first)];
    cell.store.stores().shards.segments(&wanted).await.unwrap().remove(0)
}

/// Looks at the first shard as a cell does before it opens its store.
async fn inspect(cell: &Cell) -> Result<(), StoreError> {
    let engine = cell.engine();
    let mut inspector = LogInspector::default();
    inspector.shard(engine.acquire(&[ShardId(0)]).await?.remove(0))
}

#[tokio::test(start_paused = true)]
async fn a_megabyte_is_written_once_and_survives_crashes_around_a_checkpoint() {
    let (cell, disk) = Cell::on_disk(config()).await;
    let id = id_on(0, 0);
    cell.run(&id, start_with(MIB)).await.unwrap();
    cell.run(&id, signal("small")).await.unwrap();
    let events = cell.history(&id, 1, i64::MAX).await;
    assert_eq!(events.len(), 3);
    assert_eq!(cell.store.calls(Call::History), 0, "read from memory");
    assert!(cell.runtime.tail_bytes() > MIB, "the next owner reads it");
    let snapshots = cell.snapshots(std::slice::from_ref(&id)).await;

    disk.crash(0);
    let recovered = cell.another().await;
    assert_eq!(recovered.store.calls(Call::Segments), 1);
    assert!(recovered.runtime.tail_bytes() > MIB);
    assert_eq!(recovered.history(&id, 1, i64::MAX).await, events);
    assert_eq!(recovered.snapshots(std::slice::from_ref(&id)).await, snapshots);
    recovered.runtime.checkpoint_all().await.unwrap();
    assert_eq!(recovered.runtime.tail_bytes(), 0);
    assert_eq!(recovered.history(&id, 1, i64::MAX).await, events);

    disk.crash(0);
    let last = recovered.another().await;
    assert_eq!(last.store.calls(Call::Segments), 0, "the snapshot includes it");
    assert_eq!(last.history(&id, 1, i64::MAX).await, events);
    assert_eq!(last.snapshots(std::slice::from_ref(&id)).await, snapshots);
    let written = last.ledger.written();
    assert!(written.history > MIB && written.history < MIB + 2_000, "{written:?}");
    assert!(written.rows < 4_000, "{written:?}");
}

#[tokio::test(start_paused = true)]
async fn a_megabyte_in_the_log_row_is_written_twice() {
    let cell = Cell::with(ShardConfig { side_row_bytes: usize::MAX, ..config() }).await;
    cell.run("w", start_with(MIB)).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    let written = cell.ledger.written();
    assert!(written.rows > MIB && written.history > MIB, "{written:?}");
}

#[tokio::test(start_paused = true)]
async fn history_is_one_wherever_its_parts_stand() {
    let cell = Cell::with(ShardConfig { side_row_bytes: 1_000, ..config() }).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    for (n, bytes) in [0, 2_000, 3_000, 10, 20, 4_000, 30, 5_000, 2_000, 0].into_iter().enumerate() {
        cell.run(&id, signal_with(&n.to_string(), bytes)).await.unwrap();
        if n % 4 == 3 {
            cell.runtime.checkpoint_all().await.unwrap();
        }
    }
    let all = cell.history(&id, 1, i64::MAX).await;
    assert!(all.iter().map(|event| event.event_id).eq(1..=12));
    let recovered = cell.another().await;
    recovered.runtime.checkpoint_all().await.unwrap();
    let stored = recovered.another().await;
    for first in 1..=12 {
        for last in first..=12 {
            let expected = &all[first as usize - 1..last as usize];
            for cell in [&cell, &stored] {
                assert_eq!(cell.history(&id, first, last).await, expected, "{first}..={last}");
            }
        }
    }
    assert!(cell.ledger.written().history < 20_000, "{:?}", cell.ledger.written());
    assert_eq!(stored.rebuilt().await.history(&id, 1, i64::MAX).await, all);
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_side_row_is_damaged_or_missing_is_kept_aside_and_nothing_else() {
    for (damage, why) in
        [(0, "bytes, expected"), (1, "checksum"), (2, "end with event 9"), (3, "are missing")]
    {
        let cell = Cell::new().await;
        let (bad, good) = (id_on(0, 0), id_on(0, 1));
        for id in [&bad, &good] {
            cell.run(id, start_with(MIB)).await.unwrap();
            cell.run(id, signal("before")).await.unwrap();
        }
        let run = run_key(&cell, &bad).await;
        let mut stands = segment(&cell, &run, 1).await.expect("a side row");
        let mut bytes = stands.events.to_vec();
        bytes[MIB / 2] ^= 1;
        match damage {
            0 => stands.events = stands.events.slice(..MIB / 2),
            1 => stands.events = bytes.into(),
            _ => stands.last_event_id = 9,
        }
        let (history, deleted) =
            if damage == 3 { (vec![], vec![run.clone()]) } else { (vec![stands], vec![]) };
        let broken = Checkpoint { history, deleted, ..cell.slice().await };
        cell.engine().checkpoint(&broken).await.unwrap();
        inspect(&cell).await.unwrap();

        let again = cell.another().await;
        let (aside, _) = again.runtime.quarantined(None, 9);
        assert_eq!(aside.len(), 1, "{aside:?}");
        assert_eq!(aside[0].key, run);
        for part in ["events 1 to 2", "beside the log", why] {
            assert!(aside[0].why.contains(part), "{part} in: {}", aside[0].why);
        }
        let refused = again.run(&bad, signal("after")).await;
        assert!(matches!(refused, Err(ShardError::Quarantined(_))), "{refused:?}");
        again.run(&good, signal("after")).await.unwrap();

        // What is left of it goes to its row: the log goes on without it.
        again.runtime.checkpoint_all().await.unwrap();
        assert_eq!(again.runtime.tail_bytes(), 0);
        let last = again.another().await;
        assert_eq!(last.signals(&good).await, ["before", "after"]);
        let (aside, _) = last.runtime.quarantined(None, 9);
        assert_eq!(aside.iter().map(|aside| &aside.key).collect::<Vec<_>>(), [&run]);
        last.runtime.drop_quarantined(&run).await.unwrap();
        last.run(&bad, start()).await.expect("the id is free");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_whose_side_row_is_restored_is_served_again_with_every_event() {
    for (kept, missing) in [(false, false), (false, true), (true, false), (true, true)] {
        let cell = Cell::new().await;
        let id = id_on(0, 0);
        cell.run(&id, start()).await.unwrap();
        cell.run(&id, signal_with("large", MIB)).await.unwrap();
        cell.run(&id, signal("small")).await.unwrap();
        let (run, events) = (run_key(&cell, &id).await, cell.history(&id, 1, i64::MAX).await);
        let good = segment(&cell, &run, 3).await.expect("a side row");
        let (history, deleted) = if missing {
            (vec![], vec![run.clone()])
        } else {
            (vec![HistorySegment { events: good.events.slice(1..), ..good.clone() }], vec![])
        };
        let broken = Checkpoint { history, deleted, ..cell.slice().await };
        cell.engine().checkpoint(&broken).await.unwrap();

        let again = cell.another().await;
        assert_eq!(again.runtime.quarantined(None, 9).1, 1);
        if kept {
            // From here on its steps stand in its row alone, one of them without its events.
            again.runtime.checkpoint_all().await.unwrap();
            assert_eq!(again.runtime.tail_bytes(), 0);
        }
        assert!(!again.runtime.retry_quarantined(&run).await.unwrap(), "nothing was mended");
        let mended = Checkpoint { history: vec![good], ..again.slice().await };
        again.engine().checkpoint(&mended).await.unwrap();
        assert!(again.runtime.retry_quarantined(&run).await.unwrap(), "kept: {kept}, missing: {missing}");
        assert_eq!(again.history(&id, 1, i64::MAX).await, events);
        again.run(&id, signal("after")).await.unwrap();
        again.runtime.checkpoint_all().await.unwrap();
        let last = again.another().await;
        assert_eq!(last.signals(&id).await, ["large", "small", "after"]);
        assert_eq!(last.history(&id, 1, 4).await, events);
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_served_again_is_told_to_lists_as_it_is_then() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    cell.run(&id, signal_with("large", MIB)).await.unwrap();
    cell.run(&id, terminate()).await.unwrap();
    let run = run_key(&cell, &id).await;
    let good = segment(&cell, &run, 3).await.expect("a side row");
    let damaged = HistorySegment { events: good.events.slice(1..), ..good.clone() };
    let broken = Checkpoint { history: vec![damaged], ..cell.slice().await };
    cell.engine().checkpoint(&broken).await.unwrap();

    let again = cell.another().await;
    again.runtime.checkpoint_all().await.unwrap();
    assert_eq!(again.runtime.tail_bytes(), 0, "its steps stand in its row alone");
    let closed = || {
        again.out.look(|out| {
            let told = out.batches.iter().flat_map(|(_, batch)| &batch.visibility);
            told.filter(|(key, ..)| *key == run).map(|(.., facts)| facts.close_time.is_some()).next_back()
        })
    };
    assert_eq!(closed(), None, "nobody knows how it is");
    let mended = Checkpoint { history: vec![good], ..again.slice().await };
    again.engine().checkpoint(&mended).await.unwrap();
    assert!(again.runtime.retry_quarantined(&run).await.unwrap());
    assert_eq!(closed(), Some(true));
}

#[tokio::test(start_paused = true)]
async fn a_side_row_that_the_store_refuses_to_read_is_its_runs_trouble_alone() {
    let cell = Cell::new().await;
    let ids = [id_on(0, 0), id_on(0, 1), id_on(0, 2)];
    for id in &ids {
        cell.run(id, start_with(MIB)).await.unwrap();
    }
    let corrupt = || Fault::Before(StoreError::Corrupt("a page".into()));
    // All three together, then the second by itself.
    for fault in [corrupt(), Fault::None, corrupt()] {
        cell.store.script(Call::Segments, fault);
    }
    cell.acquire(&[ShardId(0)]).await;
    let (aside, _) = cell.runtime.quarantined(None, 9);
    assert_eq!(aside.iter().map(|aside| &*aside.key.id).collect::<Vec<_>>(), [&ids[1]]);
    assert!(aside[0].why.contains("cannot be read"), "{}", aside[0].why);
    for id in [&ids[0], &ids[2]] {
        assert_eq!(cell.history(id, 1, i64::MAX).await.len(), 2);
    }
    assert!(cell.runtime.retry_quarantined(&aside[0].key).await.unwrap(), "the page is mended");
    assert_eq!(cell.history(&ids[1], 1, i64::MAX).await.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_look_at_the_log_takes_references_for_what_they_are() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start_with(MIB)).await.unwrap();
    let stored = cell.engine().acquire(&[ShardId(0)]).await.unwrap().remove(0);
    assert!(stored.tail.iter().all(|row| row.data.len() < 4_000));
    inspect(&cell).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_is_not_replayed_is_not_read() {
    let cell = Cell::with(ShardConfig { resident_entities: 0, ..config() }).await;
    let (stored, gone) = (id_on(0, 1), id_on(0, 2));
    // From here on the log stays, whatever is checkpointed.
    cell.ledger.refuse_advances(true);
    cell.run(&stored, start_with(MIB)).await.unwrap();
    cell.run(&gone, start_with(MIB)).await.unwrap();
    cell.run(&gone, terminate()).await.unwrap();
    let run = run_key(&cell, &gone).await;
    assert!(segment(&cell, &run, 1).await.is_some());
    cell.clock.step(RETENTION + 2 * 3_600 * SECOND);
    cell.runtime.turn_hours_all().await.unwrap();
    cell.out.until(|out| !out.deleted().is_empty()).await;
    cell.runtime.checkpoint_all().await.unwrap_err();
    assert_eq!(segment(&cell, &run, 1).await, None, "deleted with its run");
    assert!(cell.ledger.advanced(ShardId(0)) < 4, "the log still refers to it");
    inspect(&cell).await.unwrap();

    let again = cell.another().await;
    assert_eq!(again.store.calls(Call::Segments), 0);
    assert_eq!(again.history(&stored, 1, i64::MAX).await.len(), 2);
    assert_eq!(again.history(&gone, 1, i64::MAX).await.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_was_superseded_writes_none() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    let run = run_key(&cell, &id).await;
    let owner = cell.another().await;
    let lost = cell.run(&id, signal_with("lost", MIB)).await;
    assert!(matches!(lost, Err(ShardError::NotOwner(_))), "{lost:?}");
    assert_eq!(segment(&owner, &run, 3).await, None);
    owner.run(&id, signal_with("kept", MIB)).await.unwrap();
    assert_eq!(owner.signals(&id).await, ["kept"]);
    assert!(segment(&owner, &run, 3).await.is_some());
    assert_eq!(owner.another().await.signals(&id).await, ["kept"]);
}

#[tokio::test(start_paused = true)]
async fn appends_of_unknown_outcome_write_them_once() {
    let cell = Cell::with(ShardConfig { side_row_bytes: 1_000, ..config() }).await;
    let ids: Vec<String> = (0..6).map(|n| format!("w{n}")).collect();
    cell.store.set_rates(FaultRates { before: 0.2, after: 0.2, partly: 0.2 });
    for id in &ids {
        cell.run(id, start()).await.unwrap();
    }
    for round in 0..20 {
        let signal = |id: &String| cell.begin_run(id, signal_with(&round.to_string(), round % 3 * 900));
        for done in futures::future::join_all(ids.iter().map(signal)).await {
            done.unwrap();
        }
    }
    assert!(cell.store.injected() > 5);
    let all: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let (again, alone) = (cell.another().await, cell.rebuilt().await);
    for id in &ids {
        assert_eq!(again.signals(id).await, all);
        assert_eq!(alone.signals(id).await, all);
    }
}

/// Signals that go with one append, behind one that is held.
async fn in_one_append(cell: &Cell, id: &str, signals: Vec<SignalWorkflow>) -> Vec<Result<(), ShardError>> {
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let mut running = vec![cell.begin_run(id, signal("held"))];
    assert!((&mut running[0]).now_or_never().is_none());
    gate.arrived().await;
    let mut answers = Vec::new();
    for signal in signals {
        let mut begun = cell.begin_run(id, signal);
        match (&mut begun).now_or_never() {
            Some(answer) => answers.push(answer),
            None => running.push(begun),
        }
    }
    gate.release();
    answers.extend(futures::future::join_all(running).await);
    answers
}

#[tokio::test(start_paused = true)]
async fn a_row_is_closed_before_it_grows_too_large() {
    let cell = Cell::with(ShardConfig { side_row_bytes: usize::MAX, ..config() }).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    let before = cell.ledger.rows(ShardId(0)).len();
    let mut signals: Vec<SignalWorkflow> = (0..30).map(|n| signal_with(&n.to_string(), 60 << 10)).collect();
    signals.insert(6, signal_with("huge", MIB));
    let all: Vec<String> =
        std::iter::once("held".into()).chain(signals.iter().map(|s| s.name.clone())).collect();
    for done in in_one_append(&cell, &id, signals).await {
        done.unwrap();
    }
    let rows = &cell.ledger.rows(ShardId(0))[before..];
    let limit = cell.config.row_bytes;
    let (large, rest): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row.data.len() > limit);
    assert_eq!(large.len(), 1, "the record that is larger by itself has a row of its own");
    assert!(large[0].data.len() < MIB + 1_000);
    // Held; four and two before the large one; six of four behind it.
    assert_eq!(rest.len(), 1 + 2 + 6);
    assert_eq!(cell.signals(&id).await, all);
    assert_eq!(cell.another().await.signals(&id).await, all);
}

#[tokio::test(start_paused = true)]
async fn they_count_where_what_waits_to_be_written_is_bounded() {
    let cell = Cell::with(ShardConfig { batch_bytes: 3 * MIB, ..config() }).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    let signals = (0..6).map(|n| signal_with(&n.to_string(), MIB)).collect();
    let answers = in_one_append(&cell, &id, signals).await;
    let refused = answers.iter().filter(|answer| matches!(answer, Err(ShardError::Overloaded(_)))).count();
    let taken = answers.iter().filter(|answer| answer.is_ok()).count();
    assert_eq!((refused, taken), (3, 4), "the held one and three more");
}

#[tokio::test(start_paused = true)]
async fn they_count_where_the_tail_calls_for_a_checkpoint() {
    let cell = Cell::with(ShardConfig { tail_bytes: 4 * MIB, ..config() }).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    for n in 0..5 {
        cell.run(&id, signal_with(&n.to_string(), MIB)).await.unwrap();
    }
    for _ in 0..10_000 {
        if cell.ledger.advanced(ShardId(0)) > 0 {
            return;
        }
        tokio::task::yield_now().await;
    }
    panic!("no checkpoint");
}
