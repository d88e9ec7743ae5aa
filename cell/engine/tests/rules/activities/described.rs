//! What people are shown of activities.

use super::*;

#[test]
fn a_pending_activity_is_described_attempt_by_attempt() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    let shown = |life: &Life| life.run().describe().activities[0].clone();
    let seconds = |seconds| Some(prost_types::Duration { seconds, nanos: 0 });
    let fresh = shown(&life);
    assert_eq!((fresh.attempt, fresh.current_retry_interval), (1, seconds(1)), "the pause to come");
    let options = fresh.activity_options.expect("always there");
    assert_eq!(options.start_to_close_timeout, seconds(60));
    assert_eq!(options.task_queue.map(|queue| queue.normal_name), Some("queue".into()));

    let token = take(&mut life);
    let running = shown(&life);
    assert!(running.last_started_time.is_some() && running.last_heartbeat_time.is_none());
    assert_eq!(running.current_retry_interval, None);
    life.ask(RecordActivityHeartbeat { activity: token.clone(), details: None }).expect("it is started");
    let beat = shown(&life).last_heartbeat_time;
    assert_eq!(beat, Some(life.now.to_proto()));

    let failed = RespondActivityFailed {
        activity: token,
        failure: None,
        identity: "worker".into(),
        last_heartbeat_details: None,
    };
    life.ask(failed).expect("it is started");
    let ended = Some(life.now.to_proto());
    let waiting = shown(&life);
    assert_eq!((waiting.attempt, waiting.last_attempt_complete_time), (2, ended));
    assert_eq!(waiting.current_retry_interval, seconds(1));
    assert_eq!(waiting.next_attempt_schedule_time, waiting.scheduled_time);
    assert_eq!(waiting.last_heartbeat_time, beat);
    life.wake();
    let offered = shown(&life);
    assert_eq!((offered.next_attempt_schedule_time, offered.current_retry_interval), (None, seconds(2)));
    assert_eq!(offered.last_attempt_complete_time, ended);
}

/// So that many that fail do not end their run by its state.
#[test]
fn the_failure_of_an_attempt_is_kept_whole_up_to_four_kib() {
    let of_bytes = |bytes: usize| {
        let failure = |message| Failure { message: "m".repeat(message), ..Default::default() };
        (0..bytes).map(failure).find(|failure| failure.encoded_len() == bytes).expect("a length")
    };
    for (bytes, whole) in [(4_096, true), (4_097, false)] {
        let mut life = Life::started();
        life.run_task(vec![activity("a")]);
        let (activity, failure) = (take(&mut life), Some(of_bytes(bytes)));
        let identity = "worker".to_owned();
        let failed = RespondActivityFailed {
            activity,
            failure: failure.clone(),
            identity,
            last_heartbeat_details: None,
        };
        life.ask(failed).expect("it is started");
        let kept = life.run().describe().activities[0].last_failure.clone();
        assert_eq!(kept == failure, whole, "{bytes} bytes");
        life.wake();
        let activity = take(&mut life);
        life.ask(RespondActivityCompleted { activity, result: None, identity: String::new() })
            .expect("taken");
        let started = life.history.iter().rev().find_map(|event| match &event.attributes {
            Some(A::ActivityTaskStartedEventAttributes(started)) => Some(started.last_failure.clone()),
            _ => None,
        });
        assert_eq!(started.expect("it has started"), kept);
    }
}

#[test]
fn an_activity_whose_end_waits_is_pending_no_more() {
    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    let token = take(&mut life);
    life.signal();
    let task = life.take_task();
    let done = RespondActivityCompleted { activity: token, result: None, identity: "worker".into() };
    life.ask(done).expect("it is started");
    assert_eq!(life.run().describe().activities, []);
    let late = RespondActivityCompleted {
        activity: ActivityRef::Id("a".into()),
        result: None,
        identity: "worker".into(),
    };
    let unknown =
        "cannot find pending activity with ActivityID a, check workflow execution history for more details";
    assert_eq!(life.ask(late), Err(Rejection::NotFound(unknown.into())));
    life.complete(task, Vec::new()).expect("an answer");
}

#[test]
fn what_the_start_says_to_people_is_described() {
    let life = Life::started();
    let metadata = life.history[0].user_metadata.as_deref().cloned();
    assert!(metadata.is_some());
    assert_eq!(life.run().describe().config.user_metadata, metadata);
}

#[test]
fn a_description_says_everything_of_an_activity() {
    let mut life = Life::started();
    life.run_task(vec![activity_of(|wish| {
        wish.schedule_to_close_timeout = seconds(300);
        wish.heartbeat_timeout = seconds(10);
        wish.retry_policy = retries(3).0;
        wish.priority = priority();
    })]);
    let shown = |life: &Life| life.run().describe().activities[0].clone();
    let scheduled = life.now.to_proto();
    let fresh = PendingActivityInfo {
        activity_id: "a".into(),
        activity_type: Some(ActivityType { name: "work".into() }),
        state: State::Scheduled as i32,
        attempt: 1,
        maximum_attempts: 3,
        scheduled_time: Some(scheduled),
        expiration_time: Some(life.now.plus(300_000_000_000).to_proto()),
        current_retry_interval: seconds(1),
        priority: priority(),
        activity_options: Some(ActivityOptions {
            task_queue: Some(TaskQueue {
                name: "queue".into(),
                normal_name: "queue".into(),
                ..Default::default()
            }),
            schedule_to_close_timeout: seconds(300),
            schedule_to_start_timeout: seconds(2),
            start_to_close_timeout: seconds(60),
            heartbeat_timeout: seconds(10),
            retry_policy: retries(3).1,
            ..Default::default()
        }),
        ..Default::default()
    };
    assert_eq!(shown(&life), fresh);
    life.now = life.now.plus(1_000_000_000);
    let token = poll(&mut life, "poll");
    let beat = RecordActivityHeartbeat { activity: token.clone(), details: payloads("half") };
    life.ask(beat).expect("it is started");
    let started = PendingActivityInfo {
        state: State::Started as i32,
        heartbeat_details: payloads("half"),
        last_heartbeat_time: Some(life.now.to_proto()),
        last_started_time: Some(life.now.to_proto()),
        last_worker_identity: "starter".into(),
        current_retry_interval: None,
        ..fresh
    };
    assert_eq!(shown(&life), started);
    let mut canceling = life.clone();
    canceling.signal();
    canceling.run_task(vec![cancel(5)]);
    assert_eq!(
        shown(&canceling),
        PendingActivityInfo { state: State::CancelRequested as i32, ..started.clone() }
    );
    let failure = crate::values::failure("why");
    let failed = RespondActivityFailed {
        activity: token,
        failure: failure.clone(),
        identity: "starter".into(),
        last_heartbeat_details: None,
    };
    life.ask(failed).expect("it is started");
    let again = Some(life.now.plus(1_000_000_000).to_proto());
    let waits = PendingActivityInfo {
        state: State::Scheduled as i32,
        last_started_time: None,
        attempt: 2,
        scheduled_time: again,
        last_failure: failure,
        current_retry_interval: seconds(1),
        last_attempt_complete_time: Some(life.now.to_proto()),
        next_attempt_schedule_time: again,
        ..started
    };
    assert_eq!(shown(&life), waits);

    let mut life = Life::started();
    life.run_task(vec![activity("a")]);
    assert_eq!(shown(&life).expiration_time, None, "it may take for ever");
}
