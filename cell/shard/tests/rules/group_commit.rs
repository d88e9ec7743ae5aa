//! While one append is in flight the next batch fills; one row a shard and append.

use crate::fixture::*;
use cell_store::ShardId;
use cell_store::fault::{Call, Fault, Gate};
use futures::FutureExt;
use std::collections::BTreeSet;

#[tokio::test(start_paused = true)]
async fn commands_during_an_append_go_with_the_next_one() {
    let cell = Cell::new().await;
    let (a, b, c) = (id_on(0, 0), id_on(0, 1), id_on(1, 0));
    for id in [&a, &b, &c] {
        cell.run(id, start()).await.unwrap();
    }
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let mut first = cell.begin_run(&a, signal("first"));
    assert!((&mut first).now_or_never().is_none());
    gate.arrived().await;

    let ids = [&a, &b, &a, &c, &b, &c, &a];
    let mut rest: Vec<_> =
        ids.iter().enumerate().map(|(n, id)| cell.begin_run(id, signal(&n.to_string()))).collect();
    assert!(rest.iter_mut().all(|running| running.now_or_never().is_none()));
    let before = cell.ledger.calls().len();
    gate.release();
    first.await.unwrap();
    for done in futures::future::join_all(rest).await {
        done.unwrap();
    }

    let calls = cell.ledger.calls();
    assert_eq!(calls.len() - before, 2, "one append for the first, one for all the others");
    let last = calls.last().unwrap();
    let mut rows: Vec<(ShardId, usize)> =
        last.iter().map(|append| (append.shard, append.rows.len())).collect();
    rows.sort();
    assert_eq!(rows, [(ShardId(0), 1), (ShardId(1), 1)]);
    assert_eq!(cell.signals(&a).await, ["first", "0", "2", "6"]);
    assert_eq!(cell.signals(&b).await, ["1", "4"]);
    assert_eq!(cell.signals(&c).await, ["3", "5"]);
}

#[tokio::test(start_paused = true)]
async fn a_large_batch_splits_into_rows_of_one_append() {
    let cell = Cell::with(cell_shard::ShardConfig { row_bytes: 512, ..config() }).await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    let mut first = cell.begin_run(&id, signal("first"));
    assert!((&mut first).now_or_never().is_none());
    gate.arrived().await;
    let mut rest: Vec<_> = (0..20).map(|n| cell.begin_run(&id, signal(&n.to_string()))).collect();
    assert!(rest.iter_mut().all(|running| running.now_or_never().is_none()));
    gate.release();
    first.await.unwrap();
    for done in futures::future::join_all(rest).await {
        done.unwrap();
    }
    let calls = cell.ledger.calls();
    let rows = &calls.last().unwrap()[0].rows;
    assert!(rows.len() > 2, "{} rows", rows.len());
    assert!(rows.iter().all(|row| row.batch_id == rows[0].batch_id));
    let batches = || calls.iter().flatten().map(|append| append.rows[0].batch_id);
    assert_eq!(batches().collect::<BTreeSet<_>>().len(), batches().count(), "each has an id of its own");
    let again = cell.rebuilt().await;
    assert_eq!(again.signals(&id).await, cell.signals(&id).await);
    assert_eq!(again.signals(&id).await.len(), 21);
}
