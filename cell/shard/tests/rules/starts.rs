//! Starts of tasks around a crash: an activity is not in a worker's hands before its start is durable, and who holds a
//! start that was lost is refused.

use crate::fixture::*;
use cell_engine::commands::*;
use cell_engine::{EffectKind, Rejection};
use cell_shard::ShardError;
use cell_store::fault::{Call, Fault, Gate};
use futures::FutureExt;

/// Scheduled event id of the first activity.
const ACTIVITY: i64 = 5;

/// What a worker takes who polls for the activity that waits.
async fn take_activity(cell: &Cell) -> RecordActivityStarted {
    let target = current("w");
    let dispatch = cell.runtime.read(&target, |view| {
        view.run.expect("it was started").effects().find_map(|effect| match effect.kind {
            EffectKind::DispatchActivity(dispatch) => Some((dispatch.scheduled_event_id, dispatch.stamp)),
            _ => None,
        })
    });
    let (scheduled_event_id, stamp) = dispatch.await.expect("readable").expect("an activity waits");
    RecordActivityStarted { scheduled_event_id, stamp, identity: "worker".into(), ..Default::default() }
}

fn held(cell: &Cell) -> Gate {
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldBefore(gate.clone()));
    gate
}

#[tokio::test(start_paused = true)]
async fn the_start_of_an_activity_waits_for_its_own_record() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![activity("a", 0)]).await;
    let take = take_activity(&cell).await;
    let gate = held(&cell);
    let mut started = cell.begin_run("w", take);
    assert!((&mut started).now_or_never().is_none());
    gate.arrived().await;
    assert!((&mut started).now_or_never().is_none(), "a worker has what may not have happened");

    // Where the process dies now, nobody has it: another worker gets the same attempt, and gets it once.
    let again = cell.rebuilt().await;
    let taken = again.run("w", take_activity(&again).await).await.unwrap();
    assert_eq!(taken.attempt, 1);
    let target = current("w");
    let idle = again.runtime.read(&target, |view| view.run.expect("open").effects().next().is_none());
    assert!(idle.await.unwrap(), "it is offered no more");

    gate.release();
    assert_eq!(started.await.unwrap().attempt, 1);
}

#[tokio::test(start_paused = true)]
async fn who_holds_a_start_that_was_lost_is_refused() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    let gate = held(&cell);
    let lost = cell.run("w", take_first_task()).await.expect("what is before it is durable");
    gate.arrived().await;

    let again = cell.rebuilt().await;
    let taken = again.run("w", take_first_task()).await.expect("it waits as before");
    assert_eq!((taken.scheduled_event_id, taken.attempt), (lost.scheduled_event_id, lost.attempt));
    let stale = again.run("w", answer(&lost, vec![timer("stale", 60)])).await.unwrap_err();
    assert!(matches!(stale, ShardError::Rejected(Rejection::NotFound(_))), "{stale}");
    again.run("w", answer(&taken, vec![])).await.expect("who has it now answers");
    assert_eq!(again.history("w", 1, i64::MAX).await.len(), 4, "nothing of the stale answer happened");
    gate.release();
}

#[tokio::test(start_paused = true)]
async fn an_activity_that_was_started_twice_is_answered_once() {
    let cell = Cell::new().await;
    cell.run("w", start()).await.unwrap();
    cell.work("w", vec![activity("a", 0)]).await;
    let gate = held(&cell);
    let take = take_activity(&cell).await;
    let mut lost = cell.begin_run("w", take);
    assert!((&mut lost).now_or_never().is_none());
    gate.arrived().await;
    let again = cell.rebuilt().await;
    let taken = again.run("w", take_activity(&again).await).await.unwrap();
    gate.release();
    let lost = lost.await.unwrap();
    let complete = |started: &StartedActivity| RespondActivityCompleted {
        activity: ActivityRef::Token {
            scheduled_event_id: ACTIVITY,
            attempt: started.attempt,
            nonce: started.nonce,
        },
        result: None,
        identity: "worker".into(),
    };
    let stale = again.run("w", complete(&lost)).await.unwrap_err();
    assert!(matches!(stale, ShardError::Rejected(Rejection::NotFound(_))), "{stale}");
    again.run("w", complete(&taken)).await.expect("who has it answers");
}
