//! An append whose outcome is not known is repeated with identical rows and ends accepted.

use crate::fixture::*;
use cell_store::StoreError;
use cell_store::fault::{Call, Fault, FaultRates, Gate};
use futures::FutureExt;

fn away() -> StoreError {
    StoreError::Unavailable("away".into())
}

#[tokio::test(start_paused = true)]
async fn repeated_with_identical_rows() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    let before = cell.ledger.calls().len();
    for fault in [Fault::After(away()), Fault::After(away()), Fault::None] {
        cell.store.script(Call::Append, fault);
    }
    cell.run("w", signal("s")).await.unwrap();
    let calls = &cell.ledger.calls()[before..];
    assert_eq!(calls.len(), 3);
    assert!(calls.iter().all(|call| *call == calls[0]), "the same rows, ids and all");
    assert_eq!(cell.signals("w").await, ["s"]);
    assert_eq!(cell.rebuilt().await.signals("w").await, ["s"]);
}

#[tokio::test(start_paused = true)]
async fn also_when_only_some_shards_were_written() {
    let cell = Cell::new().await;
    let ids = [id_on(0, 0), id_on(1, 0), id_on(2, 0)];
    for id in &ids {
        cell.run(id, start()).await.unwrap();
    }
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    cell.store.script(Call::Append, Fault::Partly(1));
    let mut running = vec![cell.begin_run(&ids[0], signal("held"))];
    assert!((&mut running[0]).now_or_never().is_none());
    gate.arrived().await;
    running.extend(ids.iter().map(|id| cell.begin_run(id, signal("s"))));
    assert!(running.iter_mut().all(|running| running.now_or_never().is_none()));
    gate.release();
    for done in futures::future::join_all(running).await {
        done.unwrap();
    }
    assert_eq!(cell.store.injected(), 1);
    for id in &ids {
        assert_eq!(cell.signals(id).await.last().unwrap(), "s");
    }
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_half_of_the_time_loses_and_repeats_nothing() {
    let cell = Cell::new().await;
    let ids: Vec<String> = (0..6).map(|n| format!("w{n}")).collect();
    cell.store.set_rates(FaultRates { before: 0.2, after: 0.2, partly: 0.2 });
    for id in &ids {
        cell.run(id, start()).await.unwrap();
    }
    for round in 0..20 {
        let running: Vec<_> = ids.iter().map(|id| cell.begin_run(id, signal(&round.to_string()))).collect();
        for done in futures::future::join_all(running).await {
            done.unwrap();
        }
    }
    assert!(cell.store.injected() > 5);
    let all: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let again = cell.rebuilt().await;
    for id in &ids {
        assert_eq!(again.signals(id).await, all);
    }
}

/// Nobody was told that it is in: so the cell need not wait for ever.
#[tokio::test(start_paused = true)]
async fn a_cell_that_stops_writes_its_last_rows_over_a_short_outage_and_does_not_wait_for_a_long_one() {
    for (failures, written) in [(1, true), (20, true), (100, false)] {
        let cell = Cell::new().await;
        cell.run("w", start()).await.unwrap();
        for _ in 0..failures {
            cell.store.script(Call::Append, Fault::Before(away()));
        }
        let mut running = cell.begin_run("w", signal("last"));
        assert!((&mut running).now_or_never().is_none());
        let calls = cell.store.calls(Call::Append);
        cell.runtime.shutdown().await;
        assert_eq!(running.await.is_ok(), written, "{failures} failures");
        let calls = cell.store.calls(Call::Append) - calls;
        assert_eq!(calls, if written { failures + 1 } else { 21 });
        assert_eq!(cell.another().await.signals("w").await.len(), usize::from(written));
    }
}
