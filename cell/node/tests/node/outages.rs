//! Sinks that are away, checkpoints that fail, and a cell that dies in between: nothing is lost, nothing stays behind.

use crate::fixture::{Cell, Driver, Engine, Site, done};
use crate::lists::{becomes, count};
use crate::usage::{actions, seals};
use atoll_internal_api::cell::v1::{GetStatusRequest, cell_admin};
use atoll_internal_api::usage::v1::ActionType;
use cell_node::ProjectionConfig;
use cell_store::StoreError;
use cell_store::fault::{Call, Fault, FaultStore, Gate};
use std::sync::atomic::Ordering;
use std::time::Duration;

fn away() -> StoreError {
    StoreError::Unavailable("injected".to_owned())
}

/// A cell of one shard: the writes of its checkpoints come in one order.
fn lone_shard() -> (Site, FaultStore) {
    let (engine, faults) = Engine::faulty();
    let mut site = Site::new(engine);
    site.config.shards.shard_count = 1;
    (site, faults)
}

/// Takes checkpoints until one stands of which the write behind the entities had this fault.
async fn checkpoint_that_fails(cell: &Cell, faults: &FaultStore, fault: Fault) {
    faults.script(Call::Checkpoint, Fault::None);
    faults.script(Call::Checkpoint, fault);
    assert!(cell.try_checkpoint().await.is_err(), "the checkpoint meets the fault");
    cell.checkpoint().await;
}

#[tokio::test]
async fn a_failed_checkpoint_and_a_kill_lose_no_list_entry() {
    for fault in [Fault::Before(away()), Fault::After(away())] {
        let (site, faults) = lone_shard();
        let cell = site.start().await;
        Driver::new(&cell, "closing").start().await;
        becomes(&cell, "ExecutionStatus = 'Running'", 1).await;
        cell.site.visibility_away.store(true, Ordering::SeqCst);
        Driver::new(&cell, "closing").step(vec![done()]).await;
        checkpoint_that_fails(&cell, &faults, fault).await;
        let site = cell.crash().await;
        site.visibility_away.store(false, Ordering::SeqCst);
        let cell = site.start().await;
        becomes(&cell, "ExecutionStatus = 'Completed'", 1).await;
        cell.crash().await;
    }
}

#[tokio::test]
async fn a_failed_checkpoint_and_a_kill_lose_no_usage() {
    for fault in [Fault::Before(away()), Fault::After(away())] {
        let (mut site, faults) = lone_shard();
        site.config.usage_interval = Duration::from_secs(3_600);
        let cell = site.start().await;
        // The seal of the hour before the first makes the exporter write once.
        Cell::until("the shard has begun", async || {
            (seals(&cell.usage().await).values().sum::<u32>() == 1).then_some(())
        })
        .await;
        Driver::new(&cell, "used").start().await;
        checkpoint_that_fails(&cell, &faults, fault).await;
        let mut site = cell.crash().await;
        site.config.usage_interval = Duration::from_millis(20);
        let cell = site.start().await;
        let expected = [(ActionType::StartWorkflow, 1)].into();
        Cell::until("the start is exported", async || {
            (actions(&cell.usage().await) == expected).then_some(())
        })
        .await;
        cell.crash().await;
    }
}

/// The mirror image: what a sink has taken leaves the outbox though the checkpoint that removes it fails.
#[tokio::test]
async fn a_failed_checkpoint_leaves_no_told_item_in_the_outbox() {
    let (site, faults) = lone_shard();
    let cell = site.start().await;
    cell.site.visibility_away.store(true, Ordering::SeqCst);
    Driver::new(&cell, "closing").start().await;
    cell.checkpoint().await;
    assert_eq!(cell.site.outbox("visibility").await, 1);
    cell.site.visibility_away.store(false, Ordering::SeqCst);
    becomes(&cell, "ExecutionStatus = 'Running'", 1).await;
    Driver::new(&cell, "closing").step(vec![done()]).await;
    becomes(&cell, "ExecutionStatus = 'Completed'", 1).await;
    checkpoint_that_fails(&cell, &faults, Fault::Before(away())).await;
    // The confirmation comes a little behind what the list shows, maybe behind that checkpoint.
    Cell::until("the outbox is empty", async || {
        cell.checkpoint().await;
        (cell.site.outbox("visibility").await == 0).then_some(())
    })
    .await;
    cell.crash().await;
}

#[tokio::test]
async fn an_outbox_that_is_too_large_or_too_old_is_told_and_the_cell_serves() {
    let default = ProjectionConfig::default;
    let too_large = ProjectionConfig { outbox_alarm_bytes: 50, ..default() };
    let too_old = ProjectionConfig { outbox_alarm_age: Duration::from_secs(3_600), ..default() };
    // What waits in memory, for no checkpoint has come, grows old as well.
    for (alarm, written) in [(too_large, true), (too_old.clone(), true), (too_old, false)] {
        let (mut site, _faults) = lone_shard();
        site.config.projections = ProjectionConfig { outbox_look: Duration::from_millis(10), ..alarm };
        let cell = site.start().await;
        let problems = async || {
            let status = cell.admin(cell_admin::GET_STATUS, GetStatusRequest {}).await.expect("a status");
            let mut problems = status.problems;
            problems.retain(|problem| problem.contains("does not take them"));
            assert!(problems.is_empty() || !status.healthy, "{problems:?}");
            problems
        };
        cell.site.visibility_away.store(true, Ordering::SeqCst);
        Driver::new(&cell, "unlisted").start().await;
        if written {
            cell.checkpoint().await;
        }
        cell.site.clock.advance(jiff::SignedDuration::from_mins(61));
        let told = Cell::until("the cell is unhealthy", async || problems().await.pop()).await;
        assert!(told.contains("visibility"), "{told}");
        Driver::new(&cell, "served").start().await;
        cell.site.visibility_away.store(false, Ordering::SeqCst);
        becomes(&cell, "ExecutionStatus = 'Running'", 2).await;
        // What the sink has taken leaves with the first checkpoint behind its confirmation, which comes a little later.
        Cell::until("the outbox is empty", async || {
            cell.checkpoint().await;
            problems().await.is_empty().then_some(())
        })
        .await;
        cell.crash().await;
    }
}

#[tokio::test]
async fn a_start_waits_for_no_outbox() {
    let (site, faults) = lone_shard();
    let cell = site.start().await;
    cell.site.visibility_away.store(true, Ordering::SeqCst);
    Driver::new(&cell, "unlisted").start().await;
    cell.checkpoint().await;
    let site = cell.crash().await;
    site.visibility_away.store(false, Ordering::SeqCst);
    let gate = Gate::new();
    // Whoever reads first, usage or visibility, waits; nothing of the run has to be loaded either.
    for call in [Call::Outbox, Call::Outbox, Call::Load] {
        faults.script(call, Fault::HoldBefore(gate.clone()));
    }
    let cell = tokio::time::timeout(Duration::from_secs(10), site.start()).await.expect("the cell serves");
    assert_eq!(count(&cell, "ExecutionStatus = 'Running'").await, 0, "not told yet");
    gate.open();
    becomes(&cell, "ExecutionStatus = 'Running'", 1).await;
    cell.crash().await;
}
