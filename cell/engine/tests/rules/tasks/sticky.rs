//! Tasks of workers that have the run cached.

use super::*;

#[test]
fn an_answer_without_a_queue_of_its_worker_ends_stickiness() {
    let mut life = Life::started();
    for (sticky, stays) in [(Some(("own".into(), 5_000_000_000)), true), (None, false)] {
        let task = life.take_task();
        let answer = RespondWorkflowTaskCompleted { task: Some(task), sticky, ..Default::default() };
        life.ask(answer).expect("good");
        assert_eq!(life.run().sticky_queue().is_some(), stays);
        life.signal();
    }
}

#[test]
fn a_sticky_worker_that_is_gone_costs_its_stickiness() {
    let mut life = Life::started();
    let task = life.take_task();
    let sticky = Some(("own".into(), 5_000_000_000));
    life.ask(RespondWorkflowTaskCompleted { task: Some(task), sticky, ..Default::default() }).expect("good");
    life.signal();
    life.news();
    let EffectKind::DispatchWorkflowTask(offered) = &life.effects()[0].kind else { panic!("a task waits") };
    assert_eq!(&*offered.task_queue, "own");
    life.wake();
    assert_eq!(life.news(), [E::WorkflowTaskTimedOut, E::WorkflowTaskScheduled]);
    let Some(A::WorkflowTaskScheduledEventAttributes(next)) = &life.last().attributes else {
        panic!("scheduled")
    };
    let queue = next.task_queue.as_ref().expect("it has a queue");
    assert_eq!((next.attempt, queue.name.as_str(), queue.kind), (1, "queue", TaskQueueKind::Normal as i32));
    assert_eq!(life.run().sticky_queue(), None);
}

#[test]
fn a_task_for_a_sticky_worker_that_another_one_took_fails_like_any_other() {
    let mut life = Life::started();
    let task = life.take_task();
    let sticky = Some(("own".into(), 5_000_000_000));
    life.ask(RespondWorkflowTaskCompleted { task: Some(task), sticky, ..Default::default() }).expect("good");
    life.signal();
    for taken_by_its_own in [true, false] {
        let mut life = life.clone();
        let waiting = life.run().workflow_task().waiting().expect("for the signal").clone();
        let poll = RecordWorkflowTaskStarted {
            scheduled_event_id: waiting.scheduled_event_id,
            stamp: waiting.stamp,
            sticky: taken_by_its_own,
            ..Default::default()
        };
        life.ask(poll).expect("it waits");
        assert_eq!(life.run().sticky_queue().is_some(), taken_by_its_own);
        life.wake();
        let next = if taken_by_its_own { (1, Standing::InHistory) } else { (2, Standing::Transient) };
        assert_eq!((life.task(), life.run().sticky_queue()), (Some(next), None));
    }
}

#[test]
fn who_takes_a_sticky_task_elsewhere_gets_the_whole_history() {
    let mut life = Life::started();
    let task = life.take_task();
    let sticky = RespondWorkflowTaskCompleted {
        task: Some(task),
        sticky: Some(("sticky".into(), 1_000_000_000)),
        namespace: "default".into(),
        ..Default::default()
    };
    life.ask(sticky).expect("an answer");
    life.signal();
    let waiting = life.run().workflow_task().waiting().expect("for the signal").clone();
    assert_eq!(waiting.sticky_queue, "sticky");
    for (sticky, first_event_id) in [(true, 4), (false, 1)] {
        let mut life = life.clone();
        let poll = RecordWorkflowTaskStarted {
            scheduled_event_id: waiting.scheduled_event_id,
            stamp: waiting.stamp,
            request_id: "poll".into(),
            sticky,
            ..Default::default()
        };
        assert_eq!(life.ask(poll.clone()).expect("it waits").first_event_id, first_event_id);
        let again = RecordWorkflowTaskStarted {
            stamp: life.run().workflow_task().scheduled().unwrap().stamp,
            ..poll
        };
        assert_eq!(life.ask(again).expect("the same poll").first_event_id, first_event_id);
    }
}

#[test]
fn a_task_of_the_answer_that_makes_it_sticky_waits_as_long_as_that_says() {
    let mut life = Life::started();
    let answer = RespondWorkflowTaskCompleted {
        task: Some(life.take_task()),
        sticky: Some(("own".into(), 5 * SECOND)),
        force_new_task: true,
        ..Default::default()
    };
    life.ask(answer).expect("a good answer");
    let waiting = life.run().workflow_task().waiting().expect("it was asked for");
    assert_eq!((waiting.sticky_queue.as_str(), waiting.sticky_timeout_ns), ("own", 5 * SECOND));
    assert_eq!(life.run().wake(), Some(life.now.plus(5 * SECOND)));
    life.wake();
    let timed_out = life.history.iter().find_map(|event| match &event.attributes {
        Some(A::WorkflowTaskTimedOutEventAttributes(timed_out)) => Some(*timed_out),
        _ => None,
    });
    let expected = history::WorkflowTaskTimedOutEventAttributes {
        scheduled_event_id: 5,
        timeout_type: TimeoutType::ScheduleToStart as i32,
        ..Default::default()
    };
    assert_eq!(timed_out, Some(expected), "nobody has started it");
}

#[test]
fn a_failure_of_who_has_the_run_cached_costs_that_instead_of_an_attempt() {
    for (sticky, attempt) in [(true, 1), (false, 2)] {
        let mut life = Life::started();
        let answer = RespondWorkflowTaskCompleted {
            task: Some(life.take_task()),
            sticky: Some(("own".into(), 5 * SECOND)),
            force_new_task: true,
            ..Default::default()
        };
        life.ask(answer).expect("a good answer");
        let waiting = life.run().workflow_task().waiting().expect("it was asked for");
        let (scheduled_event_id, stamp) = (waiting.scheduled_event_id, waiting.stamp);
        life.ask(RecordWorkflowTaskStarted { scheduled_event_id, stamp, sticky, ..Default::default() })
            .expect("it is offered");
        life.ask(TerminateWorkflow::default()).expect("it is open");
        assert_eq!(next_attempt(&life), attempt, "sticky: {sticky}");
    }
}
