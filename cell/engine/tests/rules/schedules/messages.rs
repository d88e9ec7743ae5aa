//! Messages between a schedule and what it starts: lost, repeated, too early, too late, not yet in turn.

use super::life::*;
use atoll_api::temporal::api::enums::v1::ScheduleOverlapPolicy as Overlap;
use atoll_api::temporal::api::enums::v1::WorkflowExecutionStatus;
use atoll_api::temporal::api::enums::v1::WorkflowIdReusePolicy as Reuse;
use atoll_api::temporal::api::schedule::v1::{SchedulePatch, TriggerImmediatelyRequest};
use cell_engine::{
    Answer, Command, CreateSchedule, DeleteSchedule, EffectKey, Entity, Origin, Rejection, Time, Undelivered,
    UpdateSchedule, WorkflowRequest,
};
use uuid::Uuid;

#[test]
fn a_start_is_the_same_however_often_it_is_sent() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(1));
    let first = life.starts().remove(0);
    life.tell(Undelivered(first.key)).expect("it waits");
    assert_eq!(life.starts().len(), 0);
    life.until(minute(1).plus(SECOND));
    let again = life.start_one();
    assert_eq!((again.key, &again.workflow_id), (first.key, &first.workflow_id));
    assert_eq!(again.start.request_id, first.start.request_id);
    assert_eq!(again.start.listener, first.start.listener);
    life.start(&first);
    assert_eq!(life.info().action_count, 1, "an answer counts once");
}

#[test]
fn an_update_does_not_rename_what_may_have_been_started() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(1));
    let first = life.starts().remove(0);
    let mut schedule = every_minute(Overlap::Skip);
    let action = schedule.action.as_mut().and_then(|action| action.action.as_mut());
    let Some(atoll_api::temporal::api::schedule::v1::schedule_action::Action::StartWorkflow(start)) = action
    else {
        panic!("it starts workflows")
    };
    start.workflow_id = "other".into();
    life.ask(UpdateSchedule { schedule, ..Default::default() }).expect("it is there");
    assert_eq!(life.start_one().workflow_id, first.workflow_id);
}

#[test]
fn an_update_does_not_change_what_an_id_that_was_used_before_means_to_a_start() {
    let keeps =
        |keeps: bool, overlap| with_policies(overlap, |policies| policies.keep_original_workflow_id = keeps);
    for (kept, overlap, id, reuse) in [
        (true, Overlap::Skip, "w", Reuse::AllowDuplicate),
        (false, Overlap::Skip, "w-2023-11-14T22:15:00Z", Reuse::RejectDuplicate),
        (true, Overlap::AllowAll, "w-2023-11-14T22:15:00Z", Reuse::RejectDuplicate),
    ] {
        let mut life = Life::with(keeps(kept, overlap));
        life.until(minute(1));
        let said = |life: &Life| {
            let wanted = life.starts().remove(0);
            (wanted.workflow_id, wanted.start.id_reuse_policy)
        };
        let expected = (id.to_owned(), reuse as i32);
        assert_eq!(said(&life), expected, "{kept} {overlap:?}");
        let schedule = keeps(!kept, overlap);
        life.ask(UpdateSchedule { schedule, ..Default::default() }).expect("it is there");
        assert_eq!(said(&life), expected, "{kept} {overlap:?}, updated");
    }
}

#[test]
fn back_offs_grow_and_a_start_is_given_up_when_its_time_may_not_be_caught_up_with() {
    let schedule = with_policies(Overlap::BufferAll, |policies| policies.catchup_window = seconds(180));
    let mut life = Life::with(schedule);
    life.until(minute(1));
    let key = life.starts().remove(0).key;
    let mut tries = Vec::new();
    while life.info().missed_catchup_window == 0 {
        match life.starts().iter().find(|wanted| wanted.key == key) {
            Some(wanted) if wanted.start.finds_only => life.answer(key, not_found()),
            Some(_) => {
                tries.push(life.now.0);
                life.tell(Undelivered(key)).expect("it waits");
            }
            None => {
                let at = life.schedule().wake().expect("it goes on");
                life.until(at);
            }
        }
    }
    let pauses: Vec<i64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let doubled = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512].map(|tenths| tenths * SECOND / 10);
    assert_eq!(pauses, [&doubled[..], &[MINUTE, MINUTE]].concat());
    assert!(life.now > minute(4) && life.now < minute(6), "{:?}", life.now);
    assert_eq!(life.info().missed_catchup_window, 1);
    let next = life.start_one();
    assert_ne!(next.key, key, "the next one goes on");
}

/// What a cell answers where nothing was begun.
fn not_found() -> Answer {
    Answer::Refused(Rejection::NotFound("nothing was begun".into()))
}

#[test]
fn what_adds_to_what_is_there_is_refused_as_a_clients_where_memory_is_short_and_nothing_else() {
    let schedule = with_policies(Overlap::Skip, |policies| policies.catchup_window = seconds(10));
    let mut life = Life::with(schedule);
    life.until(minute(1));
    let wanted = life.starts().remove(0);
    assert_eq!(wanted.start.origin(), Origin::Client);
    life.now = minute(3);
    life.tell(Undelivered(wanted.key)).expect("it waits");
    life.until(minute(4));
    assert_eq!(life.starts().remove(0).start.origin(), Origin::Cell, "it only looks for what it began");
    life.start(&wanted);
    for policy in [Overlap::CancelOther, Overlap::TerminateOther] {
        life.trigger(policy);
        let origin = match life.asks().remove(0).1.request {
            WorkflowRequest::Cancel(cancel) => cancel.origin(),
            WorkflowRequest::Terminate(terminate) => terminate.origin(),
            other => panic!("{other:?}"),
        };
        assert_eq!(origin, Origin::Cell, "{policy:?}");
    }
}

/// Whether a start may still begin something if it does not arrive so long after it was decided on, and the times
/// missed where nothing was begun before.
fn tried(life: &Life, key: EffectKey, since_decided: i64) -> (bool, i64) {
    let mut life = life.clone();
    life.now = life.now.plus(since_decided);
    life.tell(Undelivered(key)).expect("it is no fault");
    life.until(life.now.plus(MINUTE));
    let wanted = life.starts().into_iter().find(|wanted| wanted.key == key).expect("it is not given up");
    if wanted.start.finds_only {
        assert!(!wanted.takes_turns, "nothing is started");
        assert_eq!(life.info().missed_catchup_window, 0, "that is not known yet");
        life.answer(key, not_found());
        assert!(life.starts().iter().all(|wanted| wanted.key != key), "it is over");
    }
    (!wanted.start.finds_only, life.info().missed_catchup_window)
}

#[test]
fn a_start_that_was_carried_out_is_found_also_when_its_time_may_not_be_caught_up_with() {
    let schedule = with_policies(Overlap::Skip, |policies| policies.catchup_window = seconds(10));
    let mut life = Life::with(schedule);
    life.until(minute(1));
    let first = life.starts().remove(0);
    // It arrives, but neither its answer nor that of a repetition does.
    life.tell(Undelivered(first.key)).expect("it waits");
    life.until(minute(3));
    life.tell(Undelivered(first.key)).expect("it waits");
    life.until(minute(4));
    let late = life.starts().remove(0);
    assert_eq!((late.key, &late.start.request_id), (first.key, &first.start.request_id));
    assert!(late.start.finds_only && late.start.listener == first.start.listener);
    life.start(&late);
    let info = life.info();
    assert_eq!((info.action_count, info.missed_catchup_window, info.overlap_skipped), (1, 0, 3));
    life.completes(&first);
    life.until(minute(5));
    assert!(!life.start_one().start.finds_only);
}

/// What it would start may be in quarantine.
#[test]
fn a_start_whose_fate_nobody_tells_holds_later_ones_up_for_some_minutes_only() {
    for policy in [Overlap::Skip, Overlap::BufferAll] {
        let mut life = Life::with(with_policies(policy, |policies| policies.catchup_window = seconds(10)));
        life.until(minute(1));
        let lost = life.starts().remove(0);
        let next = loop {
            if let Some(next) = life.starts().into_iter().find(|wanted| wanted.key != lost.key) {
                break next;
            }
            match life.starts().len() {
                0 => life.until(life.schedule().wake().expect("it goes on")),
                _ => life.tell(Undelivered(lost.key)).expect("it waits"),
            }
            assert!(life.now < minute(30), "{policy:?}: others are held up for ever");
        };
        // Ten minutes after it may begin nothing any more, and when it is asked for next.
        assert!(life.now > minute(12) && life.now <= minute(14), "{policy:?}: {:?}", life.now);
        life.start(&next);
        life.until(life.now.plus(MINUTE));
        let late = life.starts().into_iter().find(|wanted| wanted.key == lost.key).expect("asked for still");
        assert!(late.start.finds_only);
        life.start(&late);
        let info = life.info();
        let running: Vec<_> = info.running_workflows.iter().map(|it| it.workflow_id.clone()).collect();
        assert_eq!((info.action_count, running), (2, vec![next.workflow_id]), "{policy:?}");
    }
}

#[test]
fn a_start_that_is_caught_up_late_is_tried_for_a_minute_all_the_same() {
    for (window, late, tried_for) in [(10, 9, MINUTE), (200, 100, 100 * SECOND)] {
        let schedule = with_policies(Overlap::Skip, |policies| policies.catchup_window = seconds(window));
        let mut life = Life::with(schedule);
        life.away_until(minute(1).plus(late * SECOND));
        let key = life.starts().remove(0).key;
        life.pause("so that no other is due");
        assert_eq!(tried(&life, key, tried_for), (true, 0), "{window} s, {late} s late");
        assert_eq!(tried(&life, key, tried_for + 1), (false, 1), "{window} s, {late} s late");
    }
}

#[test]
fn a_start_that_people_asked_for_is_tried_from_then_on_and_is_never_missed() {
    for (window, tried_for) in [(10, MINUTE), (120, 2 * MINUTE)] {
        let schedule = with_policies(Overlap::AllowAll, |policies| policies.catchup_window = seconds(window));
        let mut life = Life::with(schedule);
        life.pause("so that no time is due");
        life.until(minute(100));
        life.backfill(minute(1), minute(1), Overlap::AllowAll);
        let key = life.starts().remove(0).key;
        assert_eq!(tried(&life, key, tried_for), (true, 0), "a window of {window} s");
        assert_eq!(tried(&life, key, tried_for + 1), (false, 0), "a window of {window} s");
    }
}

#[test]
fn a_refused_start_is_over_and_the_next_one_goes_on() {
    let mut life = Life::started(Overlap::BufferAll);
    life.until(minute(2));
    let first = life.starts().remove(0);
    life.answer(first.key, Answer::Refused(Rejection::InvalidArgument("no".into())));
    assert_eq!(life.info().action_count, 0);
    assert_eq!(life.start_one().workflow_id, "w-2023-11-14T22:16:00Z");
    assert_eq!(life.info().action_count, 1);
}

#[test]
fn a_start_waits_for_its_turn_as_state_and_has_it_then() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(1));
    let first = life.starts().remove(0);
    assert!(first.takes_turns);
    let turn = minute(1).plus(20 * SECOND);
    life.answer(first.key, Answer::Postponed(turn));
    assert_eq!((life.starts().len(), life.schedule().is_busy()), (0, false));
    assert_eq!(life.schedule().wake(), Some(turn));
    life.until(turn);
    let again = life.start_one();
    assert_eq!((again.key, again.takes_turns), (first.key, false));
    assert_eq!(life.counts(), (0, 0, 0, 0));
}

#[test]
fn an_end_that_comes_before_what_came_of_its_start_says_that_too() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(1));
    let wanted = life.starts().remove(0);
    life.end(&wanted, End::Completed(Some("result"))).expect("it is told");
    let info = life.info();
    assert_eq!((info.action_count, info.running_workflows), (1, vec![]));
    let action = info.recent_actions.last().expect("it was started");
    assert_eq!(action.start_workflow_status, WorkflowExecutionStatus::Completed as i32);
    let started = action.start_workflow_result.as_ref().expect("a run");
    assert_eq!(started.run_id, wanted.run_id().to_string());
    // Its workflow id is another's by now: it is not to be started there once more.
    assert_eq!(life.starts().len(), 0);
    life.tell(Undelivered(wanted.key)).expect("nobody waits for it");
    life.until(minute(1).plus(50 * SECOND));
    assert_eq!(life.starts().len(), 0);
    let steps = life.steps();
    life.start(&wanted);
    life.end(&wanted, End::Failed("a repetition says nothing")).expect("it is told again");
    assert_eq!(life.steps(), steps);
    life.until(minute(2));
    let next = life.start_one();
    assert_eq!(
        (next.start.last_completion_result, next.start.continued_failure),
        (Some(payloads("result")), None)
    );
}

#[test]
fn the_early_end_of_what_runs_beside_others_leaves_nothing_to_later_ones() {
    let schedule = with_policies(Overlap::Skip, |policies| policies.pause_on_failure = true);
    let mut life = Life::with(schedule);
    life.trigger(Overlap::AllowAll);
    let beside = life.starts().remove(0);
    life.end(&beside, End::Failed("why")).expect("it is told");
    assert_eq!((life.info().action_count, life.starts().len()), (1, 0));
    life.until(minute(1));
    let alone = life.starts().remove(0);
    assert_eq!(alone.start.continued_failure, None);
    life.end(&alone, End::Failed("why")).expect("it is told");
    life.until(minute(2));
    assert_eq!(life.starts().len(), 0, "it is paused");
}

#[test]
fn what_is_asked_of_a_running_workflow_backs_off_too() {
    let mut life = Life::started(Overlap::TerminateOther);
    life.until(minute(1));
    let first = life.start_one();
    life.until(minute(2));
    let (key, ask) = life.asks().remove(0);
    life.tell(Undelivered(key)).expect("it waits");
    assert_eq!(life.asks(), []);
    life.until(minute(2).plus(SECOND));
    assert_eq!(life.asks().len(), 1);
    life.completes(&first);
    assert_eq!(life.asks(), [], "it has ended by itself");
    life.answer_to(key, ask.id, Answer::Done);
    life.tell(Undelivered(key)).expect("nobody waits for it");
    life.start_one();
}

#[test]
fn messages_about_nothing_change_nothing() {
    let mut life = Life::started(Overlap::Skip);
    for key in [EffectKey::Own(1, 99), EffectKey::Own(2, 99), EffectKey::Own(9, 1), EffectKey::WorkflowTask] {
        let before = (life.schedule().wake(), life.steps());
        life.answer_to(key, Uuid::nil(), Answer::Postponed(Time(1)));
        life.answer_to(key, Uuid::nil(), Answer::Done);
        life.tell(Undelivered(key)).expect("it is no fault");
        assert_eq!((life.schedule().wake(), life.steps()), before);
    }
}

#[test]
fn an_answer_to_another_life_of_the_schedules_id_says_nothing_to_this_one() {
    let trigger = SchedulePatch {
        trigger_immediately: Some(TriggerImmediatelyRequest::default()),
        ..Default::default()
    };
    let create = |request_id: &str| CreateSchedule {
        request_id: request_id.into(),
        schedule: every_minute(Overlap::Skip),
        initial_patch: Some(trigger.clone()),
        ..Default::default()
    };
    let mut life = Life::new();
    life.ask(create("first")).expect("its id is free");
    let first = life.starts().remove(0);
    life.ask(DeleteSchedule).expect("it is there");
    life.ask(create("second")).expect("its id is free again");
    let second = life.starts().remove(0);
    assert_eq!(second.key, first.key, "each life numbers its starts from one");
    let steps = life.steps();
    life.start(&first);
    life.answer_to(first.key, first.ask_id, Answer::Postponed(minute(9)));
    life.answer_to(first.key, first.ask_id, Answer::Refused(Rejection::InvalidArgument("no".into())));
    assert_eq!((life.steps(), life.starts().len(), life.info().action_count), (steps, 1, 0));
    life.start(&second);
    assert_eq!((life.starts().len(), life.info().action_count), (0, 1));
}

#[test]
fn an_answer_to_a_request_to_cancel_does_not_stand_for_a_termination() {
    let mut life = Life::started(Overlap::CancelOther);
    life.until(minute(1));
    let first = life.start_one();
    life.until(minute(2));
    let (key, cancel) = life.asks().remove(0);
    life.trigger(Overlap::TerminateOther);
    let steps = life.steps();
    life.answer_to(key, cancel.id, Answer::Done);
    let asks = life.asks();
    assert!(
        matches!(&asks[..], [(_, ask)] if matches!(ask.request, WorkflowRequest::Terminate(_))),
        "{asks:?}"
    );
    assert_eq!(life.steps(), steps, "what was asked for more is asked still");
    life.answer(key, Answer::Done);
    assert_eq!(life.asks(), []);
    life.completes(&first);
    life.start_one();
}

#[test]
fn what_was_not_asked_or_waits_already_does_not_back_off() {
    let mut life = Life::started(Overlap::TerminateOther);
    life.until(minute(1));
    let running = life.start_one();
    let EffectKey::Own(_, number) = running.key else { panic!("{running:?}") };
    let ask = EffectKey::Own(2, number);
    let steps = life.steps();
    life.tell(Undelivered(ask)).expect("it is no fault");
    assert_eq!(life.steps(), steps, "it is asked nothing");
    life.until(minute(2));
    assert_eq!(life.asks()[0].0, ask);
    life.tell(Undelivered(ask)).expect("it waits");
    let steps = life.steps();
    life.tell(Undelivered(ask)).expect("it waits already");
    assert_eq!(life.steps(), steps);
}

#[test]
fn the_end_of_what_is_none_of_its_own_changes_nothing() {
    let mut life = Life::started(Overlap::AllowAll);
    life.until(minute(1));
    let wanted = life.start_one();
    let mut strange = wanted.clone();
    strange.start.request_id = "of another life".into();
    strange.start.listener.as_mut().expect("the schedule").reference = "of another life".into();
    let steps = life.steps();
    life.completes(&strange);
    assert_eq!(life.steps(), steps, "another one runs");
    life.completes(&wanted);
    let steps = life.steps();
    life.completes(&wanted);
    assert_eq!(life.steps(), steps, "it is known");
}

/// One that runs so long that its start is shown no more.
#[test]
fn an_end_is_taken_in_also_where_the_start_is_not_shown_any_more() {
    let mut life = Life::started(Overlap::Skip);
    life.until(minute(1));
    let long = life.start_one();
    life.pause("so that nothing else is due");
    for _ in 0..10 {
        life.trigger(Overlap::AllowAll);
        life.start_one();
    }
    assert_eq!((life.info().recent_actions.len(), life.info().running_workflows.len()), (10, 1));
    life.completes(&long);
    assert_eq!(life.info().running_workflows, []);
}
