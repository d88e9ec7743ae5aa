//! What becomes of a time that comes while another workflow runs.

use super::life::*;
use atoll_api::temporal::api::enums::v1::{
    ScheduleOverlapPolicy as Overlap, WorkflowExecutionStatus as Status,
};
use cell_engine::{Answer, Rejection, Time, WorkflowRequest};

#[test]
fn skip_leaves_out_what_comes_while_another_runs() {
    let mut life = Life::started(Overlap::Unspecified);
    life.until(minute(1));
    let first = life.start_one();
    life.until(minute(3));
    assert_eq!((life.starts().len(), life.counts()), (0, (2, 0, 0, 0)));
    life.completes(&first);
    assert_eq!(life.starts().len(), 0);
    life.until(minute(4));
    assert_eq!(life.start_one().workflow_id, "w-2023-11-14T22:18:00Z");
    assert_eq!(life.info().action_count, 2);
}

#[test]
fn a_start_whose_answer_is_out_counts_as_running() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(2));
    assert_eq!((life.starts().len(), life.counts()), (1, (1, 0, 0, 0)));
}

#[test]
fn buffer_one_keeps_the_first_that_waits() {
    let mut life = Life::started(Overlap::BufferOne);
    life.until(minute(1));
    let first = life.start_one();
    life.until(minute(4));
    assert_eq!(life.counts(), (2, 0, 0, 1));
    life.completes(&first);
    assert_eq!(life.start_one().workflow_id, "w-2023-11-14T22:16:00Z", "the second minute's");
    assert_eq!(life.counts(), (2, 0, 0, 0));
}

#[test]
fn buffer_all_starts_one_after_the_other() {
    let mut life = Life::started(Overlap::BufferAll);
    life.until(minute(1));
    let mut running = life.start_one();
    life.until(minute(5));
    assert_eq!(life.counts(), (0, 0, 0, 4));
    let mut ids = vec![running.workflow_id.clone()];
    for _ in 0..4 {
        life.completes(&running);
        running = life.start_one();
        ids.push(running.workflow_id.clone());
    }
    life.completes(&running);
    let minutes = ["15", "16", "17", "18", "19"];
    assert_eq!(ids, minutes.map(|minute| format!("w-2023-11-14T22:{minute}:00Z")));
    assert_eq!((life.starts().len(), life.counts()), (0, (0, 0, 0, 0)));
}

#[test]
fn cancel_other_asks_once_and_waits_for_the_end() {
    let mut life = Life::started(Overlap::CancelOther);
    life.until(minute(1));
    let first = life.start_one();
    life.until(minute(2));
    let asks = life.asks();
    let [(key, ask)] = &asks[..] else { panic!("{asks:?}") };
    let WorkflowRequest::Cancel(cancel) = &ask.request else { panic!("{ask:?}") };
    assert_eq!(*ask.target.workflow_id, *first.workflow_id);
    assert_eq!(cancel.first_execution_run_id, first.run_id());
    assert_eq!(cancel.reason, "cancelled by schedule overlap policy");
    assert_eq!(cancel.identity, "temporal-scheduler-default-every-minute");
    assert!(!ask.takes_turns);
    life.answer(*key, Answer::Done);
    life.until(minute(3));
    assert_eq!((life.asks().len(), life.starts().len()), (0, 0), "it has been asked");
    life.end(&first, End::Canceled).expect("it is told");
    // Of two that waited the later one takes the place of the other.
    assert_eq!(life.start_one().workflow_id, "w-2023-11-14T22:17:00Z");
    assert_eq!(life.counts(), (0, 0, 0, 0));
}

#[test]
fn terminate_other_outweighs_a_cancel_request() {
    let mut life = Life::started(Overlap::CancelOther);
    life.until(minute(1));
    let first = life.start_one();
    life.until(minute(2));
    life.trigger(Overlap::TerminateOther);
    let asks = life.asks();
    let [(key, ask)] = &asks[..] else { panic!("{asks:?}") };
    let WorkflowRequest::Terminate(terminate) = &ask.request else { panic!("{ask:?}") };
    assert_eq!(terminate.first_execution_run_id, first.run_id());
    assert_eq!(terminate.reason, "terminated by schedule overlap policy");
    assert_eq!(terminate.identity, "temporal-scheduler-default-every-minute");
    life.answer(*key, Answer::Done);
    life.trigger(Overlap::CancelOther);
    assert_eq!(life.asks(), [], "it was asked for more");
}

#[test]
fn what_is_to_make_room_before_it_has_started_is_asked_once_it_has() {
    let mut life = Life::started(Overlap::TerminateOther);
    life.until(minute(2));
    let first = life.starts().remove(0);
    assert_eq!((life.starts().len(), life.asks().len()), (1, 0));
    life.start(&first);
    assert_eq!(life.asks().len(), 1);
}

#[test]
fn allow_all_starts_everything_and_nothing_is_handed_on() {
    let mut life = Life::started(Overlap::AllowAll);
    life.until(minute(3));
    let starts = life.starts();
    assert_eq!(starts.len(), 3);
    starts.iter().for_each(|wanted| life.start(wanted));
    assert_eq!(life.info().running_workflows, [], "later ones do not wait for them");
    life.end(&starts[0], End::Completed(Some("result"))).expect("it is told");
    life.end(&starts[1], End::Failed("why")).expect("it is told");
    life.until(minute(4));
    let next = life.start_one();
    assert_eq!((next.start.last_completion_result, next.start.continued_failure), (None, None));
    let statuses: Vec<i32> = life.info().recent_actions.iter().map(|it| it.start_workflow_status).collect();
    assert_eq!(statuses, [2, 3, 1, 1], "completed, failed, running, running");
}

#[test]
fn an_update_of_the_policy_counts_for_what_waits() {
    let mut life = Life::started(Overlap::BufferAll);
    life.until(minute(1));
    let first = life.start_one();
    life.until(minute(3));
    assert_eq!(life.counts(), (0, 0, 0, 2));
    let update = cell_engine::UpdateSchedule { schedule: every_minute(Overlap::Skip), ..Default::default() };
    life.ask(update).expect("it is there");
    assert_eq!(life.counts(), (2, 0, 0, 0));
    life.completes(&first);
    assert_eq!(life.starts().len(), 0);
}

#[test]
fn what_does_not_fit_is_dropped_and_counted() {
    let mut life = Life::started(Overlap::BufferAll);
    life.away_until(minute(2_500));
    // The first thousand are kept, one of which is on its way.
    assert_eq!(life.counts(), (0, 0, 1_500, 999));
    assert_eq!(life.starts().len(), 1);
    let mut life = Life::started(Overlap::AllowAll);
    life.away_until(minute(2_500));
    assert_eq!((life.starts().len(), life.counts()), (1_000, (0, 0, 1_500, 0)));
    life.until(minute(2_501));
    assert_eq!(life.counts(), (0, 0, 1_501, 0), "those on their way have their place");
}

#[test]
fn backfills_that_may_overlap_leave_room_while_their_starts_wait_for_their_turns() {
    let mut life = Life::started(Overlap::AllowAll);
    life.away_until(minute(495));
    life.backfill(minute(1), minute(1_000), Overlap::AllowAll);
    life.until(minute(495).plus(5 * SECOND));
    assert_eq!((life.starts().len(), life.counts()), (505, (0, 0, 0, 0)), "half of the room is left");
    life.until(minute(496));
    assert_eq!(life.starts().len(), 506, "to times that are due");
    life.starts().iter().take(7).for_each(|wanted| life.start(wanted));
    assert_eq!(life.starts().len(), 509, "the next ten come once it is their turn");
    assert_eq!(life.counts(), (0, 0, 0, 0));
}

#[test]
fn the_end_of_each_that_runs_beside_others_is_shown() {
    let mut life = Life::started(Overlap::AllowAll);
    life.until(minute(2));
    let both = life.starts();
    both.iter().for_each(|wanted| life.start(wanted));
    assert_eq!(both.len(), 2);
    both.iter().for_each(|wanted| life.completes(wanted));
    let statuses: Vec<i32> = life.info().recent_actions.iter().map(|it| it.start_workflow_status).collect();
    assert_eq!(statuses, [Status::Completed as i32; 2]);
}

#[test]
fn what_holds_others_up_is_looked_for_and_has_ended_where_it_is_not_there() {
    for policy in [Overlap::Skip, Overlap::BufferOne, Overlap::BufferAll, Overlap::CancelOther] {
        let mut life = Life::started(policy);
        life.until(minute(1));
        let first = life.start_one();
        for looks in 0..3 {
            let mut asks = Vec::new();
            for at in 2.. {
                life.until(minute(11 * looks + at));
                asks = life.asks();
                match &asks[..] {
                    [] => {}
                    [(_, ask)] if matches!(ask.request, WorkflowRequest::Exist(_)) => break,
                    [(key, _)] => {
                        life.answer(*key, Answer::Refused(Rejection::NotFound("it just closed".into())))
                    }
                    _ => panic!("{asks:?}"),
                }
                assert!(at < 20, "{policy:?}: never looked for");
                assert_eq!(life.info().running_workflows.len(), 1, "{policy:?}: it may tell how it closed");
            }
            let [(key, ask)] = &asks[..] else { panic!("{asks:?}") };
            assert_eq!(*ask.target.workflow_id, *first.workflow_id);
            assert_eq!(ask.request, WorkflowRequest::Exist(first.run_id()));
            if looks < 2 {
                life.answer(*key, Answer::Done);
                assert_eq!(life.info().running_workflows.len(), 1, "{policy:?}: it is there");
            } else {
                life.answer(*key, Answer::Refused(Rejection::NotFound("an operator deleted it".into())));
            }
        }
        assert_eq!(life.info().recent_actions[0].start_workflow_status, Status::Terminated as i32);
        let due = life.now.millis().div_euclid(60_000) + 1;
        life.until(Time::from_millis(due * 60_000));
        assert_eq!(life.starts().len(), 1, "{policy:?}: the next one goes");
    }
}

#[test]
fn what_holds_nobody_up_is_not_looked_for() {
    let mut life = Life::started(Overlap::AllowAll);
    life.until(minute(1));
    life.start_one();
    life.until(minute(60));
    assert_eq!(life.asks(), []);
}

#[test]
fn what_holds_up_nobody_but_those_that_may_overlap_is_not_looked_for() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(1));
    life.start_one();
    life.pause("so that nothing else is due");
    life.trigger(Overlap::AllowAll);
    life.start_one();
    life.until(minute(60));
    assert_eq!(life.asks(), []);
}
