use super::*;
use atoll_internal_api::log::v1 as log;
use step::IllegalTaskStep;

fn scheduled(standing: Standing) -> ScheduledTask {
    ScheduledTask {
        standing,
        scheduled_event_id: 5,
        attempt: 1,
        scheduled_at_ns: 100,
        original_scheduled_at_ns: 100,
        start_to_close_timeout_ns: 10,
        stamp: 3,
        sticky_queue: String::new(),
        sticky_timeout_ns: 0,
    }
}

fn started(standing: Standing) -> StartedTask {
    StartedTask {
        scheduled: scheduled(standing),
        started_event_id: 6,
        started_at_ns: 200,
        nonce: 9,
        request_id: "poll".into(),
        identity: "worker".into(),
        worker_version: None,
        continue_as_new_reasons: Vec::new(),
    }
}

fn states() -> [WorkflowTask; 7] {
    use Standing::*;
    let scheduled = [InHistory, Transient, Speculative].map(|s| WorkflowTask::Scheduled(scheduled(s)));
    let started = [InHistory, Transient, Speculative].map(|s| WorkflowTask::Started(started(s)));
    let [a, b, c] = scheduled;
    let [d, e, f] = started;
    [WorkflowTask::None, a, b, c, d, e, f]
}

fn steps() -> Vec<TaskStep> {
    use Standing::*;
    let start = TaskStep::Start {
        started_event_id: 6,
        started_at_ns: 200,
        request_id: "poll".into(),
        identity: "worker".into(),
    };
    let given = log::WorkflowTaskStarted { started_at_ns: 200, nonce: 7, ..Default::default() };
    vec![
        TaskStep::Schedule(scheduled(InHistory)),
        TaskStep::Schedule(scheduled(Transient)),
        TaskStep::Schedule(scheduled(Speculative)),
        start,
        TaskStep::HandOver(given),
        TaskStep::Revoke(4),
        TaskStep::Complete,
        TaskStep::Fail,
        TaskStep::WaitedTooLong,
        TaskStep::RanTooLong,
        TaskStep::Drop,
        TaskStep::SetStickyTimeout(77),
        TaskStep::Heartbeat(88),
        TaskStep::Close,
    ]
}

/// What each step makes of each state: `-` none at all, `h` `t` `s` scheduled, `H` `T` `S` started, by where the events
/// stand; `.` is illegal. Columns as in [`states`].
const TABLE: [(&str, &str); 14] = [
    ("be scheduled in history", "h.hh.hh"),
    ("be scheduled as transient", "t......"),
    ("be scheduled as speculative", "s......"),
    ("be started by an event", ".H....."),
    ("be handed to a worker", "..TSH.."),
    ("be taken back", ".....ts"),
    ("complete", "....-.."),
    ("fail", "....-.."),
    ("wait too long", ".-....."),
    ("run too long", "....-.."),
    ("be dropped", "...-.--"),
    ("get a sticky timeout", ".h.sH.S"),
    ("be a heartbeat", ".htsHTS"),
    ("close", "-------"),
];

fn letter(outcome: &Result<WorkflowTask, IllegalTaskStep>) -> char {
    let Ok(task) = outcome else { return '.' };
    let Some(scheduled) = task.scheduled() else { return '-' };
    let letter = match scheduled.standing {
        Standing::InHistory => 'h',
        Standing::Transient => 't',
        Standing::Speculative => 's',
    };
    if task.started().is_some() { letter.to_ascii_uppercase() } else { letter }
}

#[test]
fn every_pair_of_state_and_step_is_what_the_table_says() {
    let steps = steps();
    assert_eq!(steps.len(), TABLE.len());
    for (step, (name, row)) in steps.iter().zip(TABLE) {
        assert_eq!(step.name(), name);
        let outcomes = states().map(|state| state.step(step.clone()));
        let seen: String = outcomes.iter().map(letter).collect();
        assert_eq!(seen, row, "{name}");
    }
}

#[test]
fn an_illegal_pair_names_both() {
    let [none, ..] = states();
    let illegal = none.step(TaskStep::Complete).expect_err("there is nothing to complete");
    assert_eq!(illegal.to_string(), "a workflow task that is not there cannot complete");
    let [.., transient, _] = states();
    let illegal = transient.step(TaskStep::Fail).expect_err("a transient one leaves no event");
    assert_eq!(illegal.to_string(), "a workflow task that is started as transient cannot fail");
}

#[test]
fn a_start_says_whose_it_is_wherever_the_events_stand() {
    let given = log::WorkflowTaskStarted {
        started_at_ns: 200,
        nonce: 7,
        request_id: "poll".into(),
        identity: "worker".into(),
        ..Default::default()
    };
    for standing in [Standing::Transient, Standing::Speculative] {
        let task = WorkflowTask::Scheduled(scheduled(standing)).step(TaskStep::HandOver(given.clone()));
        assert_eq!(task, Ok(WorkflowTask::Started(StartedTask { nonce: 7, ..started(standing) })));
    }
    let [_, waiting, ..] = states();
    let event = steps().swap_remove(3);
    let task = waiting.step(event).and_then(|task| task.step(TaskStep::HandOver(given)));
    assert_eq!(task, Ok(WorkflowTask::Started(StartedTask { nonce: 7, ..started(Standing::InHistory) })));
}

#[test]
fn a_taken_back_task_is_the_one_that_waited_under_another_stamp() {
    let task = WorkflowTask::Started(started(Standing::Transient)).step(TaskStep::Revoke(4));
    let waiting = ScheduledTask { stamp: 4, ..scheduled(Standing::Transient) };
    assert_eq!(task, Ok(WorkflowTask::Scheduled(waiting)));
}

#[test]
fn every_state_comes_back_from_its_stored_form() {
    for state in states() {
        assert_eq!(WorkflowTask::from_proto(state.to_proto()), Ok(state));
    }
    let unknown = atoll_internal_api::state::v1::WorkflowTask { standing: 99, ..Default::default() };
    assert_eq!(WorkflowTask::from_proto(Some(unknown)), Err(UnknownStanding));
}

#[test]
fn a_task_has_one_deadline_at_most() {
    let sticky = |timeout| {
        let own = ScheduledTask {
            sticky_queue: "own".into(),
            sticky_timeout_ns: timeout,
            ..scheduled(Standing::InHistory)
        };
        WorkflowTask::Scheduled(own)
    };
    assert_eq!(WorkflowTask::None.deadline(), None);
    assert_eq!(WorkflowTask::Scheduled(scheduled(Standing::InHistory)).deadline(), None);
    assert_eq!(sticky(5).deadline(), Some((105, Due::TaskScheduleToStart)));
    for none in [0, -1, i64::MIN] {
        assert_eq!(sticky(none).deadline(), Some((100, Due::TaskScheduleToStart)));
    }
    assert_eq!(sticky(i64::MAX).deadline(), Some((i64::MAX, Due::TaskScheduleToStart)), "and no overflow");
    let started = WorkflowTask::Started(started(Standing::Transient));
    assert_eq!(started.deadline(), Some((210, Due::TaskStartToClose)));
}

#[test]
fn a_step_that_names_a_moment_changes_that_alone() {
    let step = |state: WorkflowTask, step| state.step(step).expect("legal");
    let (waits, runs) = (scheduled(Standing::InHistory), started(Standing::InHistory));
    let sticky = ScheduledTask { sticky_timeout_ns: 77, ..waits.clone() };
    let beats = ScheduledTask { original_scheduled_at_ns: 88, ..waits.clone() };
    for (named, expected) in [(TaskStep::SetStickyTimeout(77), sticky), (TaskStep::Heartbeat(88), beats)] {
        let waiting = step(WorkflowTask::Scheduled(waits.clone()), named.clone());
        assert_eq!(waiting, WorkflowTask::Scheduled(expected.clone()));
        let running = step(WorkflowTask::Started(runs.clone()), named);
        assert_eq!(running, WorkflowTask::Started(StartedTask { scheduled: expected, ..runs.clone() }));
    }
}

#[test]
fn events_tell_nothing_of_dispatches_and_tokens() {
    let known = ScheduledTask { sticky_timeout_ns: 5, ..scheduled(Standing::InHistory) };
    let told = ScheduledTask { stamp: 0, sticky_timeout_ns: 0, original_scheduled_at_ns: 0, ..known.clone() };
    let waiting = WorkflowTask::Scheduled(known.clone());
    assert_eq!(waiting.told_by_events(), WorkflowTask::Scheduled(told.clone()));
    let running = StartedTask { scheduled: known, ..started(Standing::InHistory) };
    let expected = StartedTask { scheduled: told, nonce: 0, ..running.clone() };
    assert_eq!(WorkflowTask::Started(running).told_by_events(), WorkflowTask::Started(expected));
}
