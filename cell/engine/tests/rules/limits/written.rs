//! Whatever writes events to a history is held to its length.

use super::*;

/// What is asked of a workflow.
type Ask = Box<dyn Fn(&mut Life) -> Result<(), Rejection>>;

/// A workflow, and what writes events to its history.
type Writing = (&'static str, Life, Ask);

fn asks<C>(what: &'static str, life: Life, command: C) -> Writing
where
    C: cell_engine::Command<Family = Workflows> + Clone + 'static,
{
    (what, life, Box::new(move |life| life.ask(command.clone()).map(drop)))
}

/// The next deadline passes.
fn wakes(what: &'static str, life: Life) -> Writing {
    let wake = |life: &mut Life| {
        life.now = life.run().wake().expect("something is to come");
        life.ask(Wake { grace: Grace::NONE })
    };
    (what, life, Box::new(wake))
}

/// A workflow whose worker has asked for this: by event 5.
fn after(command: Command) -> Life {
    let mut life = Life::started();
    life.run_task(vec![command]);
    life
}

/// A workflow with an activity that a worker has at its only attempt, and by what the worker names it.
fn at_work() -> (Life, ActivityRef) {
    let once = RetryPolicy { maximum_attempts: 1, ..Default::default() };
    let mut life = after(wanted_activity(|a| a.retry_policy = Some(once)));
    let poll =
        RecordActivityStarted { scheduled_event_id: 5, identity: "worker".into(), ..Default::default() };
    let nonce = life.ask(poll).expect("it waits").nonce;
    (life, ActivityRef::Token { scheduled_event_id: 5, attempt: 1, nonce })
}

/// As `at_work`, and the workflow has asked the activity to end.
fn canceling() -> (Life, ActivityRef) {
    let (mut life, activity) = at_work();
    life.signal();
    let cancel = wanted::RequestCancelActivityTaskCommandAttributes { scheduled_event_id: 5 };
    let cancel = Wanted::RequestCancelActivityTaskCommandAttributes(cancel);
    life.run_task(vec![command(CommandType::RequestCancelActivityTask, cancel)]);
    (life, activity)
}

/// A workflow with a child whose start is recorded.
fn with_child() -> Life {
    let mut life = after(wanted_child(|_| ()));
    life.ask(child_started()).expect("it is initiated");
    life
}

fn child_started() -> RecordChildStarted {
    RecordChildStarted { initiated_event_id: 5, run_id: Uuid::from_u128(7) }
}

fn child_closed() -> RecordChildClosed {
    let attributes = Some(A::WorkflowExecutionCompletedEventAttributes(Default::default()));
    RecordChildClosed {
        initiated_event_id: 5,
        child_run_id: Uuid::from_u128(7),
        first_run_id: Uuid::from_u128(7),
        workflow_id: "c".into(),
        workflow_type: "c".into(),
        close_event: HistoryEvent { attributes, ..Default::default() }.encode_to_vec().into(),
    }
}

fn wanted_cancel() -> Command {
    let cancel = wanted::RequestCancelExternalWorkflowExecutionCommandAttributes {
        workflow_id: "o".into(),
        ..Default::default()
    };
    let attributes = Wanted::RequestCancelExternalWorkflowExecutionCommandAttributes(cancel);
    command(CommandType::RequestCancelExternalWorkflowExecution, attributes)
}

/// An answer to a workflow task whose worker asks for one more.
fn completed_task(task: WorkflowTaskRef, commands: Vec<Command>) -> RespondWorkflowTaskCompleted {
    RespondWorkflowTaskCompleted {
        task: Some(task),
        commands,
        force_new_task: true,
        namespace: "default".into(),
        ..Default::default()
    }
}

/// One of everything that writes events to the history of an open run, but for what closes it.
fn writing() -> Vec<Writing> {
    let completed = |activity| RespondActivityCompleted { activity, result: None, identity: String::new() };
    let failed = |activity| RespondActivityFailed {
        activity,
        failure: Some(Failure { message: "no".into(), ..Default::default() }),
        identity: String::new(),
        last_heartbeat_details: Some(large()),
    };
    let canceled = |activity| RespondActivityCanceled { activity, details: None, identity: String::new() };
    let (at_work, activity) = at_work();
    let (canceling, unwanted) = canceling();
    let mut started = Life::started();
    let task = started.take_task();
    let poll = {
        let life = Life::started();
        let waiting = life.run().workflow_task().waiting().expect("it waits");
        let (scheduled_event_id, stamp) = (waiting.scheduled_event_id, waiting.stamp);
        RecordWorkflowTaskStarted { scheduled_event_id, stamp, ..Default::default() }
    };
    let task_failed = RespondWorkflowTaskFailed {
        task,
        cause: 0,
        failure: None,
        identity: String::new(),
        worker_version: None,
    };
    let mut heartbeating = started.clone();
    heartbeating.limits.workflow_task_heartbeats_nanos = -1;
    let (signalling, cancelling) = (after(wanted_signal(None)), after(wanted_cancel()));
    let signaled = |outcome| RecordExternalSignal { initiated_event_id: 5, outcome };
    let requested = |outcome| RecordExternalCancel { initiated_event_id: 5, outcome };
    let unknown = (
        SignalFailed::ExternalWorkflowExecutionNotFound,
        CancelFailed::ExternalWorkflowExecutionNotFound,
        StartFailed::WorkflowAlreadyExists,
    );
    let initiated = after(wanted_child(|_| ()));
    vec![
        asks("a signal", Life::started(), signal()),
        asks("a cancel request", Life::started(), RequestCancelWorkflow::default()),
        asks("an activity's result", at_work.clone(), completed(activity.clone())),
        asks("one by id", at_work.clone(), completed(ActivityRef::Id("a".into()))),
        asks("an activity's last failure", at_work.clone(), failed(activity)),
        asks("one by id", at_work.clone(), failed(ActivityRef::Id("a".into()))),
        asks("an activity that gave in", canceling.clone(), canceled(unwanted)),
        asks("one by id", canceling, canceled(ActivityRef::Id("a".into()))),
        wakes("an activity's timeout", at_work),
        wakes("a timer", after(timer("t"))),
        asks("a child's start", initiated.clone(), child_started()),
        asks(
            "a child that cannot start",
            initiated,
            RecordStartChildFailed { initiated_event_id: 5, cause: unknown.2 },
        ),
        asks("a child's end", with_child(), child_closed()),
        asks("a signal that arrived", signalling.clone(), signaled(Ok(()))),
        asks("one that cannot", signalling, signaled(Err(unknown.0))),
        asks("a cancel request that arrived", cancelling.clone(), requested(Ok(()))),
        asks("one that cannot", cancelling, requested(Err(unknown.1))),
        asks("a workflow task's start", Life::started(), poll),
        asks("a workflow task's failure", started.clone(), task_failed),
        asks("an answer that cannot be carried out", started.clone(), completed_task(task, vec![timer("")])),
        asks("one more task too often", heartbeating, completed_task(task, Vec::new())),
        asks("a start that is taken back", started.clone(), RevokeWorkflowTaskStart(task)),
        wakes("a workflow task's timeout", started),
        asks("a child's first workflow task", Life::child(), ReleaseFirstWorkflowTask),
    ]
}

#[test]
fn whatever_writes_events_is_held_to_the_length() {
    for (what, life, ask) in writing() {
        let mut whole = life.clone();
        let said = ask(&mut whole);
        assert!(whole.history.len() > life.history.len() && !whole.run().closed(), "{what}");
        let (events, bytes) = (whole.last().event_id, whole.run().billed_bytes());
        let held_to = |history_events, history_bytes| {
            let mut life = life.clone();
            (life.limits.history_events, life.limits.history_bytes) = (history_events, history_bytes);
            (ask(&mut life), life)
        };
        let (answer, held) = held_to(events, bytes);
        assert_eq!((answer, &held.history), (said, &whole.history), "{what}: there is room");
        for (events, bytes, text) in [
            (events - 1, bytes, "Workflow history count exceeds limit."),
            (events, bytes - 1, "Workflow history size exceeds limit."),
        ] {
            let (answer, mut held) = held_to(events, bytes);
            let refused = match answer.expect_err(what) {
                // Its worker has nothing to do with it.
                Rejection::TaskObsolete(_) => text.into(),
                refused => refused.to_string(),
            };
            assert_eq!(refused, text, "{what}");
            assert_eq!(reason(&held).0, text, "{what}");
            let written = held.history.split_off(life.history.len());
            let started = life.run().workflow_task().started().is_some();
            assert_eq!(written.len(), 1 + usize::from(started), "{what} did not happen: {written:?}");
        }
    }
}
