//! The simulated cell: one workflow id, its runs, a clock, and the tokens that workers hold.

use crate::answers::{bulk, close_event};
use crate::disk::Reached;
use crate::step::{ActivityToken, Pick, Step, Token};
use crate::timing::Cause;
use crate::tracked::{Tracked, through_the_log};
use atoll_api::temporal::api::common::v1::{Payloads, RetryPolicy, WorkflowExecution, WorkflowType};
use atoll_api::temporal::api::enums::v1::{
    ContinueAsNewInitiator, EventType, StartChildWorkflowExecutionFailedCause, WorkflowExecutionStatus,
    WorkflowTaskFailedCause,
};
use atoll_api::temporal::api::failure::v1::failure::FailureInfo;
use atoll_api::temporal::api::failure::v1::{ApplicationFailureInfo, Failure};
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::{EntityKey, EntityKind};
use atoll_internal_api::failure::MAX_CAUSES;
use atoll_internal_api::state::v1::RunSnapshot;
use cell_engine::commands::*;
use cell_engine::{
    Command, Context, CurrentRun, Decision, EffectKey, EffectKind, Entity as _, EntityMessage, Grace,
    IdSource, Limits, NamespaceConfig, Rejection, Stored as _, Time, View, Workflows, transient_tail,
};
use prost::Message;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Everything there is.
pub(crate) struct World {
    namespace: NamespaceConfig,
    limits: Limits,
    workflow_id: Arc<str>,
    current: Option<(CurrentRun, CurrentRun)>,
    runs: Vec<Tracked>,
    now: Time,
    ids: IdSource,
    tasks: Vec<WorkflowTaskRef>,
    activities: Vec<ActivityRef>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            namespace: NamespaceConfig {
                id: Uuid::from_u128(1),
                name: "default".into(),
                retention_nanos: 3_600_000_000_000,
            },
            // Small enough to be met.
            limits: Limits {
                pending_activities: 3,
                pending_children: 3,
                signals: 30,
                buffered_events: 4,
                suggest_continue_events: 60,
                history_events: 90,
                workflow_task_heartbeats_nanos: 8_000_000_000,
                ..Limits::default()
            },
            workflow_id: "w".into(),
            current: None,
            runs: Vec::new(),
            now: Time(1_700_000_000_000_000_000),
            ids: IdSource::new(seed.into()),
            tasks: Vec::new(),
            activities: Vec::new(),
        }
    }

    /// Types of all events so far.
    pub(crate) fn event_types(&self) -> BTreeSet<EventType> {
        self.runs.iter().flat_map(|run| run.seen.iter().copied()).collect()
    }

    /// Why workflow tasks have failed so far.
    pub(crate) fn causes(&self) -> BTreeSet<WorkflowTaskFailedCause> {
        self.runs.iter().flat_map(|run| run.causes.iter().copied()).collect()
    }

    /// What became of the checkpoints of each run.
    pub(crate) fn stored(&self) -> Vec<Reached> {
        self.runs.iter().map(|run| run.disk.reached).collect()
    }

    /// Runs that followed another: by its retry policy, and because it continued as new.
    pub(crate) fn successors(&self) -> [usize; 2] {
        let of = |status| {
            let followed = |tracked: &&Tracked| tracked.successor().is_some();
            let continued = self.runs.iter().filter(followed);
            continued
                .filter(|t| (t.run.status() == WorkflowExecutionStatus::ContinuedAsNew) == status)
                .count()
        };
        [of(false), of(true)]
    }

    /// Decides, twice to see that deciding is pure, and applies.
    pub(crate) fn ask<C: Command<Family = Workflows> + Clone>(
        &mut self,
        command: C,
    ) -> Result<C::Reply, Rejection> {
        self.ask_for(Cause::Request, command)
    }

    /// As `ask`, and says why.
    fn ask_for<C: Command<Family = Workflows> + Clone>(
        &mut self,
        cause: Cause,
        command: C,
    ) -> Result<C::Reply, Rejection> {
        let before = self.snapshots();
        let ids = self.ids.clone();
        let again = self.decide(command.clone());
        self.ids = ids;
        let decision = self.decide(command);
        assert_eq!(again.transitions, decision.transitions, "deciding is pure");
        for transition in &decision.transitions {
            match transition.entity.kind {
                EntityKind::CURRENT_RUN => self.apply_current(transition),
                _ => {
                    let known = self.runs.iter().position(|t| *t.run.key() == transition.entity);
                    let at = known.unwrap_or_else(|| {
                        self.runs.push(Tracked::new(&transition.entity));
                        self.runs.len() - 1
                    });
                    self.runs[at].apply(transition, self.now, cause);
                }
            }
        }
        for tracked in self.runs.iter().filter(|tracked| !tracked.run.closed()) {
            let events = tracked.run.next_event_id() - 1;
            assert!(events <= self.limits.history_events, "a run goes on with {events} events");
        }
        if decision.transitions.is_empty() {
            assert_eq!(before, self.snapshots(), "nothing was decided and nothing changed");
        }
        if let (Some((current, _)), Some(tracked)) = (&self.current, self.runs.last()) {
            assert_eq!(current.run_id(), tracked.run.run_id(), "the last run is the current one");
            assert_eq!(current.status(), tracked.run.status(), "the record knows how the current run is");
        }
        self.check_chains();
        decision.answer
    }

    /// A run that names a successor has one, which knows it, and leaves the rest to it.
    fn check_chains(&self) {
        for (at, tracked) in self.runs.iter().enumerate() {
            let Some(successor) = tracked.successor() else { continue };
            let next = &self.runs.get(at + 1).expect("one record makes both").run;
            assert_eq!(next.run_id().to_string(), successor);
            // What has ended does not keep where it came from: that was looked at when it began.
            if !next.closed() {
                assert_eq!(next.started().continued_execution_run_id, tracked.run.run_id().to_string());
            }
            let retried = next.started().initiator() == ContinueAsNewInitiator::Retry;
            let attempt = if retried { tracked.run.started().attempt + 1 } else { 1 };
            assert!(next.closed() || next.started().attempt == attempt);
            assert_eq!(next.first_execution_run_id(), tracked.run.first_execution_run_id());
            assert_ne!(next.start_request_id(), tracked.run.start_request_id(), "no request began it");
            assert!(
                tracked.run.effects().all(|effect| effect.key != EffectKey::Listener(0)),
                "the last run tells the parent"
            );
        }
    }

    fn decide<C: Command<Family = Workflows>>(&mut self, command: C) -> Decision<C::Reply> {
        let view = View {
            namespace_id: self.namespace.id,
            workflow_id: &self.workflow_id,
            current: self.current.as_ref().map(|(live, _)| live),
            run: self.runs.last().map(|tracked| &tracked.run),
        };
        let mut context =
            Context { now: self.now, ids: &mut self.ids, limits: &self.limits, namespace: &self.namespace };
        command.decide(view, &mut context)
    }

    fn apply_current(&mut self, transition: &cell_engine::Transition) {
        let fresh = || CurrentRun::new(transition.entity.clone());
        let (live, replayed) = self.current.get_or_insert_with(|| (fresh(), fresh()));
        live.apply(transition);
        replayed.apply(&through_the_log(transition));
        assert_eq!(live, replayed, "folding the log equals live state");
        let restored = CurrentRun::restore(live.key().clone(), live.snapshot(), &[]).expect("restores");
        assert_eq!(restored, *live, "snapshots round-trip");
    }

    fn snapshots(&self) -> Vec<bytes::Bytes> {
        let current = self.current.iter().map(|(live, _)| live.snapshot());
        current.chain(self.runs.iter().map(|tracked| tracked.run.snapshot())).collect()
    }

    /// Messages that the current run wants sent.
    pub(crate) fn messages(&self) -> Vec<EffectKey> {
        let messages = self.runs.last().into_iter().flat_map(|tracked| tracked.run.messages());
        messages.map(|message| message.key).collect()
    }

    pub(crate) fn state(&self) -> RunSnapshot {
        let snapshot = self.runs.last().map(|tracked| tracked.run.snapshot()).unwrap_or_default();
        RunSnapshot::decode(snapshot).expect("decodes")
    }

    /// Takes one step. Answers are looked at only where they hand something out: refusals are part of life.
    pub(crate) fn step(&mut self, step: Step) {
        match step {
            Step::Start { request, reuse, conflict, child, run_timeout_s, attempts } => {
                let start = StartWorkflow {
                    retry_policy: (attempts > 0)
                        .then(|| RetryPolicy { maximum_attempts: attempts.into(), ..Default::default() }),
                    ..self.start(request, reuse, conflict, child, run_timeout_s)
                };
                self.ask(start).ok();
            }
            Step::Poll { stale } => self.poll(stale),
            Step::Complete { token, answers, sticky, force_new, take_next } => {
                let completed_event_id = self.completed_event_id();
                let pending: Vec<i64> =
                    self.state().activities.iter().map(|a| a.scheduled_event_id).collect();
                let commands = answers.iter().map(|a| a.command(&pending, completed_event_id)).collect();
                let answer = RespondWorkflowTaskCompleted {
                    task: self.task(token),
                    commands,
                    identity: "worker".into(),
                    sticky: (sticky > 0).then(|| ("sticky".into(), i64::from(sticky) * 2_000_000_000)),
                    force_new_task: force_new,
                    namespace: "default".into(),
                    ..Default::default()
                };
                if take_next {
                    self.complete_and_take_next(answer);
                } else {
                    self.ask(answer).ok();
                }
            }
            Step::FailTask { token } => {
                let Some(task) = self.task(token) else { return };
                let identity = "worker".into();
                self.ask(RespondWorkflowTaskFailed {
                    task,
                    cause: 23,
                    failure: None,
                    identity,
                    worker_version: None,
                })
                .ok();
            }
            Step::RevokeTask { token } => {
                if let Some(task) = self.task(token) {
                    self.ask(RevokeWorkflowTaskStart(task)).ok();
                }
            }
            Step::Signal { request } => self.signal(request),
            Step::RequestCancel => drop(self.ask(RequestCancelWorkflow::default())),
            Step::Terminate => drop(self.ask(TerminateWorkflow::default())),
            Step::ResetSticky => drop(self.ask(ResetStickyTaskQueue)),
            Step::Pass { ms, grace } => {
                self.now = self.now.plus(i64::from(ms) * 1_000_000);
                let taken_over_now = Grace { since: self.now, at_most_ns: i64::MAX };
                let grace = if grace { taken_over_now } else { Grace::NONE };
                self.ask_for(Cause::Time, Wake { grace }).ok();
            }
            Step::PassToWake => self.pass_to_wake(),
            Step::ReleaseFirstTask => drop(self.ask(ReleaseFirstWorkflowTask)),
            Step::ParentNotified => self.notify_parent(),
            other => self.step_of_activity(other),
        }
    }

    fn step_of_activity(&mut self, step: Step) {
        let identity = || "activity-worker".to_owned();
        match step {
            Step::TakeActivity { pick, stale } => self.take_activity(pick, stale),
            Step::CompleteActivity { token } => {
                let activity = self.activity(token);
                self.ask(RespondActivityCompleted { activity, result: None, identity: identity() }).ok();
            }
            Step::FailActivity { token, failure, heartbeat } => {
                let failed = RespondActivityFailed {
                    activity: self.activity(token),
                    failure: failure_of(failure),
                    identity: identity(),
                    last_heartbeat_details: heartbeat.then(Payloads::default),
                };
                self.ask(failed).ok();
            }
            Step::CancelActivity { token } => {
                let activity = self.activity(token);
                self.ask(RespondActivityCanceled { activity, details: None, identity: identity() }).ok();
            }
            Step::Heartbeat { token } => {
                let activity = self.activity(token);
                self.ask(RecordActivityHeartbeat { activity, details: Some(Payloads::default()) }).ok();
            }
            Step::RevokeActivity { token } => {
                let activity = self.activity(token);
                self.ask(RevokeActivityStart(activity)).ok();
            }
            other => self.step_of_child(other),
        }
    }

    fn step_of_child(&mut self, step: Step) {
        match step {
            Step::ChildStarted { child } => {
                let initiated_event_id = self.child(child);
                self.ask(RecordChildStarted { initiated_event_id, run_id: Uuid::from_u128(77) }).ok();
            }
            Step::ChildFailed { child } => {
                let initiated_event_id = self.child(child);
                let cause = StartChildWorkflowExecutionFailedCause::WorkflowAlreadyExists;
                self.ask(RecordStartChildFailed { initiated_event_id, cause }).ok();
            }
            Step::ChildReleased { child } => {
                let initiated_event_id = self.child(child);
                self.ask(RecordChildReleased { initiated_event_id }).ok();
            }
            Step::ChildClosed { child, how, other_run } => {
                let run_id = Uuid::from_u128(if other_run { 78 } else { 77 });
                let closed = RecordChildClosed {
                    initiated_event_id: self.child(child),
                    child_run_id: run_id,
                    first_run_id: run_id,
                    workflow_id: "child".into(),
                    workflow_type: "child".into(),
                    close_event: close_event(how),
                };
                self.ask(closed).ok();
            }
            Step::Told(told) => told.tell(self),
            other => unreachable!("{other:?} is taken elsewhere"),
        }
    }

    fn start(&self, request: u8, reuse: u8, conflict: u8, child: bool, run_timeout_s: u8) -> StartWorkflow {
        let execution =
            || WorkflowExecution { workflow_id: "p".into(), run_id: Uuid::from_u128(5).to_string() };
        StartWorkflow {
            request_id: format!("start-{request}"),
            // Some runs are large from the start.
            input: (run_timeout_s % 8 == 7).then(|| bulk(5_000)),
            workflow_type: Some(WorkflowType { name: "type".into() }),
            task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
            run_timeout: (run_timeout_s > 0)
                .then(|| prost_types::Duration { seconds: run_timeout_s.into(), nanos: 0 }),
            execution_timeout: (run_timeout_s > 30)
                .then_some(prost_types::Duration { seconds: 40, nanos: 0 }),
            id_reuse_policy: reuse.into(),
            id_conflict_policy: conflict.into(),
            parent: child.then(|| ParentLink {
                namespace: "default".into(),
                namespace_id: self.namespace.id,
                execution: execution(),
                initiated_event_id: 5,
                root: execution(),
            }),
            ..Default::default()
        }
    }

    fn signal(&mut self, request: u8) {
        // The first few request ids come again and again; 0 is none.
        let request_id = if request == 0 { String::new() } else { format!("signal-{request}") };
        let known = self.state().request_ids.contains(&request_id);
        let events = self.runs.last().map(|tracked| tracked.run.next_event_id());
        let answer = self.ask(SignalWorkflow { name: "s".into(), request_id, ..Default::default() });
        if known && answer.is_ok() {
            assert_eq!(events, self.runs.last().map(|tracked| tracked.run.next_event_id()), "a repetition");
        }
    }

    fn poll(&mut self, stale: bool) {
        let effects = self.runs.last().into_iter().flat_map(|tracked| tracked.run.effects());
        let offered = effects.into_iter().find_map(|effect| match effect.kind {
            EffectKind::DispatchWorkflowTask(task) => Some((task.scheduled_event_id, task.stamp)),
            _ => None,
        });
        let (scheduled_event_id, stamp) = offered.unwrap_or((2, 1));
        let poll = RecordWorkflowTaskStarted {
            scheduled_event_id,
            stamp: if stale { stamp.wrapping_sub(1) } else { stamp },
            request_id: format!("poll-{}", self.tasks.len()),
            identity: "worker".into(),
            worker_version: None,
            sticky: self.tasks.len().is_multiple_of(2),
        };
        let answer = self.ask(poll.clone());
        assert_eq!(answer.is_ok(), offered.is_some() && !stale, "what is offered can be taken, once");
        if let Ok(task) = answer {
            let tail = transient_tail(&self.runs.last().expect("it answered").run);
            if !task.in_history {
                assert_eq!(task.own_events, tail, "readers see the worker's transient events");
            }
            let last = self.runs.last().expect("it answered").run.workflow_task();
            let last = last.started().expect("it is started");
            let again = RecordWorkflowTaskStarted { stamp: last.scheduled.stamp, ..poll };
            let before = self.snapshots();
            let repeated = self.ask(again).expect("the same poll again");
            let first_needed = task.first_event_id;
            assert_eq!((repeated.nonce, repeated.first_event_id), (task.nonce, first_needed));
            assert_eq!(before, self.snapshots(), "a repeated poll changes nothing");
            let (scheduled_event_id, attempt, nonce) = (task.scheduled_event_id, task.attempt, task.nonce);
            self.tasks.push(WorkflowTaskRef { scheduled_event_id, attempt, nonce });
        }
    }

    fn complete_and_take_next(&mut self, answer: RespondWorkflowTaskCompleted) {
        let Ok((completed, next)) = self.ask(CompleteAndTakeNext(answer)) else { return };
        let run = &self.runs.last().expect("it answered").run;
        if completed.closed {
            // The first task of a run that follows is nobody's yet.
            return assert!(next.is_none(), "a closed run has no next task");
        }
        let Some(next) = next else {
            return assert!(run.workflow_task().is_none(), "what is scheduled at once is taken at once");
        };
        let task = run.workflow_task().started().expect("it was taken");
        let ids = (next.scheduled_event_id, next.started_event_id, next.nonce);
        assert_eq!(ids, (task.scheduled.scheduled_event_id, task.started_event_id, task.nonce));
        assert_eq!(next.first_event_id, completed.completed_event_id);
        assert_eq!(next.last_event_id, run.next_event_id() - 1);
        self.tasks.push(WorkflowTaskRef {
            scheduled_event_id: ids.0,
            attempt: next.attempt,
            nonce: next.nonce,
        });
    }

    fn take_activity(&mut self, pick: u8, stale: bool) {
        let effects = self.runs.last().into_iter().flat_map(|tracked| tracked.run.effects());
        let offered: Vec<(i64, u32)> = effects
            .filter_map(|effect| match effect.kind {
                EffectKind::DispatchActivity(task) => Some((task.scheduled_event_id, task.stamp)),
                _ => None,
            })
            .collect();
        let Some((scheduled_event_id, stamp)) = picked(&offered, pick) else { return };
        let take = RecordActivityStarted {
            scheduled_event_id,
            stamp: if stale { stamp.wrapping_add(1) } else { stamp },
            identity: "activity-worker".into(),
            ..Default::default()
        };
        let answer = self.ask(take);
        assert_eq!(answer.is_ok(), !stale, "what is offered can be taken, once");
        if let Ok(started) = answer {
            let (attempt, nonce) = (started.attempt, started.nonce);
            self.activities.push(ActivityRef::Token { scheduled_event_id, attempt, nonce });
        }
    }

    /// Everything due is done in a bounded number of wakes.
    fn pass_to_wake(&mut self) {
        let Some(wake) = self.runs.last().and_then(|tracked| tracked.run.wake()) else { return };
        self.now = self.now.max(wake);
        for _ in 0..100 {
            let run = &self.runs.last().expect("it wakes").run;
            if run.wake().is_none_or(|wake| wake > self.now) {
                return;
            }
            let before = run.snapshot();
            let wake = Wake { grace: Grace::NONE };
            self.ask_for(Cause::Time, wake).expect("a wake is never refused");
            assert_ne!(
                before,
                self.runs.last().expect("it wakes").run.snapshot(),
                "a due wake does something"
            );
        }
        panic!("wakes without end");
    }

    /// The message is sent when the run asks for it, and now and then once more.
    fn notify_parent(&mut self) {
        let Some(tracked) = self.runs.last().filter(|tracked| tracked.run.closed()) else { return };
        if let Some(parent) = tracked.run.effects().find(|effect| effect.key == EffectKey::Listener(0)) {
            let EffectKind::Send(EntityMessage::TellEnd(target)) = parent.kind else {
                panic!("another effect has the key")
            };
            assert_eq!(target.listener, EntityKey::run(self.namespace.id, "p", Uuid::from_u128(5)));
        }
        self.ask(RecordListenerTold(0)).expect("the run is there");
    }

    fn completed_event_id(&self) -> i64 {
        let Some(tracked) = self.runs.last() else { return 4 };
        let started = tracked.run.workflow_task().started();
        tracked.run.next_event_id() + if started.is_some_and(|task| !task.in_history()) { 2 } else { 0 }
    }

    fn task(&self, token: Token) -> Option<WorkflowTaskRef> {
        match token {
            Token::Newest => self.tasks.last().copied(),
            Token::Any(pick) => picked(&self.tasks, pick),
        }
    }

    fn activity(&self, token: ActivityToken) -> ActivityRef {
        let found = match token {
            ActivityToken::Started(pick) => {
                let started: Vec<ActivityRef> = self
                    .state()
                    .activities
                    .iter()
                    .filter(|activity| activity.started_at_ns != 0)
                    .map(|activity| ActivityRef::Token {
                        scheduled_event_id: activity.scheduled_event_id,
                        attempt: activity.attempt,
                        nonce: activity.nonce,
                    })
                    .collect();
                picked(&started, pick)
            }
            ActivityToken::Any(pick) => picked(&self.activities, pick),
            ActivityToken::Id(_) => None,
        };
        let ActivityToken::Id(id) = token else {
            return found.unwrap_or(ActivityRef::Token { scheduled_event_id: 5, attempt: 1, nonce: 0 });
        };
        ActivityRef::Id(format!("a{id}"))
    }

    fn child(&self, child: Pick) -> i64 {
        match child {
            Pick::There(pick) => {
                let children: Vec<i64> = self.state().children.iter().map(|c| c.initiated_event_id).collect();
                picked(&children, pick).unwrap_or(1)
            }
            Pick::Event(id) => id,
        }
    }
}

fn picked<T: Clone>(from: &[T], pick: u8) -> Option<T> {
    from.get(usize::from(pick) % from.len().max(1)).cloned()
}

/// Some are as deep as a failure may be that is taken in.
fn failure_of(pick: u8) -> Option<Failure> {
    let info = ApplicationFailureInfo { non_retryable: pick.is_multiple_of(4), ..Default::default() };
    let cause = (pick.is_multiple_of(3)).then(|| Box::new(deep(MAX_CAUSES - 1)));
    (pick % 4 != 3).then(|| Failure {
        message: "boom".into(),
        cause,
        failure_info: Some(FailureInfo::ApplicationFailureInfo(info)),
        ..Default::default()
    })
}

/// A failure with so many causes within each other.
pub(crate) fn deep(causes: usize) -> Failure {
    let one = || Failure { message: "c".into(), ..Default::default() };
    (0..causes).fold(one(), |cause, _| Failure { cause: Some(Box::new(cause)), ..one() })
}
