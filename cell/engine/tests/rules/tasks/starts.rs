//! How a task starts, and what its poller is told.

use super::*;

#[test]
fn a_transient_task_was_started_by_who_answers_it() {
    let mut life = Life::started();
    fail(&mut life);
    let task = life.take_task();
    life.complete(task, Vec::new()).expect("it is started");
    assert_eq!(last_start(&life).identity, "answerer");
    life.signal();
    life.run_task(Vec::new());
    assert_eq!(last_start(&life).identity, "poller", "what is written when it is taken says who took it");
}

#[test]
fn a_start_tells_the_size_of_what_stood_before_its_own_step() {
    let mut life = Life::started();
    let before = life.run().billed_bytes();
    life.take_task();
    assert_eq!(last_start(&life).history_size_bytes, before as i64);

    let mut life = Life::started();
    fail(&mut life);
    life.signal();
    life.news();
    let before = life.run().billed_bytes();
    life.take_task();
    assert_eq!(life.news(), [E::WorkflowTaskScheduled, E::WorkflowTaskStarted]);
    assert_eq!(last_start(&life).history_size_bytes, before as i64, "without the scheduled event beside it");
}

#[test]
fn a_start_suggests_to_continue_by_the_number_of_its_own_event() {
    // The first start is event 3; behind eight signals it is event 11.
    for (signals, limit, suggested) in [(0, 4, false), (0, 3, true), (8, 12, false), (8, 11, true)] {
        let mut life = Life::started();
        (0..signals).for_each(|_| life.signal());
        life.limits.suggest_continue_events = limit;
        life.take_task();
        assert_eq!(last_start(&life).suggest_continue_as_new, suggested, "{signals} signals, {limit}");
    }
}

#[test]
fn a_transient_task_that_is_written_at_its_start_keeps_its_time() {
    let mut life = Life::started();
    (0..5).for_each(|_| fail(&mut life));
    let timeout =
        life.run().workflow_task().scheduled().expect("the sixth attempt").start_to_close_timeout_ns;
    assert!(timeout > 10_000_000_000, "{timeout}");
    life.signal();
    life.take_task();
    let scheduled = &life.history[life.history.len() - 2].attributes;
    let Some(A::WorkflowTaskScheduledEventAttributes(scheduled)) = scheduled else { panic!("{scheduled:?}") };
    let written = scheduled.start_to_close_timeout.expect("it has one");
    assert_eq!(written.seconds * 1_000_000_000 + i64::from(written.nanos), timeout);
    let started = life.run().workflow_task().started().expect("a worker has it");
    assert_eq!((started.scheduled.start_to_close_timeout_ns, started.scheduled.attempt), (timeout, 1));
}

#[test]
fn a_revoked_transient_start_does_not_leave_a_signal_behind() {
    let mut life = Life::started();
    fail(&mut life);
    let task = life.take_task();
    life.signal();
    life.news();
    life.ask(RevokeWorkflowTaskStart(task)).expect("it is started");
    assert_eq!(life.news(), [E::WorkflowExecutionSignaled, E::WorkflowTaskScheduled]);
}

#[test]
fn a_revoked_start_times_out_where_history_tells_of_it_and_else_never_was() {
    let mut life = Life::started();
    let task = life.take_task();
    life.news();
    life.ask(RevokeWorkflowTaskStart(task)).expect("it is started");
    assert_eq!(life.news()[..1], [E::WorkflowTaskTimedOut]);
    let mut life = Life::started();
    fail(&mut life);
    let waits = life.task();
    let task = life.take_task();
    life.news();
    life.ask(RevokeWorkflowTaskStart(task)).expect("it is started");
    assert_eq!((life.news(), life.task()), (vec![], waits));
    life.take_task();
}

#[test]
fn a_poll_that_comes_again_is_answered_as_before_and_another_one_gets_nothing() {
    let mut life = Life::started();
    let task = life.run().workflow_task().waiting().expect("a workflow task waits");
    let (scheduled_event_id, stamp) = (task.scheduled_event_id, task.stamp);
    let poll = |request_id: &str| RecordWorkflowTaskStarted {
        scheduled_event_id,
        stamp,
        request_id: request_id.into(),
        ..Default::default()
    };
    let started = life.ask(poll("one")).expect("it is offered");
    life.news();
    let again = life.ask(poll("one")).expect("its answer may have been lost");
    assert_eq!((again.attempt, again.nonce), (started.attempt, started.nonce));
    for other in ["two", ""] {
        assert!(matches!(life.ask(poll(other)), Err(Rejection::TaskObsolete(_))), "{other:?}");
    }
    assert_eq!(life.news(), []);
}

#[test]
fn a_start_tells_its_own_events_and_what_was_there_before() {
    let take = |life: &mut Life| {
        let task = life.run().workflow_task().waiting().expect("it waits").clone();
        let (scheduled_event_id, stamp) = (task.scheduled_event_id, task.stamp);
        life.ask(RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() })
            .expect("it is offered")
    };
    let own = |task: &StartedWorkflowTask| -> Vec<HistoryEvent> {
        task.own_events.iter().map(|event| HistoryEvent::decode(event.clone()).expect("decodes")).collect()
    };
    let mut life = Life::started();
    let first = take(&mut life);
    assert_eq!((first.last_before(), first.last_event_id, first.in_history), (2, 3, true));
    assert_eq!(own(&first), life.history[2..], "written with the start");

    let ref_of = |task: &StartedWorkflowTask| WorkflowTaskRef {
        scheduled_event_id: task.scheduled_event_id,
        attempt: task.attempt,
        nonce: task.nonce,
    };
    let failed = |task| RespondWorkflowTaskFailed {
        task,
        cause: Cause::WorkflowWorkerUnhandledFailure as i32,
        failure: None,
        identity: "worker".into(),
        worker_version: None,
    };
    life.ask(failed(ref_of(&first))).expect("it is started");
    let second = take(&mut life);
    assert_eq!((second.last_before(), second.last_event_id, second.in_history), (4, 4, false));
    let kinds: Vec<E> = own(&second).iter().map(HistoryEvent::event_type).collect();
    assert_eq!(kinds, [E::WorkflowTaskScheduled, E::WorkflowTaskStarted], "behind the history");
    let ids: Vec<i64> = own(&second).iter().map(|event| event.event_id).collect();
    assert_eq!(ids, [5, 6], "one after the other");

    life.ask(failed(ref_of(&second))).expect("it is started");
    life.signal();
    let third = take(&mut life);
    assert_eq!((third.last_before(), third.last_event_id, third.in_history), (5, 7, true));
    assert_eq!(own(&third), life.history[5..], "a transient task is written, for there is news");
}

#[test]
fn a_token_names_one_start_of_one_attempt_of_one_task() {
    let mut life = Life::started();
    let task = life.take_task();
    let gone = Err(Rejection::NotFound("Workflow task not found.".into()));
    for other in [
        WorkflowTaskRef { scheduled_event_id: task.scheduled_event_id + 1, ..task },
        WorkflowTaskRef { attempt: task.attempt + 1, ..task },
        WorkflowTaskRef { nonce: task.nonce ^ 1, ..task },
    ] {
        assert_eq!(life.complete(other, Vec::new()), gone, "{other:?}");
    }
    life.complete(task, Vec::new()).expect("its own");
}

#[test]
fn a_dispatch_names_a_task_and_is_void_once_the_task_is_dispatched_anew() {
    let mut life = Life::started();
    let waits = |life: &Life| {
        let task = life.run().workflow_task().waiting().expect("it waits");
        (task.scheduled_event_id, task.stamp)
    };
    assert_eq!(waits(&life), (2, 1));
    fail(&mut life);
    assert_eq!(waits(&life), (5, 2), "another attempt");
    let task = life.take_task();
    life.ask(RevokeWorkflowTaskStart(task)).expect("it is started");
    assert_eq!(waits(&life), (5, 3), "the same one");
    let poll = |scheduled_event_id, stamp, request_id: &str| RecordWorkflowTaskStarted {
        scheduled_event_id,
        stamp,
        request_id: request_id.into(),
        ..Default::default()
    };
    for (scheduled_event_id, stamp) in [(5, 2), (2, 3), (2, 1)] {
        let refused = life.ask(poll(scheduled_event_id, stamp, "one"));
        assert!(matches!(refused, Err(Rejection::TaskObsolete(_))), "{refused:?}");
    }
    life.ask(poll(5, 3, "one")).expect("the newest");
    let refused = life.ask(poll(5, 2, "one"));
    assert!(
        matches!(refused, Err(Rejection::TaskObsolete(_))),
        "an old dispatch, by the same poll: {refused:?}"
    );
}

#[test]
fn a_poll_that_comes_again_is_told_the_same_but_for_what_is_durable_by_now() {
    let mut life = Life::started();
    let poll = |life: &Life| {
        let task = life.run().workflow_task().scheduled().expect("it is there");
        let (scheduled_event_id, stamp) = (task.scheduled_event_id, task.stamp);
        RecordWorkflowTaskStarted {
            scheduled_event_id,
            stamp,
            request_id: "poll".into(),
            identity: "poller".into(),
            worker_version: version(),
            sticky: false,
        }
    };
    let command = poll(&life);
    let first = life.ask(command).expect("it waits");
    assert_eq!(
        first,
        StartedWorkflowTask {
            scheduled_event_id: 2,
            started_event_id: 3,
            previous_started_event_id: 0,
            attempt: 1,
            scheduled_at: life.now,
            started_at: life.now,
            nonce: first.nonce,
            first_event_id: 1,
            last_event_id: 3,
            own_events: vec![life.last().encode_to_vec().into()],
            in_history: true,
            workflow_type: "type".into(),
            task_queue: "queue".into(),
        }
    );
    life.now = life.now.plus(SECOND);
    let command = poll(&life);
    let again = life.ask(command).expect("its answer may have been lost");
    assert_eq!(again, StartedWorkflowTask { own_events: vec![], in_history: false, ..first });

    let mut life = Life::started();
    fail(&mut life);
    let scheduled_at = life.now;
    life.now = life.now.plus(SECOND);
    let command = poll(&life);
    let first = life.ask(command).expect("it waits");
    assert_eq!((first.started_event_id, first.last_event_id, first.in_history), (6, 4, false));
    let own: Vec<HistoryEvent> =
        first.own_events.iter().map(|event| HistoryEvent::decode(event.clone()).expect("decodes")).collect();
    let [scheduled, started] = &own[..] else { panic!("{own:?}") };
    assert_eq!(
        (scheduled.event_time, started.event_time),
        (Some(scheduled_at.to_proto()), Some(life.now.to_proto()))
    );
    let Some(A::WorkflowTaskScheduledEventAttributes(scheduled)) = &scheduled.attributes else {
        panic!("{scheduled:?}")
    };
    assert_eq!((scheduled.attempt, scheduled.start_to_close_timeout), (2, crate::values::seconds(10)));
    let expected = WorkflowTaskStartedEventAttributes {
        scheduled_event_id: 5,
        identity: "poller".into(),
        request_id: "poll".into(),
        history_size_bytes: life.run().billed_bytes() as i64,
        worker_version: version(),
        ..Default::default()
    };
    assert_eq!(started.attributes, Some(A::WorkflowTaskStartedEventAttributes(expected)));
    life.now = life.now.plus(SECOND);
    let command = poll(&life);
    assert_eq!(life.ask(command), Ok(first), "behind the history, as before");
}

#[test]
fn a_start_is_told_before_it_is_durable_and_nothing_else_is() {
    let mut life = Life::started();
    let (scheduled_event_id, stamp) = (2, 1);
    let poll = RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() };
    let decision = life.decide(poll.clone());
    assert_eq!(decision.release, Release::PriorDurable);
    assert_eq!(decision.transitions[0].changes.len(), 1, "its start alone: no worker had the run cached");
    assert_eq!(life.decide(SignalWorkflow::default()).release, Release::Durable);
    life.limits.history_events = 2;
    let decision = life.decide(poll);
    assert!(matches!(decision.answer, Err(Rejection::TaskObsolete(_))), "nothing waits any more");
    assert_eq!(decision.release, Release::Durable);
}
