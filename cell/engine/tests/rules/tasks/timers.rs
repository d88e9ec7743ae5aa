//! Timers, and what becomes of those that fire while a task is in a worker's hands.

use super::*;

fn cancel_timer(id: &str) -> Command {
    let timer = wanted::CancelTimerCommandAttributes { timer_id: id.into() };
    command(CommandType::CancelTimer, Wanted::CancelTimerCommandAttributes(timer))
}

#[test]
fn a_timer_that_fired_during_the_task_that_cancels_it_never_fired() {
    let mut life = Life::started();
    life.run_task(vec![timer("t")]);
    life.signal();
    let task = life.take_task();
    life.wake();
    life.news();
    life.complete(task, vec![cancel_timer("t"), complete()]).expect("nothing is left unseen");
    assert_eq!(life.news(), [E::WorkflowTaskCompleted, E::TimerCanceled, E::WorkflowExecutionCompleted]);
}

#[test]
fn a_timer_id_may_be_used_again_after_it_was_canceled() {
    let mut life = Life::started();
    let task = life.take_task();
    life.complete(task, vec![timer("t"), cancel_timer("t"), timer("t")]).expect("one at a time");
    let task_failed = life.history.iter().any(|event| event.event_type() == E::WorkflowTaskFailed);
    assert!(!task_failed && life.last().event_type() == E::TimerStarted);
}

#[test]
fn a_timer_that_fired_and_was_canceled_meanwhile_leaves_the_others_alone() {
    let mut life = Life::started();
    life.run_task(vec![timer("t"), timer("u")]);
    life.signal();
    let task = life.take_task();
    life.wake();
    life.news();
    life.complete(task, vec![cancel_timer("t")]).expect("it is there for its worker");
    assert_eq!(
        life.news(),
        [E::WorkflowTaskCompleted, E::TimerCanceled, E::TimerFired, E::WorkflowTaskScheduled]
    );
    let fired = life.history.iter().find_map(|event| match &event.attributes {
        Some(A::TimerFiredEventAttributes(fired)) => Some((fired.timer_id.as_str(), fired.started_event_id)),
        _ => None,
    });
    assert_eq!((fired, life.run().wake()), (Some(("u", 6)), None));
}

#[test]
fn timers_that_are_due_at_once_fire_in_one_step() {
    let mut life = Life::started();
    life.run_task(vec![timer("t"), timer("u")]);
    life.wake();
    assert_eq!(life.news(), [E::TimerFired, E::TimerFired, E::WorkflowTaskScheduled]);
}

#[test]
fn a_timer_id_is_used_once_at_a_time_also_across_answers() {
    let mut life = Life::started();
    life.run_task(vec![timer("t")]);
    life.signal();
    let task = life.take_task();
    let refused = life.clone().complete(task, vec![timer("t")]);
    assert_eq!(
        refused,
        Err(Rejection::InvalidArgument(
            "StartTimerDuplicateId: invalid history builder state for action: add-timer-started-event, TimerID: t"
                .into()
        ))
    );
    life.wake();
    life.complete(task, vec![timer("t")]).expect("it has fired, which the workflow has not seen");
    life.wake();
    assert_eq!(life.last().event_type(), E::TimerFired, "the new one fires as well");
}
