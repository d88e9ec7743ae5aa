//! A workflow that a test leads through its life. Whatever is decided goes through the log.

use atoll_api::temporal::api::command::v1::Command as WorkflowCommand;
use atoll_api::temporal::api::command::v1::command::Attributes as Wanted;
use atoll_api::temporal::api::common::v1::{Link, Payload, RetryPolicy, WorkflowExecution, WorkflowType};
use atoll_api::temporal::api::enums::v1::{CommandType, EventType};
use atoll_api::temporal::api::history::v1::HistoryEvent;
use atoll_api::temporal::api::sdk::v1::UserMetadata;
use atoll_api::temporal::api::taskqueue::v1::TaskQueue;
use atoll_internal_api::entity::EntityKind;
use atoll_internal_api::usage::v1::ActionType;
use cell_engine::Standing;
use cell_engine::commands::*;
use cell_engine::{
    Command, Context, CurrentRun, Decision, Effect, Entity as _, EntityCheckpoint, Grace, IdSource, Limits,
    NamespaceConfig, Rejection, Run, Time, Transition, View, Workflows,
};
use std::sync::Arc;
use uuid::Uuid;

/// One workflow id with one run, and its history.
#[derive(Clone)]
pub(crate) struct Life {
    run: Option<Run>,
    /// Runs before it in its chain.
    pub(crate) earlier: Vec<Run>,
    pub(crate) current: Option<CurrentRun>,
    workflow_id: Arc<str>,
    namespace: NamespaceConfig,
    pub(crate) limits: Limits,
    ids: IdSource,
    pub(crate) now: Time,
    pub(crate) history: Vec<HistoryEvent>,
    /// What was billed so far beside events.
    pub(crate) billed: Vec<(ActionType, u64)>,
    /// How often lists were told of a run.
    pub(crate) listed: usize,
    /// Where the last `news` ended.
    told: usize,
}

impl Life {
    /// A workflow that was just started.
    pub(crate) fn started() -> Self {
        Self::started_as(None, None)
    }

    /// A workflow that was just started and is retried.
    pub(crate) fn retried(policy: RetryPolicy) -> Self {
        Self::started_as(None, Some(policy))
    }

    /// A child that was just started.
    pub(crate) fn child() -> Self {
        Self::child_retried(None)
    }

    /// A child that was just started and is retried.
    pub(crate) fn child_retried(policy: Option<RetryPolicy>) -> Self {
        Self::started_as(Some(parent()), policy)
    }

    /// The parent of a child.
    pub(crate) fn parent_link(&self) -> ParentLink {
        parent()
    }

    fn started_as(parent: Option<ParentLink>, retry_policy: Option<RetryPolicy>) -> Self {
        Self::started_with(|start| {
            start.run_timeout =
                retry_policy.is_some().then_some(prost_types::Duration { seconds: 60, nanos: 0 });
            start.retry_policy = retry_policy;
            start.parent = parent;
        })
    }

    /// A workflow id that nobody has used.
    pub(crate) fn unused() -> Self {
        Self {
            run: None,
            earlier: Vec::new(),
            current: None,
            workflow_id: "w".into(),
            namespace: NamespaceConfig {
                id: Uuid::from_u128(1),
                name: "default".into(),
                retention_nanos: 1_000_000_000,
            },
            limits: Limits::default(),
            ids: IdSource::new(3),
            now: Time(1_700_000_000_000_000_000),
            history: Vec::new(),
            billed: Vec::new(),
            listed: 0,
            told: 0,
        }
    }

    /// A workflow that was just started, as `change` asks for it.
    pub(crate) fn started_with(change: impl FnOnce(&mut StartWorkflow)) -> Self {
        let mut life = Self::unused();
        let mut start = StartWorkflow {
            workflow_type: Some(WorkflowType { name: "type".into() }),
            task_queue: Some(TaskQueue { name: "queue".into(), ..Default::default() }),
            request_id: "start".into(),
            links: vec![Link::default()],
            user_metadata: Some(UserMetadata { summary: Some(Payload::default()), details: None }),
            ..Default::default()
        };
        change(&mut start);
        life.ask(start).expect("a first start");
        life
    }

    /// Decides; nothing happens yet.
    pub(crate) fn decide<C: Command<Family = Workflows>>(&mut self, command: C) -> Decision<C::Reply> {
        let view = View {
            namespace_id: self.namespace.id,
            workflow_id: &self.workflow_id,
            current: self.current.as_ref(),
            run: self.run.as_ref(),
        };
        let mut context =
            Context { now: self.now, ids: &mut self.ids, limits: &self.limits, namespace: &self.namespace };
        command.decide(view, &mut context)
    }

    /// Decides and applies.
    pub(crate) fn ask<C: Command<Family = Workflows>>(&mut self, command: C) -> Result<C::Reply, Rejection> {
        let decision = self.decide(command);
        for decided in &decision.transitions {
            let (events, room) = (decided.events.len(), decided.events.capacity());
            assert!(
                events < 200 || room < events + 20,
                "a list of {events} events moved to where {room} have room"
            );
            self.billed.extend(decided.unrecorded.iter().map(|actions| (actions.r#type(), actions.count)));
            let logged = Transition::from_proto(&decided.to_proto()).expect("it decodes");
            if logged.entity.kind == EntityKind::CURRENT_RUN {
                let key = logged.entity.clone();
                self.current.get_or_insert_with(|| CurrentRun::new(key)).apply(&logged);
            } else {
                self.apply(&logged);
            }
            self.history.extend(logged.events.into_iter().map(|new| new.event));
        }
        decision.answer
    }

    /// A step of a run. What it says of the difference that it makes is the difference.
    fn apply(&mut self, step: &Transition) {
        let key = step.entity.clone();
        if self.run.as_ref().is_some_and(|run| *run.key() != key) {
            self.earlier.extend(self.run.take());
        }
        let run = self.run.get_or_insert_with(|| Run::new(key));
        let before: Vec<Effect> = run.effects().collect();
        let delta = run.apply(step);
        let after: Vec<Effect> = run.effects().collect();
        for effect in after.iter().filter(|effect| !before.contains(effect)) {
            assert!(delta.wanted.contains(effect), "{effect:?} came with {step:?}");
        }
        for effect in before.iter().filter(|old| after.iter().all(|new| new.key != old.key)) {
            assert!(delta.dropped.contains(&effect.key), "{effect:?} went with {step:?}");
        }
        self.listed += usize::from(delta.visibility);
        let closed = run.closed() && !step.events.is_empty();
        assert_eq!(step.closes(), closed, "a run closes with its last event: {step:?}");
    }

    /// The run that is meant is not there.
    pub(crate) fn forget_run(&mut self) {
        self.run = None;
    }

    /// The run is another one in memory: it came back from the store.
    pub(crate) fn reload(&mut self, run: Run) {
        self.run = Some(run);
    }

    pub(crate) fn run(&self) -> &Run {
        self.run.as_ref().expect("it was started")
    }

    /// A checkpoint whose write succeeds.
    pub(crate) fn checkpoint(&mut self) -> EntityCheckpoint {
        let run = self.run.as_mut().expect("it was started");
        let written = run.checkpoint();
        run.checkpointed(&written.receipt);
        written
    }

    pub(crate) fn effects(&self) -> Vec<Effect> {
        self.run().effects().collect()
    }

    /// Types of the events since this was last asked.
    pub(crate) fn news(&mut self) -> Vec<EventType> {
        let news = self.history[self.told..].iter().map(HistoryEvent::event_type).collect();
        self.told = self.history.len();
        news
    }

    /// Attempt of the workflow task, and where its events stand.
    pub(crate) fn task(&self) -> Option<(i32, Standing)> {
        self.run().workflow_task().scheduled().map(|task| (task.attempt, task.standing))
    }

    pub(crate) fn last(&self) -> &HistoryEvent {
        self.history.last().expect("it was started")
    }

    /// A worker takes the workflow task.
    pub(crate) fn take_task(&mut self) -> WorkflowTaskRef {
        let task = self.run().workflow_task().waiting().expect("a workflow task waits");
        let (scheduled_event_id, stamp) = (task.scheduled_event_id, task.stamp);
        let poll = RecordWorkflowTaskStarted {
            scheduled_event_id,
            stamp,
            identity: "poller".into(),
            ..Default::default()
        };
        let started = self.ask(poll).expect("it is offered");
        let StartedWorkflowTask { scheduled_event_id, attempt, nonce, .. } = started;
        WorkflowTaskRef { scheduled_event_id, attempt, nonce }
    }

    /// The worker answers.
    pub(crate) fn complete(
        &mut self,
        task: WorkflowTaskRef,
        commands: Vec<WorkflowCommand>,
    ) -> Result<(), Rejection> {
        let answer = RespondWorkflowTaskCompleted {
            task: Some(task),
            commands,
            identity: "answerer".into(),
            namespace: "default".into(),
            ..Default::default()
        };
        self.ask(answer).map(drop)
    }

    /// The worker takes the workflow task and answers it; the news so far are forgotten.
    pub(crate) fn run_task(&mut self, commands: Vec<WorkflowCommand>) {
        let task = self.take_task();
        self.complete(task, commands).expect("good commands");
        self.told = self.history.len();
    }

    pub(crate) fn signal(&mut self) {
        self.ask(SignalWorkflow { name: "s".into(), ..Default::default() }).expect("it is open");
    }

    /// The next deadline passes.
    pub(crate) fn wake(&mut self) {
        self.now = self.run().wake().expect("something is to come");
        self.ask(Wake { grace: Grace::NONE }).expect("a wake is never refused");
    }
}

pub(crate) fn command(kind: CommandType, attributes: Wanted) -> WorkflowCommand {
    WorkflowCommand { command_type: kind as i32, attributes: Some(attributes), ..Default::default() }
}

fn parent() -> ParentLink {
    let execution = || WorkflowExecution { workflow_id: "p".into(), run_id: Uuid::from_u128(9).to_string() };
    ParentLink {
        namespace: "default".into(),
        namespace_id: Uuid::from_u128(1),
        execution: execution(),
        initiated_event_id: 5,
        root: execution(),
    }
}
