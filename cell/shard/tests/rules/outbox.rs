//! A projection whose sink is dead holds nothing up and loses nothing. The ledger of every cell checks
//! that no trim forgets usage that is in no outbox.

use crate::fixture::*;
use cell_store::ShardId;
use std::sync::Arc;

#[tokio::test(start_paused = true)]
async fn the_trim_goes_on_and_items_come_back() {
    let cell = Cell::new().await;
    for n in 0..10 {
        cell.run(&id_on(0, n), start()).await.unwrap();
    }
    let before = cell.out.look(|out| out.usage_of(ShardId(0)));
    assert_eq!(before.len(), 2 * 10, "an action and stored bytes each");
    cell.runtime.checkpoint_all().await.unwrap();
    let last = cell.ledger.rows(ShardId(0)).last().unwrap().seq;
    assert_eq!(cell.ledger.advanced(ShardId(0)), last);
    cell.run(&id_on(0, 0), signal("tail")).await.unwrap();
    let all = cell.out.look(|out| out.usage_of(ShardId(0)));
    assert!(all.len() > before.len());

    let again = cell.another().await;
    assert_eq!(again.out.look(|out| out.restored.len()), before.len(), "from the outbox");
    assert_eq!(again.out.look(|out| out.usage_of(ShardId(0))), all, "and the rest from the tail");
    again.runtime.checkpoint_all().await.unwrap();
    let last = again.another().await;
    assert_eq!(last.out.look(|out| out.usage_of(ShardId(0))), all);
}

/// A checkpoint on another thread in the middle of handing a batch on must not count it as told.
#[tokio::test(start_paused = true)]
async fn a_checkpoint_does_not_pass_what_projections_have_not_heard() {
    let cell = Cell::new().await;
    let id = id_on(0, 0);
    cell.run(&id, start()).await.unwrap();
    cell.runtime.checkpoint_all().await.unwrap();
    let runtime = Arc::clone(&cell.runtime);
    cell.out.before_durable(move || {
        let checkpoint = move || futures::executor::block_on(runtime.checkpoint_all());
        std::thread::spawn(checkpoint).join().expect("no panic").expect("a checkpoint");
    });
    // Usage that changes no entity: the checkpoint has nothing to wait for.
    cell.runtime.record_usage(&current(&id), |now| metering_rules::query(NAMESPACE, now.millis()));
    cell.out.until(|out| out.usage_of(ShardId(0)).len() == 3).await;
    cell.ledger.assert_sound();
    let told = cell.out.look(|out| out.usage_of(ShardId(0)));
    let again = cell.another().await;
    assert_eq!(again.out.look(|out| out.usage_of(ShardId(0))), told);
}
