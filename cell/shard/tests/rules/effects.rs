//! Effects leave after their records are durable, in the order of the log.

use crate::fixture::*;
use cell_engine::EffectKind;
use cell_store::fault::{Call, Fault, Gate};
use futures::FutureExt;

#[tokio::test(start_paused = true)]
async fn after_durability_and_in_order() {
    let cell = Cell::new().await;
    cell.run(&id_on(0, 0), start()).await.unwrap();
    let gate = Gate::new();
    cell.store.script(Call::Append, Fault::HoldAfter(gate.clone()));
    let ids: Vec<String> = (1..8).map(|n| id_on(0, n)).collect();
    let mut running: Vec<_> = ids.iter().map(|id| cell.begin_run(id, start())).collect();
    assert!(running.iter_mut().all(|running| running.now_or_never().is_none()));
    gate.arrived().await;
    let late: Vec<String> = (8..12).map(|n| id_on(0, n)).collect();
    let mut more: Vec<_> = late.iter().map(|id| cell.begin_run(id, start())).collect();
    assert!(more.iter_mut().all(|running| running.now_or_never().is_none()));
    assert_eq!(cell.out.look(|out| out.effects.len()), 1, "effects before the store has answered");
    gate.release();
    for done in futures::future::join_all(running.into_iter().chain(more)).await {
        done.unwrap();
    }
    cell.out.until(|out| out.effects.len() == 12).await;
    let order: Vec<String> =
        cell.out.look(|out| out.effects.iter().map(|(_, key, _)| key.id.to_string()).collect());
    assert_eq!(order, (0..12).map(|n| id_on(0, n)).collect::<Vec<_>>());
    assert!(cell.out.look(|out| {
        out.effects.iter().all(|(_, _, effect)| matches!(effect.kind, EffectKind::DispatchWorkflowTask(_)))
    }));
}

#[tokio::test(start_paused = true)]
async fn a_later_change_derives_the_effect_anew_after_a_restart() {
    let cell = Cell::new().await;
    cell.run("dispatch", start()).await.unwrap();
    cell.run("started", start()).await.unwrap();
    cell.run("started", take_first_task()).await.unwrap();
    cell.run("started", signal("durable by now")).await.unwrap();
    let again = cell.another().await;
    let derived: Vec<String> =
        again.out.look(|out| out.effects.iter().map(|(_, key, _)| key.id.to_string()).collect());
    assert_eq!(derived, ["dispatch"], "what waits for a worker, and not what one has");
}
